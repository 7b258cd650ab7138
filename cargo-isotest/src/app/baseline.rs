//! Baselines of a run: recorded memory peaks with which its tests are compared, and to which their peaks are added.

use crate::app::budgets::BudgetError;
use crate::baseline::{Baseline, BaselineError, Key, MAX_VALUES};
use crate::budget::{Before, grain};
use crate::cli::{BaselineArgs, BaselineName};
use crate::error::{Error, Failure};
use crate::exit::{End, Exit};
use crate::history::Place;
use crate::invocation::Invocation;
use crate::remark::Remark;
use crate::report::title;
use crate::schedule::events::{Event, Reporter};
use crate::settings::{Process, Settings};
use crate::testcase::TestCase;
use crate::text::units::{memory, plural};
use isotest_core::cgroup;
use isotest_core::outcome::Outcome;
use isotest_core::policy::{Capability, Isolation};
use nix::unistd::{SysconfVar, sysconf};
use std::env::consts;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Default limit of growth, in percent; smaller growth is ignored.
const PERCENT: u32 = 10;

/// Maximum number of tests listed whose peaks have two modes.
const SHOWN: usize = 5;

/// Error of a run with baselines.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    /// The file of a baseline cannot be read or written.
    #[error(transparent)]
    File(#[from] BaselineError),
    /// The measured peaks cannot be added to the file of a baseline.
    #[error("the memory peaks of this run are not saved")]
    Unsaved(#[source] BaselineError),
    /// The baseline to compare with does not exist.
    #[error("there is no baseline `{name}`")]
    None {
        /// Name of the missing baseline.
        name: String,
    },
    /// The host has no directory for named baselines.
    #[error("there is no place for the baseline `{name}`: neither `XDG_STATE_HOME` nor `HOME` is a path")]
    NoPlace {
        /// Name of the baseline.
        name: String,
    },
    /// Tests have no memory peaks of their own.
    #[error(
        "tests that share a process have no memory peaks of their own to compare or save, and tests that update files share one"
    )]
    Shared,
}

impl Failure for CompareError {
    fn end(&self) -> End {
        match self {
            Self::File(_) => Exit::Configuration.into(),
            Self::Unsaved(_) => Exit::Bug.into(),
            Self::None { .. } | Self::NoPlace { .. } | Self::Shared => Exit::Usage.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unsaved(BaselineError::Locked { .. }) => {
                Some("wait until the other run has ended, and run this one again".to_owned())
            }
            Self::None { name } => {
                Some(format!("`--save-baseline {name}` makes it, from the tests as they are"))
            }
            Self::NoPlace { .. } => Some("name a file, such as `./main.json`".to_owned()),
            Self::Shared => Some("`--discard-updates` runs each test in a process of its own".to_owned()),
            Self::File(BaselineError::File { .. }) | Self::Unsaved(BaselineError::File { .. }) => None,
            Self::File(_) | Self::Unsaved(_) => {
                Some("remove it, and save it again with `--save-baseline`".to_owned())
            }
        }
    }
}

/// Baselines of a run: the one that is compared with, and the one that peaks are added to.
#[derive(Debug)]
pub(super) struct Baselines {
    compared: Option<(Arc<str>, Baseline)>,
    saved: Option<(String, PathBuf)>,
    key: Key,
    percent: Option<u32>,
    /// Remarks on the baselines, for the report.
    pub(super) remarks: Vec<Remark>,
}

impl Baselines {
    /// Reads the baselines of the command line.
    ///
    /// # Errors
    /// When a baseline does not exist or cannot be used.
    pub(super) fn open(
        settings: &Settings,
        isolation: &Isolation,
        workspace: &Path,
        invocation: &Invocation,
    ) -> Result<Self, Error> {
        let BaselineArgs { save_baseline, baseline, fail_on_increase } = &settings.course.baseline;
        let path = |name: &BaselineName| path(name, workspace, invocation);
        let saved =
            save_baseline.as_ref().map(|name| Ok::<_, Error>((name.typed(), path(name)?))).transpose()?;
        let compared = match baseline {
            Some(name) => {
                let read = Baseline::read(&path(name)?).map_err(CompareError::from)?;
                let read = read.ok_or_else(|| CompareError::None { name: name.typed() })?;
                Some((Arc::from(name.typed()), read))
            }
            None => None,
        };
        if let Some((_, path)) = &saved {
            // An unreadable file is reported now, and not after a long run.
            Baseline::read(path).map_err(CompareError::from)?;
        }
        let key = key(settings, isolation);
        let mut baselines = Self { compared, saved, key, percent: *fail_on_increase, remarks: Vec::new() };
        if baselines.compared.is_some() || baselines.saved.is_some() {
            baselines.check(settings)?;
        }
        Ok(baselines)
    }

