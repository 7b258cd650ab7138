#!/usr/bin/env bash
# Runs checks by name: ci/check.sh NAME..
# README.md beside this file says what each of them proves.
# Cargo is always asked about the whole workspace: for one package it would choose other features, and build all again.
set -euo pipefail

cd "$(dirname "$0")/.."
ci=$PWD/ci
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
everything=(fmt lint doc test e2e closure roots user vm hosts real bench tidy)

check_fmt() {
    cargo fmt --all --check
    rustfmt --edition 2024 --check ci/bench/*.rs
}

check_lint() {
    cargo clippy --workspace --all-targets -- -D warnings
    find ci .ci -type f \( -name '*.sh' -o -name run \) -exec bash -n {} \;
}

check_doc() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
}

check_test() {
    cargo test --workspace
}

check_tidy() {
    cargo test --workspace --test tidy
}

check_e2e() {
    cargo build --workspace --bins
    ISOTEST_E2E_ATTEMPTS=${ISOTEST_E2E_ATTEMPTS:-10000} cargo test --workspace --test e2e
}

check_closure() {
    cargo test --workspace --test closure
    cargo build --workspace --bins
    "$ci/closure.sh" "$target/debug/cargo-isotest"
}

check_roots() {
    cargo build --workspace --bins
    "$ci/roots.sh" "$target/debug/cargo-isotest"
}

# Builds a test and the programs that it executes, with the flags of cargo that are named, and prints the test binary's path.
test_binary() {
    local test=$1
    shift
    cargo build "$@" --workspace --bins >&2
    cargo test "$@" --workspace --test "$test" --no-run --message-format=json |
        python3 -c 'import json, sys; print(*(m["executable"] for m in map(json.loads, sys.stdin) if m.get("profile", {}).get("test") and m["executable"]))'
}

# The kernel's list of network namespaces is root's to read, and it is the users' that are handed on.
check_user() {
    local binary command cgroups before after try
    networks() { awk '$1 == "net_namespace" { print $2 }' /proc/slabinfo; }
    binary=$(test_binary e2e)
    command=$(test_binary cli)
    # Where each user builds the projects that are tested.
    mkdir -p "$target/tmp"
    chmod 1777 "$target/tmp"
    before=$(networks)
    for cgroups in "" --no-cgroups; do
        echo "as an ordinary user, ${cgroups:-with cgroups}"
        # shellcheck disable=SC2086 # no word if it is empty
        CARGO_MANIFEST_DIR=$PWD/isotest-core "$ci/host/as-user.sh" $cgroups env -C isotest-core "$binary"
        # shellcheck disable=SC2086 # no word if it is empty
        CARGO=$(command -v cargo) "$ci/host/as-user.sh" $cgroups env -C cargo-isotest "$command"
    done
    for try in {1..50}; do
        after=$(networks)
        [ "$after" -lt $((before + 100)) ] && return
        sleep 0.2
    done
    echo "error: there were $before network namespaces, and $try looks later there are $after" >&2
    return 1
}

# Optimized, as users have it, which takes half the time under emulation.
check_vm() {
    local binary user
    binary=$(test_binary e2e --release)
    for user in "" --as-user; do
        echo "in the guest, ${user:-as root}"
        # shellcheck disable=SC2086 # no word if it is empty
        "$ci/vm/run.sh" $user --timeout 600 --copy "$binary" --copy "$target/release/probe" --copy "$PWD/isotest-core/Cargo.toml" \
            --env CI=true --env ISOTEST_E2E_ATTEMPTS=300 --env TMPDIR=/mnt/disk --env "CARGO_MANIFEST_DIR=$PWD/isotest-core" -- sh -c 'cd "$CARGO_MANIFEST_DIR" && exec "$0"' "$binary"
    done
}

# To its end, so that each host has its verdict.
check_hosts() {
    local host failed=0
    for host in handed_over systemd container privileged refused initramfs swap nested; do
        echo "on the host: $(sed -n '2s/^"""\(.*\)"""$/\1/p' "$ci/hosts/$host.py")"
        "$ci/hosts/$host.py" || failed=1
    done
    return "$failed"
}

check_real() {
    cargo build --release --workspace --bins
    "$ci/real-projects.py"
}

# ISOTEST_BENCH_OPTIONS: options of ci/bench.sh.
check_bench() {
    # shellcheck disable=SC2086 # several words
    "$ci/bench.sh" ${ISOTEST_BENCH_OPTIONS:-}
}

# What a check proves, in the words of README.md's table.
promise() {
    sed -n "s/^| \`$1\` | \([^|]*\) |.*/\1/p" "$ci/README.md"
}

if [ $# -eq 0 ]; then
    echo "usage: ci/check.sh NAME..   (${everything[*]} all)" >&2
    exit 2
fi
names=("$@")
[ "$*" != all ] || names=("${everything[@]}")
for name in "${names[@]}"; do
    if [ "$(type -t "check_$name")" != function ]; then
        echo "error: there is no check \`$name\`; there are ${everything[*]}" >&2
        exit 2
    fi
done
for name in "${names[@]}"; do
    echo "== $name: $(promise "$name")"
    # In a shell of its own, since -e is off in a function that is tested.
    bash -euo pipefail -c "$(declare -f "check_$name" test_binary); ci=$ci target=$target; check_$name" || {
        echo "== $name: failed" >&2
        exit 1
    }
done
