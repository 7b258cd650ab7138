#!/usr/bin/env bash
# quick-junit 0.8.0 leaves tabs and carriage returns out of every text, although XML 1.0 allows both: "a<TAB>b" is written as "ab".
# U+FFFE, which XML 1.0 forbids, is written, and expat then refuses the whole document. A line feed in a `message` is written as
# itself, so that a reader that keeps to the standard sees a space; quick-junit's own reader gives the line feed back.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CARGO_TARGET_DIR=$work/target
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "written"
version = "0.1.0"
edition = "2024"

[dependencies]
quick-junit = "=0.8.0"

[workspace]
END
cat >src/main.rs <<'END'
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

fn report(message: &str, text: &str) -> String {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(message).set_description(text);
    let mut suite = TestSuite::new("suite");
    suite.add_test_case(TestCase::new("case", status));
    let mut report = Report::new("run");
    report.add_test_suite(suite);
    report.to_string().expect("a report")
}

fn main() {
    let read = Report::deserialize_from_str(&report("two\nlines", "x"));
    let read = read.expect("its own report");
    let TestCaseStatus::NonSuccess { message, .. } = &read.test_suites[0].test_cases[0].status else { panic!() };
    println!("read back by quick-junit: {:?}", message.as_ref().expect("a message").as_str());
    std::fs::write("tabs.xml", report("two\nlines", "a\tb\r\nc")).expect("a file");
    std::fs::write("forbidden.xml", report("m", "d\u{fffe}e")).expect("a file");
}
END
cargo run --quiet >read.log 2>build.log || { cat build.log; exit 1; }
cat read.log
cat >reads.py <<'END'
import xml.etree.ElementTree as tree
failure = tree.parse("tabs.xml").find(".//failure")
print("read by expat:", repr(failure.get("message")), repr(failure.text))
try:
    tree.parse("forbidden.xml")
    print("U+FFFE: accepted")
except tree.ParseError as error:
    print("U+FFFE: refused,", error)
END
python3 reads.py | tee expat.log
grep -qF 'read back by quick-junit: "two\nlines"' read.log
grep -qF "read by expat: 'two lines' 'ab\nc'" expat.log
grep -qF "U+FFFE: refused, not well-formed" expat.log
echo "as stated"
