//! Describes an attempt in words for people, as files of results carry them; pure.

use super::place::Place;
use super::{Account, Facts, Test};
use crate::report::counts::{not_zero, told};
use crate::text::sanitize::{block, word};
use crate::text::units::{cpu, marked, memory, plural};
use crate::verdict::Effect;
use std::time::Duration;

impl Facts {
    /// Returns the word for the verdict, as it stands at the head of a line.
    pub(crate) fn status(&self) -> String {
        match (self.outcome.as_str(), self.effect) {
            ("passed", _) => "PASS".to_owned(),
            ("failed", _) => "FAIL".to_owned(),
            ("signaled", _) => word(self.signal.as_deref().unwrap_or("SIGNAL")),
            ("timed-out", _) => "TIMEOUT".to_owned(),
            ("oom-killed", _) => "OOM".to_owned(),
            ("flaky", Effect::Fails) => "FLAKY-FAIL".to_owned(),
            ("leaked", Effect::Fails) => "LEAK-FAIL".to_owned(),
            ("leaked", _) => "LEAK".to_owned(),
            (other, _) => word(&other.to_uppercase()),
        }
    }

    /// Returns the duration as text; a dash if the test never ran.
    pub(crate) fn duration(&self) -> String {
        self.wall_us.map_or_else(|| "-".to_owned(), |wall| format!("{:.3} s", seconds(wall)))
    }

    /// Returns the highest use of memory as text; a dash if it was not measured.
    pub(crate) fn peak(&self) -> String {
        let peak = self.figure("memory_peak_bytes");
        peak.map_or_else(|| "-".to_owned(), |peak| marked(memory(peak), self.is("memory_approximate")))
    }

    /// Returns whether the highest use of memory is only approximate.
    pub(crate) fn is_approximate(&self) -> bool {
        self.is("memory_approximate")
    }

    /// Returns the processor time as text; a dash if it was not measured.
    pub(crate) fn cpu(&self) -> String {
        self.cpu_us().map_or_else(|| "-".to_owned(), |time| cpu(Duration::from_micros(time)))
    }

    /// Returns the verdict and the measured figures, in one line.
    pub(crate) fn figures(&self) -> String {
        let parts = [self.status(), self.measured()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
    }

    /// Returns the measured figures, in one line.
    pub(crate) fn measured(&self) -> String {
        let mut parts: Vec<_> = self.wall_us.map(|_| self.duration()).into_iter().collect();
        parts.extend(self.figure("memory_peak_bytes").map(|_| format!("peak {}", self.peak())));
        parts.extend(self.cpu_us().map(|_| format!("cpu {}", self.cpu())));
        parts.extend(self.figure("pids_peak").map(|count| {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            marked(plural(count, "task"), self.is("pids_approximate"))
        }));
        parts.join(" · ")
    }

    /// Returns the verdict, the measured figures and the cause, in one line.
    pub(crate) fn headline(&self, place: Option<&Place>) -> String {
        let place = place.map(|Place { file, line, column }| format!("panicked at {file}:{line}:{column}"));
        let parts = [Some(self.figures()), self.cause.as_deref().map(word), place];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// Returns further notes, a line each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let distrust = |why: &String| format!("suspect: {}; do not trust its figures", word(why));
        let mut notes: Vec<_> = self.suspect.iter().map(distrust).collect();
        let left = self.leaked.as_deref().unwrap_or_default();
        if !left.is_empty() {
            let commands: Vec<_> = left.iter().map(|left| word(&left.command)).collect();
            notes.push(format!("left running, and killed: {}", commands.join(", ")));
        }
        notes.extend(self.remarks.iter().map(|remark| format!("note: {}", word(remark))));
        notes
    }

    /// Returns the output of the attempt, without anything but text and line ends.
    pub(crate) fn output(&self) -> String {
        let streams = [&self.stdout, &self.stderr].map(|stream| plain(stream));
        let said: Vec<_> =
            streams.iter().map(|stream| stream.trim_end()).filter(|text| !text.is_empty()).collect();
        said.join("\n")
    }

    /// Finds the place at which the attempt says that it panicked.
    pub(crate) fn place(&self, account: &Account) -> Option<Place> {
        let workspace = account.started.as_ref().and_then(|started| started.workspace.as_deref());
        [&self.stderr, &self.stdout].into_iter().find_map(|text| Place::said(text, workspace))
    }
}

impl Account {
    /// Returns the totals in one line.
    pub(crate) fn totals(&self) -> String {
        let mut parts = told(&self.counts());
        parts.extend(not_zero([
            (self.unexplained().count(), "processes failed though their tests passed"),
            (self.ignored().unwrap_or(0), "ignored"),
        ]));
        let finished = self.finished.as_ref();
        let wall = finished.map(|finished| format!(" in {:.1} s", seconds(finished.wall_us)));
        let time = finished.and_then(|finished| finished.cpu_us);
        let time = time.map(|time| format!(", cpu {}", cpu(Duration::from_micros(time))));
        let run = format!("{} run: {}", plural(self.tests.len(), "test"), parts.join(", "));
        [Some(run), wall, time].into_iter().flatten().collect()
    }
}

impl Test {
    /// Returns the command that executes just this test.
    pub(crate) fn command(&self) -> String {
        // The command is missing only if a file has been changed by hand.
        self.again.command(&word(&self.plain_title()), self.is_ignored).unwrap_or_default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a run takes no 285 years")]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}

/// Removes colours from text, and anything else that a terminal would obey.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(&block(text)).to_string()
}

#[cfg(test)]
mod tests {
    use crate::report::account::testing::{account, attempt};
    use serde_json::json;

    #[test]
    fn a_headline_has_verdict_figures_and_place() {
        let account = account(&[attempt(
            "tour",
            "t",
            "fails",
            &json!({"stderr": "x panicked at src/a.rs:3:5:\nno\n"}),
        )]);
        let facts = &account.tests[0].last.facts;
        let place = facts.place(&account);
        assert_eq!(
            facts.headline(place.as_ref()),
            "FAIL · 0.004 s · peak 0.7 MiB · cpu 2 ms · 1 task · panicked at src/a.rs:3:5"
        );
    }

    #[test]
    fn what_was_not_measured_is_left_out_and_never_zero() {
        let facts =
            json!({"wall_us": null, "usage": {}, "outcome": "not-isolated", "cause": "no verdict: no\nroom"});
        let account = account(&[attempt("tour", "t", "undecided", &facts)]);
        let facts = &account.tests[0].last.facts;
        assert_eq!(facts.headline(None), "NOT-ISOLATED · no verdict: no␊room");
        assert_eq!([facts.peak(), facts.cpu(), facts.duration()], ["-", "-", "-"]);
    }

    #[test]
    fn a_command_has_the_arguments_of_its_run_and_one_test() {
        for (binary, name, ignored, command) in [
            ("tour", "a::b", false, "cargo isotest --features 'a b' 'tour a::b'"),
            ("tour::parser", "t", true, "cargo isotest --features 'a b' --run-ignored all 'tour::parser t'"),
            ("tour", "it's $(x)", false, "cargo isotest --features 'a b' \"tour it's \"'$(x)'"),
            ("tour", "a\nb", false, "cargo isotest --features 'a b' 'tour a␊b'"),
        ] {
            let account = account(&[attempt(binary, name, "passes", &json!({"ignored": ignored}))]);
            assert_eq!(account.tests[0].command(), command);
        }
    }
}
