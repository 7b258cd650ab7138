"""Runs a command as an ordinary user who owns a cgroup subtree, on a machine where the caller is root.

    ci/check as-user [--no-cgroups | --v1-only] COMMAND [ARGUMENT..]

The user has no entry in /etc/passwd (uid and gid 61234, or ISOTEST_CI_UID), no group, no capability, and an empty home
directory. In each cgroup hierarchy that isotest measures, a directory below the caller's own cgroup is created, handed
over, and the command is started in it; with --no-cgroups it is not handed over, so the user may create none; with
--v1-only that of version 2 is left out. All of that is removed when the command has ended, however it ended; what it left
running is killed. If the Rust toolchain or the working directory lies in a home directory the user may not enter, the
command sees them at the same place all the same, in a mount namespace of its own.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import places

# Controllers of version 1 whose hierarchies are handed over; the empty name is that of version 2.
HIERARCHIES = ("memory", "pids", "cpuacct", "cpu", "blkio", "")
DELEGATED_FILES = (".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "tasks")
# Of the caller's, these would lead to files of the caller's.
OF_THE_CALLER = ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")


def main(arguments):
    if os.geteuid() != 0:
        return told("only root can hand a cgroup subtree over: run it with sudo", 1)
    if arguments[:1] == ["--within"]:
        return within(int(arguments[1]), arguments[2:arguments.index("--")], arguments[arguments.index("--") + 1:])
    handed_over, hierarchies = True, HIERARCHIES
    if arguments[:1] == ["--no-cgroups"]:
        handed_over, arguments = False, arguments[1:]
    elif arguments[:1] == ["--v1-only"]:
        hierarchies, arguments = HIERARCHIES[:-1], arguments[1:]
    elif arguments[:1] in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    if not arguments:
        return told("no command given", 2)
    # So that what is handed over is taken back.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with User(int(os.environ.get("ISOTEST_CI_UID", "61234"))) as user:
        for controller in hierarchies:
            user.hand_over(controller, handed_over)
        return user.execute(arguments)


def told(what, status):
    print(f"error: {what}", file=sys.stderr)
    return status


class User:
    """An ordinary user with a home and cgroups, which are removed at the end of the `with` block."""

    def __init__(self, uid):
        self.uid = uid
        self._name = f"isotest-ci-{os.getpid()}"
        self._cgroups = []
        self._home = pathlib.Path(tempfile.mkdtemp(prefix="isotest-ci.", dir="/home"))
        os.chown(self._home, uid, uid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for cgroup in self._cgroups:
            if not removed(cgroup):
                print(f"warning: could not remove the cgroup {cgroup}", file=sys.stderr)
        shutil.rmtree(self._home, ignore_errors=True)

    def hand_over(self, controller, to_user):
        """Creates a cgroup in the hierarchy of this controller, if there is one, for the user to divide or not."""
        parent = own_cgroup(controller)
        if parent is None:
            return
        cgroup = divisible(parent) / self._name
        cgroup.mkdir(exist_ok=True)
        if cgroup not in self._cgroups:
            self._cgroups.append(cgroup)
        for name in DELEGATED_FILES if to_user else ():
            if (cgroup / name).exists():
                os.chown(cgroup / name, self.uid, self.uid)

    def execute(self, words):
        """Runs the command in those cgroups, and gives its exit status."""
        variables = {name: value for name, value in os.environ.items() if name not in OF_THE_CALLER}
        needed = [places.cargo_home(), places.rustup_home()]
        variables |= {"CARGO_HOME": str(needed[0]), "RUSTUP_HOME": str(needed[1]), "HOME": str(self._home), "USER": "isotest",
                      "LOGNAME": "isotest"}
        inner = [sys.executable, str(places.CHECK), "as-user", "--within", str(self.uid), *map(str, needed), os.getcwd(), "--"]
        process = subprocess.Popen(["unshare", "--mount", *inner, *words], env=variables,
                                   preexec_fn=self._enter)  # noqa: PLW1509 - there are no threads
        try:
            status = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        return status if status >= 0 else 128 - status

    def _enter(self):
        for cgroup in self._cgroups:
            (cgroup / "cgroup.procs").write_text("0")


def own_cgroup(controller):
    """The directory of the caller's own cgroup in the hierarchy of a controller of version 1, or of version 2."""
    kind = "cgroup" if controller else "cgroup2"
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    mount = next((where for _, where, fs_type, options, *_ in mounts
                  if fs_type == kind and (not controller or controller in options.split(","))), None)
    memberships = [line.split(":", 2) for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
    path = next((path for number, controllers, path in memberships
                 if (controller in controllers.split(",") if controller else number == "0")), None)
    return None if mount is None or path is None else pathlib.Path(mount + path.rstrip("/"))


def divisible(parent):
    """Where version 2 has the controllers, a cgroup with processes in it cannot pass them down; only the root can."""
    def has(name):
        return (parent / name).exists() and "memory" in (parent / name).read_text().split()
    if not has("cgroup.controllers") or has("cgroup.subtree_control"):
        return parent
    top = pathlib.Path(next(line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
                            if line.split()[2] == "cgroup2"))
    for controller in "memory", "pids", "cpu", "io":
        with contextlib.suppress(OSError):
            (top / "cgroup.subtree_control").write_text(f"+{controller}")
    return top


def removed(cgroup):
    """Kills what is in a cgroup and below it, and removes it; whether that came to its end."""
    for attempt in range(1, 11):
        for procs in cgroup.rglob("cgroup.procs"):
            kill_all(procs)
        for directory, _, _ in os.walk(cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
        if not cgroup.exists():
            return True
        time.sleep(attempt / 10)
    return False


def kill_all(procs):
    try:
        # A process that cannot be seen from here is told as 0, which would be this process and its group.
        pids = {int(line) for line in procs.read_text().split()} - {0}
    except OSError:
        return
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def within(uid, directories, words):
    """The inner half, in a mount namespace of its own: brings directories into reach, becomes the user, and executes."""
    wanted = {}
    for directory in directories:
        if os.path.isdir(directory):
            path = os.path.realpath(directory)
            closed = closed_directory_of(path, uid)
            if closed:
                wanted.setdefault(closed, []).append(path)
    here = os.getcwd()
    for closed, paths in wanted.items():
        open_up(closed, paths)
    # The working directory may have been covered.
    os.chdir(here)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    sys.stdout.flush()
    try:
        os.execvp(words[0], words)
    except OSError as error:
        return told(f"could not execute `{words[0]}`: {error.strerror}", 127)


def closed_directory_of(path, uid):
    """The topmost directory above a path that the user may not enter."""
    closed = None
    while path != "/":
        path = os.path.dirname(path)
        if subprocess.run(["test", "-x", path], user=uid, group=uid, extra_groups=[], check=False).returncode != 0:
            closed = path
    return closed


def open_up(closed, paths):
    """Covers a closed directory with an open one that holds nothing but the given directories of the old one."""
    aside = tempfile.mkdtemp(prefix="isotest-ci.", dir="/tmp")
    mount("--bind", closed, aside)
    mount("-t", "tmpfs", "-o", "mode=755", "open", closed)
    for path in paths:
        os.makedirs(path, exist_ok=True)
        mount("--bind", os.path.join(aside, os.path.relpath(path, closed)), path)
    subprocess.run(["umount", aside], check=True)
    os.rmdir(aside)


def mount(*words):
    subprocess.run(["mount", *words], check=True)
