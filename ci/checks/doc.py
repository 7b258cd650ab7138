"""The documentation builds, private items included, and its links lead somewhere."""

import os

from needs import Needs

NEEDS = Needs()


def check(run):
    run.cargo("doc", "--workspace", "--all-features", "--no-deps", "--document-private-items",
              env=os.environ | {"RUSTDOCFLAGS": "-D warnings"})
