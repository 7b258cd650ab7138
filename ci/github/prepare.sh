#!/usr/bin/env bash
# Changes of the host what is in the way of sandboxes, and nothing if nothing is. Says as the output `cgroup` how a cgroup is
# had in which memory and processes are counted: `own` or `scope`.
set -euo pipefail

: "${GITHUB_OUTPUT:?}"

# Asks what the host allows, whatever the project is configured to need.
can() {
    cargo isotest doctor "$@" >/dev/null 2>&1
}

restriction=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
if ! can && [[ -e ${restriction} && $(<"${restriction}") != 0 ]]; then
    program=$(command -v cargo-isotest)
    echo "AppArmor restricts user namespaces: adding a profile for ${program}"
    if ! printf '%s\n' 'abi <abi/4.0>,' 'include <tunables/global>' \
        "profile cargo-isotest \"${program}\" flags=(unconfined) {" '  userns,' '}' |
        sudo -n tee /etc/apparmor.d/cargo-isotest >/dev/null || ! sudo -n apparmor_parser -r /etc/apparmor.d/cargo-isotest ||
        ! can; then
        echo "it does not help: turning the restriction off"
        sudo -n sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 || true
    fi
fi
if ! can; then
    cargo isotest doctor || true
    echo "::error title=cargo isotest::this host cannot isolate tests; what it lacks stands above"
    exit 97
fi
cgroup=own
if ! can --require memory,pids && "${GITHUB_ACTION_PATH:?}/github/scope.sh" cargo isotest doctor --require memory,pids >/dev/null 2>&1; then
    cgroup=scope
fi
echo "cgroup=${cgroup}" >>"${GITHUB_OUTPUT}"
echo "sandboxes can be made here, cgroup: ${cgroup}"
