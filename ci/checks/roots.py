"""Programs of glibc and of musl find a Debian 12 tree in place of the host, and leave it as it was.

As archive and as image of containers it is the same. What cannot be executed is told before.
"""

import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import debian
import image
import places
from needs import FOR_TESTS, Needs
from running import CheckError

MUSL = "x86_64-unknown-linux-musl"
NEEDS = Needs(debian=(*FOR_TESTS, "mmdebstrap"), targets=(MUSL,))
PROJECT = places.FIXTURES / "projects/roots"
OF_GLIBC = pathlib.Path("lib/x86_64-linux-gnu")


def check(run):
    run.build()
    tree = debian.root()
    with tempfile.TemporaryDirectory() as place:
        trial = Trial(run, pathlib.Path(place))
        directory(trial, tree)
        archives(trial, tree)
        refusals(trial, tree)


class Trial:
    """Executes the project with one root after the other."""

    def __init__(self, run, place):
        self.run = run
        self.place = place

    def execute(self, *flags):
        """Exit status and output."""
        command = [places.DEBUG / "cargo-isotest", "isotest", "--manifest-path", PROJECT / "Cargo.toml", "--target-dir",
                   self.place / "target", *flags]
        done = subprocess.run(list(map(str, command)), cwd=places.ROOT, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode(errors="replace")

    def passes(self, what, *flags):
        status, said = self.execute(*flags)
        summary = [line for line in said.splitlines() if "Summary" in line]
        if status != 0 or not summary:
            raise CheckError(f"{what} ended with {status}:\n{said}")
        self.run.say(f"{what}: {summary[0].strip()}")
        self.run.passed += 1

    def refuses(self, what, expected, *flags):
        """Told before any test."""
        status, said = self.execute(*flags)
        if status == 0 or expected not in said:
            raise CheckError(f"{what} ended with {status}, and no word of {expected}:\n{said}")
        self.run.say(f"{what} is refused")
        self.run.passed += 1


def directory(trial, tree):
    before = state(tree)
    trial.passes("glibc, in a directory", "--root", f"dir:{tree}")
    trial.passes("musl, in a directory", "--root", f"dir:{tree}", "--target", MUSL)
    if state(tree) != before:
        raise CheckError("the tree has changed")
    if trial.execute()[0] == 0:
        raise CheckError("the fixture passes without the tree, too")


def archives(trial, tree):
    place = trial.place
    packed = place / "tree.tar"
    trial.run.call(["tar", "-C", tree, "--sort=name", "-cf", packed, "."])
    with packed.open("rb") as plain, gzip.open(place / "tree.tar.gz", "wb", 1) as smaller:
        shutil.copyfileobj(plain, smaller, 1 << 20)
    trial.run.call(["zstd", "-q", "-1", packed, "-o", place / "tree.tar.zst"])
    image.write(packed, place / "layout", place / "saved.tar")
    trial.run.call(["tar", "-C", place / "layout", "-cf", place / "layout.tar", "."])
    for kind, name in (("tar", "tree.tar"), ("tar", "tree.tar.gz"), ("tar", "tree.tar.zst"), ("oci", "layout"),
                       ("oci", "layout.tar"), ("oci", "saved.tar")):
        trial.passes(f"glibc, {kind} {name}", "--root", f"{kind}:{place / name}")
    trial.passes("musl, in an image", "--root", f"oci:{place / 'layout'}", "--target", MUSL)


def refusals(trial, tree):
    place = trial.place
    (place / "empty").mkdir()
    trial.refuses("a root without a loader", "its dynamic loader `/lib64/ld-linux-x86-64.so.2` is missing",
                  "--root", f"dir:{place / 'empty'}")
    old = place / "old"
    (old / "lib64").mkdir(parents=True)
    (old / OF_GLIBC).mkdir(parents=True)
    for name in "ld-linux-x86-64.so.2", "libgcc_s.so.1", "libc.so.6":
        shutil.copy(tree / OF_GLIBC / name, old / OF_GLIBC / name)
    (old / "lib64/ld-linux-x86-64.so.2").symlink_to("../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    # A version that nobody has: the binary is not the older one here, the library is.
    library = old / OF_GLIBC / "libc.so.6"
    library.write_bytes(library.read_bytes().replace(b"GLIBC_2.34", b"GLIBC_9.99"))
    trial.refuses("an older C library", "needs `GLIBC_2.34`", "--root", f"dir:{old}")
    with (place / "tree.tar").open("rb") as whole:
        (place / "short.tar").write_bytes(whole.read(1_000_000))
    trial.refuses("half an archive", "the archive is truncated", "--root", f"tar:{place / 'short.tar'}")


def state(tree):
    """Every file with its permissions, owner, size, time and content, as one sum."""
    total = hashlib.sha256()
    for top, below, files in os.walk(tree):
        below.sort()
        for name in [".", *sorted(files), *below]:
            path = os.path.join(top, name)
            found = os.lstat(path)
            leads = os.readlink(path) if os.path.islink(path) else ""
            total.update(f"{path}\0{found.st_mode} {found.st_uid} {found.st_gid} {found.st_size} {found.st_mtime_ns} {leads}\0".encode())
            if os.path.isfile(path) and not leads:
                total.update(pathlib.Path(path).read_bytes())
    return total.hexdigest()
