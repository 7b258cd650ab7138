"""What has to be copied into a guest so that the given files and directories are there and can be executed."""

import os
import re
import subprocess


def needed(paths):
    """The paths themselves, the directories above them, where symlinks lead, and shared libraries; directories first.

    Without the `/` at the beginning.
    """
    found = {}
    for path in paths:
        add(found, str(path))
        real = os.path.realpath(path)
        for directory, below, files in os.walk(real):
            for name in [*below, *files]:
                found.setdefault(os.path.join(directory, name))
        for file in executables(real):
            for library in libraries(file):
                add(found, library)
    return [path.lstrip("/") for path in found]


def add(found, path):
    """A path, and if it is a symlink what it leads to, so that the name leads somewhere."""
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    with_parents(found, path)
    if os.path.islink(path):
        with_parents(found, os.path.realpath(path))


def with_parents(found, path):
    parent = os.path.dirname(path)
    if parent != "/":
        with_parents(found, parent)
    found.setdefault(path)


def executables(real):
    files = [os.path.join(place, name) for place, _, names in os.walk(real) for name in names] if os.path.isdir(real) else [real]
    return [file for file in files if not os.path.islink(file) and os.stat(file).st_mode & 0o100]


def libraries(file):
    """The shared libraries and the loader of an executable; nothing for what is no dynamic executable."""
    shown = subprocess.run(["ldd", file], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return re.findall(r"(/\S*)", shown.stdout.decode(errors="replace")) if shown.returncode == 0 else []
