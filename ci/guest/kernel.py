#!/usr/bin/env bash
# Fetches Debian's cloud kernel with apt and unpacks it, without installing it: no boot loader, no initramfs, no hooks.
# Prints the directory that holds boot/ and lib/modules/. ISOTEST_VM_CACHE says where it is kept.
set -euo pipefail

cache=${ISOTEST_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isotest-vm}
kernel=$cache/kernel

if [ ! -e "$kernel/complete" ]; then
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    if [ -z "$package" ]; then
        echo "error: apt knows no linux-image-cloud-amd64: run \`apt-get update\`" >&2
        exit 1
    fi
    rm -rf "$kernel"
    mkdir -p "$kernel/download"
    (cd "$kernel/download" && apt-get download -qq -o APT::Sandbox::User=root "$package") >&2
    dpkg-deb -x "$kernel"/download/*.deb "$kernel"
    rm -r "$kernel/download"
    touch "$kernel/complete"
fi
echo "$kernel"
