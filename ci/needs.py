"""What checks need of the machine, and the one place where it is installed."""

import concurrent.futures
import dataclasses
import hashlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

import places
from running import CheckError

# Linters and readers that PyPI has, each at one version with the sums of its files.
PINNED = places.CI / "tools.txt"
# The same of npm's: a package file and its lock.
NPM = places.CI / "npm"
# What Rust links with, whatever is checked.
TO_BUILD = ("gcc", "libc6-dev")
# What the tests of both crates execute, and what builds them.
FOR_TESTS = ("bubblewrap", "busybox-static", "e2fsprogs", "gcc", "iproute2", "libc6-dev", "musl-tools", "util-linux", "zstd")
FOR_GUESTS = ("busybox-static", "e2fsprogs", "qemu-system-x86")


@dataclasses.dataclass(frozen=True)
class Needs:
    """Packages of Debian, components and targets of the Rust toolchain, whether apt downloads packages later, and pinned linters."""

    debian: tuple = ()
    components: tuple = ()
    targets: tuple = ()
    apt: bool = False
    linters: bool = False


class Preparation:
    """What checks need, being installed and fetched while the first of them run: each waits for its own. Root makes it."""

    def __init__(self, modules):
        """Of the checks with these names and modules. What all of them need is there at once."""
        needs = [module.NEEDS for module in modules.values()]
        install_packages(TO_BUILD, False)
        install_rust("component", sorted({component for need in needs for component in need.components}))
        # One thing after the other: apt is alone, and the network is one.
        self._worker = concurrent.futures.ThreadPoolExecutor(1)
        debian = sorted({package for need in needs for package in need.debian})
        packages = self._worker.submit(install_packages, debian, any(need.apt for need in needs))
        self._ready = {name: [packages, self._worker.submit(prepare, module)] for name, module in modules.items()
                       if needs_more(module)}
        # Last, since what uses processors is in no hurry.
        for name, module in modules.items():
            if hasattr(module, "build_ahead"):
                self._ready.setdefault(name, []).append(self._worker.submit(module.build_ahead))

    def wait_for(self, name):
        """Waits until a check has what it needs."""
        for part in self._ready.get(name, ()):
            part.result()


def needs_more(module):
    """Whether a check needs more than what builds."""
    return bool(module.NEEDS.debian or module.NEEDS.targets or module.NEEDS.linters) or hasattr(module, "fetch_ahead")


def build(*words, **variables):
    """Has cargo build with what others leave of the processors. What it cannot build the check tells that needs it."""
    # The session counts first, and then the process.
    yielding = 'echo 19 >/proc/self/autogroup; exec nice -n 19 "$@"'
    subprocess.run(["setsid", "--wait", "sh", "-c", yielding, "sh", "cargo", *words], check=False, cwd=places.ROOT,
                   env=os.environ | variables, stdin=subprocess.DEVNULL, capture_output=True)


def prepare(module):
    """Installs and fetches what one check needs beside packages."""
    install_rust("target", module.NEEDS.targets)
    if module.NEEDS.linters:
        tool("python")
    if hasattr(module, "fetch_ahead"):
        module.fetch_ahead()


def install_packages(packages, lists_needed):
    missing = [package for package in packages if not succeeds("dpkg", "-s", package)]
    if missing or (lists_needed and not succeeds("apt-cache", "show", "linux-image-cloud-amd64")):
        execute("apt-get", "update", "-qq")
    if missing:
        execute("apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing, DEBIAN_FRONTEND="noninteractive")


def install_rust(kind, names):
    """Adds components or targets. What cannot be fetched is for the check to tell that needs it."""
    if names and not shutil.which("rustup"):
        return
    for name in names:
        if not is_installed(kind, name):
            succeeds("rustup", kind, "add", name)


def is_installed(kind, name):
    """Whether the toolchain in use has a component or a target."""
    if kind == "component":
        return succeeds("cargo", {"rustfmt": "fmt"}.get(name, name), "--version")
    return (sysroot() / "lib/rustlib" / name / "lib").is_dir()


def sysroot():
    """The directory of the toolchain in use."""
    shown = subprocess.run(["rustc", "--print", "sysroot"], cwd=places.ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return pathlib.Path(shown.stdout.strip())


def tool(name):
    """The path of a pinned linter; all of them are fetched the first time that one is asked for."""
    pinned = PINNED.read_bytes()
    directory = places.cache("tools") / hashlib.sha256(pinned).hexdigest()[:16]
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        if importlib.util.find_spec("ensurepip") is None and os.geteuid() == 0:
            install_packages(["python3-venv"], False)
        try:
            execute(sys.executable, "-m", "venv", directory)
            execute(directory / "bin/pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
                    "--requirement", PINNED)
        except CheckError as error:
            raise CheckError(f"the linters of {PINNED.relative_to(places.ROOT)} could not be installed from PyPI: {error}") from error
        (directory / "complete").touch()
    return directory / "bin" / name


def node():
    """The directory of the pinned programs for Node.js; all of them are fetched the first time that one is asked for."""
    files = [NPM / "package.json", NPM / "package-lock.json"]
    directory = places.cache("npm") / hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        # Where Node.js is not Debian's, its own npm comes with it.
        if not shutil.which("npm") and os.geteuid() == 0:
            install_packages(["npm"], False)
        for file in files:
            shutil.copy(file, directory)
        try:
            execute("npm", "ci", "--prefix", directory, "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        except (CheckError, FileNotFoundError) as error:
            raise CheckError(f"the programs of {NPM.relative_to(places.ROOT)} could not be installed: {error}") from error
        (directory / "complete").touch()
    return directory / "node_modules"


def succeeds(*words):
    """Whether a command, of which nothing is to be seen, ends well."""
    return subprocess.run(words, check=False, cwd=places.ROOT, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def execute(*words, **variables):
    """Executes a command that must end well; what it prints is told if it does not."""
    words = [str(word) for word in words]
    done = subprocess.run(words, env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        printed = done.stdout.decode(errors="replace")
        raise CheckError(f"`{' '.join(words[:6])}` ended with {done.returncode}:\n{printed[-4000:]}")


def program(name, version):
    """The path of a program of the registry of crates, which is built the first time that this version is asked for."""
    directory = places.cache("crates") / f"{name}-{version}"
    if not (directory / "bin" / name).exists():
        # Its own target directory is a temporary one of cargo's, and without default features it is what reads and writes files.
        execute("cargo", "install", "--quiet", "--locked", "--no-default-features", "--version", f"={version}", "--root", directory, name,
                CARGO_TARGET_DIR=str(directory / "target"))
        shutil.rmtree(directory / "target")
    return directory / "bin" / name