    /// Checks that tests have memory peaks of their own, and drops a compared baseline of other conditions.
    fn check(&mut self, settings: &Settings) -> Result<(), Error> {
        if settings.execution.process != Process::Test {
            return Err(CompareError::Shared.into());
        }
        if let Some(off) = settings.sandbox.off.iter().find(|off| off.value == Capability::Memory) {
            return Err(BudgetError::SwitchedOff { off: *off }.into());
        }
        self.drop_incomparable();
        Ok(())
    }

    /// Drops a compared baseline of other conditions.
    fn drop_incomparable(&mut self) {
        let differences = self.compared.as_ref().map(|(_, known)| self.key.differences(&known.key));
        if let Some(differences) = differences.filter(|differences| !differences.is_empty()) {
            let name = self.compared.take().map(|(name, _)| name).unwrap_or_default();
            let (baseline, is_enforced) = (name.to_string(), self.percent.is_some());
            self.remarks.push(Remark::NotCompared { baseline, differences, is_enforced });
        }
    }

    /// Returns whether a test can fail because of a baseline.
    pub(super) const fn is_enforced(&self) -> bool {
        self.compared.is_some() && self.percent.is_some()
    }

    /// Gives each test its peaks of earlier runs.
    pub(super) fn assign(&mut self, tests: &mut [TestCase]) {
        let Some((name, baseline)) = &self.compared else { return };
        let grain = grain(cgroup::processors());
        let mut unknown = 0;
        for test in tests {
            let values = baseline.values(&test.binary.id, &test.name);
            let rule = (self.percent.unwrap_or(PERCENT), self.percent.is_some());
            match Before::new(Arc::clone(name), values, rule, grain) {
                Some(before) => test.budget.compare_with(before),
                None => unknown += 1,
            }
        }
        if unknown > 0 {
            self.remarks.push(Remark::NotInBaseline { baseline: name.to_string(), tests: unknown });
        }
    }

    /// Adds peaks to the saved baseline, and returns the messages about it.
    ///
    /// # Errors
    /// When the baseline cannot be read or written.
    pub(super) fn save(&self, peaks: &Peaks) -> Result<Vec<String>, CompareError> {
        let Some((name, path)) = &self.saved else { return Ok(Vec::new()) };
        let Noted { peaks: noted, sampled } = &*peaks.noted();
        if noted.is_empty() {
            let why = match sampled {
                0 => "no memory peak was measured of a test that passed",
                _ => {
                    "memory peaks are only sampled here, and may be too low (`cargo isotest doctor` says why)"
                }
            };
            return Ok(vec![format!("nothing is added to the baseline `{name}`: {why}")]);
        }
        let mut told = Vec::new();
        let mut modes = Vec::new();
        let changed = Baseline::update(path, |known| {
            let mut baseline = self.continued(known, name, &mut told);
            for (test, peak) in noted {
                baseline.add(&test.binary.id, &test.name, *peak);
                let values = baseline.values(&test.binary.id, &test.name);
                let before =
                    Before::new(Arc::from(""), values, (PERCENT, false), grain(cgroup::processors()));
                modes.extend(before.and_then(|before| before.modes()).map(|modes| (title(test), modes)));
            }
            baseline
        });
        changed.map_err(CompareError::Unsaved)?;
        told.push(format!(
            "memory peaks of {} added to the baseline `{name}`, of each the latest {MAX_VALUES} are kept: `{}`",
            plural(noted.len(), "test"),
            path.display()
        ));
        for (title, [low, high]) in modes.iter().take(SHOWN) {
            told.push(format!(
                "{title}: its peaks have two modes, {} in {} and {} in {}",
                memory(low.highest),
                plural(low.count, "run"),
                memory(high.highest),
                plural(high.count, "run")
            ));
        }
        if modes.len() > SHOWN {
            told.push(format!("{} more have two modes", modes.len() - SHOWN));
        }
        Ok(told)
    }
}

