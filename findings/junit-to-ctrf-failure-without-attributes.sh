#!/usr/bin/env bash
# junit-to-ctrf 0.0.14 (npm, run by Node.js 20) takes the text of a failure or an error from a JUnit report only where the element has an
# attribute, although none is required: of `<failure>why</failure>` it makes a failed test without message and trace, and the
# validator of CTRF (ctrf 0.3.0) finds nothing wrong. A second failure of the same test is left out.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --prefix "$work" --silent --no-audit --no-fund junit-to-ctrf@0.0.14 ctrf@0.3.0 >install.log 2>&1 || { cat install.log; exit 1; }
cat >report.xml <<'XML'
<testsuites><testsuite name="suite" tests="4" failures="3" errors="1">
<testcase name="failure, attribute" time="1"><failure type="panic">why</failure></testcase>
<testcase name="failure, no attribute" time="1"><failure>why</failure></testcase>
<testcase name="error, no attribute" time="1"><error>why</error></testcase>
<testcase name="two failures" time="1"><failure type="panic">why</failure><failure type="panic">and why</failure></testcase>
</testsuite></testsuites>
XML
cat >converts.mjs <<'JS'
import { isValid } from "ctrf";
import { convertJUnitToCTRFReport } from "junit-to-ctrf";

const report = await convertJUnitToCTRFReport("report.xml");
for (const { name, status, message, trace } of report.results.tests) {
    console.log(`${name}: ${status}, message ${message}, trace ${trace}`);
}
console.log(isValid(report) ? "valid" : "not valid");
JS
node converts.mjs | tee seen.log
cat >expected.log <<'TEXT'
failure, attribute: failed, message undefined, trace why
failure, no attribute: failed, message undefined, trace undefined
error, no attribute: failed, message undefined, trace undefined
two failures: failed, message undefined, trace why
valid
TEXT
diff expected.log seen.log
python3 - <<'PYTHON'
import xml.etree.ElementTree as tree

texts = [element.text for case in tree.parse("report.xml").iter("testcase") for element in case]
print("in the report:", texts)
assert texts == ["why", "why", "why", "why", "and why"]
PYTHON
echo "as stated"
