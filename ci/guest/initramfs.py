#!/usr/bin/env bash
# Writes an initramfs: busybox, kernel modules, the guest's init, a command, and files of this machine with the shared
# libraries they need.
#
#     initramfs.sh KERNEL_DIRECTORY COMMAND_FILE OUTPUT [FILE_OR_DIRECTORY..]
#
# An initramfs may be several archives one after the other: first the guest's own files, then the copies.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 command=$2 output=$3
shift 3
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT

# What the guest needs that the kernel has only as modules; each with what it depends on, dependencies first.
modules() {
    local name file needed
    for name in "$@"; do
        file=$(find "$kernel/lib/modules" -name "$name.ko" -o -name "${name//_/-}.ko")
        [ -n "$file" ] || continue # built in
        needed=$(grep -aoz '^depends=[^[:cntrl:]]*' "$file" | tr -d '\0')
        IFS=, read -ra needed <<<"${needed#depends=}"
        modules "${needed[@]}"
        echo "$file"
    done
}

guest_files() {
    mkdir -p "$staging"/{dev,etc,home/user,mnt/disk,modules,newroot,proc,root,run,sys,tmp,usr/{bin,sbin,lib,lib64},var/tmp,isotest-vm}
    local directory applet
    for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$staging/$directory"; done
    chmod 1777 "$staging"/tmp "$staging"/var/tmp
    chmod 700 "$staging/root"
    cp /bin/busybox "$staging/usr/bin/busybox"
    for applet in $(busybox --list | grep -vx busybox); do ln -s busybox "$staging/usr/bin/$applet"; done
    ln -s /proc/self/mounts "$staging/etc/mtab"
    echo guest >"$staging/etc/hostname"
    printf '127.0.0.1 localhost guest\n::1 localhost\n' >"$staging/etc/hosts"
    printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$staging/etc/passwd"
    printf 'root:*:::::::\nuser:*:::::::\n' >"$staging/etc/shadow"
    chmod 600 "$staging/etc/shadow"
    printf 'root:x:0:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n' >"$staging/etc/group"
    modules overlay virtio_pci virtio_blk bridge | awk '!seen[$0]++' | while read -r file; do
        cp "$file" "$staging/modules/"
        basename "$file" >>"$staging/modules/order"
    done
    install -m 755 "$here/guest-init.sh" "$staging/init"
    install -m 755 "$here/guest-command.sh" "$staging/isotest-vm/run"
    install -m 755 "$command" "$staging/isotest-vm/command"
}

archive() {
    busybox cpio -o -H newc 2>/dev/null
}

guest_files
(cd "$staging" && find . -mindepth 1 | sed 's|^\./||' | archive) >"$output"
if [ $# -gt 0 ]; then
    # Directories the guest has already keep the guest's mode.
    "$here/copies.sh" "$@" | grep -vxE 'usr|usr/(bin|sbin|lib|lib64)|etc|root|home|tmp|var|var/tmp|run' >"$staging/list"
    (cd / && archive) <"$staging/list" >>"$output"
fi
