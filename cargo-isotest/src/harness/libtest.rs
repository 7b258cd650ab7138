//! Protocol of test harnesses: arguments that list tests or execute one of them, and parsers of the answers.

use crate::testcase::{TestBinary, TestCase};
use memchr::memmem;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// Arguments of the two questions to a binary: for all its tests, and for the ignored ones among them.
pub(crate) const LIST_ARGUMENTS: [&[&str]; 2] =
    [&["--list", "--format", "terse"], &["--list", "--format", "terse", "--ignored"]];

/// Answer of a binary to one of the two questions of [`LIST_ARGUMENTS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// Whole standard output of the binary.
    pub(crate) stdout: &'a [u8],
    /// End of the binary's standard error.
    pub(crate) stderr: &'a [u8],
    /// Exit code of the binary.
    pub(crate) code: i32,
}

/// Tests of a binary by its answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Tests of a binary that speaks the protocol, in the order in which it named them.
    Tests(Vec<TestCase>),
    /// Test that stands for a binary that does not speak the protocol, and the reason.
    Whole(TestCase, WholeReason),
}

/// Reason why a binary is executed as one test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WholeReason {
    /// Error of a harness other than the standard one, asked for its tests.
    #[error("asked for its tests {0}")]
    Refused(#[from] Refusal),
    /// Output that is no list of tests.
    #[error("asked for its tests it wrote `{0}`")]
    OtherOutput(String),
    /// Silence of a harness other than the standard one, asked for its tests.
    #[error("it has no standard harness and named no test when asked for them")]
    Silent,
}

/// Answer of a binary that exited with an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it exited with status {code}{}", last_words(.said.as_ref()))]
pub(crate) struct Refusal {
    /// Exit code of the binary.
    code: i32,
    /// Last line of the binary's standard error, if there is one.
    said: Option<String>,
}

fn last_words(said: Option<&String>) -> String {
    said.map_or_else(String::new, |said| format!(", its last words being `{said}`"))
}

/// Binary that is executed as one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WholeBinary {
    /// Id of the binary.
    pub(crate) id: String,
    /// Reason why the binary is executed as one test.
    pub(crate) reason: WholeReason,
}

