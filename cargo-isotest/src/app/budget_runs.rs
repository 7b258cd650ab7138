//! `cargo isotest budgets`: runs of tests for the sake of their budgets.

use crate::app::budgets::peaks::{Last, Notes};
use crate::app::budgets::record::{Wanted, Which};
use crate::app::budgets::{self, BudgetError};
use crate::app::history::History;
use crate::app::run::{Chosen, Run, end_of};
use crate::budget::{Metric, grain};
use crate::cli::{BudgetsAction, BudgetsArgs, BudgetsMetric};
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::harness::libtest::WholeBinary;
use crate::harness::together;
use crate::report::OutputError;
use crate::schedule::Finished;
use crate::schedule::needs::Needs;
use crate::schedule::setup;
use crate::schedule::summary::{Selection, Summary};
use crate::select::Selected;
use crate::settings::{Setting, TestSettings};
use crate::testcase::TestCase;
use crate::values::Retries;
use isotest_core::cgroup;
use nix::unistd::{SysconfVar, sysconf};
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Default number of executions of each test whose budget is measured.
const RUNS: usize = 3;

/// Result of an attempt that tries a memory limit.
#[derive(Debug)]
enum Tried {
    /// Test passed, with its peak if that was measured.
    Passed(Option<u64>),
    Failed,
    Interrupted(End),
}

const fn metric_of(typed: BudgetsMetric) -> Metric {
    match typed {
        BudgetsMetric::Memory => Metric::Memory,
        BudgetsMetric::Cpu => Metric::Cpu,
        BudgetsMetric::Procs => Metric::Procs,
        BudgetsMetric::Wall => Metric::Wall,
        BudgetsMetric::Disk => Metric::Disk,
        BudgetsMetric::IoWrite => Metric::IoWrite,
    }
}

/// Returns the memory of the machine in bytes.
fn memory_total() -> u64 {
    let value = |name| sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok());
    let pages = value(SysconfVar::_PHYS_PAGES).zip(value(SysconfVar::PAGE_SIZE));
    pages.map_or(u64::MAX, |(pages, bytes)| pages.saturating_mul(bytes))
}

