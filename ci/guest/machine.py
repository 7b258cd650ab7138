"""Runs a command in a machine of its own under software emulation, with another kernel (KVM is not needed).

The guest has a root on tmpfs and an ext4 disk of 256 MiB at /mnt/disk, both empty and thrown away; or, with --systemd, a
root on a disk that is thrown away. Standard output, standard error and the exit status are the command's. If there is no
exit status, the guest's console is printed and the exit status is 125.
"""

import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import threading

import debian
from guest import disk, initramfs, kernel
from running import CheckError

NO_STATUS = 125


def main(arguments):
    at = arguments.index("--") if "--" in arguments else len(arguments)
    options = parse(arguments[:at])
    command = arguments[at + 1:]
    if not command:
        return told("no command given after `--`", 2)
    copied = [os.path.abspath(path) for path in options.copy]
    for path in copied:
        if not os.path.lexists(path):
            return told(f"nothing to copy at `{path}`", 2)
    try:
        with tempfile.TemporaryDirectory() as work:
            return boot(options, script(options.env, command), copied, pathlib.Path(work))
    except CheckError as error:
        return told(error, NO_STATUS)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ci/check guest", usage="%(prog)s [OPTION..] -- COMMAND [ARGUMENT..]", description=__doc__)
    parser.add_argument("--copy", action="append", default=[], metavar="PATH",
                        help="a file or directory to have at the same path in the guest, with the libraries it needs (repeatable)")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable for the command (repeatable)")
    parser.add_argument("--as-user", action="store_true", help="run as uid 1000 in a cgroup that is handed over, not as root")
    root = parser.add_mutually_exclusive_group()
    root.add_argument("--systemd", action="store_true",
                      help="boot a Debian from a disk, with systemd; --as-user then logs in, and gets a session")
    root.add_argument("--initramfs-root", action="store_true",
                      help="stay on the initramfs, where pivot_root(2) is refused, instead of moving to a tmpfs")
    parser.add_argument("--cgroups", choices=["v1", "v2", "hybrid"], default="v2", help="what is mounted without systemd (v2)")
    parser.add_argument("--kernel", choices=list(kernel.KERNELS), default="debian", help="the guest's kernel (debian)")
    parser.add_argument("--memory", type=int, default=1024, metavar="MEGABYTES", help="the guest's memory (1024)")
    parser.add_argument("--timeout", type=int, default=300, metavar="SECONDS", help="how long all of it may take (300)")
    return parser.parse_args(arguments)


def told(what, status):
    print(f"error: {what}", file=sys.stderr)
    return status


def script(variables, command):
    """The command as a shell script."""
    exports = [f"export {name}={shlex.quote(value)}" for name, _, value in (variable.partition("=") for variable in variables)]
    return "\n".join(["#!/bin/sh", *exports, f"exec {shlex.join(command)}", ""])


def boot(options, command, copied, work):
    """Runs the machine to its end, and gives the command's exit status."""
    files = kernel.KERNELS[options.kernel]()
    root_on = "disk" if options.systemd else "initramfs" if options.initramfs_root else "tmpfs"
    if options.systemd:
        initramfs.write(work / "initramfs", files, command)
        disk.write(work / "disk", debian.system(), command, copied)
    else:
        initramfs.write(work / "initramfs", files, command, copied)
        disk.empty(work / "disk", 256)
        subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", work / "disk"], check=True)
    words = f"user={'user' if options.as_user else 'root'} root_on={root_on} cgroups={options.cgroups}"
    # On a busy machine the ticks may be late that the kernel's check of the timer waits for.
    kernel_line = f"console=ttyS0 loglevel=4 panic=-1 no_timer_check {words}"
    status, ended = execute([
        "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none",
        "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(options.memory),
        "-kernel", str(next((files / "boot").glob("vmlinuz-*"))), "-initrd", f"{work}/initramfs",
        "-drive", f"file={work}/disk,format=raw,if=virtio,cache=unsafe",
        "-append", kernel_line,
    ], work, options.timeout)
    if status is None:
        console = work / "console"
        print(f"error: the guest gave no exit status (qemu ended with {ended}); its console:", file=sys.stderr)
        print(console.read_text(errors="replace") if console.exists() else "", file=sys.stderr)
        return NO_STATUS
    return status


def execute(machine, work, seconds):
    """Runs QEMU, carries over what the command writes, and gives the command's exit status and that of QEMU."""
    # Through pipes, because QEMU would truncate a file and make a terminal non-blocking.
    carriers, ends, ports = [], [], ["-chardev", f"file,id=console,path={work}/console", "-serial", "chardev:console"]
    for name, descriptor in ("out", 1), ("err", 2):
        read, write = os.pipe()
        ends.append(write)
        carriers.append(threading.Thread(target=carry, args=(read, descriptor)))
        ports += ["-chardev", f"file,id={name},path=/dev/fd/{write}", "-serial", f"chardev:{name}"]
    ports += ["-chardev", f"file,id=status,path={work}/status", "-serial", "chardev:status"]
    process = subprocess.Popen([*machine, *ports], stdin=subprocess.DEVNULL, pass_fds=ends)
    for end in ends:
        os.close(end)
    for carrier in carriers:
        carrier.start()
    try:
        ended = process.wait(seconds)
    except subprocess.TimeoutExpired:
        ended = f"nothing in {seconds} seconds"
    finally:
        process.kill()
        process.wait()
        for carrier in carriers:
            carrier.join()
    told_status = work / "status"
    digits = "".join(filter(str.isdigit, told_status.read_text(errors="replace"))) if told_status.exists() else ""
    return int(digits) if digits else None, ended


def carry(source, target):
    while data := os.read(source, 1 << 16):
        while data:
            data = data[os.write(target, data):]
    os.close(source)
