"""An initramfs: busybox, kernel modules, the guest's init, a command, and files of this machine."""

import lzma
import os
import pathlib
import re
import shutil
import stat
import subprocess

from guest import copies

HERE = pathlib.Path(__file__).resolve().parent
DIRECTORIES = ("dev", "etc", "home", "home/user", "mnt", "mnt/disk", "modules", "newroot", "proc", "root", "run", "sys", "tmp",
               "usr", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "var", "var/tmp", "isotest-vm")
MODES = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}
ETC = {
    "hostname": "guest\n",
    "hosts": "127.0.0.1 localhost guest\n::1 localhost\n",
    "passwd": "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "shadow": "root:*:::::::\nuser:*:::::::\n",
    "group": "root:x:0:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n",
}
# What the guest needs that a kernel may have only as modules.
MODULES = ("overlay", "virtio_pci", "virtio_blk", "bridge")


class Archive:
    """An archive as the kernel unpacks it (cpio, `newc`)."""

    def __init__(self, file):
        self._file = file
        self._count = 0
        self._names = set()

    def directory(self, name, mode=0o755):
        self._names.add(name)
        self._entry(name, stat.S_IFDIR | mode, 0)

    def symlink(self, name, target):
        self._names.add(name)
        self._entry(name, stat.S_IFLNK | 0o777, len(target), target.encode())

    def content(self, name, data, mode=0o644):
        self._names.add(name)
        self._entry(name, stat.S_IFREG | mode, len(data), data)

    def copy(self, name):
        """A file, directory or symlink of this machine, unless the archive has it."""
        if name in self._names:
            return
        source = f"/{name}"
        found = os.lstat(source)
        if stat.S_ISDIR(found.st_mode):
            self.directory(name, stat.S_IMODE(found.st_mode))
        elif stat.S_ISLNK(found.st_mode):
            self.symlink(name, os.readlink(source))
        elif stat.S_ISREG(found.st_mode):
            self._names.add(name)
            with open(source, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                self._entry(name, found.st_mode, size, None, found)
                shutil.copyfileobj(file, self._file, 1 << 20)
                self._pad(size)

    def end(self):
        self._entry("TRAILER!!!", 0, 0)

    def _entry(self, name, mode, size, data=None, owner=None):
        self._count += 1
        name = name.encode() + b"\0"
        uid, gid, mtime = (owner.st_uid, owner.st_gid, int(owner.st_mtime)) if owner else (0, 0, 0)
        fields = (self._count, mode, uid, gid, 1, mtime, size, 0, 0, 0, 0, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self._file.write(header + bytes(-len(header) % 4))
        if data is not None:
            self._file.write(data)
            self._pad(size)

    def _pad(self, size):
        self._file.write(bytes(-size % 4))


def write(path, kernel, command, paths=()):
    """Writes it for a kernel's directory, a command's text, and files and directories with the libraries they need."""
    with path.open("wb") as file:
        archive = Archive(file)
        for name in DIRECTORIES:
            archive.directory(name, MODES.get(name, 0o755))
        for name in "bin", "sbin", "lib", "lib64":
            archive.symlink(name, f"usr/{name}")
        add_busybox(archive)
        archive.symlink("etc/mtab", "/proc/self/mounts")
        for name, text in ETC.items():
            archive.content(f"etc/{name}", text.encode(), 0o600 if name == "shadow" else 0o644)
        modules = ordered_modules(kernel)
        for module in modules:
            archive.content(f"modules/{module_name(module)}.ko", module_content(module))
        archive.content("modules/order", "".join(f"{module_name(module)}.ko\n" for module in modules).encode())
        archive.content("init", (HERE / "init.sh").read_bytes(), 0o755)
        archive.content("isotest-vm/run", (HERE / "command.sh").read_bytes(), 0o755)
        archive.content("isotest-vm/command", command.encode(), 0o755)
        # Directories the guest has already keep the guest's mode.
        for name in copies.needed(paths):
            archive.copy(name)
        archive.end()


def add_busybox(archive):
    archive.content("usr/bin/busybox", pathlib.Path("/bin/busybox").read_bytes(), 0o755)
    applets = subprocess.run(["busybox", "--list"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            archive.symlink(f"usr/bin/{applet}", "busybox")


def ordered_modules(kernel):
    """Each module with what it depends on, dependencies first."""
    # Newer packages have modules below usr/lib, and compressed ones.
    files = {module_name(file): file for pattern in ("*.ko", "*.ko.xz") for file in kernel.rglob(f"lib/modules/**/{pattern}")}
    order = {}

    def add(name):
        # What is not there is built in.
        file = files.get(name.replace("-", "_"))
        if file and file not in order:
            depends = re.search(rb"(?:^|\0)depends=([^\0]*)\0", module_content(file))
            for needed in depends[1].decode().split(",") if depends and depends[1] else []:
                add(needed)
            order[file] = None

    for name in MODULES:
        add(name)
    return list(order)


def module_name(file):
    return file.name.split(".")[0].replace("-", "_")


def module_content(file):
    return lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()
