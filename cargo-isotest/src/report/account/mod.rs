//! Keeps the content of a run's JSON lines to its end. Files of results are made from it, so that they are the same
//! whether they are written by the run or made from its lines later. Pure.

mod agreement;
mod autopsy;
mod budget;
mod figures;
mod machines;
mod place;
mod ran_on;
mod read;
mod results;
mod shards;
mod words;

pub(super) use autopsy::{Autopsy, Branch};
pub(super) use budget::Budgeted;
pub(super) use place::Place;
use ran_on::RanOn;
pub(crate) use read::Reading;
use shards::Shard;

use crate::report::cause::{INTERRUPTED, KILLED};
use crate::report::machine::Machine;
use crate::report::repeat::Again;
use crate::text::sanitize::word;
use crate::values::{Jobs, Priority, ThreadsRequired};
use crate::verdict::{Counts, Effect, Kind};
use chrono::{DateTime, FixedOffset};
use figures::Figures;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::replace;
use std::sync::Arc;

/// Content of a run's lines so far.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Start of the run.
    pub(super) started: Option<Started>,
    /// Tests of which an attempt has ended, in the order in which their first attempts did.
    pub(super) tests: Vec<Test>,
    /// Tests that were killed with the run, and so have no verdict.
    pub(super) interrupted: Vec<Test>,
    /// Setup scripts that have ended.
    pub(super) scripts: Vec<Script>,
    /// Processes that executed several tests.
    pub(super) processes: Vec<Process>,
    /// Reasons for which tests waited although a thread was free, and the time from which on each holds.
    pub(super) waits: Vec<Waiting>,
    /// End of the run.
    pub(super) finished: Option<Finished>,
    /// Sentences on the parts of the run of which nothing is known, one for each.
    lost: Vec<String>,
    /// Arguments with which a test of the run is executed again, beside its name.
    again: Arc<Again>,
    /// Machine of the attempts that are added.
    ran_on: Option<Arc<RanOn>>,
    by_name: HashMap<Key, usize>,
}

/// Binary, name and iteration of an execution of a test.
type Key = (String, String, Option<u32>);

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line {
    RunStarted(Box<Started>),
    SetupFinished(Box<Script>),
    Waiting(Waiting),
    AttemptFinished(Box<AttemptLine>),
    AttemptInterrupted(Box<AttemptLine>),
    RetriesDropped(Dropped),
    ProcessFinished(Box<Process>),
    RunFinished(Box<Finished>),
    /// Line of a type that only later versions know.
    #[serde(other)]
    Unknown,
}

/// Start of a run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Started {
    /// Version of the program.
    pub(super) version: Option<String>,
    /// UUID of the run.
    pub(super) run_id: Option<String>,
    /// Directory of the workspace.
    pub(super) workspace: Option<String>,
    /// Time of the start.
    #[serde(rename = "started_at")]
    pub(super) at: DateTime<FixedOffset>,
    /// Number of tests that were to be executed.
    pub(super) tests: usize,
    /// Names of the tests that are left out because they are ignored.
    #[serde(default)]
    ignored_tests: Vec<Name>,
    /// Environment variables that held settings.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Number of tests that run at a time.
    #[serde(default)]
    pub(super) jobs: usize,
    /// Test groups, and the number of threads that the tests of each may take.
    #[serde(default)]
    pub(super) test_groups: BTreeMap<String, Jobs>,
    /// Binaries whose tests had a sandbox in common.
    #[serde(default)]
    pub(super) shared_sandboxes: Vec<SharedSandbox>,
    /// Machine on which figures depend.
    #[serde(default)]
    pub(super) machine: Option<Machine>,
    /// Versions of cgroups.
    #[serde(default)]
    cgroup_layout: Option<String>,
    /// Part of all tests that the run executes, if it is a shard.
    #[serde(default)]
    shard: Option<Shard>,
    /// Arguments with which a test of the run is executed again, beside its name.
    #[serde(default)]
    pub(super) arguments: Vec<String>,
}

/// Tests of a binary that had a sandbox in common, and ran one after another.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SharedSandbox {
    /// Id of the binary.
    pub(super) binary_id: String,
}

