"""The files for CI services are written as these read them, and have none of the known weaknesses."""

import pathlib
import re
import shutil
import tempfile
import tomllib
from functools import reduce

import needs
import places
from running import CheckError

NEEDS = needs.Needs(debian=("shellcheck",), linters=True)

# By the schema, as check-jsonschema names it.
FILES = {
    "github-workflows": [*sorted((places.ROOT / ".github/workflows").glob("*.yml"))],
    "github-actions": [places.CI / "action.yml"],
    "gitlab-ci": [places.CI / "gitlab.yml"],
}
MANUAL = places.ROOT / "cargo-isotest/docs/ci.md"
# What follows the manual's job: all that it says of the step.
USE = """      - uses: ./ci
        id: all
        with: {{ {given} }}
      - run: echo "$OUTPUTS"
        env:
          OUTPUTS: {read}
"""


def check(run):
    run.call([needs.tool("zizmor"), "--offline", "--no-progress", places.ROOT / ".github", places.CI / "action.yml"])
    for schema, files in FILES.items():
        run.call([needs.tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *files])
    run.call([needs.tool("actionlint"), "-no-color", *FILES["github-workflows"]])
    as_in_the_manual(run)
    as_it_is_packed()


def as_it_is_packed():
    """Where `cargo binstall` is told to look is what a release names its files."""
    manifest = tomllib.loads((places.ROOT / "cargo-isotest/Cargo.toml").read_text())
    told = manifest["package"]["metadata"]["binstall"]
    known = {"{ name }": "cargo-isotest", "{ version }": "${version}", "{ target }": "${target}"}
    url, program = (reduce(lambda text, word: text.replace(*word), known.items(), told[key]).rsplit("/", 1)
                    for key in ("pkg-url", "bin-dir"))
    packed = re.search(r"^name=(.*)$", (places.CI / "github/pack.sh").read_text(), re.MULTILINE)[1]
    if (url[1], *program) != (f"{packed}.tar.gz", packed, "{ bin }"):
        raise CheckError(f"cargo binstall looks for {url[1]} with {'/'.join(program)}, and a release has {packed}")


def as_in_the_manual(run):
    """The action has each input and output that the manual says, and a workflow with one more is refused."""
    section = MANUAL.read_text().split("\n## ")[1]
    example = "on: push\n" + re.search(r"```yaml\n(jobs:.*?)```", section, re.DOTALL)[1]
    example = re.sub(r"OWNER/REPO/ci@\S+", "./ci", example)
    inputs, outputs = (re.findall("`([a-z-]+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
                       for table in re.split(r"\| (?:input|output) \|", section)[1:])
    with tempfile.TemporaryDirectory(prefix="isotest-workflow.") as name:
        repository = pathlib.Path(name)
        for directory in ".git", ".github/workflows", "ci":
            (repository / directory).mkdir(parents=True)
        shutil.copy(places.CI / "action.yml", repository / "ci")
        for more, status in ((), 0), (("other",), 1):
            given = ", ".join(f"{word}: text" for word in [*inputs, *more])
            read = " ".join(f"${{{{ steps.all.outputs.{word} }}}}" for word in outputs)
            (repository / ".github/workflows/test.yml").write_text(example + USE.format(given=given, read=read))
            run.call([needs.tool("actionlint"), "-no-color"], accept=(status,), cwd=repository)
    if len(inputs) != 5 or len(outputs) != 7:
        raise CheckError(f"the manual says of the step: {inputs}, {outputs}")
