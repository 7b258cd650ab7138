"""The house rules that clippy cannot check: file heads, the fence around `unsafe`, pure modules, layers, names."""

from needs import Needs

NEEDS = Needs()


def check(run):
    run.cargo("test", "--workspace", "--test", "tidy")
