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
    command=(sudo -n -E systemd-run --quiet --scope -p Delegate=yes -p "User=$(id -u)" --uid="$(id -u)" --gid="$(id -g)"
        env "PATH=${PATH}" "${command[@]}")
fi

# Nothing that is printed in between is a command, as long as nobody knows this word. It is in no environment and on no
# command line.
word=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::${word}"
status=0
"${command[@]}" || status=$?
printf '\n::%s::\n' "${word}"
exit "${status}"
