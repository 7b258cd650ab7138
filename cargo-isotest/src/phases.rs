//! Times of the phases of a run and of its attempts, which `--self-profile` shows: where a run that has become slower has
//! become so.
//!
//! They are kept for the whole process, as phases begin in every layer, and nothing but that table depends on them.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

static IS_ON: AtomicBool = AtomicBool::new(false);
static RUN: Mutex<Vec<(&str, Instant)>> = Mutex::new(Vec::new());
static PARTS: Mutex<Vec<Part>> = Mutex::new(Vec::new());

/// Part of a phase or of an attempt, which may be beside others, with the time that it took each time.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    name: &'static str,
    took: Vec<Duration>,
}

/// Begins to keep times.
pub(crate) fn keep() {
    IS_ON.store(true, Ordering::Relaxed);
}

/// Begins a phase of the run, and ends the one before it.
pub(crate) fn begin(name: &'static str) {
    if IS_ON.load(Ordering::Relaxed) {
        RUN.lock().unwrap_or_else(PoisonError::into_inner).push((name, Instant::now()));
    }
}

/// Adds the time that a part took.
pub(crate) fn took(name: &'static str, time: Duration) {
    if !IS_ON.load(Ordering::Relaxed) {
        return;
    }
    let mut parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
    match parts.iter_mut().find(|part| part.name == name) {
        Some(part) => part.took.push(time),
        None => parts.push(Part { name, took: vec![time] }),
    }
}

/// Does something that is a part, and adds the time.
pub(crate) fn timed<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    took(name, begun.elapsed());
    done
}

/// Returns the table of all times, and forgets them; `None` if none were kept.
pub(crate) fn take_table() -> Option<String> {
    let run = std::mem::take(&mut *RUN.lock().unwrap_or_else(PoisonError::into_inner));
    let parts = std::mem::take(&mut *PARTS.lock().unwrap_or_else(PoisonError::into_inner));
    (!run.is_empty()).then(|| table(&run, parts, Instant::now()))
}

fn table(run: &[(&str, Instant)], parts: Vec<Part>, end: Instant) -> String {
    let mut text = String::from("phase                  ms\n");
    let mut add = |name: &str, time: Duration, more: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<16} {:>8.2}{more}", time.as_secs_f64() * 1e3);
    };
    let ends = run.iter().skip(1).map(|(_, begun)| *begun).chain([end]);
    for ((name, begun), end) in run.iter().zip(ends) {
        add(name, end.saturating_duration_since(*begun), String::new());
    }
    for Part { name, mut took } in parts {
        took.sort_unstable();
        let Some(median) = took.get(took.len() / 2) else { continue };
        add(name, *median, format!("  median of {}", took.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_lasts_until_the_next_and_a_part_has_its_median() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let part = Part { name: "start", took: [9, 1, 2].map(Duration::from_millis).into() };
        let text = table(&[("build", start), ("list", after(40))], vec![part], after(42));
        let expected = "phase                  ms\n\
                        build               40.00\n\
                        list                 2.00\n\
                        start                2.00  median of 3\n";
        assert_eq!(text, expected);
    }
}