#[derive(Debug, Deserialize)]
struct AttemptLine {
    binary_id: String,
    name: String,
    #[serde(default)]
    ignored: bool,
    #[serde(flatten)]
    attempt: Attempt,
}

/// Test, and the attempts at it in the order in which they ended.
#[derive(Debug)]
pub(super) struct Test {
    /// Id of the test's binary.
    pub(super) binary_id: String,
    /// Name of the test in its binary.
    pub(super) name: String,
    /// Attempts before the last.
    pub(super) earlier: Vec<Attempt>,
    /// Attempt whose verdict is the test's.
    pub(super) last: Attempt,
    is_ignored: bool,
    again: Arc<Again>,
}

/// Attempt at a test.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Attempt {
    /// Number of the attempt, counted from 1.
    #[serde(rename = "attempt")]
    pub(super) number: u32,
    /// Whether no other attempt at the test follows.
    pub(super) is_last: bool,
    /// Job slot that executed the attempt, counted from 0.
    #[serde(default)]
    pub(super) slot: usize,
    /// Start of the attempt in microseconds from the start of the run.
    pub(super) start_us: u64,
    /// Time from the start to the birth of the test's process, in microseconds.
    #[serde(default)]
    pub(super) setup_us: Option<u64>,
    /// Time from the end of the test's process to that of the attempt, in microseconds.
    #[serde(default)]
    pub(super) teardown_us: Option<u64>,
    /// Iteration of the execution, if all tests were executed several times.
    #[serde(default)]
    pub(super) iteration: Option<u32>,
    /// Test group of the test.
    #[serde(default)]
    pub(super) test_group: Option<String>,
    /// Number of threads of the run that the test takes.
    #[serde(default)]
    pub(super) threads_required: ThreadsRequired,
    /// Priority of the test.
    #[serde(default)]
    pub(super) priority: Priority,
    /// Machine that executed the attempt; `None` if its run says nothing of it.
    #[serde(skip)]
    pub(super) ran_on: Option<Arc<RanOn>>,
    /// Result of the attempt.
    #[serde(flatten)]
    pub(super) facts: Facts,
}

impl Attempt {
    /// Returns the end in microseconds from the start of the run; `None` if the attempt has no known duration.
    pub(super) fn end_us(&self) -> Option<u64> {
        Some(self.start_us.saturating_add(self.facts.wall_us?))
    }
}

/// Reason for which the first of the tests that could start waits.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Waiting {
    at_us: u64,
    /// Subject of the wait: `memory`, `group` or `threads`; `None` from when on no test waits.
    on: Option<String>,
    /// Name of the test group, if the first test waits for one.
    #[serde(default)]
    test_group: Option<String>,
}

/// Time in which tests waited although a thread was free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wait {
    /// Subject of the wait, in words.
    pub(super) on: String,
    /// Start of the wait in microseconds from the start of the run.
    pub(super) from_us: u64,
    /// End of the wait in microseconds from the start of the run.
    pub(super) to_us: u64,
}

/// Setup script.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Script {
    /// Name of the script.
    #[serde(rename = "script")]
    pub(super) name: String,
    /// Result of the script.
    #[serde(flatten)]
    pub(super) facts: Facts,
}

/// Process that executed several tests.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Process {
    /// Id of the process's binary.
    pub(super) binary_id: String,
    /// Number of tests that the process executed.
    pub(super) tests: usize,
    /// Result of the process.
    #[serde(flatten)]
    pub(super) facts: Facts,
}

