"""Every source file has the one format."""

import places
from needs import Needs

NEEDS = Needs(components=("rustfmt",))


def check(run):
    run.cargo("fmt", "--all", "--check")
    run.call(["rustfmt", "--edition", "2024", "--check", *sorted((places.CI / "bench").glob("*.rs"))])
