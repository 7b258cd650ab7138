#!/usr/bin/env bash
# A test of TAP that is not ok and has the directive TODO is no failure: tap-parser 18.3.4 ends with status 0, and with 1 without the
# directive. tap-junit 5.0.4 writes it to JUnit as a failure, as it does without; tap-xunit 2.4.1 writes it as skipped, like a test that
# did not run. tap-xunit names a suite by the comment above its tests, but where the plan stands first, as TAP allows, all
# tests are in one suite "Default". (All of npm, run by Node.js 20.)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --prefix "$work" --silent --no-audit --no-fund tap-parser@18.3.4 tap-junit@5.0.4 tap-xunit@2.4.1 >install.log 2>&1 ||
    { cat install.log; exit 1; }
printf '%s\n' '# arithmetic' 'ok 1 - adds' 'not ok 2 - divides # TODO not yet' '# geometry' 'ok 3 - roots # SKIP slow' >tests
{ echo 'TAP version 13'; cat tests; echo '1..3'; } >last.tap
{ echo 'TAP version 13'; echo '1..3'; cat tests; } >first.tap
sed 's/ # TODO.*//' last.tap >failed.tap

cat >reads.py <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

for suite in tree.parse(sys.stdin).iter("testsuite"):
    kinds = {"failure": "failed", "skipped": "skipped"}
    cases = [[kinds[child.tag] for child in case if child.tag in kinds] or ["passed"] for case in suite.iter("testcase")]
    print(suite.get("name"), *(word for words in cases for word in words))
PYTHON
for kind in failed last first; do
    node_modules/.bin/tap-parser <"$kind.tap" >parsed.log && status=0 || status=$?
    echo "$kind, tap-parser: exit status $status"
    for tool in tap-junit tap-xunit; do
        "node_modules/.bin/$tool" <"$kind.tap" >"$tool.xml" || true
        echo "$kind, $tool: $(python3 reads.py <"$tool.xml" | paste -sd';')"
    done
done | tee seen.log
cat >expected.log <<'TEXT'
failed, tap-parser: exit status 1
failed, tap-junit: Tap-Junit-Suite passed failed skipped
failed, tap-xunit: arithmetic passed failed;geometry skipped
last, tap-parser: exit status 0
last, tap-junit: Tap-Junit-Suite passed failed skipped
last, tap-xunit: arithmetic passed skipped;geometry skipped
first, tap-parser: exit status 0
first, tap-junit: Tap-Junit-Suite passed failed skipped
first, tap-xunit: Default passed skipped skipped
TEXT
diff expected.log seen.log
echo "as stated"