/// Result of an attempt, a setup script or a process.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Facts {
    /// Kind of the verdict.
    pub(super) outcome: String,
    /// Effect of the verdict on the run.
    pub(super) effect: Effect,
    /// Name of the signal that ended the process.
    pub(super) signal: Option<String>,
    /// Reason why the verdict is what it is.
    pub(super) cause: Option<String>,
    /// Duration in microseconds.
    pub(super) wall_us: Option<u64>,
    /// Figures and their sources, by the names of the format.
    pub(super) usage: Figures,
    /// Memory over time, if the attempt was long.
    #[serde(default)]
    pub(super) memory_samples: Option<Samples>,
    /// Limits of the test's budget, and the values that were used.
    #[serde(default)]
    pub(super) budget: Vec<Budgeted>,
    /// Processes that the attempt left running.
    pub(super) leaked: Option<Vec<Leaked>>,
    /// Reason why the figures are not to be trusted.
    pub(super) suspect: Option<String>,
    /// Further remarks.
    #[serde(default)]
    pub(super) remarks: Vec<String>,
    /// Processes that existed when the time ran out or when the attempt left something running.
    pub(super) autopsy: Option<Autopsy>,
    /// Paths of the first files that the attempt changed and that were thrown away, if it did not pass.
    #[serde(default)]
    pub(super) changed_paths: Option<Vec<String>>,
    /// Number of the changed files that were thrown away.
    #[serde(default)]
    pub(super) changed_paths_count: Option<u64>,
    /// Directories that would have to be written through to keep the changed files of the workspace.
    #[serde(default)]
    pub(super) keep: Vec<String>,
    /// Paths of the files that the attempt left as evidence.
    #[serde(default)]
    pub(super) evidence: Vec<String>,
    /// Standard output, if the attempt did not pass.
    #[serde(default)]
    pub(super) stdout: String,
    /// Standard error, if the attempt did not pass.
    #[serde(default)]
    pub(super) stderr: String,
}

/// Memory over time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Samples {
    /// Time from one sample to the next, and from the start to the first, in microseconds.
    pub(super) interval_us: u64,
    /// Highest use of memory seen in each interval, in bytes; `None` for an interval in which nobody looked.
    pub(super) bytes: Vec<Option<u64>>,
}

/// Process that was left running.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Leaked {
    /// Command of the process.
    pub(super) command: String,
}

/// End of a run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Finished {
    /// Number of tests left out because they are ignored, and number of tests of each verdict, by word.
    pub(super) counts: BTreeMap<String, u64>,
    /// Number of processes of several tests that failed although none of the tests did.
    #[serde(default)]
    failed_processes: usize,
    /// Names of the tests that were killed with the run.
    interrupted: Vec<Name>,
    /// Number of tests that were never started.
    pub(super) not_run: usize,
    /// Duration of the run in microseconds.
    pub(super) wall_us: u64,
    /// Processor time of all attempts in microseconds.
    pub(super) cpu_us: Option<u64>,
    /// Reason why the run ended early, if it did.
    pub(super) cancelled: Option<Cancelled>,
    /// Number of lines of the run, this one included; `None` where it does not say.
    #[serde(default)]
    lines: Option<usize>,
}

/// Name of a test.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(super) struct Name {
    /// Id of the test's binary.
    pub(super) binary_id: String,
    /// Name of the test in its binary.
    pub(super) name: String,
}

/// Execution of a test that was to be attempted again, but was not.
#[derive(Debug, Deserialize)]
struct Dropped {
    #[serde(flatten)]
    name: Name,
    #[serde(default)]
    iteration: Option<u32>,
}

/// Reason why a run ended early.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub(super) enum Cancelled {
    /// Signal that the run was sent.
    Signal {
        /// Name of the signal.
        signal: String,
    },
    /// Limit on the number of failed tests was reached.
    FailFast,
    /// Time limit of the run was reached.
    GlobalTimeout,
    /// Setup script failed.
    SetupFailed,
}

/// Returns whether a name can be that of a variable of `cargo isotest`.
fn is_own_variable(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with("ISOTEST_") && name.bytes().all(is_part)
}

impl Account {
    /// Takes a line into account.
    ///
    /// # Errors
    /// When the line is not of the format.
    pub(super) fn add(&mut self, line: &str) -> serde_json::Result<()> {
        match serde_json::from_str(line)? {
            Line::RunStarted(started) => {
                let variables = started.environment.clone().into_iter();
                self.again = Arc::new(Again {
                    // The file may come from anybody, and the command is for a shell: only variables of this program
                    // are taken.
                    variables: variables.filter(|(name, _)| is_own_variable(name)).collect(),
                    arguments: started.arguments.clone(),
                });
                self.ran_on =
                    RanOn::of(started.machine.as_ref(), started.cgroup_layout.as_deref()).map(Arc::new);
                self.started = Some(*started);
            }
            Line::AttemptFinished(line) => self.attempt(*line),
            Line::AttemptInterrupted(line) => {
                let test = self.test(*line);
                self.interrupted.push(test);
            }
            Line::RetriesDropped(Dropped { name: Name { binary_id, name }, iteration }) => {
                let known = self.by_name.get(&(binary_id, name, iteration));
                if let Some(test) = known.and_then(|index| self.tests.get_mut(*index)) {
                    test.last.is_last = true;
                }
            }
            Line::Waiting(waiting) => self.waits.push(waiting),
            Line::SetupFinished(script) => self.scripts.push(*script),
            Line::ProcessFinished(process) => self.processes.push(*process),
            Line::RunFinished(finished) => self.finish(*finished),
            Line::Unknown => {}
        }
        Ok(())
    }

