//! Reads the budgets of a run from its test binaries and from a file before anything is executed, and gives them to
//! its tests. Each subcommand of `budgets` has a file of its own.

pub(crate) mod blame;
pub(crate) mod check;
pub(crate) mod diff;
mod error;
pub(crate) mod file;
mod git;
pub(crate) mod list;
pub(crate) mod need;
pub(crate) mod peaks;
pub(crate) mod record;

pub(crate) use error::BudgetError;

use crate::budget::{Declared, Metric, Recorded, SectionError, TestBudget, Written, beside, grain};
use crate::cli::{Budgets as Mode, MessageFormat};
use crate::error::Error;
use crate::remark::Remark;
use crate::report::OutputError;
use crate::sandboxes::{self, Sandboxes};
use crate::settings::{SandboxSettings, TestSettings};
use crate::testcase::{TestBinary, TestCase};
use isotest_core::cgroup;
use isotest_core::limits::Control;
use isotest_core::policy::Capability;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::sync::Arc;

/// Budgets of the test binaries of a run, and of the file.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    /// Budgets of each binary; empty if budgets are off.
    of_binaries: Vec<(Arc<TestBinary>, Declared)>,
    is_enforced: bool,
}

impl Budgets {
    /// Reads the budgets of test binaries, and adds those of the file.
    ///
    /// # Errors
    /// When a binary cannot be read.
    pub(crate) fn read(
        binaries: &[Arc<TestBinary>],
        recorded: &Recorded,
        mode: Mode,
    ) -> Result<Self, BudgetError> {
        let mut of_binaries = Vec::new();
        let binaries = binaries.iter().filter(|_| mode != Mode::Off);
        for binary in binaries {
            let file = File::open(&binary.path).map_err(|error| unreadable(binary, error))?;
            let mut declared =
                Declared::read(BufReader::new(file)).map_err(|error| unreadable(binary, error))?;
            declared.entries.extend(recorded.of_binary(&binary.id).iter().cloned());
            of_binaries.push((Arc::clone(binary), declared));
        }
        Ok(Self { of_binaries, is_enforced: mode == Mode::Enforce })
    }

    /// Returns the controllers that enforce limits of budgets.
    pub(crate) fn controls(&self) -> Vec<Control> {
        let mut enforced =
            self.of_binaries.iter().filter(|(binary, declared)| why_not(binary, declared).is_none());
        let has_memory =
            |declared: &Declared| declared.entries.iter().any(|entry| entry.budget.memory.is_some());
        let needs_memory = self.is_enforced && enforced.any(|(_, declared)| has_memory(declared));
        needs_memory.then_some(Control::Memory).into_iter().collect()
    }

    /// Gives each of the selected tests its budget: the strictest limits of its own attribute, the file and its
    /// settings. Returns remarks on budgets that fail no test.
    pub(crate) fn assign(&self, tests: &mut [TestCase], of_each: &[Arc<TestSettings>]) -> Vec<Remark> {
        let mut remarks = Vec::new();
        for (binary, declared) in &self.of_binaries {
            let why_not = why_not(binary, declared);
            let is_enforced = self.is_enforced && why_not.is_none();
            let own = tests.iter_mut().zip(of_each).filter(|(test, _)| Arc::ptr_eq(&test.binary, binary));
            let mut has_any = false;
            for (test, settings) in own {
                let written = [beside(&test.name, &declared.entries), settings.budgets.clone()].concat();
                let memory_limit = settings.limits.memory.map(|limit| limit.value);
                test.budget = TestBudget::new(&written, memory_limit, is_enforced);
                has_any |= !written.is_empty();
            }
            if let Some(what) = why_not.filter(|_| self.is_enforced && has_any) {
                remarks.push(Remark::UnenforcedBudgets { binary: binary.id.clone(), what });
            }
        }
        remarks
    }

    /// Returns the budgets that stand beside a test and in the file of recorded budgets.
    pub(crate) fn beside(&self, test: &TestCase) -> Vec<Written> {
        let own = self.of_binaries.iter().filter(|(binary, _)| Arc::ptr_eq(&test.binary, binary));
        own.flat_map(|(_, declared)| beside(&test.name, &declared.entries)).collect()
    }

    /// Returns remarks on budgets that belong to none of `tests`, which are all that exist.
    pub(crate) fn unused(&self, tests: &[TestCase]) -> Vec<Remark> {
        let unused = self.of_binaries.iter().flat_map(|(binary, declared)| {
            let own = tests.iter().filter(|test| Arc::ptr_eq(&test.binary, binary));
            let names: Vec<_> = own.map(|test| test.name.as_str()).collect();
            declared.entries.unused(&names).into_iter().map(|entry| Remark::UnusedBudget {
                place: format!("{}:{}", entry.file, entry.line),
                binary: binary.id.clone(),
                test: entry.name.clone(),
            })
        });
        unused.collect()
    }
}

/// Returns the reason why the figures of a binary are not those of its tests.
fn why_not(binary: &TestBinary, declared: &Declared) -> Option<String> {
    let runner = binary.runner.first().and_then(|program| Path::new(program).file_name());
    let is_valgrind = runner.is_some_and(|name| name.to_string_lossy().contains("valgrind"));
    let instrumented = declared.instrumented.map(|what| format!("instrumented for {what}"));
    instrumented.or_else(|| is_valgrind.then(|| "executed by valgrind".to_owned()))
}