/// Reads the tests out of both answers, in the order of [`LIST_ARGUMENTS`].
///
/// # Errors
/// When the standard harness ended with an error: it knows the question.
pub(crate) fn listing(binary: &Arc<TestBinary>, answers: [Answer<'_>; 2]) -> Result<Listing, Refusal> {
    let whole = |reason| Ok(Listing::Whole(TestCase::whole(binary), reason));
    match answers.iter().find_map(refusal) {
        Some(refusal) if binary.harness => return Err(refusal),
        Some(refusal) => return whole(refusal.into()),
        None => {}
    }
    let [all, ignored] = answers.map(lines);
    let names_none = all.names.is_empty() && ignored.names.is_empty();
    match all.foreign.or(ignored.foreign) {
        // Runners and code before the standard harness may print lines of their own. If there are no other lines, the
        // binary has a harness of another kind.
        Some(line) if names_none || !binary.harness => whole(WholeReason::OtherOutput(excerpt(line))),
        None if names_none && !binary.harness => whole(WholeReason::Silent),
        _ => Ok(Listing::Tests(merge(binary, &all.names, &ignored.names))),
    }
}

fn refusal(answer: &Answer<'_>) -> Option<Refusal> {
    let mut lines = answer.stderr.rsplit(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let said = lines.find(|line| !line.is_empty()).map(excerpt);
    (answer.code != 0).then_some(Refusal { code: answer.code, said })
}

/// Merges the tests of both answers. Some harnesses leave ignored tests out of the first. A name selects every test
/// that bears it, so it is kept once.
fn merge(binary: &Arc<TestBinary>, all: &[&OsStr], ignored: &[&OsStr]) -> Vec<TestCase> {
    let is_ignored: HashSet<_> = ignored.iter().collect();
    let mut seen = HashSet::new();
    let names = all.iter().chain(ignored).filter(|name| seen.insert(**name));
    names
        .map(|name| TestCase { ignored: is_ignored.contains(name), ..TestCase::named(binary, name) })
        .collect()
}

/// Lines of an answer: the names of tests, and the first line that names no test.
#[derive(Debug, Default)]
struct Lines<'a> {
    names: Vec<&'a OsStr>,
    foreign: Option<&'a [u8]>,
}

fn lines(answer: Answer<'_>) -> Lines<'_> {
    let mut lines = Lines::default();
    for line in answer.stdout.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match name(line) {
            Some(name) => lines.names.push(name),
            None if line.is_empty() => {}
            None => lines.foreign = lines.foreign.or(Some(line)),
        }
    }
    lines
}

fn name(line: &[u8]) -> Option<&OsStr> {
    // The standard harness says `benchmark`, libtest-mimic `bench`.
    let kinds = [&b": test"[..], b": benchmark", b": bench"];
    let name = kinds.iter().find_map(|kind| line.strip_suffix(*kind))?;
    (!name.is_empty()).then(|| OsStr::from_bytes(name))
}

fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// Returns the program and the arguments that execute the binary with these arguments, by its runner if it has one.
pub(crate) fn command(
    binary: &TestBinary,
    arguments: impl IntoIterator<Item = OsString>,
) -> (&Path, Vec<OsString>) {
    match binary.runner.split_first() {
        None => (&binary.path, arguments.into_iter().collect()),
        Some((program, first)) => {
            let path = binary.path.clone().into_os_string();
            let arguments = first.iter().cloned().chain([path]).chain(arguments).collect();
            (Path::new(program), arguments)
        }
    }
}

/// Returns the arguments that make the harness execute this test and no other.
pub(crate) fn arguments(test: &TestCase) -> Vec<OsString> {
    if test.whole {
        return Vec::new();
    }
    let mut arguments: Vec<OsString> = Vec::new();
    if test.ignored {
        arguments.push("--ignored".into());
    }
    // After `--` even a name that begins with a dash is a name.
    if test.raw_name.as_bytes().starts_with(b"-") {
        arguments.extend(["--exact", "--nocapture", "--"].map(OsString::from));
        arguments.push(test.raw_name.clone());
    } else {
        arguments.extend(["--exact".into(), test.raw_name.clone(), "--nocapture".into()]);
    }
    arguments
}

/// Number of tests that a harness said it executes, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// Announcement of no test at all.
    Nothing,
    /// Announcement of tests: of the one that was asked for, as a rule.
    Tests,
    /// Lack of an announcement.
    Unsaid,
}

/// Reads the number of tests that a harness announced from the beginning of its standard output.
///
/// The first line that tells a number decides: what a test writes comes after it. A harness of another kind need not
/// write such a line, and then it may be that of a harness its test has started; but that one was not asked to leave
/// anything out.
pub(crate) fn announced(binary: &TestBinary, stdout_head: &[u8]) -> Announced {
    let lines = stdout_head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty());
    match lines.find_map(number_announced) {
        None => Announced::Unsaid,
        Some(b"0") if binary.harness || lines.next().is_some_and(leaves_out_tests) => Announced::Nothing,
        Some(_) => Announced::Tests,
    }
}

fn number_announced(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"running ")?;
    let number = rest.strip_suffix(b" tests").or_else(|| rest.strip_suffix(b" test"))?;
    (!number.is_empty() && number.iter().all(u8::is_ascii_digit)).then_some(number)
}

