#!/usr/bin/env bash
# Makes the files of a small Debian 12 with systemd, once, with mmdebstrap. Root calls it. Prints their directory.
# ISOTEST_VM_CACHE says where it is kept.
#
# Its user `user` (uid 1000) may use sudo without a password.
set -euo pipefail

cache=${ISOTEST_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isotest-vm}
tree=$cache/debian
packages=apparmor,bubblewrap,dbus,dbus-user-session,kmod,libpam-systemd,procps,sudo,systemd,systemd-sysv

if [ "$(id -u)" != 0 ]; then
    echo "error: only root can make the files of a system: run it with sudo" >&2
    exit 1
fi
# The recipe is in this file.
if ! cmp -s "$0" "$tree.complete"; then
    rm -rf "$tree"
    mkdir -p "$cache"
    said=$(mktemp)
    trap 'rm -f "$said"' EXIT
    # A terminal on the console would take it from the kernel. What is shown to a guest may lie in a root's home.
    mmdebstrap --mode=root --variant=minbase --include="$packages" --skip=output/dev \
        --customize-hook='chroot "$1" useradd --uid 1000 --create-home --shell /bin/bash user' \
        --customize-hook='echo "user ALL=(ALL) NOPASSWD: ALL" >"$1/etc/sudoers.d/user"' \
        --customize-hook='chmod go+x "$1/root"' \
        --customize-hook='echo guest >"$1/etc/hostname"' \
        --customize-hook='printf "127.0.0.1 localhost guest\n::1 localhost\n" >"$1/etc/hosts"' \
        --customize-hook='systemctl --root="$1" mask --quiet getty@.service serial-getty@.service apt-daily.timer apt-daily-upgrade.timer' \
        bookworm "$tree" >"$said" 2>&1 || {
        cat "$said" >&2
        rm -rf "$tree"
        exit 1
    }
    cp "$0" "$tree.complete"
fi
echo "$tree"
