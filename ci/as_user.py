#!/usr/bin/env bash
# Runs a command as an ordinary user who owns a cgroup subtree, on a machine where the caller is root.
#
#     ci/host/as-user.sh [--no-cgroups | --v1-only] COMMAND [ARGUMENT..]
#
# The user has no entry in /etc/passwd (uid and gid 61234, or ISOTEST_CI_UID), no group, no capability, and an empty
# home directory. In each cgroup hierarchy that isotest measures, a directory below the caller's own cgroup is created,
# handed over, and the command is started in it; with --no-cgroups it is not handed over, so the user may create none;
# with --v1-only that of version 2 is left out.
# All of that is removed when the command has ended, however it ended; what it left running is killed. If the Rust toolchain or the working directory lies in a home directory the user may
# not enter, the command sees them at the same place all the same, in a mount namespace of its own.
set -euo pipefail

if [ "$(id -u)" != 0 ]; then
    echo "error: only root can hand a cgroup subtree over: run it with sudo" >&2
    exit 1
fi
handed_over=true hierarchies=(memory pids cpuacct cpu blkio "")
case ${1:-} in
--no-cgroups) handed_over=false; shift ;;
--v1-only) unset 'hierarchies[-1]'; shift ;;
esac
if [ $# -eq 0 ]; then
    echo "error: no command given" >&2
    exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
uid=${ISOTEST_CI_UID:-61234}
name=isotest-ci-$$
home=$(mktemp -d /home/isotest-ci.XXXXXX)
cgroups=()

# The directory of the caller's own cgroup in the hierarchy of a v1 controller, or of v2 for an empty name.
own_cgroup() {
    local mount path
    if [ -n "$1" ]; then
        mount=$(awk -v c="$1" '$3 == "cgroup" && ("," $4 ",") ~ ("," c ",") {print $2; exit}' /proc/self/mounts)
        path=$(awk -F: -v c="$1" '("," $2 ",") ~ ("," c ",") {print $3; exit}' /proc/self/cgroup)
    else
        mount=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts)
        path=$(awk -F: '$1 == 0 {print $3; exit}' /proc/self/cgroup)
    fi
    [ -z "$mount" ] || echo "$mount${path%/}"
}

hand_over() {
    local parent=$1 directory file
    # Where v2 has the controllers, a cgroup with processes in it cannot pass them down; only the root can.
    if grep -qsw memory "$parent/cgroup.controllers" && ! grep -qw memory "$parent/cgroup.subtree_control"; then
        parent=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts)
        for file in memory pids cpu io; do echo "+$file" >"$parent/cgroup.subtree_control" 2>/dev/null || true; done
    fi
    directory=$parent/$name
    [ -d "$directory" ] || mkdir "$directory"
    cgroups+=("$directory")
    $handed_over || return 0
    for file in "" /cgroup.procs /cgroup.subtree_control /cgroup.threads /tasks; do
        [ ! -e "$directory$file" ] || chown "$uid:$uid" "$directory$file"
    done
}

processes_in() {
    find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null
}

take_back() {
    local directory attempt
    for directory in "${cgroups[@]}"; do
        for attempt in 1 2 3 4 5 6 7 8 9 10; do
            processes_in "$directory" | sort -u | xargs -r kill -9 2>/dev/null || true
            find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [ -d "$directory" ] || continue 2
            sleep "0.$attempt"
        done
        echo "warning: could not remove the cgroup $directory" >&2
    done
    rm -rf "$home"
}

trap take_back EXIT
chown "$uid:$uid" "$home"
for controller in "${hierarchies[@]}"; do
    parent=$(own_cgroup "$controller")
    [ -z "$parent" ] || hand_over "$parent"
done

(
    for directory in "${cgroups[@]}"; do echo 0 >"$directory/cgroup.procs"; done
    export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
    export HOME=$home USER=isotest LOGNAME=isotest
    unset XDG_RUNTIME_DIR XDG_CACHE_HOME XDG_CONFIG_HOME
    exec unshare --mount "$here/in-reach.sh" "$uid" "$CARGO_HOME" "$RUSTUP_HOME" "$PWD" -- "$@"
)