    fn attempt(&mut self, mut line: AttemptLine) {
        if line.attempt.facts.outcome == "passed" {
            // No report lists the changed files of tests that passed, and a large run has many: they are dropped to
            // save memory.
            line.attempt.facts.changed_paths = None;
            line.attempt.facts.evidence = Vec::new();
        }
        let key = (line.binary_id.clone(), line.name.clone(), line.attempt.iteration);
        // A test that is built for several targets has the same name for each.
        let known = self.by_name.get(&key).map(|index| &mut self.tests[*index]);
        if let Some(test) = known.filter(|test| !test.last.is_last) {
            let attempt = Attempt { ran_on: self.ran_on.clone(), ..line.attempt };
            test.earlier.push(replace(&mut test.last, attempt));
        } else {
            self.by_name.insert(key, self.tests.len());
            let test = self.test(line);
            self.tests.push(test);
        }
    }

    /// Makes a test from its first attempt.
    fn test(&self, AttemptLine { binary_id, name, ignored, attempt }: AttemptLine) -> Test {
        let again = Arc::clone(&self.again);
        let attempt = Attempt { ran_on: self.ran_on.clone(), ..attempt };
        Test { binary_id, name, earlier: Vec::new(), last: attempt, is_ignored: ignored, again }
    }

    /// Takes the end into account. A test that was killed with the run has no verdict, whatever an earlier attempt
    /// came to.
    fn finish(&mut self, finished: Finished) {
        for Name { binary_id, name } in &finished.interrupted {
            // Earlier versions of the format have no more than the name.
            if !self.interrupted.iter().any(|test| test.is(binary_id, name)) {
                let (binary_id, name) = (binary_id.clone(), name.clone());
                let line = AttemptLine { binary_id, name, ignored: false, attempt: Attempt::killed() };
                let test = self.test(line);
                self.interrupted.push(test);
            }
        }
        let interrupted = &mut self.interrupted;
        self.tests.retain(|test| {
            let killed = interrupted.iter_mut().find(|killed| {
                killed.is(&test.binary_id, &test.name) && killed.last.iteration == test.last.iteration
            });
            let Some(killed) = killed.filter(|_| !test.last.is_last) else { return true };
            killed.earlier = test.attempts().cloned().collect();
            false
        });
        self.index();
        self.finished = Some(finished);
    }

    /// Indexes the tests by their names anew.
    fn index(&mut self) {
        self.by_name = self.tests.iter().map(Test::key).zip(0..).collect();
    }

