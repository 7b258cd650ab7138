//! Objects of attempts, processes and setup scripts: `attempt-finished`, `process-finished` and `setup-finished`.

#[cfg(test)]
use super::parts;
use super::region::{Region, regions};
use super::schema::microseconds;
use crate::budget::{Check, Growth, Limit, Unit};
use crate::report::budget;
use crate::report::cause::{INTERRUPTED, KILLED, cause};
use crate::report::changed::{directories, in_workspace};
use crate::schedule::queue::{Launch, Nth};
use crate::testcase::TestCase;
use crate::text::captured::captured;
use crate::text::units::signal;
use crate::values::{Priority, ThreadsRequired};
use crate::verdict::{Effect, Kind, Verdict};
use isotest_core::metric::METRICS;
use isotest_core::outcome::{Ending, Exit, LeftProcess};
use isotest_core::record::{Autopsy, Captured, PartialRecord, Record, Samples};
use isotest_core::sys::clock::Instant;
use isotest_core::usage::{Source, Usage};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct AttemptFinished<'a> {
    binary_id: &'a str,
    name: &'a str,
    ignored: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_group: Option<&'a str>,
    #[serde(skip_serializing_if = "is_default")]
    #[cfg_attr(test, schemars(with = "parts::NumberOrWord"))]
    threads_required: ThreadsRequired,
    #[serde(skip_serializing_if = "is_default")]
    #[cfg_attr(test, schemars(with = "i64"))]
    priority: Priority,
    #[serde(flatten)]
    launched: Launched,
    #[serde(flatten)]
    facts: Facts<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    budget: Vec<BudgetFields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth: Option<GrowthFields<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    regions: Vec<Region>,
    #[serde(flatten)]
    output: Option<Output>,
}

/// Number of an attempt, its slot and its start.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Launched {
    attempt: u32,
    attempts: u32,
    is_last: bool,
    slot: usize,
    start_us: u64,
    /// Time from the start to the birth of the test's process.
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_us: Option<u64>,
    /// Time from the end of the test's process until its slot was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    teardown_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iteration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iterations: Option<u32>,
}

impl Launched {
    /// Creates the fields of an attempt that started so many microseconds after the run.
    pub(super) fn new(launch: Launch, start_us: u64, is_last: bool) -> Self {
        let Nth { number, total, iteration } = launch.attempt.nth;
        Self {
            attempt: number,
            attempts: total,
            is_last,
            slot: launch.slot,
            start_us,
            setup_us: None,
            teardown_us: None,
            iteration: iteration.map(|iteration| iteration.number),
            iterations: iteration.and_then(|iteration| iteration.total),
        }
    }
}

impl Launched {
    /// Adds how long the sandbox took before and after the test's process, if there was one.
    pub(super) fn around(self, ending: Option<&Ending>, launched: Instant, now: Instant) -> Self {
        let Some(Ending { born, wall, .. }) = ending else { return self };
        let setup_us = Some(microseconds(born.saturating_duration_since(launched)));
        let teardown_us = Some(microseconds(now.saturating_duration_since(*born + *wall)));
        Self { setup_us, teardown_us, ..self }
    }
}

/// Process in which several tests of a binary were executed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ProcessFinished<'a> {
    binary_id: &'a str,
    tests: usize,
    #[serde(flatten)]
    facts: Facts<'a>,
    #[serde(flatten)]
    output: Option<Output>,
}

impl<'a> ProcessFinished<'a> {
    pub(super) fn new(process: &'a TestCase, tests: usize, verdict: &Verdict, record: &'a Record) -> Self {
        Self {
            binary_id: &process.binary.id,
            tests,
            facts: Facts::new(verdict, record),
            output: (verdict.kind() != Kind::Passed).then(|| Output::new(&record.stdout, &record.stderr)),
        }
    }
}

/// Attempt that was killed with its run.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct AttemptInterrupted<'a> {
    binary_id: &'a str,
    name: &'a str,
    ignored: bool,
    #[serde(flatten)]
    launched: Launched,
    #[cfg_attr(test, schemars(extend("const" = INTERRUPTED)))]
    outcome: &'static str,
    effect: Effect,
    #[cfg_attr(test, schemars(extend("const" = KILLED)))]
    cause: &'static str,
    wall_us: Option<u64>,
    #[cfg_attr(test, schemars(schema_with = "parts::usage"))]
    usage: UsageFields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_samples: Option<SampleFields<'a>>,
    suspect: Option<&'a str>,
    remarks: &'a [String],
    #[serde(flatten)]
    output: Output,
}

