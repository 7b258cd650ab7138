//! `cargo isotest budgets diff`: compares recorded budgets with those of an earlier revision or another file.

use crate::app::budgets::error::BudgetError;
use crate::app::budgets::file;
use crate::app::budgets::git;
use crate::budget::{Metric, RECORDED, Recorded};
use crate::text::units::limit;
use isotest_core::Bytes;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Default revision to compare with.
const LAST: &str = "HEAD";

/// Returns a line for each difference of memory budgets from `base`, a file or a revision of git.
///
/// # Errors
/// When either of them cannot be read.
pub(crate) fn lines(workspace: &Path, base: Option<&Path>) -> Result<Vec<String>, BudgetError> {
    let now = file::read(workspace)?;
    let base = match base {
        Some(path) if path.is_file() => {
            let path = path.to_owned();
            fs::read_to_string(&path).map_err(|source| BudgetError::File { path, source })?
        }
        Some(revision) => committed(workspace, &revision.to_string_lossy())?,
        None => committed(workspace, LAST)?,
    };
    Ok(differences(&Recorded::parse(&base)?, &now))
}

/// Returns the text of the file in a revision; empty if the revision has no such file.
fn committed(workspace: &Path, revision: &str) -> Result<String, BudgetError> {
    let failed =
        |why: &str| Err(BudgetError::Revision { revision: revision.to_owned(), why: why.to_owned() });
    let Some(commit) = git::commit(workspace, revision)? else {
        return failed("neither a file nor a commit that git knows here");
    };
    // An error of `git show` does not tell whether the file is missing.
    let listed = git::answer(workspace, revision, &["ls-tree", "--name-only", &commit, RECORDED])?;
    if listed.is_empty() {
        return Ok(String::new());
    }
    git::answer(workspace, revision, &["show", &format!("{commit}:./{RECORDED}")])
}

fn differences(base: &Recorded, now: &Recorded) -> Vec<String> {
    let binaries: BTreeSet<_> = base.binaries().chain(now.binaries()).collect();
    let mut lines = Vec::new();
    for binary in binaries {
        let entries = |recorded: &'_ Recorded| recorded.of_binary(binary).to_vec();
        let (base, now) = (entries(base), entries(now));
        let names: BTreeSet<_> = base.iter().chain(&now).map(|entry| entry.name.clone()).collect();
        for name in names {
            let memory = |entries: &[isotest_core::budget::Entry]| {
                entries
                    .iter()
                    .find(|entry| entry.name == name)
                    .and_then(|entry| entry.budget.memory)
                    .map(Bytes::get)
            };
            let metric = Metric::Memory.as_str();
            match (memory(&base), memory(&now)) {
                (old, new) if old == new => {}
                (None, Some(new)) => lines.push(format!("+ {binary} {name}: {metric} {}", limit(new))),
                (Some(old), None) => lines.push(format!("- {binary} {name}: {metric} {}", limit(old))),
                (Some(old), Some(new)) => {
                    let percent = (i128::from(new) - i128::from(old)) * 100 / i128::from(old.max(1));
                    lines.push(format!(
                        "~ {binary} {name}: {metric} {} -> {} ({percent:+} %)",
                        limit(old),
                        limit(new)
                    ));
                }
                (None, None) => {}
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_taken_away_and_changed_is_told() {
        let read = |text| Recorded::parse(text).unwrap();
        let base =
            read("[tour]\na = { memory = \"64 MiB\" }\nb = { memory = \"8 MiB\" }\nc = { procs = 5 }\n");
        let now = read(
            "[it]\nd = { memory = \"1 GiB\" }\n[tour]\na = { memory = \"96 MiB\" }\nc = { procs = 5 }\n",
        );
        let told =
            ["+ it d: memory 1 GiB", "~ tour a: memory 64 MiB -> 96 MiB (+50 %)", "- tour b: memory 8 MiB"];
        assert_eq!(differences(&base, &now), told);
        assert!(differences(&base, &base).is_empty(), "control");
    }
}
