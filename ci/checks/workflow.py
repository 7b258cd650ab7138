"""The files for CI services are written as these read them, and have none of the known weaknesses."""

import needs
import places

NEEDS = needs.Needs(linters=True)

# By the schema, as check-jsonschema names it.
FILES = {
    "github-workflows": [*sorted((places.ROOT / ".github/workflows").glob("*.yml"))],
    "github-actions": [places.CI / "action.yml"],
    "gitlab-ci": [places.CI / "gitlab.yml"],
}


def check(run):
    run.call([needs.tool("zizmor"), "--offline", "--no-progress", places.ROOT / ".github", places.CI / "action.yml"])
    for schema, files in FILES.items():
        run.call([needs.tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *files])
