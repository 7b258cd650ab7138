"""No input that is nearly right makes a parser panic, or keeps it busy: archives, images, programs, messages, files, filters, output."""

import argparse
import os

from needs import FOR_TESTS, Needs

NEEDS = Needs(debian=FOR_TESTS)


def check(run):
    options = parse(run.options)
    run.cargo("test", "--workspace", "--lib", "--bins", "--no-fail-fast", "--", "mutated",
              env=os.environ | {"MUTATIONS_SECONDS": str(options.seconds)})


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ci/check fuzz --", description="try inputs that are nearly right")
    parser.add_argument("--seconds", type=int, default=30, metavar="N", help="how long each parser is tried (30)")
    return parser.parse_args(arguments)