impl<'a> AttemptInterrupted<'a> {
    pub(super) fn new(test: &'a TestCase, launched: Launched, record: &'a PartialRecord) -> Self {
        Self {
            binary_id: &test.binary.id,
            name: &test.name,
            ignored: test.ignored,
            launched,
            outcome: INTERRUPTED,
            effect: Effect::Undecided,
            cause: KILLED,
            wall_us: record.wall.map(microseconds),
            usage: UsageFields(&record.usage),
            memory_samples: record.memory_samples.as_ref().map(SampleFields::new),
            suspect: record.suspect.as_deref(),
            remarks: &record.remarks,
            output: Output::new(&record.stdout, &record.stderr),
        }
    }
}

/// Setup script that was killed with its run.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SetupInterrupted<'a> {
    script: &'a str,
    #[serde(flatten)]
    attempt: AttemptInterrupted<'a>,
}

impl<'a> SetupInterrupted<'a> {
    pub(super) fn new(script: &'a TestCase, launched: Launched, record: &'a PartialRecord) -> Self {
        Self { script: &script.name, attempt: AttemptInterrupted::new(script, launched, record) }
    }
}

/// Setup script that has ended.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct SetupFinished<'a> {
    script: &'a str,
    start_us: u64,
    #[serde(flatten)]
    facts: Facts<'a>,
    #[serde(flatten)]
    output: Option<Output>,
}

impl<'a> SetupFinished<'a> {
    pub(super) fn new(script: &'a TestCase, start_us: u64, verdict: &Verdict, record: &'a Record) -> Self {
        Self {
            script: &script.name,
            start_us,
            facts: Facts::new(verdict, record),
            output: (verdict.kind() != Kind::Passed).then(|| Output::new(&record.stdout, &record.stderr)),
        }
    }
}

/// Fields that tests and commands have in common.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Facts<'a> {
    #[cfg_attr(test, schemars(schema_with = "parts::outcome"))]
    outcome: &'static str,
    effect: Effect,
    exit_code: Option<i32>,
    signal: Option<String>,
    cause: Option<String>,
    wall_us: Option<u64>,
    #[cfg_attr(test, schemars(schema_with = "parts::usage"))]
    usage: UsageFields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_samples: Option<SampleFields<'a>>,
    leaked: Option<Vec<Leaked<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    autopsy: Option<&'a Autopsy>,
    changed_paths: Option<Vec<String>>,
    changed_paths_count: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keep: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "is_zero")]
    evidence_left_out: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_paths: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SandboxError>,
    suspect: Option<&'a str>,
    remarks: &'a [String],
}

