"""No word is one that is known to be mistyped."""

import needs
import places

NEEDS = needs.Needs(linters=True)


def check(run):
    run.call([needs.tool("typos"), "--config", places.ROOT / ".typos.toml", "--force-exclude"])
