#!/usr/bin/env bash
# Builds the program for TARGET and puts it into OUTPUT as a release has it: an archive, and the checksum of that.
set -euo pipefail

target=${1:?}
output=${2:?}
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
if [[ ${GITHUB_REF_TYPE-} == tag && ${GITHUB_REF_NAME:?} != "v${version}" ]]; then
    echo "error: the tag is ${GITHUB_REF_NAME}, and the version in Cargo.toml is ${version}" >&2
    exit 1
fi
cargo build --release --locked --target "${target}" --package cargo-isotest
name=cargo-isotest-${version}-${target}
mkdir -p "${output}/${name}"
cp "${CARGO_TARGET_DIR:-target}/${target}/release/cargo-isotest" README.md LICENSE CHANGELOG.md "${output}/${name}"
tar --create --gzip --owner=0 --group=0 --directory "${output}" --file "${output}/${name}.tar.gz" "${name}"
rm -r "${output:?}/${name}"
(cd "${output}" && sha256sum "${name}.tar.gz" >"${name}.tar.gz.sha256")