impl Baselines {
    /// Returns the known baseline, or a new one if its conditions differ.
    fn continued(&self, known: Option<Baseline>, name: &str, told: &mut Vec<String>) -> Baseline {
        let Some(known) = known else { return Baseline::new(self.key.clone()) };
        let differences = self.key.differences(&known.key);
        if differences.is_empty() {
            return known;
        }
        told.push(format!(
            "the baseline `{name}` was of other conditions, and begins anew: {}",
            differences.join("; ")
        ));
        Baseline::new(self.key.clone())
    }
}

/// Returns the path of a baseline's file.
fn path(name: &BaselineName, workspace: &Path, invocation: &Invocation) -> Result<PathBuf, CompareError> {
    match name {
        BaselineName::File(path) => Ok(invocation.absolute(path)),
        BaselineName::Kept(name) => {
            let [state_home, home] =
                ["XDG_STATE_HOME", "HOME"].map(|name| invocation.variable(name).map(Path::new));
            let place = Place::of_workspace(workspace, state_home, home);
            let place = place.ok_or_else(|| CompareError::NoPlace { name: name.clone() })?;
            Ok(place.baselines().join(format!("{name}.json")))
        }
    }
}

/// Returns the conditions of this run.
fn key(settings: &Settings, isolation: &Isolation) -> Key {
    let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let kernel = line("/proc/sys/kernel/osrelease");
    let kernel: Vec<_> = kernel.split('.').take(2).collect();
    let huge_pages = line("/sys/kernel/mm/transparent_hugepage/enabled");
    let chosen = huge_pages.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let page_size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or_default();
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let conditions = [
        ("machine", consts::ARCH.to_owned()),
        ("kernel", kernel.join(".")),
        ("cgroups", isolation.cgroup_layout.unwrap_or_default().to_owned()),
        ("page size", page_size.to_string()),
        ("huge pages", chosen.map_or("", |(chosen, _)| chosen).to_owned()),
        ("CPUs", cgroup::processors().to_string()),
        ("RUST_BACKTRACE", variable("RUST_BACKTRACE")),
        ("RUSTFLAGS", variable("RUSTFLAGS")),
    ];
    settings.cargo.conditions().into_iter().chain(conditions).collect()
}

/// Reporter that notes the memory peaks of tests that passed.
#[derive(Debug, Clone, Default)]
pub(super) struct Peaks(Arc<Mutex<Noted>>);

/// Figures of the tests that passed.
#[derive(Debug, Default)]
struct Noted {
    peaks: Vec<(TestCase, u64)>,
    /// Number of tests whose peak is approximate.
    sampled: usize,
}