    /// Iterates over the tests whose verdict has this effect.
    pub(super) fn with(&self, effect: Effect) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(move |test| test.last.facts.effect == effect)
    }

    /// Returns the tests that did not pass, the gravest first; tests that were killed with the run come last.
    pub(super) fn failures(&self) -> Vec<&Test> {
        let tests = self.tests.iter().filter(|test| test.last.facts.effect != Effect::Passes);
        let mut failures: Vec<_> = tests.chain(&self.interrupted).collect();
        failures.sort_by_key(|test| match (test.last.facts.effect, test.last.facts.outcome.as_str()) {
            (_, INTERRUPTED) => 4,
            (Effect::Undecided, _) => 0,
            (_, "oom-killed") => 1,
            (_, "over-budget") => 2,
            _ => 3,
        });
        failures
    }

    /// Iterates over all attempts, the attempts at the same test one after the other.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (&Test, &Attempt)> {
        self.tests
            .iter()
            .chain(&self.interrupted)
            .flat_map(|test| test.attempts().map(move |attempt| (test, attempt)))
    }

    /// Returns the times in which tests waited although a thread was free. A wait without an end lasts to that of the
    /// last attempt.
    pub(super) fn waited(&self) -> Vec<Wait> {
        let end = self.attempts().filter_map(|(_, attempt)| attempt.end_us()).max().unwrap_or_default();
        let ends = self.waits.iter().skip(1).map(|next| next.at_us).chain([end]);
        let waits = self.waits.iter().zip(ends).filter_map(|(wait, to_us)| {
            let on = match (wait.on.as_deref()?, &wait.test_group) {
                ("group", Some(name)) => format!("test group {}", word(name)),
                (on, _) => word(on),
            };
            Some(Wait { on, from_us: wait.at_us, to_us: to_us.max(wait.at_us) })
        });
        waits.collect()
    }

    /// Counts the tests that passed, but not at once.
    pub(super) fn flaky(&self) -> usize {
        self.tests.iter().filter(|test| test.is_flaky()).count()
    }

    /// Counts the tests of each verdict.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for Facts { outcome, effect, .. } in self.tests.iter().map(|test| &test.last.facts) {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == outcome);
            // A word that only a later version knows is replaced by the plain verdict of the same effect.
            let plain = || match effect {
                Effect::Passes => Kind::Passed,
                Effect::Fails => Kind::Failed,
                Effect::Undecided => Kind::NotIsolated,
            };
            counts.count(kind.unwrap_or_else(plain), *effect);
        }
        counts
    }

    /// Returns the number of tests left out because they are ignored; `None` if it is not known.
    pub(super) fn ignored(&self) -> Option<usize> {
        let named = self.skipped().count();
        if named > 0 {
            return Some(named);
        }
        let count = self.finished.as_ref()?.counts.get("skipped").copied()?;
        usize::try_from(count).ok()
    }

    /// Iterates over the named tests that were left out because they are ignored, and that no other run executed.
    pub(super) fn skipped(&self) -> impl Iterator<Item = &Name> {
        let names = self.started.iter().flat_map(|started| &started.ignored_tests);
        let executed: HashSet<_> = self.tests.iter().map(|test| (&*test.binary_id, &*test.name)).collect();
        names.filter(move |name| !executed.contains(&(&*name.binary_id, &*name.name)))
    }

    /// Iterates over the processes that failed although none of their tests did.
    pub(super) fn unexplained(&self) -> impl Iterator<Item = &Process> {
        let is_explained = |process: &Process| {
            let of_it = |test: &&Test| test.binary_id == process.binary_id;
            self.tests.iter().filter(of_it).any(|test| test.last.facts.effect != Effect::Passes)
        };
        self.processes
            .iter()
            .filter(move |process| process.facts.effect != Effect::Passes && !is_explained(process))
    }

    /// Iterates over the setup scripts that failed.
    pub(super) fn failed_scripts(&self) -> impl Iterator<Item = &Script> {
        self.scripts.iter().filter(|script| script.facts.effect != Effect::Passes)
    }

    /// Says which results of the run are missing; `None` if none are.
    pub(super) fn gap(&self) -> Option<String> {
        if !self.lost.is_empty() {
            return Some(self.lost.join("; "));
        }
        let Some(finished) = &self.finished else {
            let expected = self.started.as_ref().map_or(0, |started| started.tests);
            let missing = expected.saturating_sub(self.tests.len());
            return Some(format!(
                "the end of the run is missing: {missing} of {expected} tests have no result"
            ));
        };
        let missing = finished.not_run.saturating_add(finished.interrupted.len());
        let by = match &finished.cancelled {
            Some(Cancelled::Signal { signal }) => format!("{signal} ended the run"),
            // The last of all tests may be the one that failed.
            Some(Cancelled::FailFast) if missing == 0 => return None,
            Some(Cancelled::FailFast) => "the run ended after a failure".to_owned(),
            Some(Cancelled::SetupFailed) => "a setup script failed".to_owned(),
            Some(Cancelled::GlobalTimeout) => "the run ended when its time was over".to_owned(),
            None if missing > 0 => "the run ended early".to_owned(),
            None => return None,
        };
        let not_run = finished.not_run;
        let killed = finished.interrupted.len();
        Some(format!("{by}: not executed: {not_run}, killed with it: {killed}"))
    }
}

