//! Events as JSON, one object a line. The field names are a promise; [`SCHEMA`] changes when one is broken.

mod attempt;
mod command;
#[cfg(test)]
mod parts;
mod region;
mod schema;

pub(crate) use command::command;
#[cfg(test)]
pub(crate) use command::schema as schema_of_command;

use crate::report::machine::Machine;
use crate::report::redaction::Redaction;
use crate::report::repeat::Again;
use crate::sandboxes::Sharing;
use crate::schedule::events::{Event, Reporter};
use crate::schedule::queue::Nth;
use crate::schedule::summary::{Cancellation, Summary};
use crate::schedule::wait::Wait;
use crate::select::Shard;
use crate::settings::TestGroups;
use crate::testcase::TestCase;
use crate::text::units::signal;
use crate::values::Partition;
use crate::verdict::{Counts, Kind};
use attempt::{
    AttemptFinished, AttemptInterrupted, Launched, ProcessFinished, SetupFinished, SetupInterrupted,
};
use isotest_core::policy::{Capability, State};
use isotest_core::sys::clock::Instant;
use schema::{SCHEMA, microseconds};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
#[cfg(test)]
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// Reporter that writes JSON lines.
pub(super) struct Json {
    writer: Box<dyn Write + Send>,
    run: Run,
}

impl Json {
    pub(super) fn new(writer: Box<dyn Write + Send>, run: Run) -> Self {
        Self { writer, run }
    }
}

impl Reporter for Json {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let Some(mut line) = line(event, &mut self.run)? else {
            return Ok(());
        };
        line.push('\n');
        self.writer.write_all(line.as_bytes())?;
        self.writer.flush()
    }
}

/// Facts that hold for all events of a run: its start, by the clock on the wall and by one that is never set, and the
/// arguments with which one of its tests is executed again, beside its name. It counts the lines that are made with it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    at: SystemTime,
    from: Instant,
    again: Again,
    machine: Option<Machine>,
    redaction: Redaction,
    lines: usize,
}

impl Run {
    /// Starts a run now.
    pub(super) fn started(again: Again) -> Self {
        Self {
            at: SystemTime::now(),
            from: Instant::now(),
            again,
            machine: None,
            redaction: Redaction::default(),
            lines: 0,
        }
    }

    /// Sets the machine of the run.
    pub(super) fn on(self, machine: Machine) -> Self {
        Self { machine: Some(machine), ..self }
    }

    /// Sets the secrets that are left out of the lines.
    pub(super) fn without(self, redaction: Redaction) -> Self {
        Self { redaction, ..self }
    }

    fn microseconds_to(&self, moment: Instant) -> u64 {
        microseconds(moment.saturating_duration_since(self.from))
    }
}

