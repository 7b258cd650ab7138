#!/usr/bin/env bash
# Tells the runner what came of the tests: annotations, the summary, and outputs of this step.
set -euo pipefail

: "${GITHUB_OUTPUT:?}"
results=${RUNNER_TEMP:?}/cargo-isotest/results.jsonl
junit=${RUNNER_TEMP}/cargo-isotest/junit.xml
if [[ ! -s ${results} ]]; then
    echo "no test was executed: see the steps above"
    exit 0
fi
printf 'report=%s\njunit=%s\n' "${results}" "${junit}" >>"${GITHUB_OUTPUT}"
cargo isotest report --github "${results}"
