//! Draws which tests ran at the same time: a row for each job slot, a bar for each attempt; pure.

use crate::report::account::{Account, Attempt, Test};
use crate::text::units::plural;
use crate::verdict::Effect;
use serde::Serialize;
use std::fmt::Write as _;

/// Units of the picture's width, however wide it is shown.
const WIDTH: u64 = 2000;
/// Units of the height of a slot's row.
const ROW: usize = 20;
/// Distance between bars.
const GAP: u64 = 1;
const TICKS: u64 = 4;

/// Picture of the attempts over time.
#[derive(Serialize)]
pub(super) struct Timeline {
    width: u64,
    height: usize,
    row: usize,
    slots: Vec<usize>,
    lines: String,
    /// Bars of each kind, as one path.
    bars: Vec<Bars>,
    /// Times in which tests waited although a thread was free, as one path.
    waits: Option<String>,
    waited_for: String,
    ticks: Vec<String>,
    description: String,
}

#[derive(Serialize)]
struct Bars {
    kind: &'static str,
    /// Meaning of colour and shape.
    name: &'static str,
    count: usize,
    path: String,
}

/// Kinds of bars: name in the style, name in the legend, and start and height of a bar in its row.
const KINDS: [(&str, &str, usize, usize); 4] = [
    ("passes", "passed, low bars", 9, 8),
    ("flaky", "tried again, middle bars", 6, 11),
    ("undecided", "no verdict, high bars", 1, 16),
    ("fails", "failed, high bars", 1, 16),
];

impl Timeline {
    /// Draws the picture of these results; `None` if nothing ran.
    pub(super) fn of(account: &Account) -> Option<Self> {
        let of_attempts = account.attempts().map(|(_, attempt)| attempt.end_us().unwrap_or(attempt.start_us));
        let end = of_attempts.chain(account.finished.iter().map(|finished| finished.wall_us)).max()?.max(1);
        let count = account.attempts().map(|(_, attempt)| attempt.slot.saturating_add(1)).max()?;
        // A file that was edited by hand may have a huge slot number: the height of the picture is bounded.
        let count = count.min(4096);
        let mut bars = KINDS.map(|(kind, name, ..)| Bars { kind, name, count: 0, path: String::new() });
        let mut endless = 0;
        for (test, attempt) in account.attempts().filter(|(_, attempt)| attempt.slot < count) {
            let Some(to) = attempt.end_us() else {
                endless += 1;
                continue;
            };
            let at = kind(test, attempt);
            bars[at].count += 1;
            bar(&mut bars[at].path, (attempt, to), end, (KINDS[at].2, KINDS[at].3));
        }
        let lines = (1..=count).fold(String::new(), |mut lines, row| {
            let _ = write!(lines, "M0 {}h{WIDTH}", row * ROW);
            lines
        });
        let waited = account.waited();
        let mut waited_for: Vec<_> = waited.iter().map(|wait| wait.on.as_str()).collect();
        waited_for.sort_unstable();
        waited_for.dedup();
        let waits = waited.iter().fold(String::new(), |mut path, wait| {
            rectangle(&mut path, (wait.from_us, wait.to_us, end), (count * ROW + 6, 8));
            path
        });
        let rows = count + usize::from(!waits.is_empty());
        let attempts = bars.iter().map(|bars| bars.count).sum();
        Some(Self {
            width: WIDTH,
            height: rows * ROW,
            waited_for: waited_for.join(", "),
            waits: Some(waits).filter(|path| !path.is_empty()),
            row: ROW,
            slots: (0..count).collect(),
            lines,
            description: format!(
                "{} in {} from the start to {}{}. The table of all tests has the start, the time and the slot of each.",
                plural(attempts, "attempt"),
                plural(count, "job slot"),
                moment(end),
                without_time(endless)
            ),
            bars: bars.into_iter().filter(|bars| 0 < bars.count).collect(),
            ticks: (0..=TICKS).map(|tick| moment(end / TICKS * tick)).collect(),
        })
    }
}

fn kind(test: &Test, attempt: &Attempt) -> usize {
    match attempt.facts.effect {
        Effect::Fails => 3,
        Effect::Undecided => 2,
        Effect::Passes if test.is_flaky() => 1,
        Effect::Passes => 0,
    }
}

/// Adds the bar of an attempt to a path. A bar that would be too thin to be seen has the least visible width.
fn bar(path: &mut String, (attempt, to): (&Attempt, u64), end: u64, (top, height): (usize, usize)) {
    rectangle(path, (attempt.start_us, to, end), (attempt.slot * ROW + top, height));
}

/// Adds a rectangle from one moment to another to a path that ends at the moment `end`.
fn rectangle(path: &mut String, (from, to, end): (u64, u64, u64), (y, height): (usize, usize)) {
    // Tenths of a unit.
    let place = |moment: u64| u128::from(moment) * u128::from(WIDTH) * 10 / u128::from(end);
    let from = place(from);
    let to = place(to);
    let wide = to.saturating_sub(from);
    let wide = if wide > u128::from(GAP) * 20 { wide - u128::from(GAP) * 10 } else { wide.max(5) };
    let tenths = |value: u128| format!("{}.{}", value / 10, value % 10);
    // Writing to a string cannot fail.
    let _ = write!(path, "M{} {y}h{}v{height}H{}z", tenths(from), tenths(wide), tenths(from));
}

/// Describes attempts that have no bar.
fn without_time(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", and {count} more whose time is not known") }
}

/// Formats a moment of the run.
pub(super) fn moment(microseconds: u64) -> String {
    format!("{}.{:03} s", microseconds / 1_000_000, microseconds / 1000 % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt};
    use serde_json::json;

    #[test]
    fn bars_stand_where_and_when_attempts_ran() {
        let at = |slot: usize, start_us: u64, wall_us: u64| json!({"slot": slot, "start_us": start_us, "wall_us": wall_us});
        let timeline = Timeline::of(&account(&[
            attempt("tour", "a", "passes", &at(0, 0, 600_000)),
            attempt("tour", "b", "fails", &at(2, 600_000, 600_000)),
            attempt("tour", "c", "passes", &at(1, 1_199_999, 1)),
        ]));
        let timeline = timeline.unwrap();
        let bars: Vec<_> =
            timeline.bars.iter().map(|bars| (bars.kind, bars.count, bars.path.as_str())).collect();
        assert_eq!(
            bars,
            [
                ("passes", 2, "M0.0 9h999.0v8H0.0zM1999.9 29h0.5v8H1999.9z"),
                ("fails", 1, "M1000.0 41h999.0v16H1000.0z"),
            ]
        );
        assert_eq!((timeline.height, timeline.slots.len()), (60, 3));
        assert_eq!(timeline.ticks, ["0.000 s", "0.300 s", "0.600 s", "0.900 s", "1.200 s"]);
    }

    #[test]
    fn numbers_that_no_run_has_are_no_end_of_it() {
        let far = json!({"start_us": u64::MAX, "wall_us": u64::MAX, "slot": usize::MAX});
        let lines = [attempt("tour", "a", "passes", &json!({})), attempt("tour", "b", "passes", &far)];
        assert!(Timeline::of(&account(&lines)).is_some());
    }

    #[test]
    fn a_slot_of_a_number_that_no_run_has_makes_no_picture_without_end() {
        let timeline =
            Timeline::of(&account(&[attempt("tour", "a", "passes", &json!({"slot": 4_000_000_000_u64}))]));
        assert_eq!(timeline.map(|timeline| timeline.slots.len()), Some(4096));
    }
}
