//! Results that are listed once more when the run has ended; pure.

use crate::cli::FinalStatusLevel;
use crate::text::style::{WARN, headed};
use crate::text::units::plural;
use std::mem::take;

/// Lines of tests, by level.
#[derive(Debug, Default)]
pub(super) struct Lists {
    level: FinalStatusLevel,
    /// Level, title of the test, and text of each line.
    lines: Vec<(FinalStatusLevel, String, String)>,
    interrupted: Vec<String>,
}

/// Levels of which there are lists, in their order, with their headings.
const LISTS: [(FinalStatusLevel, &str); 6] = [
    (FinalStatusLevel::Pass, "Passed"),
    (FinalStatusLevel::Leak, "Leaked"),
    (FinalStatusLevel::Skip, "Ignored"),
    (FinalStatusLevel::Slow, "Slow"),
    (FinalStatusLevel::Flaky, "Flaky"),
    (FinalStatusLevel::Fail, "Not passed"),
];

impl Lists {
    /// Creates lists of results up to this level.
    pub(super) fn of(level: FinalStatusLevel) -> Self {
        Self { level, ..Self::default() }
    }

    /// Adds the line of a test of a level. A line with output of the test is shown whatever level is wanted.
    pub(super) fn add(&mut self, level: FinalStatusLevel, title: String, line: String, has_output: bool) {
        if level <= self.level || has_output {
            self.lines.push((level, title, line));
        }
    }

    /// Adds the line of a test that was killed with the run.
    pub(super) fn add_interrupted(&mut self, line: String) {
        self.interrupted.push(line);
    }

    /// Removes the lines of an earlier attempt at a test.
    pub(super) fn remove(&mut self, title: &str) {
        self.lines.retain(|(_, of, _)| of != title);
    }

    /// Returns the lists, each below its heading; the gravest results come last, where a reader is.
    pub(super) fn take(&mut self) -> String {
        let lines = take(&mut self.lines);
        let of = |wanted: FinalStatusLevel| {
            lines.iter().filter(move |(level, ..)| *level == wanted).map(|(.., line)| line.clone())
        };
        let mut text = String::new();
        for (level, heading) in LISTS {
            if level == FinalStatusLevel::Fail {
                text += &list("Interrupted", &take(&mut self.interrupted));
            }
            text += &list(heading, &of(level).collect::<Vec<_>>());
        }
        text
    }
}

/// Returns the lines of tests below a heading; nothing if there are none.
fn list(heading: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    headed(WARN, heading, &format!("{}:", plural(lines.len(), "test"))) + &lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the words at the heads of the lists at a level.
    fn headings(level: FinalStatusLevel, has_output: bool) -> Vec<String> {
        let mut lists = Lists::of(level);
        for (level, heading) in LISTS {
            lists.add(level, heading.to_owned(), format!("{heading} tour t\n"), has_output);
        }
        let text = anstream::adapter::strip_str(&lists.take()).to_string();
        let heads = text.lines().filter(|line| line.ends_with(" 1 test:"));
        heads.map(|line| line.trim().trim_end_matches(" 1 test:").to_owned()).collect()
    }

    #[test]
    fn each_level_has_the_lists_of_those_before_it() {
        let all = LISTS.map(|(_, heading)| heading.to_owned());
        for (level, number) in [
            (FinalStatusLevel::None, 0),
            (FinalStatusLevel::Fail, 1),
            (FinalStatusLevel::Flaky, 2),
            (FinalStatusLevel::Slow, 3),
            (FinalStatusLevel::Skip, 4),
            (FinalStatusLevel::Leak, 5),
            (FinalStatusLevel::Pass, 6),
            (FinalStatusLevel::All, 6),
        ] {
            assert_eq!(headings(level, false), all[all.len() - number..], "{level:?}");
            assert_eq!(headings(level, true), all, "output that is wanted is shown");
        }
    }

    #[test]
    fn a_later_attempt_takes_the_place_of_an_earlier_one() {
        let mut lists = Lists::of(FinalStatusLevel::Pass);
        lists.add(FinalStatusLevel::Fail, "t".to_owned(), "failed\n".to_owned(), false);
        lists.remove("t");
        lists.add(FinalStatusLevel::Flaky, "t".to_owned(), "flaky\n".to_owned(), false);
        let text = lists.take();
        assert!(text.contains("flaky\n") && !text.contains("failed\n"), "{text}");
    }
}
