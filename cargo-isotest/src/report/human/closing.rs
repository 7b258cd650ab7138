//! Text of a run after its last test; pure.

use crate::report::counts::{not_zero, told};
use crate::schedule::summary::{Cancellation, Summary};
use crate::text::sanitize::word;
use crate::text::style::{BAD, GOOD, WARN, headed};
use crate::text::units::{marked, plural, round_memory, signal, total_cpu};
use crate::verdict::Effect;

/// Returns the text for a cancelled run, before the tests that still run have ended.
pub(super) fn cancelling(by: Cancellation) -> String {
    let rest = match by {
        Cancellation::Signal(number) => {
            format!("on {}: no further test starts, running ones are told to end", signal(number))
        }
        Cancellation::FailFast { immediate: false } => "after a failure: no further test starts".to_owned(),
        Cancellation::FailFast { immediate: true } => {
            "after a failure: no further test starts, running ones are told to end".to_owned()
        }
        Cancellation::SetupFailed { .. } => "after a setup script failed: no test starts".to_owned(),
        Cancellation::GlobalTimeout => {
            "at the end of `--global-timeout`: no further test starts, running ones are told to end"
                .to_owned()
        }
    };
    headed(WARN, "Cancelling", &rest)
}

/// Returns the last lines of a run.
pub(super) fn lines(summary: &Summary) -> String {
    let mut text = String::new();
    if let Some(by) = summary.cancelled {
        text += &headed(WARN, "Cancelled", &cancelled(by, summary));
    }
    let style = if summary.effect() == Effect::Passes { GOOD } else { BAD };
    let rest = format!(
        "[{:>5.1}s] {} · peak {} · cpu {}",
        summary.wall.as_secs_f64(),
        counts(summary),
        peak(summary),
        cpu(summary)
    );
    text + &headed(style, "Summary", &rest)
}

fn cancelled(by: Cancellation, summary: &Summary) -> String {
    let left = plural(summary.not_run(), "test");
    let killed = plural(summary.interrupted.len(), "test");
    match by {
        Cancellation::Signal(number) => {
            format!("by {}, {killed} interrupted, {left} not run", signal(number))
        }
        Cancellation::FailFast { immediate } => {
            let killed = if immediate { format!("{killed} interrupted, ") } else { String::new() };
            // If all tests were run, only further attempts are left.
            let hint = if summary.not_run() == 0 { "" } else { "; `--no-fail-fast` runs them all" };
            format!("after a failure, {killed}{left} not run{hint}")
        }
        Cancellation::SetupFailed { .. } => format!("after a setup script failed, {left} not run"),
        Cancellation::GlobalTimeout => {
            format!("at the end of `--global-timeout`, {killed} interrupted, {left} not run")
        }
    }
}

fn counts(summary: &Summary) -> String {
    let (counts, selection) = (summary.counts, summary.selection);
    let mut parts = told(&counts);
    parts.extend(not_zero([
        (summary.failed_processes, "processes failed though their tests passed"),
        (summary.waited.group, "waited for their test group"),
        (summary.waited.threads, "waited for threads"),
        (summary.waited.memory, "waited for memory"),
        (summary.replaced, "killed for want of memory and executed again"),
        (summary.suspect, "with figures not to be trusted"),
        (selection.ignored, "ignored"),
        (selection.filtered_out, "filtered out"),
        (summary.interrupted.len(), "interrupted"),
        (summary.not_run(), "not run"),
    ]));
    format!("{} run: {}", counts.total(), parts.join(", "))
}

/// Returns the words that mark a total as a lower bound, where some attempts were not measured.
fn bound(unmeasured: usize) -> &'static str {
    if unmeasured == 0 { "" } else { "at least " }
}

fn peak(summary: &Summary) -> String {
    summary.peak.as_ref().map_or_else(
        || "-".to_owned(),
        |peak| {
            let bytes = marked(round_memory(peak.bytes), peak.approximate);
            let bound = bound(summary.peak_unmeasured);
            format!("{bound}{bytes} ({} {})", word(&peak.binary_id), word(&peak.name))
        },
    )
}

