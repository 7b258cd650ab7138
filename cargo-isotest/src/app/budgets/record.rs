//! `cargo isotest budgets init` and `accept`: budgets from what tests use.

use crate::app::budgets::error::BudgetError;
use crate::app::budgets::file;
use crate::app::budgets::peaks::{Last, Peaks};
use crate::budget::{Recorded, TestName, grain, readable, with_memory};
use crate::text::units::{limit, memory, plural};
use isotest_core::cgroup;
use std::collections::BTreeMap;
use std::path::Path;

/// By how much of a peak a budget is above it, in percent, where nothing is said.
const HEADROOM_PERCENT: u32 = 25;

/// Which budgets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those of tests without an entry.
    New,
    /// Those that are below a peak.
    Raised,
}

/// Writes budgets for these peaks of so many runs, and returns what to tell.
///
/// # Errors
/// When the file cannot be read or written.
pub(crate) fn record(
    workspace: &Path,
    peaks: &Peaks,
    runs: usize,
    (which, headroom): (Which, Option<u32>),
) -> Result<Vec<String>, BudgetError> {
    let file = file::text(workspace)?;
    let recorded = Recorded::parse(&file)?;
    let grain = grain(cgroup::processors());
    let headroom = headroom.unwrap_or(HEADROOM_PERCENT);
    let mut lines = Vec::new();
    let mut limits: BTreeMap<TestName, u64> = BTreeMap::new();
    for (name, peak) in peaks {
        let (binary, test) = name;
        let entry = recorded.of_binary(binary).iter().find(|entry| entry.name == *test);
        let known = entry.and_then(|entry| entry.budget.memory);
        let Some(highest) = peak.highest.filter(|_| peak.known >= runs) else {
            let kept = if known.is_some() { "its budget stays as it is" } else { "no budget" };
            let why = match &peak.last {
                Last::Undecided(why) => why,
                _ => "not every attempt at it passed and was measured",
            };
            lines.push(format!("{binary} {test}: {kept}, since {why}"));
            continue;
        };
        let new = readable(highest, headroom, grain);
        match (which, known) {
            (Which::New, None) => {
                lines.push(format!("{binary} {test}: {} (peak {})", limit(new), memory(highest)));
            }
            (Which::Raised, Some(old)) if old < highest => {
                lines.push(format!(
                    "{binary} {test}: {} -> {} (peak {})",
                    limit(old),
                    limit(new),
                    memory(highest)
                ));
            }
            (Which::New, Some(_)) | (Which::Raised, _) => continue,
        }
        limits.insert(name.clone(), new);
    }
    if limits.is_empty() {
        lines.push(match which {
            Which::New => "every test that passes has a recorded budget".to_owned(),
            Which::Raised => "no recorded budget is below what was measured".to_owned(),
        });
    } else {
        file::write(workspace, &with_memory(&file, &limits)?)?;
        lines.push(format!(
            "wrote {} to `{}`",
            plural(limits.len(), "budget"),
            file::path(workspace).display()
        ));
    }
    Ok(lines)
}
