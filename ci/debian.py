"""Trees of Debian 12, each made once by mmdebstrap from a recipe, and made again when the recipe has changed."""

import os
import shutil
import subprocess
import tempfile

import places
from running import CheckError

# With systemd, for a guest; its user `user` (uid 1000) may use sudo without a password. A terminal on the console would take
# it from the kernel. What is shown to a guest may lie in a root's home.
SYSTEM = ("--include=apparmor,bubblewrap,curl,dbus,dbus-user-session,kmod,libpam-systemd,procps,python3-yaml,sudo,systemd,systemd-sysv",
          "--skip=output/dev",
          '--customize-hook=chroot "$1" useradd --uid 1000 --create-home --shell /bin/bash user',
          '--customize-hook=echo "user ALL=(ALL) NOPASSWD: ALL" >"$1/etc/sudoers.d/user"',
          '--customize-hook=chmod go+x "$1/root"',
          '--customize-hook=echo guest >"$1/etc/hostname"',
          '--customize-hook=printf "127.0.0.1 localhost guest\\n::1 localhost\\n" >"$1/etc/hosts"',
          ('--customize-hook=systemctl --root="$1" mask --quiet getty@.service serial-getty@.service apt-daily.timer '
          'apt-daily-upgrade.timer'))
# In place of the host's root. By the file in /etc the fixture knows it, and by the others that what is the sandbox's own is
# not the tree's.
ROOT = ("--include=jq",
        '--customize-hook=echo "made for a check" >"$1/etc/isotest-tree"',
        '--customize-hook=touch "$1/tmp/of-the-tree" "$1/var/tmp/of-the-tree" "$1/run/of-the-tree"')


def system():
    """The tree of a guest with systemd."""
    return made("debian-system", SYSTEM)


def root():
    """The tree in which fixtures are executed."""
    return made("debian-root", ROOT)


def made(name, recipe):
    """The directory with the tree of this recipe."""
    tree = places.cache(name)
    marker = tree.with_name(f"{name}.complete")
    text = "\n".join(recipe)
    if marker.exists() and marker.read_text() == text:
        return tree
    if os.geteuid() != 0:
        raise CheckError("only root can make the files of a system: run it with sudo")
    marker.unlink(missing_ok=True)
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile("w+") as said:
        command = ["mmdebstrap", "--mode=root", "--variant=minbase", *recipe, "bookworm", tree]
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        if done.returncode != 0:
            said.seek(0)
            shutil.rmtree(tree, ignore_errors=True)
            raise CheckError(f"mmdebstrap ended with {done.returncode}: {said.read()}")
    marker.write_text(text)
    return tree