impl Attempt {
    /// Makes an attempt that was killed with its run, and of which no more is known.
    fn killed() -> Self {
        let facts = Facts {
            outcome: INTERRUPTED.to_owned(),
            effect: Effect::Undecided,
            cause: Some(KILLED.to_owned()),
            ..Facts::default()
        };
        Self {
            number: 1,
            is_last: true,
            slot: 0,
            start_us: 0,
            setup_us: None,
            teardown_us: None,
            iteration: None,
            ran_on: None,
            test_group: None,
            threads_required: ThreadsRequired::default(),
            priority: Priority::default(),
            facts,
        }
    }
}

impl Test {
    /// Iterates over the attempts, in the order in which they ended.
    pub(super) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.earlier.iter().chain([&self.last])
    }

    fn is(&self, binary_id: &str, name: &str) -> bool {
        self.binary_id == binary_id && self.name == name
    }

    /// Returns whether the test passed, but not at once.
    pub(super) fn is_flaky(&self) -> bool {
        self.last.facts.outcome == "flaky"
    }

    /// Returns the name of the test in text, with the iteration of this execution.
    pub(super) fn title(&self) -> String {
        let iteration = self.last.iteration;
        let iteration = iteration.map_or_else(String::new, |number| format!(" (iteration {number})"));
        self.plain_title() + &iteration
    }

    /// Returns the name of the test in text.
    fn plain_title(&self) -> String {
        format!("{} {}", self.binary_id, self.name)
    }

    fn key(&self) -> Key {
        (self.binary_id.clone(), self.name.clone(), self.last.iteration)
    }
}

impl Facts {
    /// Returns a figure by its name in the format; `None` if it was not measured.
    pub(super) fn figure(&self, key: &str) -> Option<u64> {
        self.usage.number(key)
    }

    /// Returns the processor time in microseconds.
    pub(super) fn cpu_us(&self) -> Option<u64> {
        Some(self.figure("cpu_user_us")?.saturating_add(self.figure("cpu_system_us")?))
    }

    fn is(&self, key: &str) -> bool {
        self.usage.is(key)
    }
}

#[cfg(test)]
mod tests {
    use super::is_own_variable;
    use super::testing::{account, attempt, finished, unfinished};
    use crate::verdict::Effect;
    use serde_json::json;

    #[test]
    fn only_names_of_our_own_variables_are_for_a_shell() {
        assert!(is_own_variable("ISOTEST_JOBS"));
        for name in ["PATH", "ISOTEST_A;id", "x;id;ISOTEST_A", "ISOTEST_a", "ISOTEST_A B", ""] {
            assert!(!is_own_variable(name), "{name}");
        }
    }

    #[test]
    fn a_test_of_several_targets_has_a_verdict_for_each() {
        let once = json!({"is_last": false});
        let account = account(&[
            attempt("tour", "t", "fails", &json!({})),
            attempt("tour", "t", "fails", &once),
            attempt("tour", "t", "passes", &json!({"attempt": 2})),
        ]);
        let verdicts: Vec<_> =
            account.tests.iter().map(|test| (test.last.facts.effect, test.earlier.len())).collect();
        assert_eq!(verdicts, [(Effect::Fails, 0), (Effect::Passes, 1)]);
    }

    #[test]
    fn a_test_that_was_killed_with_the_run_has_no_earlier_verdict() {
        let once = json!({"is_last": false});
        let lines = [
            attempt("tour", "killed", "fails", &once),
            attempt("tour", "waits", "fails", &once),
            attempt("tour", "ended", "fails", &json!({})),
        ];
        let mut account = unfinished(&lines);
        let mut end = finished();
        let killed = ["killed", "ended"].map(|name| json!({"binary_id": "tour", "name": name}));
        end["interrupted"] = killed.to_vec().into();
        account.add(&end.to_string()).unwrap();
        let names: Vec<_> = account.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["waits", "ended"]);
        let killed: Vec<_> =
            account.interrupted.iter().map(|test| (test.name.as_str(), test.earlier.len())).collect();
        assert_eq!(killed, [("killed", 1), ("ended", 0)], "earlier attempts are told");
    }
}

