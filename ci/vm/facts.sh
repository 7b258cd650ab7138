#!/usr/bin/env bash
# Prints what the guest's kernel offers, as an ordinary user sees it: one fact a line.
set -euo pipefail

"$(dirname "$0")/run.sh" --as-user -- sh -c '
    cgroup=/sys/fs/cgroup/user
    echo "kernel              $(uname -r)"
    echo "user                $(id -u), in $(cat /proc/self/cgroup)"
    echo "root                $(grep " / / " /proc/self/mountinfo | sed "s/.* - //")"
    echo "controllers         $(cat $cgroup/cgroup.controllers)"
    for file in memory.peak memory.stat memory.events memory.events.local memory.oom.group memory.swap.max memory.reclaim \
        pids.peak pids.max cpu.stat io.stat cgroup.kill cgroup.freeze cpu.pressure memory.pressure io.pressure; do
        if [ -e $cgroup/$file ]; then echo "$file: yes"; else echo "$file: no"; fi
    done | awk -F: "{printf \"%-20s%s\n\", \$1, \$2}" | sed "s/ yes/yes/; s/ no/no/"
    mkdir $cgroup/leaf && echo "own subtree         yes"
    unshare -Ur true && echo "user namespaces     yes"
    grep -qw overlay /proc/filesystems && echo "overlay             yes"
    grep -qw lo /proc/net/dev && [ -n "$(grep 00000001 /proc/net/if_inet6)" ] && echo "lo                  IPv4 and IPv6"
    grep -E "MemTotal" /proc/meminfo | sed "s/: */            /"
'
