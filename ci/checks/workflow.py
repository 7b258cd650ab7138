"""The hosted service's workflow and the GitHub step have none of the known weaknesses."""

import needs
import places

NEEDS = needs.Needs()


def check(run):
    run.call([needs.tool("zizmor"), "--offline", "--no-progress", places.ROOT / ".github", places.CI / "action.yml"])
