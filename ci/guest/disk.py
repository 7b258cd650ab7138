"""The disk of a guest with systemd: the files of a Debian, a command, the service that runs it, and files of this machine."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from guest import copies

HERE = pathlib.Path(__file__).resolve().parent
UNIT = """[Unit]
Description=the command of this guest
After=multi-user.target systemd-logind.service
[Service]
Type=exec
ExecStart=/isotest-vm/run
ExecStopPost=/bin/systemctl reboot --force --force
"""


def write(path, tree, command, paths=()):
    """Writes it, as root."""
    # Beside the tree, whose files it shares until they are written to the disk.
    staging = pathlib.Path(tempfile.mkdtemp(prefix=f"{tree.name}.", dir=tree.parent))
    try:
        subprocess.run(["cp", "-al", f"{tree}/.", staging], check=True)
        add_command(staging, command)
        if paths:
            add_copies(staging, paths)
        kilobytes = int(subprocess.run(["du", "-sk", "--apparent-size", staging], check=True, stdout=subprocess.PIPE).stdout.split()[0])
        empty(path, kilobytes * 5 // 4 // 1024 + 512)
        subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", staging, path], check=True)
    finally:
        shutil.rmtree(staging)


def empty(path, megabytes):
    """A sparse file of this size."""
    with path.open("wb") as file:
        file.truncate(megabytes << 20)


def add_command(staging, command):
    (staging / "isotest-vm").mkdir()
    for name, text in ("run", (HERE / "command.sh").read_text()), ("command", command):
        file = staging / "isotest-vm" / name
        file.write_text(text)
        file.chmod(0o755)
    units = staging / "etc/systemd/system"
    (units / "isotest-vm.service").write_text(UNIT)
    (units / "multi-user.target.wants/isotest-vm.service").symlink_to("../isotest-vm.service")


def add_copies(staging, paths):
    """What the Debian has it keeps."""
    names = [name for name in copies.needed(paths) if not os.path.lexists(staging / name)]
    packed = subprocess.Popen(["tar", "-c", "-C", "/", "--no-recursion", "--null", "-T", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    unpacked = subprocess.Popen(["tar", "-x", "-C", staging], stdin=packed.stdout)
    packed.stdout.close()
    with packed.stdin as listed:
        listed.write(b"".join(os.fsencode(name) + b"\0" for name in names))
    if packed.wait() or unpacked.wait():
        raise OSError(f"could not copy {len(names)} files into the guest's disk")
    # A user must get to what was copied, whosever home it comes from.
    for path in paths:
        for directory in pathlib.Path(os.path.abspath(path)).parents:
            if directory != pathlib.Path("/"):
                inside = staging / str(directory).lstrip("/")
                inside.chmod(inside.stat().st_mode | 0o011)
