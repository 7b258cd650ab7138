"""Records what kernels write into the files that isotest reads, as `fixtures/kernel/LAYOUT-KERNEL`.

    ci/check record [NAME]..

What is recorded before is written anew. `here` is this machine, whatever its layout and kernel; root calls it. The others are
guests.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile

import places
from as_user import HIERARCHIES, own_cgroup

SCRIPT = places.CI / "guest/record.sh"
RECORDED = places.FIXTURES / "kernel"
V1 = ("memory", "pids", "cpu,cpuacct", "blkio")
PARENTS = {"v2": [""], "v1": V1, "hybrid": [*V1, "unified"]}
# The guest of each kernel, and the layouts in which it accounts for memory. Debian's 6.18 does not in version 1: that of `here` does.
GUESTS = {"6.18": ("debian-6.18", ["v2"]), "6.1": ("debian", list(PARENTS)), "5.15": ("ubuntu-5.15", list(PARENTS))}
# What parsers read, and what tells which kernel it was.
CGROUP_FILES = re.compile(
    r"memory\.(stat|peak|current|events|events\.local|max_usage_in_bytes|usage_in_bytes|kmem\.usage_in_bytes|oom_control|failcnt"
    r"|pressure)|cpuacct\.usage(_user|_sys)?|cpu\.(stat|pressure)|pids\.(peak|current|events)|io\.(stat|pressure)|cgroup\.controllers")
# Of mounts and of the status those lines that say nothing of the machine's owner.
LINES = {
    "mountinfo": re.compile(r" - (cgroup2?|proc) | /sys/fs/cgroup "),
    "status": re.compile(r"Uid|Gid|Seccomp|Cap|NoNewPrivs|Threads|Vm"),
}


def main(arguments):
    if arguments[:1] in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    names = [f"{layout}-{kernel}" for kernel, (_, layouts) in GUESTS.items() for layout in layouts] + ["here"]
    for name in arguments or names:
        if name not in names:
            print(f"error: there is no recording `{name}`; there are {' '.join(names)}", file=sys.stderr)
            return 2
        print(f"recorded {write(here() if name == 'here' else in_guest(*name.split('-')), name)}", flush=True)
    return 0


def in_guest(layout, kernel):
    """The archive of a guest."""
    parents = [f"/sys/fs/cgroup/{parent}".rstrip("/") for parent in PARENTS[layout]]
    command = [places.CHECK, "guest", "--cgroups", layout, "--kernel", GUESTS[kernel][0], "--copy", SCRIPT, "--",
               "sh", SCRIPT, "/mnt/disk", *parents]
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def here():
    """The archive of this machine."""
    parents = {str(own) for controller in HIERARCHIES if (own := own_cgroup(controller))}
    command = ["sh", SCRIPT, "/var/tmp", *sorted(parents)]
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def write(archive, name):
    """Writes what parsers read, and gives the directory's name."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        texts = {os.path.normpath(member.name): files.extractfile(member).read().decode() for member in files if member.isfile()}
    kernel = re.match(r"\d+\.\d+", texts["proc/osrelease"])[0]
    texts["proc/osrelease"] = f"{kernel}\n"
    if name == "here":
        versions = [version for version in ("v1", "v2") if any(path.startswith(f"{version}/") for path in texts)]
        name = f"{'hybrid' if len(versions) == 2 else versions[0]}-{kernel}"
        # Where the caller's own cgroup is does not matter.
        texts["proc/cgroup"] = re.sub(r":/.+/recorded$", ":/above/recorded", texts["proc/cgroup"], flags=re.MULTILINE)
    elif not name.endswith(f"-{kernel}"):
        raise SystemExit(f"error: the kernel of `{name}` is {kernel}")
    shutil.rmtree(RECORDED / name, ignore_errors=True)
    for path, text in sorted(texts.items()):
        top, file = path.split("/")
        if top != "proc" and not CGROUP_FILES.fullmatch(file):
            continue
        kept = [line for line in text.splitlines(keepends=True) if file not in LINES or LINES[file].search(line)]
        target = RECORDED / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(kept))
    return name
