#!/bin/sh
# Writes an archive of what the kernel says to standard output, after something was done in a cgroup of its own:
#
#     record.sh PLACE_ON_A_DISK CGROUP..
#
# Each CGROUP is a directory of the hierarchy in which one is made and removed again.
set -eu

disk=$1
shift
if [ "$(stat -f -c %T "$disk")" = tmpfs ]; then
    echo "error: $disk is no disk" >&2
    exit 1
fi
place=$(mktemp -d)
mkdir "$place/v1" "$place/v2" "$place/proc"

keep() {
    # Not every kernel has every file, and some that are there cannot be read.
    if [ -e "$1" ] && ! cat "$1" >"$2" 2>/dev/null; then rm "$2"; fi
}

# Each kind of memory, I/O, processor time, and more memory than there may be.
work() {
    dd if=/dev/zero of="$disk/recorded" bs=65536 count=64 conv=fsync 2>/dev/null
    dd if=/dev/zero of=/dev/shm/recorded bs=65536 count=16 2>/dev/null
    for _ in $(seq 20000); do :; done
    tail /dev/zero >/dev/null 2>&1 || true
}

for cgroup in "$@"; do
    mkdir "$cgroup/recorded"
    for limit in memory.max memory.limit_in_bytes; do
        [ ! -e "$cgroup/recorded/$limit" ] || echo 33554432 >"$cgroup/recorded/$limit"
    done
done
(
    for cgroup in "$@"; do echo 0 >"$cgroup/recorded/cgroup.procs"; done
    work
    for cgroup in "$@"; do
        version=v1
        [ ! -e "$cgroup/recorded/cgroup.controllers" ] || version=v2
        for file in "$cgroup/recorded"/*; do keep "$file" "$place/$version/${file##*/}"; done
    done
    for file in self/cgroup self/mountinfo self/uid_map self/status self/smaps_rollup self/net/dev self/net/sockstat meminfo \
        sys/kernel/osrelease; do
        keep "/proc/$file" "$place/proc/${file##*/}"
    done
)
rm "$disk/recorded" /dev/shm/recorded
for cgroup in "$@"; do rmdir "$cgroup/recorded"; done
tar -c -C "$place" .
rm -r "$place"
