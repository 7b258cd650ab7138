"""What is run on every host: this build of `cargo isotest`, projects whose outcomes are known, and the end-to-end tests.

Projects are built here, at the path they have on the host under test, where nothing can or need be built any more.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess

import places

CORE = places.ROOT / "isotest-core"
PROJECTS = places.TARGET / "hosts"
ISOTEST = places.DEBUG / "cargo-isotest"
# The ordinary user of guests and containers; projects are theirs.
UID = 1000

NAMESPACES = ["user", "pid", "mount", "net", "ipc", "uts", "cgroup"]
FILES = ["rootfs", "copy-on-write"]
# Verdicts on the tour, whatever the host.
COUNTS = {"passed": 20, "failed": 1, "signaled": 0, "timed-out": 0, "oom-killed": 0, "leaked": 1, "not-isolated": 0,
          "skipped": 1}
TESTS_FAILED = 100
CANNOT_ISOLATE = 97


def cargo(*arguments, **environment):
    """Runs cargo in the repository and returns what it printed."""
    variables = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"} | environment
    return subprocess.run(["cargo", *arguments], cwd=places.ROOT, env=variables, check=True, stdout=subprocess.PIPE, text=True).stdout


class Subject:
    """Everything that is built. Takes some seconds where it was built before."""

    def __init__(self):
        target = {"CARGO_TARGET_DIR": str(places.TARGET)}
        cargo("build", "--quiet", "--workspace", "--bins", **target)
        messages = cargo("test", "--package", "isotest-core", "--test", "e2e", "--no-run", "--quiet",
                         "--message-format=json", **target)
        built = [json.loads(line).get("executable") for line in messages.splitlines()]
        self._end_to_end = next(executable for executable in built if executable)
        sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, stdout=subprocess.PIPE, text=True).stdout
        self._toolchain = pathlib.Path(sysroot.strip()).resolve()
        self.tour = project("tour")

    def programs(self):
        """What a host must have for the end-to-end tests, at the same paths."""
        return [self._end_to_end, places.DEBUG / "probe", CORE / "Cargo.toml"]

    def files(self):
        """The same for all that can be run: projects need cargo."""
        libraries = [path for path in (self._toolchain / "lib").iterdir() if path.is_file()]
        # Of the directories above, too, by which cargo has built.
        configurations = [path for directory in PROJECTS.parents for path in [directory / ".cargo/config.toml"] if path.exists()]
        return [*self.programs(), self.tour, ISOTEST, self._toolchain / "bin/cargo", self._toolchain / "bin/rustc", *libraries,
                *configurations]

    def directories(self):
        """The same for a host that shares directories with this one: those to read and those to write."""
        return [places.DEBUG, self._toolchain, CORE], [PROJECTS]

    def isotest(self, *flags, directory=None):
        """The words of a call for a project, the tour by default, that reports in JSON."""
        return [*self._program(), "--manifest-path", (directory or self.tour) / "Cargo.toml", "--offline",
                "--message-format", "json", *flags]

    def doctor(self, *flags):
        """The words that ask what a host allows."""
        return [*self._program(), "doctor", *flags]

    def _program(self):
        path = f"PATH={self._toolchain}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return ["env", "--unset=CARGO_TARGET_DIR", path, ISOTEST, "isotest"]

    def end_to_end(self, *words, without=(), attempts=50):
        """The words of a call of the end-to-end tests, without some of their groups."""
        skips = [word for group in without for word in ("--skip", f"{group}::")]
        # Not every `env` can change the directory.
        return ["sh", "-c", 'cd "$0" && exec "$@"', CORE, "env", "CI=true", f"CARGO_MANIFEST_DIR={CORE}",
                f"E2E_ATTEMPTS={attempts}", self._end_to_end, *words, *skips]


def project(name):
    """Copies a project out of the repository and builds its tests in it, as the user's own."""
    directory = PROJECTS / name
    shutil.copytree(places.FIXTURES / "projects" / name, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target"))
    build(directory, directory)
    return directory


def build(owned, directory):
    """Builds the tests of a project, and gives the user the directory that it lies in."""
    cargo("test", "--quiet", "--no-run", "--offline", "--manifest-path", str(directory / "Cargo.toml"))
    for place, _, names in os.walk(owned):
        for path in [place, *(os.path.join(place, name) for name in names)]:
            os.chown(path, UID, UID, follow_symlinks=False)


def line(words):
    """Words as a line for a shell."""
    return shlex.join(str(word) for word in words)
