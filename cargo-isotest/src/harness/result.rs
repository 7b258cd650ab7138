//! Parser of the last words of a test harness: how many tests it says have passed and failed, and which failed. Pure.

use crate::testcase::TestCase;
use isotest_core::outcome::Exit;
use isotest_core::record::{Captured, Record};

/// Last words of a harness on the only test that it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastWords {
    /// Word that the test failed.
    Failed,
    /// Other last words, or last words that were not kept.
    Others,
    /// Lack of last words: the process ended before them.
    None,
}

/// Reads the last words of a harness on its test. They are believed only if they name the test: a test may have
/// started another harness.
pub(crate) fn last_words(test: &TestCase, stdout: &Captured) -> LastWords {
    let said = text(stdout);
    let lines: Vec<&str> = said.lines().collect();
    match End::parse(&lines) {
        Some(end) if !end.is_ok && end.failed(&lines).contains(&test.name.as_str()) => LastWords::Failed,
        None if stdout.dropped == 0 => LastWords::None,
        Some(_) | None => LastWords::Others,
    }
}

/// Returns the text of a stream, without what was not kept of it.
pub(crate) fn text(stream: &Captured) -> String {
    let head = String::from_utf8_lossy(&stream.head);
    let tail = String::from_utf8_lossy(&stream.tail);
    // Where output was dropped between head and tail, the last line of the head is ended.
    let gap = if stream.dropped == 0 { "" } else { "\n" };
    format!("{head}{gap}{tail}")
}

/// Last words of a harness that came to its end: which tests failed, and how many there were.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// Index of the line of the result.
    line: usize,
    /// Index of the line above the names of the tests that failed, or of the line of the result if none did.
    pub(super) list: usize,
    is_ok: bool,
    passed: usize,
    failed: usize,
}

impl End {
    pub(super) fn parse(lines: &[&str]) -> Option<Self> {
        let line = lines.iter().rposition(|line| line.starts_with("test result: "))?;
        let (word, counts) = lines[line].strip_prefix("test result: ")?.split_once(". ")?;
        let written = |what: &str| {
            let mut counts = counts.split("; ").filter_map(|count| count.split_once(' '));
            counts.find(|(_, of)| *of == what).map(|(number, _)| number)
        };
        let count = |what: &str| -> Option<usize> { written(what)?.parse().ok() };
        // Libtest counts benchmarks as `measured`, which other harnesses leave out. A number that cannot be read is not none.
        let measured = if written("measured").is_some() { count("measured")? } else { 0 };
        let passed = count("passed")?.checked_add(measured)?;
        let list = lines[..line].iter().rposition(|line| *line == "failures:").unwrap_or(line);
        Some(Self { line, list, is_ok: word == "ok", passed, failed: count("failed")? })
    }

    /// Returns whether the process ended as it would after these words.
    pub(super) fn fits(&self, process: &Record) -> bool {
        let exit = process.ending.as_ref().map(|ending| ending.exit);
        match exit {
            Some(Exit::Code(code)) => (code == 0) == self.is_ok,
            Some(Exit::Signal(_) | Exit::Stopped(_)) | None => false,
        }
    }

    /// Returns the names of the tests that failed.
    pub(super) fn failed<'l>(&self, lines: &[&'l str]) -> Vec<&'l str> {
        lines[self.list..self.line].iter().filter_map(|line| line.strip_prefix("    ")).collect()
    }

    /// Returns whether the result counts `tests` tests in all, and as many failures as there are `named`.
    pub(super) const fn counts(&self, tests: usize, named: usize) -> bool {
        self.failed == named && self.failed <= tests && self.passed == tests - self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;

    fn heard(stdout: &str, dropped: u64) -> LastWords {
        let stdout = Captured { head: stdout.as_bytes().to_vec(), dropped, ..Captured::default() };
        last_words(&builders::test("tour", "m::reads"), &stdout)
    }

    const FAILED: &str = "running 1 test\ntest m::reads ... FAILED\n\nfailures:\n\nfailures:\n    m::reads\n\ntest result: FAILED. \
                          0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s\n";
    const PASSED: &str = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out\n";

    #[test]
    fn a_failure_is_believed_where_the_last_words_name_the_test() {
        assert_eq!(heard(FAILED, 0), LastWords::Failed);
        assert_eq!(heard(&FAILED.replace("    m::reads", "    reads"), 0), LastWords::Others);
        assert_eq!(heard(&FAILED.replace("result: FAILED", "result: ok"), 0), LastWords::Others);
        assert_eq!(
            heard(&(FAILED.to_owned() + PASSED), 0),
            LastWords::Others,
            "another harness has failed before"
        );
        assert_eq!(heard(PASSED, 0), LastWords::Others);
    }

    #[test]
    fn a_count_that_cannot_be_read_is_none_of_nothing() {
        let counted = |text: &str| End::parse(&[text]).map(|end| end.passed);
        assert_eq!(counted(PASSED.trim_end()), Some(1));
        assert_eq!(counted(&PASSED.trim_end().replace("0 measured", "4 measured")), Some(5));
        assert_eq!(counted("test result: ok. 1 passed; 0 failed"), Some(1), "a harness without benchmarks");
        assert_eq!(counted(&PASSED.trim_end().replace("0 measured", "many measured")), None);
        assert_eq!(counted(&PASSED.trim_end().replace("1 passed", "many passed")), None);
    }

    #[test]
    fn silence_is_known_only_where_everything_was_kept() {
        let cut = "running 1 test\ntest m::reads ... ";
        assert_eq!(heard(cut, 0), LastWords::None);
        assert_eq!(heard(cut, 1), LastWords::Others);
        assert_eq!(heard("", 0), LastWords::None);
    }

    #[test]
    fn mutated_last_words_are_read_or_not_believed() {
        mutations::try_all("words", &[FAILED, PASSED], |bytes| {
            let _ = heard(&String::from_utf8_lossy(bytes), 0);
        });
    }
}
