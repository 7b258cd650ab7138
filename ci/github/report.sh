#!/usr/bin/env bash
# Tells the runner what came of the tests: annotations, the summary, and outputs of this step. BASE has the results of the base
# branch, if there are any.
set -euo pipefail

: "${GITHUB_OUTPUT:?}"
results=${RUNNER_TEMP:?}/cargo-isotest/results.jsonl
junit=${RUNNER_TEMP}/cargo-isotest/junit.xml
if [[ ! -s ${results} ]]; then
    echo "no test was executed: see the steps above"
    exit 0
fi
printf 'report=%s\njunit=%s\n' "${results}" "${junit}" >>"${GITHUB_OUTPUT}"

cd -- "${GITHUB_WORKSPACE:?}"
in_repository() {
    GIT_TERMINAL_PROMPT=0 timeout 60 git -c "safe.directory=${PWD}" "$@"
}

# What the pull request changes: its base is the first parent of what is tested, and may not be there.
flags=()
if [[ -n ${GITHUB_BASE_REF-} ]]; then
    touched=${RUNNER_TEMP}/cargo-isotest/touched
    base=HEAD^1
    if ! in_repository rev-parse --quiet --verify "${base}" >/dev/null 2>&1; then
        base=FETCH_HEAD
        in_repository fetch --quiet --depth=1 --no-tags origin "refs/heads/${GITHUB_BASE_REF}" || true
    fi
    if in_repository diff --no-ext-diff --name-only -z "${base}" HEAD -- >"${touched}"; then
        flags+=("--touched=${touched}")
    else
        echo "which files the pull request changes is not known, and annotations are in the order of all tests"
    fi
fi
if [[ -n ${BASE-} ]]; then
    if cargo isotest report --diff "${BASE}" -- "${BASE}" >/dev/null; then
        flags+=("--diff=${BASE}")
    else
        printf '\nThere are no results of the base branch to compare with.\n\n' | tee -a "${GITHUB_STEP_SUMMARY:?}"
    fi
fi
cargo isotest report --github "${flags[@]}" -- "${results}"
