//! Run of tests, from the build to the end of the process.

use crate::app::archives;
use crate::app::baseline::{Baselines, Peaks};
use crate::app::budgets;
use crate::app::budgets::peaks::Notes;
use crate::app::history::{History, Recorder};
use crate::app::list;
use crate::app::session::Session;
use crate::app::setups::Setups;
use crate::app::warning::{Warning, warn};
use crate::cargo::build::Workspace;
use crate::cargo::page_cache;
use crate::cli::{BudgetsAction, BudgetsArgs, MessageFormat, NoTests, Seed, meant_subcommand};
use crate::error::{Error, chain};
use crate::evidence::Store;
use crate::exit::{End, Exit};
use crate::harness::ListingError;
use crate::harness::libtest::WholeBinary;
use crate::harness::together::{self, Unit};
use crate::history::Past;
use crate::invocation::Invocation;
use crate::phases;
use crate::registry::{Listener, Registry};
use crate::remark::Remark;
use crate::report::{self, Again, OutputError, Redaction, ReportSettings, Reporters};
use crate::sandboxes::Sandboxes;
use crate::schedule::admission;
use crate::schedule::events::{Event, Reporter};
use crate::schedule::listing::{self, Listed};
use crate::schedule::needs::Needs;
use crate::schedule::order::{bring_together, order};
use crate::schedule::setup::{self, SetUp};
use crate::schedule::slots::Workers;
use crate::schedule::summary::{Cancellation, Selection as Counted, Summary};
use crate::schedule::{Finished, Schedule};
use crate::select::{Selected, Selection, SelectionError, Shard};
use crate::settings::{self, Execution, Process, Said, Setting, Settings, Task, TestSettings};
use crate::testcase::{TestBinary, TestCase};
use crate::values::{Partition, PartitionBy};
use fastrand::Rng;
use isotest_core::limits::Control;
use isotest_core::policy::Isolation;
use isotest_core::sys::clock::Instant;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Builds the tests, prepares the sandboxes, executes the task in them, and restores the host.
///
/// # Errors
/// Errors that stop the run.
pub(crate) fn execute(said: Said, invocation: &Invocation) -> Result<End, Error> {
    if let Task::Budgets(BudgetsArgs { action: BudgetsAction::Diff, words, .. }) = &said.task {
        let workspace = Workspace::read(&said.cargo, invocation)?;
        let base = words.first().map(|word| invocation.absolute(Path::new(word)));
        let base = base.filter(|path| path.is_file()).or_else(|| words.first().map(PathBuf::from));
        budgets::tell(&budgets::diff::lines(workspace.root(), base.as_deref())?, MessageFormat::Human)?;
        return Ok(End::Exit(Exit::Ok));
    }
    if let Task::Budgets(BudgetsArgs { action: BudgetsAction::List, words, .. }) = &said.task
        && let [word] = words.as_slice()
        && let path = invocation.absolute(Path::new(word))
        && budgets::is_file(word, &path)
    {
        // Other tools ask for the budgets of a binary that they have built, wherever that is.
        let declared = budgets::of_file(&path)?;
        let listed = budgets::list::of_file(&declared, said.message_format(), io::stdout().lock());
        listed.map_err(OutputError::Stream)?;
        return Ok(End::Exit(Exit::Ok));
    }
    if let Task::Budgets(BudgetsArgs { action: BudgetsAction::Blame, words, .. }) = &said.task {
        let directories = Workspace::read(&said.cargo, invocation)?.directories();
        let typed = budgets::blame::of_each_commit(&said.again);
        let project = (directories.workspace.as_path(), directories.target.as_path());
        budgets::tell(&budgets::blame::lines(project, words, &typed, invocation)?, MessageFormat::Human)?;
        return Ok(End::Exit(Exit::Ok));
    }
    let session = Session::of_tests(said, invocation)?;
    let settings = &session.settings;
    if settings.course.no_run {
        return Ok(End::Exit(Exit::Ok));
    }
    if let Task::Archive(path) = &settings.task
        && settings.selection == Selection::default()
    {
        // Writing an archive needs no sandboxes: the binaries are not asked for their tests.
        return archives::write(path, &session.build, &session.build.binaries, invocation);
    }
    session.with(invocation, |sandboxes| {
        session.in_slots(sandboxes, |workers, registry| {
            thread::scope(|scope| {
                // Started last, so that the listener's thread does not count when slots check how many threads there
                // may be.
                let listener = &Listener::open(scope, registry);
                let session = &session;
                let (notes, peaks) = (Notes::default(), Peaks::default());
                Run { session, settings, invocation, sandboxes, workers, registry, listener, notes, peaks }
                    .execute()
            })
        })
    })
}

