"""Each promise of the sandbox holds on this machine, and each control breaks it."""

import os

from needs import FOR_TESTS, Needs

NEEDS = Needs(debian=FOR_TESTS)


def check(run):
    run.build()
    attempts = os.environ.get("E2E_ATTEMPTS", "10000")
    run.cargo("test", "--workspace", "--test", "e2e", env=os.environ | {"E2E_ATTEMPTS": attempts})