impl Run<'_> {
    /// Executes a subcommand of `budgets` with all tests and the selected ones.
    ///
    /// # Errors
    /// Errors that stop the subcommand.
    pub(super) fn work_on_budgets(
        &self,
        args: &BudgetsArgs,
        all: &[TestCase],
        selected: &Selected,
        whole: &[WholeBinary],
    ) -> Result<End, Error> {
        let workspace = &self.session.build.directories.workspace;
        let format = self.settings.message_format.value.into();
        let which = match args.action {
            BudgetsAction::List => {
                let listed = budgets::list::write(&selected.tests, format, io::stdout().lock());
                listed.map_err(OutputError::Stream)?;
                return Ok(End::Exit(Exit::Ok));
            }
            BudgetsAction::Check => {
                let recorded = budgets::file::read(workspace)?;
                let found =
                    budgets::check::write(&recorded, all, &selected.tests, format, io::stdout().lock());
                return Ok(End::Exit(found.map_err(OutputError::Stream)?));
            }
            BudgetsAction::Need => return self.find_need(selected),
            BudgetsAction::Accept => Which::Raised,
            BudgetsAction::Init | BudgetsAction::Diff | BudgetsAction::Blame => Which::New,
        };
        let metrics: Vec<_> = args.metric.iter().map(|metric| metric_of(*metric)).collect();
        let metrics = match which {
            Which::New if metrics.is_empty() => vec![Metric::Memory],
            Which::Raised if metrics.is_empty() => Metric::ALL.to_vec(),
            Which::New | Which::Raised => metrics,
        };
        if which == Which::New || !args.metric.is_empty() {
            budgets::measurable_metrics(self.sandboxes, &metrics)?;
        } else {
            budgets::measurable(self.sandboxes)?;
        }
        // A file that cannot be read could not be updated after the runs either: the error is reported before them.
        budgets::file::read(workspace)?;
        let runs = args.runs.map_or(RUNS, NonZeroUsize::get);
        for _ in 0..runs {
            let chosen = Chosen { selected, whole, shard: None };
            let end = self.execute_tests(chosen, Vec::new(), &History::default())?;
            if matches!(end, End::Interrupted(_) | End::Exit(Exit::SetupFailed)) {
                return Ok(end);
            }
        }
        let told = budgets::record::record(
            workspace,
            &self.notes.peaks(),
            runs,
            &Wanted { which, headroom: args.headroom, metrics },
        )?;
        budgets::tell(&told, format)?;
        Ok(End::Exit(Exit::Ok))
    }

    /// Finds the least memory with which the only selected test passes.
    fn find_need(&self, selected: &Selected) -> Result<End, Error> {
        budgets::measurable(self.sandboxes)?;
        let [test] = selected.tests.as_slice() else {
            return Err(BudgetError::NotOne { selected: selected.tests.len() }.into());
        };
        let never = |why| BudgetError::NeverPasses { test: test.name.clone(), why };
        let peak = match self.peak_within(selected, None)? {
            Tried::Passed(Some(peak)) => peak,
            Tried::Passed(None) => return Err(never("its peak is not measured".to_owned()).into()),
            Tried::Failed => return Err(never("it does not pass without a limit".to_owned()).into()),
            Tried::Interrupted(end) => return Ok(end),
        };
        let mut told = Vec::new();
        let found = budgets::need::bisect(peak, (grain(cgroup::processors()), memory_total()), |limit| {
            match self.peak_within(selected, Some(limit)) {
                Ok(Tried::Interrupted(end)) => ControlFlow::Break(Ok(end)),
                Ok(tried) => {
                    let passes = matches!(tried, Tried::Passed(_));
                    told.push(budgets::need::tried(limit, passes));
                    ControlFlow::Continue(passes)
                }
                Err(error) => ControlFlow::Break(Err(error)),
            }
        });
        match found {
            Ok(None) => Err(never("it does not pass with any limit".to_owned()).into()),
            Ok(Some(least)) => {
                told.push(budgets::need::found(test, least, peak));
                budgets::tell(&told, self.settings.message_format.value.into())?;
                Ok(End::Exit(Exit::Ok))
            }
            Err(end) => end,
        }
    }

    /// Executes the selected tests with this memory limit, without reporting them.
    fn peak_within(&self, selected: &Selected, memory: Option<u64>) -> Result<Tried, Error> {
        let units = together::units(&selected.tests, self.settings.execution.process);
        let limited = |own: Arc<TestSettings>| {
            let mut test = TestSettings::clone(&own);
            test.limits.memory = memory.map(Setting::default).or(test.limits.memory);
            test.retries = Setting::default(Retries::default());
            Arc::new(test)
        };
        let of_each: Vec<_> = self.of_each(&units)?.into_iter().map(limited).collect();
        let prepared = self.setups().prepare(&units, &of_each)?;
        let mut notes = Notes::default();
        let selection = Selection { selected: units.len(), ignored: 0, filtered_out: 0 };
        let set_up = setup::execute(&prepared.scripts, self.workers, &mut notes);
        if let Some(cancelled) = set_up.cancelled {
            let summary = Summary { cancelled: Some(cancelled), ..Summary::new(selection) };
            return end_of(Finished { summary, unwritten: None }, None).map(Tried::Interrupted);
        }
        let (needs, variables) = (Needs::default(), prepared.variables(&set_up));
        let schedule = prepared.schedule(&needs, &variables, &self.settings.execution, self.sandboxes);
        let finished = schedule.execute(self.workers, selection, &mut notes);
        if let end @ End::Interrupted(_) = end_of(finished, None)? {
            return Ok(Tried::Interrupted(end));
        }
        let seen = notes.peaks().pop_first();
        let test = seen.as_ref().map(|((_, test), _)| test.clone()).unwrap_or_default();
        let undecided = |why| Err(BudgetError::NeverPasses { test, why }.into());
        match seen.map(|(_, peak)| (peak.last.clone(), peak.memory())).unwrap_or_default() {
            (Last::Passed, peak) => Ok(Tried::Passed(peak)),
            (Last::Failed, _) => Ok(Tried::Failed),
            (Last::Undecided(why), _) => undecided(why),
            (Last::None, _) => undecided("it was not executed".to_owned()),
        }
    }
}