/// Builders of accounts.
#[cfg(test)]
pub(super) mod testing {
    use super::Account;
    use serde_json::{Value, json};

    /// Makes the line of an attempt that was measured, changed by `facts`.
    pub(crate) fn attempt(binary_id: &str, name: &str, effect: &str, facts: &Value) -> Value {
        let outcome = match effect {
            "passes" => "passed",
            _ => "failed",
        };
        let mut line = json!({
            "type": "attempt-finished", "binary_id": binary_id, "name": name, "attempt": 1, "start_us": 1500,
            "is_last": true,
            "outcome": outcome, "effect": effect, "signal": null, "cause": null, "wall_us": 4321, "leaked": [],
            "usage": {"memory_peak_bytes": 734_003, "cpu_user_us": 1500, "cpu_system_us": 700, "pids_peak": 1},
        });
        for (key, value) in facts.as_object().unwrap() {
            line[key] = value.clone();
        }
        line
    }

    /// Makes the line of a setup script.
    pub(crate) fn script(name: &str, effect: &str, facts: &Value) -> Value {
        let mut line = attempt("", "", effect, facts);
        line["type"] = "setup-finished".into();
        line["script"] = name.into();
        line
    }

    fn started(run_id: &str, tests: usize) -> Value {
        json!({
            "type": "run-started", "schema": 1, "version": "0.1.0", "tests": tests, "workspace": "/home/a/w",
            "arguments": ["--features", "a b"], "run_id": run_id, "started_at": "2026-01-02T03:04:05.000Z",
        })
    }

    /// Makes the line of the end of a whole run.
    pub(super) fn finished() -> Value {
        json!({
            "type": "run-finished", "counts": {"skipped": 2}, "interrupted": [], "not_run": 0, "wall_us": 1_200_000,
            "cpu_us": 13_200, "cancelled": null,
        })
    }

    /// Makes the line of the end of a run of these lines.
    fn end(lines: &[Value]) -> Value {
        let mut end = finished();
        let mut interrupted = Vec::new();
        for line in lines {
            let outcome = match line["type"].as_str() {
                Some("attempt-finished") if line["is_last"] == true => line["outcome"].as_str().unwrap(),
                Some("retries-dropped") => "failed",
                Some("attempt-interrupted") => {
                    interrupted.push(json!({"binary_id": line["binary_id"], "name": line["name"]}));
                    continue;
                }
                Some("process-finished") if line["effect"] != "passes" => {
                    end["failed_processes"] = (end["failed_processes"].as_u64().unwrap_or(0) + 1).into();
                    continue;
                }
                _ => continue,
            };
            end["counts"][outcome] = (end["counts"][outcome].as_u64().unwrap_or(0) + 1).into();
        }
        end["interrupted"] = interrupted.into();
        end
    }

    /// Makes the text of a whole run.
    pub(crate) fn lines(run_id: &str, lines: &[Value]) -> String {
        let mut last = end(lines);
        last["lines"] = (lines.len() + 2).into();
        let counts = last["counts"].as_object().unwrap().iter().filter(|(word, _)| *word != "skipped");
        let tests: u64 = counts.map(|(_, count)| count.as_u64().unwrap()).sum();
        let killed = last["interrupted"].as_array().unwrap().len();
        let first = started(run_id, usize::try_from(tests).unwrap() + killed);
        let lines = [&first].into_iter().chain(lines).chain([&last]);
        lines.map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n"
    }

    /// Makes the account of a run of three tests that ends before these lines do.
    pub(crate) fn unfinished(lines: &[Value]) -> Account {
        let started = started("5f2b1cf0-0000-4000-8000-000000000001", 3);
        let mut account = Account::default();
        for line in [&started].into_iter().chain(lines) {
            account.add(&line.to_string()).unwrap();
        }
        account
    }

    /// Makes the account of a whole run.
    pub(crate) fn account(lines: &[Value]) -> Account {
        let mut account = unfinished(lines);
        account.add(&finished().to_string()).unwrap();
        account
    }
}