impl Peaks {
    /// Returns whether there are neither peaks to save nor approximate ones to report.
    pub(super) fn are_none(&self) -> bool {
        let Noted { peaks, sampled } = &*self.noted();
        peaks.is_empty() && *sampled == 0
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Peaks {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let Event::AttemptFinished { test, record, is_last: true, verdict, .. } = event else {
            return Ok(());
        };
        let is_told = verdict.passes() && record.outcome == Outcome::Passed && record.suspect.is_none();
        if let Some(peak) = record.usage.memory_peak.filter(|_| is_told) {
            let mut noted = self.noted();
            if peak.source.is_approximate() {
                noted.sampled += 1;
            } else {
                noted.peaks.push(((*test).clone(), peak.value.get()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use crate::testing::errors::{each_variant, is_as_kept};
    use snapbox::{assert_data_eq, str};

    const MIB: u64 = 1 << 20;

    fn peaks(noted: &[(&str, u64)], sampled: usize) -> Peaks {
        let peaks = noted.iter().map(|(name, mib)| (builders::test("tour", name), mib * MIB)).collect();
        Peaks(Arc::new(Mutex::new(Noted { peaks, sampled })))
    }

    fn baselines(path: &Path, kernel: &str) -> Baselines {
        let saved = Some(("main".to_owned(), path.to_owned()));
        let key = std::iter::once(("kernel", kernel.to_owned())).collect();
        Baselines { compared: None, saved, key, percent: None, remarks: Vec::new() }
    }

    #[test]
    fn what_is_saved_is_told() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("main.json");
        let now = baselines(&path, "6.18");
        let mut told = now.save(&peaks(&[], 0)).unwrap();
        told.extend(now.save(&peaks(&[], 2)).unwrap());
        told.extend(now.save(&peaks(&[("reads", 20), ("writes", 20)], 0)).unwrap());
        now.save(&peaks(&[("reads", 20)], 0)).unwrap();
        now.save(&peaks(&[("reads", 400)], 0)).unwrap();
        told.extend(now.save(&peaks(&[("reads", 400)], 0)).unwrap());
        told.extend(baselines(&path, "6.1").save(&peaks(&[("reads", 400)], 0)).unwrap());
        let text = told.join("\n").replace(place.path().to_str().unwrap(), "[STATE]");
        assert_data_eq!(
            text + "\n",
            str![[r#"
nothing is added to the baseline `main`: no memory peak was measured of a test that passed
nothing is added to the baseline `main`: memory peaks are only sampled here, and may be too low (`cargo isotest doctor` says why)
memory peaks of 2 tests added to the baseline `main`, of each the latest 10 are kept: `[STATE]/main.json`
memory peaks of 1 test added to the baseline `main`, of each the latest 10 are kept: `[STATE]/main.json`
tour reads: its peaks have two modes, 20.0 MiB in 2 runs and 400.0 MiB in 2 runs
the baseline `main` was of other conditions, and begins anew: kernel 6.1, then 6.18
memory peaks of 1 test added to the baseline `main`, of each the latest 10 are kept: `[STATE]/main.json`

"#]]
        );
    }

    #[test]
    fn what_is_not_compared_is_told() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("main.json");
        let mut remarks = Vec::new();
        baselines(&path, "6.18").save(&peaks(&[("reads", 20)], 0)).unwrap();
        for (kernel, percent) in [("6.18", None), ("6.1", None), ("6.1", Some(10))] {
            let compared = Some((Arc::from("main"), Baseline::read(&path).unwrap().unwrap()));
            let mut now = Baselines { compared, percent, ..baselines(&path, kernel) };
            now.drop_incomparable();
            now.assign(&mut ["reads", "writes"].map(|name| builders::test("tour", name)));
            remarks.extend(now.remarks.iter().map(ToString::to_string));
        }
        assert_data_eq!(
            remarks.join("\n") + "\n",
            str![[r#"
the baseline `main` knows nothing of 1 test
nothing is compared with the baseline `main`, which is of other conditions: kernel 6.1, then 6.18
nothing is compared with the baseline `main`, which is of other conditions: kernel 6.1, then 6.18; so no test fails for growth

"#]]
        );
    }

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let damaged = || serde_json::from_str::<Baseline>("{}").unwrap_err();
        let text = each_variant!(CompareError {
            CompareError::File(_) => [
                BaselineError::File { path: "main.json".into(), source: io::Error::from_raw_os_error(nix::libc::EACCES) }.into(),
                BaselineError::Content { path: "main.json".into(), source: damaged() }.into(),
                BaselineError::Later { path: "main.json".into() }.into(),
            ],
            CompareError::Unsaved(_) => [
                CompareError::Unsaved(BaselineError::File { path: "main.json".into(), source: io::Error::from_raw_os_error(nix::libc::ENOSPC) }),
                CompareError::Unsaved(BaselineError::Locked { path: "main.json".into() }),
                CompareError::Unsaved(BaselineError::Content { path: "main.json".into(), source: damaged() }),
            ],
            CompareError::None { .. } => [CompareError::None { name: "main".to_owned() }],
            CompareError::NoPlace { .. } => [CompareError::NoPlace { name: "main".to_owned() }],
            CompareError::Shared => [CompareError::Shared],
        });
        is_as_kept("baselines", text);
    }
}
