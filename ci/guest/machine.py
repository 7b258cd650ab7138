#!/usr/bin/env bash
# Runs a command in a machine of its own: Debian's kernel, pure cgroup v2, under software emulation (KVM is not needed).
#
#     ci/vm/run.sh [OPTION..] -- COMMAND [ARGUMENT..]
#
#     --copy PATH         a file or directory to have at the same path in the guest, with the libraries it needs (repeatable)
#     --env NAME=VALUE    a variable for the command (repeatable)
#     --as-user           run as uid 1000 in a cgroup that is handed over to it, instead of as root
#     --systemd           boot a Debian from a disk, with systemd; --as-user then logs in, and gets a session
#     --initramfs-root    stay on the initramfs, where pivot_root(2) is refused, instead of moving to a tmpfs
#     --memory MEGABYTES  the guest's memory (1024)
#     --timeout SECONDS   how long all of it may take (300)
#
# The guest has a root on tmpfs and an ext4 disk of 256 MiB at /mnt/disk, both empty and thrown away; or, with
# --systemd, a root on a disk that is thrown away.
# Standard output, standard error and the exit status are the command's. If there is no exit status, the guest's console
# is printed and the exit status is 125.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
copies=() variables=() user=root root_on=tmpfs memory=1024 limit=300
while [ $# -gt 0 ]; do
    case $1 in
    --copy) copies+=("$(realpath -s "$2")"); shift 2 ;;
    --env) variables+=("$2"); shift 2 ;;
    --as-user) user=user; shift ;;
    --systemd) root_on=disk; shift ;;
    --initramfs-root) root_on=initramfs; shift ;;
    --memory) memory=$2; shift 2 ;;
    --timeout) limit=$2; shift 2 ;;
    --) shift; break ;;
    *) echo "error: unknown option \`$1\`" >&2; exit 2 ;;
    esac
done
if [ $# -eq 0 ]; then
    echo "error: no command given after \`--\`" >&2
    exit 2
fi

for path in "${copies[@]}"; do
    if [ ! -e "$path" ]; then
        echo "error: nothing to copy at \`$path\`" >&2
        exit 2
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quoted() {
    local word
    for word in "$@"; do printf " '%s'" "${word//\'/\'\\\'\'}"; done
}

{
    echo '#!/bin/sh'
    for variable in "${variables[@]}"; do echo "export ${variable%%=*}=$(quoted "${variable#*=}" | cut -c2-)"; done
    echo "exec$(quoted "$@")"
} >"$work/command"

kernel=$("$here/kernel.sh")
# Disks are sparse; nothing of them is kept.
if [ "$root_on" = disk ]; then
    tree=$("$here/tree.sh")
    "$here/initramfs.sh" "$kernel" "$work/command" "$work/initramfs"
    "$here/disk.sh" "$tree" "$work/command" "$work/disk" "${copies[@]}"
else
    "$here/initramfs.sh" "$kernel" "$work/command" "$work/initramfs" "${copies[@]}"
    truncate -s 256M "$work/disk"
    /sbin/mke2fs -q -F -t ext4 "$work/disk"
fi

ports=(
    -chardev "file,id=console,path=$work/console" -serial chardev:console
    -chardev file,id=out,path=/dev/fd/3 -serial chardev:out
    -chardev file,id=err,path=/dev/fd/4 -serial chardev:err
    -chardev "file,id=status,path=$work/status" -serial chardev:status
)
machine=(
    -nodefaults -no-reboot -display none -monitor none
    -accel tcg,thread=multi -cpu max -smp 2 -m "$memory"
    -kernel "$(echo "$kernel"/boot/vmlinuz-*)" -initrd "$work/initramfs"
    -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe"
    -append "console=ttyS0 loglevel=4 panic=-1 user=$user root_on=$root_on"
)
# Through pipes, because QEMU would truncate a file and make a terminal non-blocking.
exec 3> >(exec cat) 4> >(exec cat >&2)
timeout --kill-after 5 "$limit" qemu-system-x86_64 "${machine[@]}" "${ports[@]}" </dev/null || ended=$?
exec 3>&- 4>&-
wait

status=$(tr -dc 0-9 2>/dev/null <"$work/status" || true)
if [ -z "$status" ]; then
    echo "error: the guest gave no exit status (qemu ended with ${ended:-0}); its console:" >&2
    cat "$work/console" >&2 || true
    exit 125
fi
exit "$status"