/// Writes lines for people.
///
/// # Errors
/// When the lines cannot be written.
pub(crate) fn tell(lines: &[String], format: MessageFormat) -> Result<(), OutputError> {
    let mut to: Box<dyn Write> = match format {
        MessageFormat::Human => Box::new(io::stdout()),
        MessageFormat::Json => Box::new(io::stderr()),
    };
    let written = lines.iter().try_for_each(|line| writeln!(to, "{line}"));
    written.and_then(|()| to.flush()).map_err(OutputError::Stream)
}

/// Checks that memory peaks are measured exactly on this host, and that memory can be limited.
///
/// # Errors
/// When memory peaks are not exact, or memory cannot be limited.
pub(crate) fn measurable(sandboxes: &Sandboxes) -> Result<(), Error> {
    measurable_metrics(sandboxes, &[Metric::Memory])
}

/// Checks that these metrics are measured on this host.
///
/// # Errors
/// When a metric is not measured.
pub(crate) fn measurable_metrics(sandboxes: &Sandboxes, metrics: &[Metric]) -> Result<(), Error> {
    let capabilities: Vec<_> = metrics.iter().filter_map(|metric| metric.capability()).collect();
    let obstacles = sandboxes.unbudgetable(&capabilities);
    if obstacles.is_empty() {
        return Ok(());
    }
    let remedies = sandboxes::remedies(&obstacles)?;
    Err(BudgetError::Unmeasured { obstacles, remedies }.into())
}

/// Checks that the budgets of these tests can be judged on this host. `memory_of_start` is the memory peak of each binary
/// that starts and executes no test, by id.
///
/// # Errors
/// When a metric is off or not measured, or a budget is smaller than what is measured.
pub(crate) fn check(
    tests: &[TestCase],
    sandboxes: &Sandboxes,
    settings: &SandboxSettings,
    memory_of_start: &HashMap<String, u64>,
) -> Result<(), Error> {
    let enforced = tests.iter().map(|test| &test.budget).filter(|budget| budget.is_enforced());
    let limits: Vec<_> = enforced.flat_map(TestBudget::limits).collect();
    let is_needed =
        |capability: &Capability| limits.iter().any(|limit| limit.metric.capability() == Some(*capability));
    let needed: Vec<_> = Capability::ALL.into_iter().filter(is_needed).collect();
    if let Some(off) = settings.off.iter().find(|off| needed.contains(&off.value)) {
        return Err(BudgetError::SwitchedOff { off: *off }.into());
    }
    let obstacles = sandboxes.unbudgetable(&needed);
    if !obstacles.is_empty() {
        let remedies = sandboxes::remedies(&obstacles)?;
        return Err(BudgetError::Unmeasured { obstacles, remedies }.into());
    }
    let mut judged = tests.iter().filter(|test| test.budget.is_enforced());
    Ok(judged.try_for_each(|test| large_enough(test, memory_of_start))?)
}

/// Checks that the memory budget of a test is neither below the measurement error of a peak, nor below what an empty test of
/// its binary needs.
fn large_enough(test: &TestCase, memory_of_start: &HashMap<String, u64>) -> Result<(), BudgetError> {
    let limits = test.budget.limits();
    let Some(limit) = limits.iter().find(|limit| limit.metric == Metric::Memory) else { return Ok(()) };
    let (processors, origin) = (cgroup::processors(), limit.origin.clone());
    let grain = grain(processors);
    if limit.value < grain {
        return Err(BudgetError::Small { limit: limit.value, origin, processors, grain });
    }
    let empty = memory_of_start.get(&test.binary.id).copied().unwrap_or_default();
    // A peak is too high by the grain at most: what is below the rest is broken by every test, whoever measures.
    if limit.value < empty.saturating_sub(grain) {
        let binary_id = test.binary.id.clone();
        return Err(BudgetError::BelowEmpty { limit: limit.value, origin, binary_id, empty });
    }
    Ok(())
}

/// Reads the budgets in a test binary, which need not be one of a project's.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn of_file(path: &Path) -> Result<Declared, BudgetError> {
    Declared::read_at(path).map_err(|source| BudgetError::Program { path: path.to_owned(), source })
}

/// Returns whether a word of `budgets list` names a file in place of tests, at this path: there is one, or the word can be no
/// part of a test's name.
pub(crate) fn is_file(word: &str, path: &Path) -> bool {
    let may_be_name = !["/", "./", "../"].iter().any(|start| word.starts_with(start));
    let is_bare = !word.contains('/');
    let is_name = match fs::metadata(path) {
        Ok(found) => is_bare && !found.is_file(),
        Err(error) => is_bare || (may_be_name && error.kind() == io::ErrorKind::NotFound),
    };
    !is_name
}

fn unreadable(binary: &TestBinary, source: impl Into<SectionError>) -> BudgetError {
    BudgetError::Unreadable { binary_id: binary.id.clone(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_a_part_of_a_name() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("binary"), "").unwrap();
        fs::create_dir(place.path().join("parser")).unwrap();
        let is_file = |word: &str| is_file(word, &place.path().join(word));
        for word in ["binary", "./binary", "./parser", "./no_such", "/no/such", "parser/", "/dev/null"] {
            assert!(is_file(word), "{word}");
        }
        for word in ["parser", "no_such", "parser::reads", "src/lib.rs - reads"] {
            assert!(!is_file(word), "{word}");
        }
    }
}