impl<'a> AttemptFinished<'a> {
    pub(super) fn new(test: &'a TestCase, launched: Launched, verdict: &Verdict, record: &'a Record) -> Self {
        let checks = test.budget.checks(record);
        let growth = test.budget.growth(record);
        let mut facts = Facts::new(verdict, record);
        if verdict.kind() == Kind::OverBudget {
            facts.cause = budget::cause(&checks, growth.as_ref()).or(facts.cause);
        }
        if let (false, Some(ending)) = (verdict.kind() == Kind::Passed, &record.ending) {
            let kept = directories(&in_workspace(test, ending, &record.evidence));
            facts.keep = kept.iter().map(|directory| directory.to_string_lossy().into_owned()).collect();
        }
        Self {
            binary_id: &test.binary.id,
            name: &test.name,
            ignored: test.ignored,
            test_group: test.group.as_deref(),
            threads_required: test.threads_required,
            priority: test.priority,
            launched,
            facts,
            budget: checks.into_iter().map(BudgetFields::new).collect(),
            growth: growth.as_ref().map(GrowthFields::new),
            regions: [&record.stderr.head, &record.stderr.tail]
                .into_iter()
                .flat_map(|text| regions(text))
                .collect(),
            output: (verdict.kind() != Kind::Passed).then(|| Output::new(&record.stdout, &record.stderr)),
        }
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(verdict: &Verdict, record: &'a Record) -> Self {
        let ending = record.ending.as_ref();
        let exit = ending.map(|ending| ending.exit);
        Self {
            outcome: verdict.kind().as_str(),
            effect: verdict.effect(),
            exit_code: exit.and_then(exit_code),
            signal: exit.and_then(signal_name),
            cause: cause(verdict, record),
            wall_us: ending.map(|ending| microseconds(ending.wall)),
            usage: UsageFields(&record.usage),
            memory_samples: record.memory_samples.as_ref().map(SampleFields::new),
            leaked: ending.map(|ending| ending.left_running.iter().map(Leaked::new).collect()),
            autopsy: record.autopsy.as_ref(),
            changed_paths: ending.map(changed_paths),
            changed_paths_count: ending.map(|ending| ending.changed.count),
            keep: Vec::new(),
            evidence: record.evidence.taken.iter().map(|path| path.to_string_lossy()).collect(),
            evidence_left_out: record.evidence.left_out,
            missing_paths: ending.map(missing_paths).unwrap_or_default(),
            error: SandboxError::from_verdict(verdict),
            suspect: record.suspect.as_deref(),
            remarks: &record.remarks,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

const fn exit_code(exit: Exit) -> Option<i32> {
    match exit {
        Exit::Code(code) => Some(code),
        Exit::Signal(_) | Exit::Stopped(_) => None,
    }
}

fn signal_name(exit: Exit) -> Option<String> {
    match exit {
        Exit::Code(_) => None,
        Exit::Signal(number) | Exit::Stopped(number) => Some(signal(number)),
    }
}

fn missing_paths(ending: &Ending) -> Vec<String> {
    ending.missing_paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

fn changed_paths(ending: &Ending) -> Vec<String> {
    ending.changed.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

/// Figures of every metric, with their sources. A figure that was not measured is `null`.
struct UsageFields<'a>(&'a Usage);

impl Serialize for UsageFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(usage) = self;
        let mut fields = serializer.serialize_map(None)?;
        for metric in METRICS {
            for figure in metric.figures {
                fields.serialize_entry(figure.key, &(figure.value)(usage))?;
            }
            let source = (metric.source)(usage);
            fields.serialize_entry(metric.source_key, &source.map(Source::as_str))?;
            if let Some(key) = metric.approximate_key {
                fields.serialize_entry(key, &source.map(Source::is_approximate))?;
            }
        }
        fields.end()
    }
}

/// Memory over time.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Samples"))]
struct SampleFields<'a> {
    interval_us: u64,
    bytes: &'a [Option<u64>],
}

impl<'a> SampleFields<'a> {
    fn new(samples: &'a Samples) -> Self {
        Self { interval_us: microseconds(samples.interval), bytes: &samples.bytes }
    }
}

/// Limit of a test's budget, and the value that was used.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Budget"))]
struct BudgetFields<'a> {
    #[cfg_attr(test, schemars(schema_with = "parts::metric"))]
    metric: &'static str,
    #[cfg_attr(test, schemars(schema_with = "parts::unit"))]
    unit: &'static str,
    limit: u64,
    used: Option<u64>,
    approximate: bool,
    over: bool,
    killed: bool,
    file: &'a str,
    line: u32,
}

impl<'a> BudgetFields<'a> {
    fn new(check: Check<'a>) -> Self {
        let Limit { metric, value, origin } = check.limit;
        let unit = unit(metric.unit());
        Self {
            metric: metric.as_str(),
            unit,
            limit: *value,
            used: check.used,
            approximate: check.is_approximate,
            over: check.is_over(),
            killed: check.is_killed,
            file: &origin.file,
            line: origin.line,
        }
    }
}

/// Returns the word for a unit.
pub(super) const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Microseconds => "us",
        Unit::Count => "count",
    }
}

/// Memory peak beside the peaks of earlier runs.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Growth"))]
struct GrowthFields<'a> {
    baseline: &'a str,
    /// Peaks of earlier runs in bytes, the least first.
    values: &'a [u64],
    /// Peak in bytes from which on the test has grown.
    limit: u64,
    used: u64,
    grown: bool,
    /// Modes of the peaks of earlier runs, if there are two: the highest peak of each, and the number of its peaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    modes: Option<[(u64, usize); 2]>,
}

