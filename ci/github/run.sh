#!/usr/bin/env bash
# Runs the tests. ARGUMENTS has an argument a line, DIRECTORY is the project's, CGROUP is what prepare.sh said.
set -euo pipefail

: "${DIRECTORY:?}" "${CGROUP:?}"
place=${RUNNER_TEMP:?}/cargo-isotest
mkdir -p "${place}"
rm -f "${place}"/results.jsonl "${place}"/junit.xml
words=()
while IFS= read -r argument; do
    if [[ -n ${argument} ]]; then
        words+=("${argument}")
    fi
done <<<"${ARGUMENTS-}"
cd -- "${DIRECTORY}"

# By these, a build script or a test would talk to the runner.
command=(env -u GITHUB_ENV -u GITHUB_OUTPUT -u GITHUB_PATH -u GITHUB_STATE -u GITHUB_STEP_SUMMARY -u ARGUMENTS -u CGROUP)
command+=("ISOTEST_PROFILE=${ISOTEST_PROFILE:-ci}")
command+=(cargo isotest "--report=json=${place}/results.jsonl" "--report=junit=${place}/junit.xml" "${words[@]}")
if [[ ${CGROUP} == scope ]]; then
    command=("${GITHUB_ACTION_PATH:?}/github/scope.sh" "${command[@]}")
fi

# Nothing that is printed in between is a command, as long as nobody knows this word. It is in no environment and on no
# command line.
word=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::${word}"
# When a job is cancelled, only this process is told. In the background and without job control, the run would never be: it
# would ignore the signal.
set -m
"${command[@]}" &
running=$!
set +m
trap 'kill -s INT "${running}"' INT
trap 'kill -s TERM "${running}"' TERM
status=0
wait "${running}" || status=$?
# A signal ends the wait, and not the run.
while kill -s 0 "${running}" 2>/dev/null; do
    status=0
    wait "${running}" || status=$?
done
printf '\n::%s::\n' "${word}"
# Arguments such as `--help` or `list` make something else of the command than a run. Only a run that has ended says so in its results.
if [[ ${status} == 0 ]] && ! grep -q '^{"type":"run-finished",' "${place}/results.jsonl" 2>/dev/null; then
    echo "::error title=cargo isotest::no test was executed: the input \`arguments\` asks for something else than a run"
    exit 1
fi
exit "${status}"
