"""The README's test command passes: units, command line, end to end as the caller, and the house rules."""

from needs import FOR_TESTS, Needs

NEEDS = Needs(debian=FOR_TESTS)


def check(run):
    run.cargo("test", "--workspace")
