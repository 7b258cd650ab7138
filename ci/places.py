"""Where everything is: the repository, what is built, and what is kept from one run to the next."""

import os
import pathlib
import re
import subprocess

CI = pathlib.Path(__file__).resolve().parent
ROOT = CI.parent
# The one entry, which other programs are given to execute.
CHECK = CI / "check"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
DEBUG = TARGET / "debug"
RELEASE = TARGET / "release"
FIXTURES = ROOT / "fixtures"


def home():
    """The caller's home directory, root's if there is none."""
    return pathlib.Path(os.environ.get("HOME") or "/root")


def cache(name):
    """A directory of this name for what is fetched or made once; it need not exist. It lies outside of every workspace."""
    top = os.environ.get("ISOTEST_CI_CACHE")
    if not top:
        top = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache") / "isotest-ci"
    return pathlib.Path(top).resolve() / name


def triple():
    """The platform that is built on, as Rust names it."""
    shown = subprocess.run(["rustc", "-vV"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return re.search(r"^host: (.*)$", shown.stdout, re.MULTILINE)[1]


def cargo_home():
    """Where cargo keeps what it fetched."""
    return pathlib.Path(os.environ.get("CARGO_HOME") or home() / ".cargo")


def rustup_home():
    """Where rustup keeps toolchains."""
    return pathlib.Path(os.environ.get("RUSTUP_HOME") or home() / ".rustup")
