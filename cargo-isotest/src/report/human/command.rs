//! Describes a command that is no test: what its sandbox lacks before it, its end and its figures after it; pure.

use super::line::{consequences, duration, figures, indented};
use super::opening::shortcomings;
use crate::report::cause::cause;
use crate::text::sanitize::word;
use crate::text::style::{BAD, DIM, GOOD, HEAD, WARN, headed};
use crate::text::units::{memory, plural, signal};
use crate::verdict::Verdict;
use isotest_core::outcome::Exit;
use isotest_core::policy::Isolation;
use isotest_core::record::Record;
use serde_json::Value;

/// Returns the text before a command starts; nothing if all that is wanted is in force.
pub(crate) fn before(isolation: &Isolation) -> String {
    shortcomings(isolation)
}

/// Returns the text before a shell starts: whose sandbox it is in, the command that would be executed there, and what
/// becomes of written files.
pub(crate) fn shell(whose: &str, command: Option<&str>) -> String {
    let command = command.map(|command| indented(&word(command)));
    let written = "what is written here is thrown away with the sandbox, but for what `--keep` names";
    headed(HEAD, "Shell", whose) + &command.unwrap_or_default() + &indented(written)
}

/// Returns the text before a tool executes a test: the test, and the command.
pub(crate) fn tool(test: &str, command: &str) -> String {
    headed(HEAD, "Below a tool", test) + &indented(&word(command))
}

/// Returns the text after the last doctest: of each line, which is that of a [command](crate::report::json), the
/// figures. Cargo has said how they ended.
pub(crate) fn doctests(lines: &str) -> String {
    let lines: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let peaks = lines.iter().filter_map(|line| line["usage"]["memory_peak_bytes"].as_u64());
    let peak = peaks.max().map_or_else(String::new, |peak| format!(", highest memory peak {}", memory(peak)));
    let text = format!("{} executed, each in a sandbox of its own{peak}", plural(lines.len(), "doctest"));
    headed(HEAD, "Doctests", &text)
}

/// Returns the text after a command has ended. The reason why it was not executed is an error and said elsewhere.
pub(crate) fn after(verdict: &Verdict, record: &Record) -> String {
    let Some(ending) = &record.ending else { return String::new() };
    let (style, head) = match (verdict, ending.exit) {
        (Verdict::TimedOut { .. }, _) => (BAD, "TIMEOUT".to_owned()),
        (Verdict::OomKilled { .. }, _) => (BAD, "OOM".to_owned()),
        (_, Exit::Signal(number) | Exit::Stopped(number)) => (BAD, signal(number)),
        (Verdict::Leaked { .. }, Exit::Code(code)) => (WARN, format!("Exit {code}")),
        (_, Exit::Code(0)) => (GOOD, "Exit 0".to_owned()),
        (_, Exit::Code(code)) => (BAD, format!("Exit {code}")),
    };
    let figures = format!("{}{DIM}{}{DIM:#}", duration(Some(ending.wall)), figures(&record.usage).trim_end());
    let mut text = headed(style, &head, &figures);
    if let Verdict::TimedOut { .. } | Verdict::OomKilled { .. } = verdict {
        text.extend(cause(verdict, record).map(|cause| indented(&cause)));
    }
    text + &consequences(record, true)
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use serde_json::json;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn each_end_has_a_word_and_the_figures() {
        let records = builders::outcomes().into_iter().map(builders::record);
        let texts: String = records.map(|record| after(&builders::verdict(&record), &record)).collect();
        assert_data_eq!(
            anstream::adapter::strip_str(&texts).to_string(),
            str![[r#"
      Exit 0 [  0.004s]    0.7 MiB    2 ms cpu   1 task
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
    Exit 101 [  0.004s]    0.7 MiB    2 ms cpu   1 task
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
     SIGSEGV [  0.004s]    0.7 MiB    2 ms cpu   1 task
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
     TIMEOUT [  0.004s]    0.7 MiB    2 ms cpu   1 task
             its time ran out, and it was killed
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
         OOM [  0.004s]    0.7 MiB    2 ms cpu   1 task
             it reached its memory limit, and the kernel killed 1 process
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b
      Exit 0 [  0.004s]    0.7 MiB    2 ms cpu   1 task
             left running, and killed: sleep 30 (pid 7)
             disk: 4 KiB, 2 files at the end; ~3.0 MiB, ~5 files at most
             2 changed files thrown away: /t/a, /t/b

"#]]
        );
    }

    #[test]
    fn what_is_started_is_named_before_it() {
        let line = json!({ "usage": { "memory_peak_bytes": 3 << 20 } }).to_string();
        let texts = [
            shell("in the sandbox of `tour reads`", Some("/t/tour-0123 --exact reads")),
            shell("in an empty sandbox", None),
            tool("tour reads", "gdb --args /t/tour-0123 --exact reads"),
            doctests(&format!("{line}\n{{}}\n")),
            doctests(""),
        ];
        assert_data_eq!(
            anstream::adapter::strip_str(&texts.concat()).to_string(),
            str![[r#"
       Shell in the sandbox of `tour reads`
             /t/tour-0123 --exact reads
             what is written here is thrown away with the sandbox, but for what `--keep` names
       Shell in an empty sandbox
             what is written here is thrown away with the sandbox, but for what `--keep` names
Below a tool tour reads
             gdb --args /t/tour-0123 --exact reads
    Doctests 2 doctests executed, each in a sandbox of its own, highest memory peak 3.0 MiB
    Doctests 0 doctests executed, each in a sandbox of its own

"#]]
        );
    }

    #[test]
    fn a_sandbox_that_lacks_something_says_so() {
        let text = anstream::adapter::strip_str(&before(&builders::isolation())).to_string();
        assert!(text.contains("Missing io: no io controller"), "{text}");
        assert!(text.contains("Off pressure"), "{text}");
        assert_eq!(before(&Isolation::default()), "");
    }
}
