#!/usr/bin/env bash
# Makes `cargo isotest` available to the steps that follow. INSTALL is `auto`, `release`, `source` or `none`; VERSION is the
# version to download, that of these sources if it is empty. REPOSITORY has the releases; the job's own does if it is empty.
set -euo pipefail

: "${INSTALL:?}" "${GITHUB_PATH:?}" "${GITHUB_SERVER_URL:?}"
sources=${GITHUB_ACTION_PATH:?}/..
place=${RUNNER_TEMP:?}/cargo-isotest
mkdir -p "${place}/bin"
# Of an earlier use of the action in this job.
rm -f "${place}"/results.jsonl "${place}"/junit.xml

version() {
    sed -n 's/^version = "\(.*\)"$/\1/p' "${sources}/Cargo.toml" | head -n 1
}

# Fetches a file of a release; nothing is left of one that could not be fetched.
fetch() {
    curl --fail --silent --show-error --location --retry 2 --max-time 300 --output "$2" "$1" || { rm -f "$2"; return 1; }
}

# The program of a release, which must be what its checksum says.
from_release() {
    local wanted=${VERSION:-$(version)} name from
    name=cargo-isotest-${wanted}-$(uname -m)-unknown-linux-musl.tar.gz
    from=${GITHUB_SERVER_URL}/${REPOSITORY:-${GITHUB_REPOSITORY}}/releases/download/v${wanted}
    fetch "${from}/${name}" "${place}/${name}" && fetch "${from}/${name}.sha256" "${place}/${name}.sha256" || return 1
    if ! (cd "${place}" && sha256sum --check --quiet --strict "${name}.sha256"); then
        echo "::error title=cargo isotest::${name} is not what its checksum says, and is not used"
        exit 1
    fi
    tar -xzf "${place}/${name}" -C "${place}/bin" --strip-components=1 --wildcards '*/cargo-isotest'
}

from_source() {
    cargo install --locked --root "${place}" --path "${sources}/cargo-isotest"
}

case ${INSTALL} in
    none) ;;
    source) from_source ;;
    release)
        if ! from_release; then
            echo "::error title=cargo isotest::there is no such release for $(uname -m); \`install: source\` builds the program"
            exit 1
        fi
        ;;
    auto) from_release || from_source ;;
    *)
        echo "::error title=cargo isotest::\`install\` is none of auto, release, source and none"
        exit 2
        ;;
esac
if [[ ${INSTALL} != none ]]; then
    echo "${place}/bin" >>"${GITHUB_PATH}"
    PATH=${place}/bin:${PATH}
fi
cargo isotest --version