fn cpu(summary: &Summary) -> String {
    summary.cpu.map_or_else(
        || "-".to_owned(),
        |time| format!("{}{}", bound(summary.cpu_unmeasured), total_cpu(time)),
    )
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::schedule::summary::{HighestPeak, Selection};
    use crate::testing::builders;
    use crate::verdict::{Counts, Kind, Rules, Testimony, Verdict, judge};
    use snapbox::{assert_data_eq, str};
    use std::time::Duration;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    /// Counts so many tests of each kind.
    fn counts(numbers: [usize; 8], rules: Rules) -> Counts {
        let mut counts = Counts::default();
        let of_outcomes = builders::outcomes().into_iter();
        let mut verdicts: Vec<_> =
            of_outcomes.map(|outcome| judge(&outcome, Testimony::Agrees, rules)).collect();
        verdicts.insert(Kind::OverBudget as usize, Verdict::OverBudget);
        for (number, verdict) in numbers.into_iter().zip(verdicts) {
            (0..number).for_each(|_| counts.add(&verdict));
        }
        counts
    }

    fn tour() -> Summary {
        let peak = HighestPeak {
            bytes: 611 << 20,
            approximate: false,
            binary_id: "tour::index".into(),
            name: "builds_big_index".into(),
        };
        Summary {
            selection: Selection { selected: 41, ..Selection::default() },
            counts: counts([40, 1, 0, 0, 0, 0, 0, 0], Rules::default()),
            peak: Some(peak),
            cpu: Some(Duration::from_millis(3_120)),
            wall: Duration::from_millis(1_234),
            ..Summary::default()
        }
    }

    #[test]
    fn a_usual_run_is_one_line() {
        assert_data_eq!(
            plain(&lines(&tour())),
            str![[r#"
     Summary [  1.2s] 41 run: 40 passed, 1 failed · peak 611 MiB (tour::index builds_big_index) · cpu 3.1 s

"#]]
        );
    }

    #[test]
    fn every_count_that_is_not_zero_is_told() {
        let counts = |leaks_fail| counts([1, 2, 3, 4, 5, 1, 6, 7], Rules { leaks_fail, ..Rules::default() });
        let selection = Selection { selected: 40, ignored: 8, filtered_out: 9 };
        let cancelled = Some(Cancellation::Signal(2));
        let interrupted = vec![builders::test("tour", "slow"), builders::test("tour", "slower")];
        let mut summary =
            Summary { counts: counts(false), selection, cancelled, interrupted, suspect: 1, ..tour() };
        let leaks_pass = lines(&summary);
        summary.counts = counts(true);
        summary.cancelled = Some(Cancellation::FailFast { immediate: false });
        assert_data_eq!(
            plain(&(leaks_pass + &lines(&summary))),
            str![[r#"
   Cancelled by SIGINT, 2 tests interrupted, 9 tests not run
     Summary [  1.2s] 29 run: 7 passed (6 leaked), 15 failed (3 ended by a signal, 4 timed out, 5 out of memory, 1 over budget), 7 not isolated, 1 with figures not to be trusted, 8 ignored, 9 filtered out, 2 interrupted, 9 not run · peak 611 MiB (tour::index builds_big_index) · cpu 3.1 s
   Cancelled after a failure, 9 tests not run; `--no-fail-fast` runs them all
     Summary [  1.2s] 29 run: 1 passed, 21 failed (3 ended by a signal, 4 timed out, 5 out of memory, 1 over budget, 6 leaked), 7 not isolated, 1 with figures not to be trusted, 8 ignored, 9 filtered out, 2 interrupted, 9 not run · peak 611 MiB (tour::index builds_big_index) · cpu 3.1 s

"#]]
        );
    }

    #[test]
    fn what_was_measured_in_part_is_a_lower_bound() {
        let part = Summary { peak_unmeasured: 1, cpu_unmeasured: 1, ..tour() };
        let none = Summary { peak: None, cpu: None, ..part.clone() };
        assert_data_eq!(
            plain(&(lines(&part) + &lines(&none))),
            str![[r#"
     Summary [  1.2s] 41 run: 40 passed, 1 failed · peak at least 611 MiB (tour::index builds_big_index) · cpu at least 3.1 s
     Summary [  1.2s] 41 run: 40 passed, 1 failed · peak - · cpu -

"#]]
        );
    }

    #[test]
    fn a_cancellation_names_its_cause_at_once() {
        let both =
            cancelling(Cancellation::Signal(15)) + &cancelling(Cancellation::FailFast { immediate: false });
        assert_data_eq!(
            plain(&both),
            str![[r#"
  Cancelling on SIGTERM: no further test starts, running ones are told to end
  Cancelling after a failure: no further test starts

"#]]
        );
    }
}