/// Largest random seed, short enough to be typed.
const MAX_DRAWN_SEED: u64 = 999_999;

/// Run of the tests that were built.
#[derive(Debug)]
pub(super) struct Run<'run> {
    pub(super) session: &'run Session,
    pub(super) settings: &'run Settings,
    pub(super) invocation: &'run Invocation,
    pub(super) sandboxes: &'run Sandboxes,
    pub(super) workers: &'run Workers<'run>,
    registry: &'run Registry,
    listener: &'run io::Result<Listener>,
    /// Peaks of all tests of the run.
    pub(super) notes: Notes,
    /// Memory peaks of the tests that passed, for a baseline.
    peaks: Peaks,
}

impl Run<'_> {
    fn execute(&self) -> Result<End, Error> {
        let Session { build, budgets, .. } = self.session;
        phases::begin("zygotes");
        phases::timed("- page cache", || page_cache::page_cache(build));
        self.workers.ready()?;
        phases::begin("list");
        let Settings { execution, sandbox, .. } = self.settings;
        // Budgets of memory are held against what a test takes that does nothing.
        let is_limited = sandbox.controls.contains(&Control::Memory);
        let listed = listing::list(self.workers, self.sandboxes, &build.binaries, execution, is_limited);
        let Listed { mut tests, whole, memory_of_start } = listed.map_err(|error| self.unlisted(error))?;
        phases::begin("select");
        self.settings.assign(&mut tests)?;
        let mut remarks = budgets.unused(&tests);
        if self.settings.task == Task::Execute && build.is_whole {
            remarks.extend(self.settings.unused_overrides(&tests));
        }
        let mut all = Vec::new();
        if matches!(self.settings.task, Task::Budgets(_)) {
            remarks.extend(self.assign(&mut tests)?);
            all.clone_from(&tests);
        }
        let history = self.history();
        let (mut selected, shard) = self.select(tests, &history.past)?;
        if let Task::Archive(path) = &self.settings.task {
            return archives::write(path, build, &binaries_of(&selected), self.invocation);
        }
        if self.settings.task == Task::List {
            let format = self.settings.message_format.value.into();
            list::write(&selected.tests, format, io::stdout().lock()).map_err(OutputError::Stream)?;
            return Ok(End::Exit(Exit::Ok));
        }
        if let Task::Budgets(args) = &self.settings.task {
            return self.work_on_budgets(args, &all, &selected, &whole);
        }
        if self.settings.course.rerun_failed && !selected.tests.is_empty() {
            let (passed, unknown) = selected.keep_failed(&history.past);
            if selected.tests.is_empty() {
                self.without_tests(SelectionError::NoneFailed { passed, unknown })?;
            }
        }
        remarks.extend(self.assign(&mut selected.tests)?);
        remarks.extend(self.passed_over(&history));
        let baselines = self.baselines(&mut selected.tests, &mut remarks)?;
        budgets::check(&selected.tests, self.sandboxes, sandbox, &memory_of_start)?;
        let chosen = Chosen { selected: &selected, whole: &whole, shard: shard.as_ref() };
        let end = self.execute_tests(chosen, remarks, &history);
        self.save(&baselines, end)
    }

    /// Tells editors of the binary that cannot be asked for its tests. Returns what is told people.
    fn unlisted(&self, error: Error) -> Error {
        let binary = error
            .of_area::<ListingError>()
            .and_then(|error| self.session.build.binaries.iter().find(|binary| binary.id == error.binary_id));
        let Some(binary) = binary.filter(|_| self.settings.task == Task::Execute) else { return error };
        let told = report::unlisted(self.settings.message_format.value, self.redaction().0, binary);
        told.map_or_else(Error::from, |()| error)
    }

    /// Adds peaks to the saved baseline, whatever else of the run was lost.
    fn save(&self, baselines: &Baselines, end: Result<End, Error>) -> Result<End, Error> {
        match &end {
            Ok(End::Interrupted(_)) => return end,
            // The error came before the first test.
            Err(_) if self.peaks.are_none() => return end,
            Ok(_) | Err(_) => {}
        }
        match (baselines.save(&self.peaks), end) {
            (Ok(told), end) => {
                budgets::tell(&told, self.settings.message_format.value.into())?;
                end
            }
            (Err(unsaved), Ok(_)) => Err(unsaved.into()),
            (Err(unsaved), Err(error)) => {
                warn(chain(&unsaved));
                Err(error)
            }
        }
    }

    /// Selects tests, and of these the ones of this shard. A shard without a test has nothing to do; whether there
    /// are tests at all, the other shards know, too.
    fn select(&self, tests: Vec<TestCase>, past: &Past) -> Result<(Selected, Option<Shard>), Error> {
        let selection = &self.settings.selection;
        let mut selected = selection.choose(tests);
        let mut is_empty = selected.tests.is_empty();
        let shard = selection.partition.map(|partition| selected.cut(partition, past));
        if is_auto(selection.partition) {
            tell_bazel(self.invocation);
        } else {
            is_empty = selected.tests.is_empty();
        }
        if is_empty {
            self.without_tests(SelectionError::NoTests {
                filtered: selected.filtered,
                not_default: selected.not_default,
                ignored: selected.ignored.len(),
                doctests: self.session.build.untested_documentation.clone(),
                meant: selected.unmatched.first().and_then(|filter| meant_subcommand(filter)),
            })?;
        }
        Ok((selected, shard))
    }

    /// Gives each test its budget, its number of slots and its priority. Returns remarks on budgets.
    fn assign(&self, tests: &mut [TestCase]) -> Result<Vec<Remark>, Error> {
        let of_each = self.settings.for_tests(tests.iter())?;
        for (test, own) in tests.iter_mut().zip(&of_each) {
            (test.threads_required, test.priority) = (own.threads_required.value, own.priority.value);
        }
        Ok(self.session.budgets.assign(tests, &of_each))
    }

    /// Reads the baselines of the command line, and gives each test its peaks of earlier runs.
    fn baselines(&self, tests: &mut [TestCase], remarks: &mut Vec<Remark>) -> Result<Baselines, Error> {
        let workspace = &self.session.build.directories.workspace;
        let isolation = &self.sandboxes.isolation;
        let mut baselines = Baselines::open(self.settings, isolation, workspace, self.invocation)?;
        baselines.assign(tests);
        remarks.append(&mut baselines.remarks);
        if baselines.is_enforced() {
            budgets::measurable(self.sandboxes)?;
        }
        Ok(baselines)
    }

    /// Returns the remark on a configuration of cargo-nextest that is not read, in the first run of a project that
    /// has no other.
    fn passed_over(&self, history: &History) -> Option<Remark> {
        (self.settings.passes_over && history.is_new()).then_some(Remark::NextestConfig)
    }

    /// Opens the history of earlier runs. Shards all read the same; their results are added when their reports are
    /// merged.
    fn history(&self) -> History {
        let is_auto = is_auto(self.settings.selection.partition);
        if !self.settings.history.value || !(is_auto || self.settings.task == Task::Execute) {
            return History::default();
        }
        if is_auto && let Some(past) = self.session.past_of_archive() {
            return History::known(past.clone());
        }
        let history = History::open(&self.session.build.directories.workspace, self.invocation);
        if is_auto { history.unchanged() } else { history }
    }

    /// Opens the place where evidence is kept, if the sandboxes hand it over.
    fn evidence(&self) -> Option<Arc<Store>> {
        if self.settings.sandbox.evidence.is_empty() {
            return None;
        }
        let directories = &self.session.build.directories;
        let store = Store::open(&directories.workspace, &directories.target).map(Arc::new);
        store.map_err(|error| warn(Warning::NoEvidence(error))).ok()
    }

    /// Continues a run without tests, or fails, as the settings say.
    fn without_tests(&self, why: SelectionError) -> Result<(), Error> {
        let passed = matches!(why, SelectionError::NoneFailed { passed: 1.., .. });
        match self.settings.course.no_tests.unwrap_or_default() {
            NoTests::Auto if passed => warn(why),
            NoTests::Auto | NoTests::Fail => return Err(why.into()),
            NoTests::Warn => warn(why),
            NoTests::Pass => {}
        }
        Ok(())
    }

    pub(super) fn execute_tests(
        &self,
        Chosen { selected, whole, shard }: Chosen<'_>,
        remarks: Vec<Remark>,
        history: &History,
    ) -> Result<End, Error> {
        let binaries = binaries_of(selected);
        let whole = those_of(&binaries, whole);
        let mut units = together::units(&selected.tests, self.settings.execution.process);
        let shuffle_seed = self.put_in_order(&mut units, &history.past)?;
        let prepared = self.setups().prepare(&units, &self.of_each(&units)?)?;
        let shared = self.overrides_of_shared(&units)?;
        // Reports are opened only after all checks, so that an error does not overwrite the report of an earlier run.
        let mut reporters = self.reporters()?;
        let remarks = prepared.shown.remarks.iter().cloned().chain(shared).chain(remarks);
        let isolation = self.isolation(selected, remarks);
        let started = reporters.event(&Event::RunStarted {
            isolation: &isolation,
            binaries: &binaries,
            selected,
            jobs: self.sandboxes.jobs.get(),
            shuffle_seed,
            groups: &self.settings.groups,
            doctests_not_run: &self.session.build.untested_documentation,
            whole_binaries: &whole,
            shard,
            sharing: &prepared.shown.sharing,
        });
        started.map_err(OutputError::Stream)?;
        let (execution, began) = (self.execution(), self.begin());
        let set_up = setup::execute(&prepared.scripts, self.workers, &mut reporters);
        if set_up.has_ended_the_run() {
            return end_of(without_tests(set_up, counted(selected), began, &mut reporters), reporters.lost());
        }
        self.expect(&units);
        let variables = prepared.variables(&set_up);
        let needs = self.needs(&prepared.of_each).in_sandboxes(&prepared.shown.templates);
        let needs = self.with_memory(needs, &units, &prepared.of_each, &history.past);
        let evidence = self.evidence();
        let schedule = Schedule {
            wish: selected.is_of_harness.then_some(&self.settings.selection),
            stress: self.settings.course.stress(),
            began,
            evidence: evidence.as_ref(),
            ..prepared.schedule(&needs, &variables, &execution, self.sandboxes)
        };
        let mut recorder = Recorder::before(&mut reporters);
        let finished = schedule.execute(self.workers, counted(selected), &mut recorder);
        history.add(&recorder.results());
        end_of(finished, reporters.lost())
    }

    /// Begins to execute scripts and tests, from when on the time of the run counts. Returns when that is.
    fn begin(&self) -> Instant {
        let began = Instant::now();
        let limit = self.settings.execution.global_timeout.value;
        // A limit that overflows the clock is none.
        self.workers.end_at(limit.and_then(|limit| began.checked_add(limit)));
        began
    }

    /// Returns how tests are executed, in as many slots as there are.
    fn execution(&self) -> Execution {
        let jobs = Setting { value: self.sandboxes.jobs, ..self.settings.execution.jobs };
        Execution { jobs, ..self.settings.execution.clone() }
    }

    /// Tells the registry which tests are executed from now on.
    fn expect(&self, units: &[Unit<'_>]) {
        let titles: Vec<_> = units.iter().map(Unit::title).collect();
        self.registry.expect(titles.iter().map(|test| (test.binary.id.as_str(), test.name.as_str())));
    }

    pub(super) fn setups(&self) -> Setups<'_> {
        Setups { session: self.session, invocation: self.invocation, sandboxes: self.sandboxes }
    }

    /// Returns the settings of each unit. Tests that share a process have the settings of the run.
    pub(super) fn of_each(&self, units: &[Unit<'_>]) -> Result<Vec<Arc<TestSettings>>, Error> {
        let of_tests = self.settings.for_tests(units.iter().map(|unit| &unit.tests()[0]))?;
        let base = Arc::new(self.settings.test.clone());
        let own = |(unit, own): (&Unit<'_>, _)| if unit.is_one_test() { own } else { Arc::clone(&base) };
        Ok(units.iter().zip(of_tests).map(own).collect())
    }

    /// Returns the remark on overrides that do not hold for tests that share a process.
    fn overrides_of_shared(&self, units: &[Unit<'_>]) -> Result<Option<Remark>, Error> {
        let sharing = units.iter().filter(|unit| !unit.is_one_test()).flat_map(|unit| unit.tests());
        let own = self.settings.for_tests(sharing)?;
        let left_out = own.iter().filter(|own| ***own != self.settings.test).count();
        Ok((left_out > 0).then_some(Remark::UnheldOverrides(left_out)))
    }

    /// Returns the capabilities in force, with remarks on the run.
    fn isolation(&self, selected: &Selected, remarks: impl Iterator<Item = Remark>) -> Isolation {
        let mut isolation = self.sandboxes.isolation.clone();
        let too_short = self.redaction().1.into_iter().map(Remark::NotRedacted);
        let unmatched = selected.unmatched.iter().cloned().map(Remark::UnmatchedFilter);
        let remarks = Listener::remark(self.listener)
            .into_iter()
            .chain(remarks)
            .chain(self.not_default(selected))
            .chain(self.requeued())
            .chain(too_short)
            .chain(unmatched);
        isolation.remarks.extend(remarks.map(|remark| remark.to_string()));
        isolation
    }

    /// Returns the remark that Slurm has executed this shard before, on a node that was lost.
    fn requeued(&self) -> Option<Remark> {
        let count = self.invocation.variable("SLURM_RESTART_COUNT")?.to_str()?.parse::<usize>().ok()?;
        let is_again = is_auto(self.settings.selection.partition) && count > 0;
        is_again.then_some(Remark::Requeued(count))
    }

    /// Returns the remark on the number of tests that the default filter leaves out, if it does.
    fn not_default(&self, selected: &Selected) -> Option<Remark> {
        let origin = self.settings.default_filter.as_ref()?.origin;
        let tests = Some(selected.not_default).filter(|number| *number > 0)?;
        Some(Remark::LeftOut { tests, origin: origin.to_string() })
    }

    /// Returns the needs of each unit, except memory.
    fn needs(&self, of_each: &[Arc<TestSettings>]) -> Needs {
        Needs::new(of_each, &self.settings.groups, [self.sandboxes.jobs, settings::cpus()])
    }

    /// Returns the needs with what is expected of the memory of each unit, if tests wait for memory.
    fn with_memory(
        &self,
        needs: Needs,
        units: &[Unit<'_>],
        of_each: &[Arc<TestSettings>],
        past: &Past,
    ) -> Needs {
        if !self.settings.memory_aware.value {
            return needs;
        }
        needs.with_memory(&admission::expected(units, of_each, past))
    }

    /// Orders the units. Returns the seed of a random order.
    fn put_in_order(&self, units: &mut [Unit<'_>], past: &Past) -> Result<Option<u64>, Error> {
        let seed = self.settings.course.shuffle.map(|seed| match seed {
            Seed::Number(seed) => seed,
            Seed::Drawn => fastrand::u64(..=MAX_DRAWN_SEED),
        });
        match seed {
            Some(seed) => Rng::with_seed(seed).shuffle(units),
            // Tests that share a process have no times of their own to order them by.
            None if self.settings.execution.process == Process::Test => {
                let of_tests = self.settings.for_tests(units.iter().map(|unit| &unit.tests()[0]))?;
                let priorities = of_tests.iter().map(|own| own.priority.value);
                order(units, priorities, past, self.sandboxes.jobs);
            }
            None => {}
        }
        let of_tests = self.settings.for_tests(units.iter().map(|unit| &unit.tests()[0]))?;
        bring_together(units, of_tests.iter().map(|own| own.per_binary.value));
        Ok(seed)
    }

    /// Returns how to repeat a test: by a run, whatever task the test was executed for.
    fn again(&self) -> Again {
        let is_run = !matches!(self.settings.task, Task::Budgets(_));
        let words = self.settings.again.iter().filter(|_| is_run);
        let variables = self.settings.variables.iter();
        Again {
            variables: variables
                .map(|(name, value)| ((*name).to_owned(), value.to_string_lossy().into_owned()))
                .collect(),
            arguments: words.map(|word| word.to_string_lossy().into_owned()).collect(),
        }
    }

    /// Returns the values that are removed from reports, and the variables whose values stay there because they are
    /// too short.
    fn redaction(&self) -> (Redaction, Vec<String>) {
        let value = |name: &String| {
            let value = self.invocation.variable(name)?;
            Some((name.clone(), value.to_string_lossy().into_owned()))
        };
        Redaction::new(self.settings.redact.iter().filter_map(value))
    }

    fn reporters(&self) -> Result<Reporters, OutputError> {
        let cargo = &self.settings.cargo.output;
        for file in self.settings.reports.iter().filter(|file| file.origin.is_of_file()) {
            // Only cargo-nextest itself creates this directory otherwise. If that fails, opening the file reports why.
            let _ = file.value.path.parent().map(fs::create_dir_all);
        }
        let files = self.settings.reports.iter().map(|file| &file.value);
        let mut reporters = Reporters::open(
            files,
            &ReportSettings {
                format: self.settings.message_format.value,
                color: self.settings.color.value,
                verbose: cargo.verbose > 0,
                no_capture: !self.settings.execution.capture.value,
                display: self.settings.display,
                again: self.again(),
                here: self.invocation.directory.clone(),
                redaction: self.redaction().0,
            },
        )?;
        if matches!(self.settings.task, Task::Budgets(_)) {
            reporters.also(self.notes.clone());
        }
        if self.settings.course.baseline.save_baseline.is_some() {
            reporters.also(self.peaks.clone());
        }
        Ok(reporters)
    }
}

/// Tests that are executed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen<'run> {
    /// Selected tests.
    pub(super) selected: &'run Selected,
    /// Binaries that run whole.
    pub(super) whole: &'run [WholeBinary],
    /// Shard of the tests, if the run has one.
    pub(super) shard: Option<&'run Shard>,
}

/// Tells Bazel that the tests are divided into its shards: it fails a test of several shards that does not touch this
/// file.
fn tell_bazel(invocation: &Invocation) {
    let file = invocation.variable("TEST_SHARD_STATUS_FILE").filter(|file| !file.is_empty());
    if let Some(Err(error)) = file.map(|file| File::options().append(true).create(true).open(file)) {
        warn(Warning::NoShardStatus(error));
    }
}

fn is_auto(partition: Option<Partition>) -> bool {
    partition.is_some_and(|partition| partition.by == PartitionBy::Auto)
}

/// Counts the tests that are selected, and those that are not.
fn counted(selected: &Selected) -> Counted {
    Counted {
        selected: selected.tests.len(),
        ignored: selected.ignored.len(),
        filtered_out: selected.filtered,
    }
}

fn binaries_of(selected: &Selected) -> Vec<Arc<TestBinary>> {
    let mut binaries: Vec<Arc<TestBinary>> = Vec::new();
    for test in &selected.tests {
        // Tests of one binary stand together.
        if binaries.last().is_none_or(|last| !Arc::ptr_eq(last, &test.binary)) {
            binaries.push(Arc::clone(&test.binary));
        }
    }
    binaries
}

/// Returns the whole binaries that are among `binaries`.
fn those_of(binaries: &[Arc<TestBinary>], whole: &[WholeBinary]) -> Vec<WholeBinary> {
    let is_one = |whole: &&WholeBinary| binaries.iter().any(|binary| binary.id == whole.id);
    whole.iter().filter(is_one).cloned().collect()
}

/// Ends a run whose setup scripts have cancelled it.
fn without_tests(
    SetUp { cancelled, mut unwritten, .. }: SetUp,
    selection: Counted,
    began: Instant,
    reporters: &mut Reporters,
) -> Finished {
    let summary = Summary { cancelled, wall: began.elapsed(), ..Summary::new(selection) };
    if unwritten.is_none() {
        unwritten = reporters.event(&Event::RunFinished { summary: &summary }).err();
    }
    Finished { summary, unwritten }
}

/// Returns how the process ends after a run; `lost` is a report that could not be written to its end, while others
/// tell of the run.
pub(super) fn end_of(
    Finished { summary, unwritten }: Finished,
    lost: Option<OutputError>,
) -> Result<End, Error> {
    if let Some(Cancellation::Signal(signal)) = summary.cancelled {
        return Ok(End::Interrupted(signal));
    }
    if let Some(error) = unwritten.map(OutputError::Stream).or(lost) {
        return Err(error.into());
    }
    if summary.cancelled == Some(Cancellation::SetupFailed { undecided: false }) {
        return Ok(End::Exit(Exit::SetupFailed));
    }
    if summary.is_over_budget_only() {
        return Ok(End::Exit(Exit::OverBudget));
    }
    Ok(End::Exit(Exit::from(summary.effect())))
}