impl<'a> GrowthFields<'a> {
    fn new(growth: &Growth<'a>) -> Self {
        Self {
            baseline: &growth.before.baseline,
            values: growth.before.values(),
            limit: growth.before.limit(),
            used: growth.used,
            grown: growth.is_grown(),
            modes: growth.before.modes().map(|modes| modes.map(|mode| (mode.highest, mode.count))),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Leaked<'a> {
    pid: i32,
    command: &'a str,
}

impl<'a> Leaked<'a> {
    fn new(left: &'a LeftProcess) -> Self {
        Self { pid: left.pid, command: &left.command }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SandboxError {
    step: String,
    errno: i32,
    message: String,
}

impl SandboxError {
    fn from_verdict(verdict: &Verdict) -> Option<Self> {
        let Verdict::NotIsolated(error) = verdict else {
            return None;
        };
        Some(Self { step: format!("{:?}", error.step), errno: error.errno, message: error.to_string() })
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Output {
    stdout: String,
    stdout_dropped_bytes: u64,
    stderr: String,
    stderr_dropped_bytes: u64,
}

impl Output {
    fn new(stdout: &Captured, stderr: &Captured) -> Self {
        Self {
            stdout: captured(stdout),
            stdout_dropped_bytes: stdout.dropped,
            stderr: captured(stderr),
            stderr_dropped_bytes: stderr.dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::outcome::Outcome;
    use serde_json::{Value, json, to_value};
    use snapbox::{IntoData, assert_data_eq};

    fn launched() -> Launched {
        Launched::new(builders::launch(), 1500, true)
    }

    fn json(record: &Record) -> Value {
        let test = builders::test("tour::parser", "mod::test");
        to_value(AttemptFinished::new(&test, launched(), &builders::verdict(record), record)).unwrap()
    }

    fn text(record: &Record) -> String {
        let test = builders::test("tour", "fails");
        let finished = AttemptFinished::new(&test, launched(), &builders::verdict(record), record);
        serde_json::to_string_pretty(&finished).unwrap()
    }

    const EVERY_FIELD: &str = r#"{
  "binary_id": "tour",
  "name": "fails",
  "ignored": false,
  "attempt": 1,
  "attempts": 1,
  "is_last": true,
  "slot": 0,
  "start_us": 1500,
  "outcome": "failed",
  "effect": "fails",
  "exit_code": 101,
  "signal": null,
  "cause": null,
  "wall_us": 4321,
  "usage": {
    "memory_peak_bytes": 734003,
    "memory_source": "memory.max_usage_in_bytes",
    "memory_approximate": false,
    "memory_anon_bytes": 500000,
    "memory_file_bytes": 200000,
    "memory_shmem_bytes": 4096,
    "memory_kernel_bytes": null,
    "memory_split_source": "memory.stat",
    "cpu_user_us": 1500,
    "cpu_system_us": 700,
    "cpu_source": "cpuacct.usage_user",
    "pids_peak": 1,
    "pids_source": "pids.peak",
    "pids_approximate": false,
    "io_read_bytes": 0,
    "io_write_bytes": 8192,
    "io_source": "getrusage",
    "oom_kills": 0,
    "oom_source": "memory.oom_control",
    "pressure_cpu_us": 12,
    "pressure_cpu_source": "cpu.pressure",
    "pressure_memory_us": null,
    "pressure_memory_source": null,
    "pressure_io_us": null,
    "pressure_io_source": null,
    "disk_bytes": 4096,
    "disk_files": 2,
    "disk_source": "statfs",
    "disk_peak_bytes": 3145728,
    "disk_peak_files": 5,
    "disk_peak_source": "statfs",
    "disk_peak_approximate": true
  },
  "leaked": [],
  "changed_paths": [
    "/t/a",
    "/t/b"
  ],
  "changed_paths_count": 2,
  "suspect": null,
  "remarks": [],
  "stdout": "",
  "stdout_dropped_bytes": 0,
  "stderr": "panicked at 'no'\n",
  "stderr_dropped_bytes": 0
}"#;

    #[test]
    fn a_measured_failure_has_every_field() {
        assert_data_eq!(text(&builders::record(Outcome::Failed { code: 101 })), EVERY_FIELD.raw());
    }

    #[test]
    fn outcomes_exit_codes_and_signals_stand_apart() {
        let seen: Vec<_> = builders::outcomes()
            .into_iter()
            .map(|outcome| json(&builders::record(outcome)))
            .map(|value| json!([value["outcome"], value["exit_code"], value["signal"]]))
            .collect();
        let expected = json!([
            ["passed", 0, null],
            ["failed", 101, null],
            ["signaled", null, "SIGSEGV"],
            ["timed-out", null, "SIGKILL"],
            ["oom-killed", null, "SIGKILL"],
            ["leaked", 0, null],
            ["not-isolated", null, null],
        ]);
        assert_eq!(Value::from(seen), expected);
    }

    #[test]
    fn unavailable_is_null_and_never_zero() {
        let value = json(&builders::record(builders::not_isolated()));
        let usage = value["usage"].as_object().unwrap();
        assert!(usage.len() == 32 && usage.values().all(Value::is_null), "{usage:?}");
        for field in ["wall_us", "leaked", "changed_paths", "changed_paths_count"] {
            assert!(value[field].is_null(), "{field}");
        }
        assert_eq!(value["error"]["errno"], 2);
        assert_eq!(value["error"]["step"], "Exec");
    }

    #[test]
    fn output_is_there_only_if_the_attempt_did_not_pass() {
        assert!(json(&builders::record(Outcome::Passed)).get("stdout").is_none());
        let mut record = builders::record(Outcome::Leaked);
        record.stdout = Captured { head: b"a\xff".to_vec(), dropped: 5, tail: b"z".to_vec() };
        let value = json(&record);
        assert_eq!(value["stdout"], "a\u{fffd}\n... 5 bytes left out ...\nz");
        assert_eq!(value["stdout_dropped_bytes"], 5);
        assert_eq!(value["leaked"], json!([{"pid": 7, "command": "sleep 30"}]));
    }
}