/// Makes the line of an event, without its line end; `None` for events that have no line.
///
/// # Errors
/// When serde cannot write the line, which could not be provoked.
pub(super) fn line(event: &Event<'_>, run: &mut Run) -> serde_json::Result<Option<String>> {
    let Some(line) = Line::from_event(event, run) else { return Ok(None) };
    let line = run.redaction.line(serde_json::to_string(&line)?)?;
    run.lines += 1;
    Ok(Some(line))
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LineOfARun"))]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    RunStarted(RunStarted<'a>),
    SetupFinished(Box<SetupFinished<'a>>),
    Waiting(Waiting<'a>),
    SetupInterrupted(Box<SetupInterrupted<'a>>),
    AttemptSlow(AttemptSlow<'a>),
    AttemptFinished(Box<AttemptFinished<'a>>),
    AttemptInterrupted(Box<AttemptInterrupted<'a>>),
    RetriesDropped(RetriesDropped<'a>),
    ProcessFinished(Box<ProcessFinished<'a>>),
    RunFinished(RunFinished<'a>),
}

/// Makes the schema of the lines of a run.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Line<'static>>()
}

impl<'a> Line<'a> {
    fn from_event(event: &Event<'a>, run: &'a Run) -> Option<Self> {
        match *event {
            Event::RunStarted { .. } => RunStarted::from_event(event, run).map(Self::RunStarted),
            Event::Waiting { wait } => {
                Some(Self::Waiting(Waiting::new(wait, run.microseconds_to(Instant::now()))))
            }
            Event::AttemptSlow { test, launch, time } => {
                Some(Self::AttemptSlow(AttemptSlow::new(test, launch.attempt.nth.number, time)))
            }
            Event::AttemptFinished { test, launch, is_last, verdict, record } => {
                let launched = Launched::new(launch, run.microseconds_to(launch.at), is_last);
                let launched = launched.around(record.ending.as_ref(), launch.at, Instant::now());
                Some(Self::AttemptFinished(Box::new(AttemptFinished::new(test, launched, verdict, record))))
            }
            Event::SetupFinished { script, launch, verdict, record } => {
                let start_us = run.microseconds_to(launch.at);
                Some(Self::SetupFinished(Box::new(SetupFinished::new(script, start_us, verdict, record))))
            }
            Event::ProcessFinished { process, tests, verdict, record, .. } => {
                Some(Self::ProcessFinished(Box::new(ProcessFinished::new(process, tests, verdict, record))))
            }
            Event::SetupInterrupted { script, launch, record } => {
                let launched = Launched::new(launch, run.microseconds_to(launch.at), true);
                Some(Self::SetupInterrupted(Box::new(SetupInterrupted::new(script, launched, record))))
            }
            Event::AttemptInterrupted { test, launch, record } => {
                let launched = Launched::new(launch, run.microseconds_to(launch.at), true);
                Some(Self::AttemptInterrupted(Box::new(AttemptInterrupted::new(test, launched, record))))
            }
            Event::RetriesDropped { test, nth } => Some(Self::RetriesDropped(RetriesDropped::new(test, nth))),
            Event::RunFinished { summary } => Some(Self::RunFinished(RunFinished::new(summary, run.lines))),
            Event::SetupStarted { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptNotBegun { .. }
            | Event::Cancelled { .. } => None,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RunStarted<'a> {
    schema: u32,
    version: &'static str,
    run_id: Option<&'a str>,
    workspace: Option<Cow<'a, str>>,
    arguments: &'a [String],
    #[cfg_attr(test, schemars(with = "BTreeMap<String, String>"))]
    environment: Members<'a>,
    started_at: String,
    #[cfg_attr(test, schemars(schema_with = "parts::states"))]
    isolation: States<'a>,
    cgroup_layout: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<&'a Machine>,
    jobs: usize,
    tests: usize,
    ignored_tests: Vec<NameFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shuffle_seed: Option<u64>,
    #[serde(skip_serializing_if = "Groups::is_empty")]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, usize>"))]
    test_groups: Groups<'a>,
    doctests_not_run: &'a [String],
    whole_binaries: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<ShardFields<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shared_sandboxes: Vec<SharedSandbox<'a>>,
    remarks: &'a [String],
}

impl<'a> RunStarted<'a> {
    fn from_event(event: &Event<'a>, run: &'a Run) -> Option<Self> {
        let Event::RunStarted {
            isolation,
            binaries,
            selected,
            jobs,
            shuffle_seed,
            groups,
            doctests_not_run,
            whole_binaries,
            shard,
            sharing,
        } = *event
        else {
            return None;
        };
        let registered = binaries.first().map(|binary| &binary.run);
        Some(Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            run_id: registered.map(|run| run.id.as_str()),
            workspace: registered.map(|run| run.workspace.to_string_lossy()),
            arguments: &run.again.arguments,
            environment: Members(&run.again.variables),
            started_at: humantime::format_rfc3339_millis(run.at).to_string(),
            isolation: States(&isolation.states),
            cgroup_layout: isolation.cgroup_layout,
            machine: run.machine.as_ref(),
            jobs,
            tests: selected.tests.len(),
            ignored_tests: selected.ignored.iter().map(NameFields::new).collect(),
            shuffle_seed,
            test_groups: Groups(groups),
            doctests_not_run,
            whole_binaries: whole_binaries.iter().map(|binary| binary.id.as_str()).collect(),
            shard: shard.map(ShardFields::new),
            shared_sandboxes: sharing.iter().map(SharedSandbox::new).collect(),
            remarks: &isolation.remarks,
        })
    }
}

/// Part of all tests that a run executes, and properties in which the other parts must agree.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Shard"))]
struct ShardFields<'a> {
    partition: &'static str,
    part: u64,
    parts: u64,
    tests: usize,
    expected_us: Option<u64>,
    fingerprint: &'a str,
}

impl<'a> ShardFields<'a> {
    fn new(shard: &'a Shard) -> Self {
        let Partition { by, part, parts } = shard.partition;
        let (tests, fingerprint) = (shard.tests, shard.fingerprint.as_str());
        let expected_us = shard.expected().map(microseconds);
        Self { partition: by.as_str(), part, parts, tests, expected_us, fingerprint }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SharedSandbox<'a> {
    binary_id: &'a str,
    tests: usize,
}

impl<'a> SharedSandbox<'a> {
    fn new(sharing: &'a Sharing) -> Self {
        Self { binary_id: &sharing.binary_id, tests: sharing.tests }
    }
}

/// Reason why the first of the tests that could start waits, since a thread is free; nothing if no test could start.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Waiting<'a> {
    at_us: u64,
    on: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_group: Option<&'a str>,
}

impl<'a> Waiting<'a> {
    fn new(wait: Option<&'a Wait>, at_us: u64) -> Self {
        let on = wait.map(|wait| match wait {
            Wait::Threads => "threads",
            Wait::Group(_) => "group",
            Wait::Memory => "memory",
        });
        let test_group = match wait {
            Some(Wait::Group(name)) => Some(&**name),
            _ => None,
        };
        Self { at_us, on, test_group }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AttemptSlow<'a> {
    binary_id: &'a str,
    name: &'a str,
    attempt: u32,
    running_us: u64,
}

impl<'a> AttemptSlow<'a> {
    fn new(test: &'a TestCase, attempt: u32, running: Duration) -> Self {
        let running_us = microseconds(running);
        Self { binary_id: &test.binary.id, name: &test.name, attempt, running_us }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RetriesDropped<'a> {
    #[serde(flatten)]
    test: NameFields<'a>,
    attempt: u32,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    iteration: Option<u32>,
}

impl<'a> RetriesDropped<'a> {
    fn new(test: &'a TestCase, Nth { number, total, iteration }: Nth) -> Self {
        let iteration = iteration.map(|iteration| iteration.number);
        Self { test: NameFields::new(test), attempt: number, attempts: total, iteration }
    }
}

/// Object with a member for each variable.
struct Members<'a>(&'a [(String, String)]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Object with a member for each test group: the number of threads that its tests may take.
struct Groups<'a>(&'a TestGroups);

impl Groups<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.each().map(|(name, max_threads)| (name, max_threads.value)))
    }
}

/// Object with one member for each capability, in the order in which they are reported.
struct States<'a>(&'a [(Capability, State)]);

impl Serialize for States<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0.iter().map(|(capability, state)| (capability.as_str(), StateFields::new(state))),
        )
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "State"))]
#[serde(tag = "state", rename_all = "kebab-case")]
enum StateFields<'a> {
    InForce,
    Missing { reason: &'a str },
    Off,
}

impl<'a> StateFields<'a> {
    fn new(state: &'a State) -> Self {
        match state {
            State::InForce => Self::InForce,
            State::Missing(reason) => Self::Missing { reason },
            State::Off => Self::Off,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RunFinished<'a> {
    #[cfg_attr(test, schemars(schema_with = "parts::counts"))]
    counts: CountFields<'a>,
    failed_processes: usize,
    suspect: usize,
    filtered_out: usize,
    interrupted: Vec<NameFields<'a>>,
    not_run: usize,
    wall_us: u64,
    memory_peak: Option<PeakFields<'a>>,
    memory_unmeasured: usize,
    waited_for_memory: usize,
    waited_for_group: usize,
    waited_for_threads: usize,
    replaced: usize,
    cpu_us: Option<u64>,
    cpu_unmeasured: usize,
    cancelled: Option<CancelledFields>,
    lines: usize,
}

impl<'a> RunFinished<'a> {
    /// Makes the last line of a run, before which so many were made.
    fn new(summary: &'a Summary, lines: usize) -> Self {
        let peak = summary.peak.as_ref().map(|peak| PeakFields {
            bytes: peak.bytes,
            approximate: peak.approximate,
            binary_id: &peak.binary_id,
            name: &peak.name,
        });
        Self {
            counts: CountFields { counts: &summary.counts, skipped: summary.selection.ignored },
            failed_processes: summary.failed_processes,
            suspect: summary.suspect,
            filtered_out: summary.selection.filtered_out,
            interrupted: summary.interrupted.iter().map(NameFields::new).collect(),
            not_run: summary.not_run(),
            wall_us: microseconds(summary.wall),
            memory_peak: peak,
            memory_unmeasured: summary.peak_unmeasured,
            waited_for_memory: summary.waited.memory,
            waited_for_group: summary.waited.group,
            waited_for_threads: summary.waited.threads,
            replaced: summary.replaced,
            cpu_us: summary.cpu.map(microseconds),
            cpu_unmeasured: summary.cpu_unmeasured,
            cancelled: summary.cancelled.map(CancelledFields::new),
            lines: lines + 1,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Name"))]
struct NameFields<'a> {
    binary_id: &'a str,
    name: &'a str,
}

impl<'a> NameFields<'a> {
    fn new(test: &'a TestCase) -> Self {
        Self { binary_id: &test.binary.id, name: &test.name }
    }
}

/// Counts under the words that are used for verdicts; skipped are the tests that the harness ignores.
struct CountFields<'a> {
    counts: &'a Counts,
    skipped: usize,
}

impl Serialize for CountFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = Kind::ALL.into_iter().map(|kind| (kind.as_str(), self.counts[kind].total()));
        serializer.collect_map(counts.chain([("skipped", self.skipped)]))
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Peak"))]
struct PeakFields<'a> {
    bytes: u64,
    approximate: bool,
    binary_id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Cancelled"))]
#[serde(tag = "by", rename_all = "kebab-case")]
enum CancelledFields {
    Signal { signal: String },
    FailFast,
    GlobalTimeout,
    SetupFailed,
}

impl CancelledFields {
    fn new(by: Cancellation) -> Self {
        match by {
            Cancellation::Signal(number) => Self::Signal { signal: signal(number) },
            Cancellation::FailFast { .. } => Self::FailFast,
            Cancellation::GlobalTimeout => Self::GlobalTimeout,
            Cancellation::SetupFailed { .. } => Self::SetupFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::libtest::{WholeBinary, WholeReason};
    use crate::schedule::summary::Selection;
    use crate::select::Selected;
    use crate::testing::builders;
    use serde_json::json;
    use std::num::NonZeroUsize;

    fn line(event: &Event<'_>) -> String {
        let architecture = "x86_64".to_owned();
        let machine =
            Machine { host: Some("a".to_owned()), kernel: None, architecture, cpus: NonZeroUsize::new(2) };
        let again = Again { arguments: vec!["--release".to_owned()], ..Again::default() };
        let mut run = Run { at: SystemTime::UNIX_EPOCH, ..Run::started(again).on(machine) };
        super::line(event, &mut run).unwrap().unwrap()
    }

    #[test]
    fn a_run_starts_with_its_schema_and_its_isolation() {
        let isolation = builders::isolation();
        let text = line(&Event::RunStarted {
            isolation: &isolation,
            binaries: &[builders::binary("tour")],
            selected: &Selected {
                tests: vec![builders::test("tour", "t"); 41],
                ignored: vec![builders::test("tour", "novel")],
                ..Selected::default()
            },
            jobs: 2,
            shuffle_seed: Some(7),
            groups: &TestGroups::default(),
            doctests_not_run: &["tour".to_owned()],
            whole_binaries: &[WholeBinary { id: "tour::custom".to_owned(), reason: WholeReason::Silent }],
            shard: None,
            sharing: &[],
        });
        let version = env!("CARGO_PKG_VERSION");
        let run = r#""run_id":"","workspace":"","arguments":["--release"],"environment":{},"started_at":"1970-01-01T00:00:00.000Z","isolation":{"user":{"state":"in-force"},"pid":{"#;
        let head = format!(r#"{{"type":"run-started","schema":1,"version":"{version}",{run}"#);
        let io = r#""io":{"state":"missing","reason":"no io controller"},"pressure":{"state":"off"},"disk":{"state":"in-force"}}"#;
        let tail = r#","cgroup_layout":"v1","machine":{"host":"a","kernel":null,"architecture":"x86_64","cpus":2},"jobs":2,"tests":41,"ignored_tests":[{"binary_id":"tour","name":"novel"}],"shuffle_seed":7,"doctests_not_run":["tour"],"#;
        assert!(text.starts_with(&head), "{text}");
        assert!(text.contains(&format!("{io}{tail}")), "{text}");
        let end = r#""whole_binaries":["tour::custom"],"remarks":["`/home/a/nfs` is read-only"]}"#;
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn a_run_finishes_with_a_count_for_each_outcome() {
        let mut summary = Summary::new(Selection { selected: 9, ignored: 2, filtered_out: 3 });
        for outcome in builders::outcomes() {
            let record = builders::record(outcome);
            summary.add(&builders::test("tour", "t"), &builders::verdict(&record), &record);
        }
        summary.wall = Duration::from_micros(1_234_567);
        summary.cancelled = Some(Cancellation::Signal(2));
        summary.interrupted = vec![builders::test("tour", "slow")];
        let text = line(&Event::RunFinished { summary: &summary });
        let expected = json!({
            "type": "run-finished",
            "counts": {
                "passed": 1, "failed": 1, "signaled": 1, "timed-out": 1,
                "oom-killed": 1, "over-budget": 0, "leaked": 1, "flaky": 0, "not-isolated": 1, "skipped": 2,
            },
            "failed_processes": 0,
            "suspect": 0,
            "filtered_out": 3,
            "interrupted": [{"binary_id": "tour", "name": "slow"}],
            "not_run": 1,
            "wall_us": 1_234_567,
            "memory_peak": {"bytes": 734_003, "approximate": false, "binary_id": "tour", "name": "t"},
            "memory_unmeasured": 0,
            "waited_for_memory": 0,
            "waited_for_group": 0,
            "waited_for_threads": 0,
            "replaced": 0,
            "cpu_us": 13_200,
            "cpu_unmeasured": 0,
            "cancelled": {"by": "signal", "signal": "SIGINT"},
            "lines": 1,
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
    }

    #[test]
    fn nothing_measured_is_null() {
        let text = line(&Event::RunFinished { summary: &Summary::default() });
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for field in ["memory_peak", "cpu_us", "cancelled"] {
            assert!(value.as_object().unwrap()[field].is_null(), "{field}");
        }
    }

    #[test]
    fn each_event_is_one_line() {
        let written = builders::Written::default();
        let mut json = Json::new(Box::new(written.clone()), Run::started(Again::default()));
        let (test, mut record) = (builders::test("tour", "a\nb"), builders::record(builders::not_isolated()));
        record.stdout.head = b"x\ny\r\n\xff\x1b[2J".to_vec();
        json.event(&Event::AttemptStarted { test: &test, launch: builders::launch() }).unwrap();
        let verdict = builders::verdict(&record);
        let finished = Event::AttemptFinished {
            test: &test,
            launch: builders::launch(),
            is_last: true,
            verdict: &verdict,
            record: &record,
        };
        json.event(&finished).unwrap();
        json.event(&Event::RunFinished { summary: &Summary::default() }).unwrap();
        let lines = written.text();
        assert!(lines.ends_with('\n') && !lines.contains('\x1b'));
        let types: Vec<_> = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].clone())
            .collect();
        assert_eq!(types, ["attempt-finished", "run-finished"]);
    }
}
