"""No compiler or clippy warning in any target."""

from needs import Needs

NEEDS = Needs(components=("clippy",))


def check(run):
    run.cargo("clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings")
