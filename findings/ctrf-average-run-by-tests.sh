#!/usr/bin/env bash
# ctrf 0.3.0 (npm, run by Node.js 20), the reference implementation of CTRF, gives as `averageRunDuration` the time of all tests
# of all runs divided by the number of different tests, not of runs. Three runs of one test of 100 ms: 300 ms, beside a
# `runsAnalyzed` of 3 and a `p95RunDuration` of 100 ms. One run of four such tests in turn: 100 ms, beside 400 ms. The report is
# valid to its validator.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --prefix "$work" --silent --no-audit --no-fund ctrf@0.3.0 >install.log 2>&1 || { cat install.log; exit 1; }

cat >averages.mjs <<'END'
import { addInsights, isValid } from "ctrf";

function report(day, count) {
    const tests = Array.from({ length: count }, (_, index) => ({ name: `test ${index}`, status: "passed", duration: 100 }));
    const started = Date.UTC(2026, 0, day);
    const stop = started + 100 * count;
    const summary = { tests: count, passed: count, failed: 0, skipped: 0, pending: 0, other: 0, start: started, stop };
    const timestamp = new Date(started).toISOString();
    return { reportFormat: "CTRF", specVersion: "0.0.0", timestamp, results: { tool: { name: "by hand" }, summary, tests } };
}

for (const [runs, count] of [[1, 1], [3, 1], [1, 4], [4, 4]]) {
    const reports = Array.from({ length: runs }, (_, index) => report(runs - index, count));
    const seen = addInsights(reports[0], reports.slice(1));
    const { runsAnalyzed, averageRunDuration: average, p95RunDuration: p95 } = seen.insights;
    const valid = [...reports, seen].every(isValid) ? "valid" : "not valid";
    console.log(`${runs} x ${count} tests: runs ${runsAnalyzed}, average ${average.current}, p95 ${p95.current}, ${valid}`);
}
END
node averages.mjs | tee seen.log
cat >stated.log <<'END'
1 x 1 tests: runs 1, average 100, p95 100, valid
3 x 1 tests: runs 3, average 300, p95 100, valid
1 x 4 tests: runs 1, average 100, p95 400, valid
4 x 4 tests: runs 4, average 400, p95 400, valid
END
diff stated.log seen.log
echo "as stated"
