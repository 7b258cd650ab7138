"""Every dependency has a licence that is allowed, comes from the registry of crates, and is there once, but for those that are listed.

Advisories are in a Git repository of their own, which is asked where it can be had.
"""

import needs
import places

NEEDS = needs.Needs(linters=True)


def check(run):
    deny = [needs.tool("cargo-deny"), "--all-features", "--locked", "--color", "never", "--config", places.ROOT / ".deny.toml", "check"]
    run.call([*deny, "licenses", "bans", "sources"])
    run.passed += 1
    printed = run.call([*deny, "advisories"], accept=(0, 1))
    if "advisories ok" in printed:
        run.passed += 1
    elif "failed to fetch advisory database" in printed:
        run.skip("advisories", "their database could not be fetched")
    else:
        run.failed += 1