fn leaves_out_tests(result: &[u8]) -> bool {
    let holds = |words: &[u8]| memmem::find(result, words).is_some();
    result.starts_with(b"test result: ") && holds(b" filtered out") && !holds(b" 0 filtered out")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(harness: bool) -> Arc<TestBinary> {
        Arc::new(TestBinary {
            name: "probe".into(),
            harness,
            path: "/t/probe-1".into(),
            ..TestBinary::default()
        })
    }

    fn answer(stdout: &[u8]) -> Answer<'_> {
        Answer { stdout, stderr: b"", code: 0 }
    }

    fn tests(all: &[u8], ignored: &[u8]) -> Vec<(String, bool)> {
        match listing(&binary(true), [answer(all), answer(ignored)]).unwrap() {
            Listing::Tests(tests) => tests.into_iter().map(|test| (test.name, test.ignored)).collect(),
            Listing::Whole(_, reason) => panic!("{reason}"),
        }
    }

    fn reason(harness: bool, all: Answer<'_>, ignored: Answer<'_>) -> WholeReason {
        match listing(&binary(harness), [all, ignored]).unwrap() {
            Listing::Tests(tests) => panic!("{tests:?}"),
            Listing::Whole(test, reason) => {
                assert!(test.whole && test.name == "probe" && arguments(&test).is_empty());
                reason
            }
        }
    }

    #[test]
    fn tests_and_benchmarks_keep_their_order() {
        let listed = tests(b"b::z: test\na: benchmark\nc: bench\nb::a: test\n", b"b::a: test\n");
        let expected = [("b::z", false), ("a", false), ("c", false), ("b::a", true)];
        assert_eq!(listed, expected.map(|(name, ignored)| (name.into(), ignored)));
    }

    #[test]
    fn an_ignored_test_missing_from_the_first_answer_is_added() {
        assert_eq!(tests(b"a: test\n", b"b: test\n"), [("a".into(), false), ("b".into(), true)]);
    }

    #[test]
    fn a_name_listed_twice_is_one_test() {
        assert_eq!(tests(b"a: test\na: test\n", b""), [("a".into(), false)]);
    }

    #[test]
    fn names_may_hold_spaces_colons_and_the_word_test() {
        let listed = tests("two words: test: test\nü: case 1: test\r\n".as_bytes(), b"");
        assert_eq!(listed, [("two words: test".into(), false), ("ü: case 1".into(), false)]);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_handed_back_byte_for_byte() {
        let listing = listing(&binary(true), [answer(b"a\xff: test\n"), answer(b"")]);
        let Ok(Listing::Tests(tests)) = listing else { panic!() };
        assert_eq!(tests[0].name, "a\u{fffd}");
        assert_eq!(arguments(&tests[0])[1].as_bytes(), b"a\xff");
    }

    #[test]
    fn a_standard_harness_without_tests_is_empty() {
        assert_eq!(tests(b"", b""), []);
    }

    #[test]
    fn a_harness_of_another_kind_that_does_not_speak_the_protocol_runs_whole() {
        let refused = Answer { stdout: b"a: test\n", stderr: b"hm\nno such flag\n\n", code: 3 };
        let refusal = WholeReason::Refused(Refusal { code: 3, said: Some("no such flag".into()) });
        assert_eq!(reason(false, refused, answer(b"")), refusal);
        assert_eq!(reason(false, answer(b"a: test\n"), refused), refusal);
        let text = "asked for its tests it exited with status 3, its last words being `no such flag`";
        assert_eq!(refusal.to_string(), text);
        assert_eq!(reason(false, answer(b""), answer(b"")), WholeReason::Silent);
        let chatty = answer(b"a: test\nall is well\n");
        assert_eq!(reason(false, chatty, answer(b"")), WholeReason::OtherOutput("all is well".into()));
        assert_eq!(
            reason(false, answer(b": test\n"), answer(b"")),
            WholeReason::OtherOutput(": test".into())
        );
    }

    #[test]
    fn lines_of_a_runner_do_not_hide_the_list_of_a_standard_harness() {
        let banner = b"booting\n";
        assert_eq!(tests(b"booting\na: test\nb: test\ndone\n", banner).len(), 2);
        assert_eq!(tests(banner, b"booting\nb: test\n"), [("b".into(), true)]);
        // Nor are they a list: a framework that took the harness's place would execute nothing.
        assert_eq!(reason(true, answer(banner), answer(banner)), WholeReason::OtherOutput("booting".into()));
    }

    #[test]
    fn a_standard_harness_that_fails_has_no_tests_to_run() {
        let refused = Answer { stdout: b"", stderr: b"", code: 3 };
        for answers in [[refused, answer(b"")], [answer(b"a: test\n"), refused]] {
            assert_eq!(listing(&binary(true), answers).unwrap_err().to_string(), "it exited with status 3");
        }
    }

    #[test]
    fn a_long_or_hostile_line_is_shown_in_part() {
        assert_eq!(excerpt(&[b'x'; 100]), "x".repeat(60) + "…");
        assert_eq!(excerpt(b"\x1b[2J\xff"), " [2J\u{fffd}");
    }

    #[test]
    fn one_test_is_asked_for_by_its_whole_name() {
        let test = TestCase::named(&binary(true), "m::a".as_ref());
        assert_eq!(arguments(&test), ["--exact", "m::a", "--nocapture"]);
        let ignored = TestCase { ignored: true, ..test };
        assert_eq!(arguments(&ignored), ["--ignored", "--exact", "m::a", "--nocapture"]);
        let dashed = TestCase::named(&binary(true), "--a".as_ref());
        assert_eq!(arguments(&dashed), ["--exact", "--nocapture", "--", "--a"]);
    }

    #[test]
    fn a_runner_comes_first() {
        let plain = binary(true);
        assert_eq!(command(&plain, ["a".into()]), (Path::new("/t/probe-1"), vec!["a".into()]));
        let emulated = TestBinary { runner: vec!["qemu".into(), "-L".into()], ..(*plain).clone() };
        let expected = ["-L", "/t/probe-1", "a"].map(OsString::from).to_vec();
        assert_eq!(command(&emulated, ["a".into()]), (Path::new("qemu"), expected));
    }

    #[test]
    fn the_first_line_that_tells_a_number_of_tests_decides() {
        let says = |stdout| announced(&binary(true), stdout);
        assert_eq!(says(b"\nrunning 0 tests\n\ntest result: ok. 0 passed"), Announced::Nothing);
        assert_eq!(says(b"running 0 tests\r\n"), Announced::Nothing);
        assert_eq!(says(b"loading\nrunning on: metal\n\nrunning 0 tests\n"), Announced::Nothing);
        assert_eq!(says(b"\nrunning 1 test\nrunning 0 tests\n"), Announced::Tests);
        assert_eq!(says(b"a running 0 tests\nrunning  tests\nrunning x tests\n"), Announced::Unsaid);
        assert_eq!(says(b""), Announced::Unsaid);
    }

    #[test]
    fn a_harness_of_another_kind_has_to_say_that_it_left_the_test_out() {
        let says = |result: &str| {
            announced(&binary(false), format!("ready\nrunning 0 tests\n\n{result}\n").as_bytes())
        };
        let left_out =
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.00s";
        assert_eq!(says(left_out), Announced::Nothing);
        assert_eq!(says(&left_out.replace("1 filtered", "10 filtered")), Announced::Nothing);
        // A test executed `cargo test` where there is none.
        assert_eq!(says(&left_out.replace("1 filtered", "0 filtered")), Announced::Tests);
        assert_eq!(says("that is all"), Announced::Tests);
    }

    #[test]
    fn mutated_listings_are_read_or_refused() {
        let seed = b"a: test\nb::z: benchmark\n\xff: test\r\n\n2 tests, 1 benchmark\n";
        mutations::try_all("listing", &[seed], |bytes| {
            let (all, ignored) = bytes.split_at(bytes.len() / 2);
            for harness in [true, false] {
                let _ = listing(&binary(harness), [answer(all), answer(ignored)]);
                let refused = Answer { stdout: all, stderr: ignored, code: 1 };
                let _ = listing(&binary(harness), [refused, answer(all)]).map_err(|error| error.to_string());
            }
            let _ = announced(&binary(true), bytes);
        });
    }
}
