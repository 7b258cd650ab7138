//! Estimates how long the tests of a run would take on other machines, and how much memory they would need; pure.

use super::account::{Account, Attempt, Facts, Test};
use crate::schedule::replay::{Machine, Recorded, Recording, Replayed, Took};
use crate::text::sanitize::word;
use crate::text::units::{cpu, limit, memory, plural};
use crate::verdict::Effect;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// Version of the format of the JSON lines.
const SCHEMA: u32 = 1;
/// Number of tests that are named on one line.
const NAMED: usize = 3;

/// Needs of the tests of a run.
#[derive(Debug)]
pub(crate) struct Fit {
    recording: Recording,
    head: String,
    cpu: Duration,
    /// Duration of all tests, one after the other.
    tests: Duration,
    /// Memory peak in bytes and name of each test, the highest first.
    peaks: Vec<(u64, String)>,
    /// Duration and name of the longest test.
    longest: Option<(Duration, String)>,
    /// Remarks on the figures.
    remarks: Vec<String>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "FittedMachine"))]
struct Line<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "fit")))]
    kind: &'static str,
    schema: u32,
    cpus: NonZeroUsize,
    memory_bytes: Option<u64>,
    jobs: NonZeroUsize,
    wall_us: u64,
    tests_us: u64,
    memory_peak_bytes: u64,
    waited_for_memory: usize,
    too_large: Vec<&'a str>,
    remarks: &'a [String],
}

/// Makes the schema of the line of a machine.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Line<'static>>()
}

impl Fit {
    /// Finds out what the tests of an account took. `None` if no test has a time.
    pub(crate) fn of(account: &Account) -> Option<Self> {
        let cpus = account.started.as_ref().and_then(|started| started.machine.as_ref()?.cpus);
        let mut reader = Reader { cpus, ..Reader::default() };
        let recording = reader.recording(account)?;
        let mut peaks: Vec<_> = account
            .tests
            .iter()
            .filter_map(|test| Some((test.last.facts.figure("memory_peak_bytes")?, word(&test.title()))))
            .collect();
        peaks.sort_unstable_by(|one, other| other.cmp(one));
        let attempts = || recording.each.iter().flat_map(|recorded| &recorded.attempts);
        Some(Self {
            head: head(account, reader.tests, cpus),
            cpu: attempts().map(|took| took.cpu).sum(),
            tests: attempts().map(|took| took.wall).sum(),
            peaks,
            longest: reader.longest.take(),
            remarks: reader.remarks(account),
            recording,
        })
    }

    /// Returns what a run would need on each of these machines, for people.
    pub(crate) fn human(&self, machines: &[Machine]) -> String {
        let mut text = format!("{}\n\n", self.head);
        text += "  CPUs   memory  jobs         time   memory of tests\n";
        for machine in machines {
            let replayed = self.recording.on(*machine);
            let Machine { cpus, memory: most, jobs } = *machine;
            let most = most.map_or_else(|| "any".to_owned(), limit);
            let _ = write!(
                text,
                "{cpus:>6} {most:>8} {jobs:>5} {:>12}   at most {}",
                time(replayed.wall),
                memory(replayed.memory)
            );
            text += &self.said_of(*machine, replayed);
            text.push('\n');
        }
        text.push('\n');
        if let Some((wall, title)) = &self.longest {
            let _ = writeln!(text, "No run is shorter than its longest test: {title}, {}", time(*wall));
        }
        let _ = writeln!(
            text,
            "All tests take {} one after the other, and {} of processor time",
            time(self.tests),
            cpu(self.cpu)
        );
        for remark in &self.remarks {
            let _ = writeln!(text, "note: {remark}");
        }
        text
    }

    fn said_of(&self, machine: Machine, replayed: Replayed) -> String {
        let large = self.too_large(machine);
        if !large.is_empty() {
            let names: Vec<_> = large.iter().take(NAMED).copied().collect();
            let more = match large.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return format!(": too much for {}{more}", names.join(", "));
        }
        match replayed.waited {
            0 => String::new(),
            waited => format!(
                ", for which {} to wait",
                if waited == 1 { "1 test has".to_owned() } else { format!("{waited} tests have") }
            ),
        }
    }

    /// Returns what a run would need on each of these machines as JSON, a line for each.
    ///
    /// # Errors
    /// When serde cannot write a line, which could not be provoked.
    pub(crate) fn json(&self, machines: &[Machine]) -> serde_json::Result<String> {
        let mut text = String::new();
        for machine in machines {
            let replayed = self.recording.on(*machine);
            text += &serde_json::to_string(&Line {
                kind: "fit",
                schema: SCHEMA,
                cpus: machine.cpus,
                memory_bytes: machine.memory,
                jobs: machine.jobs,
                wall_us: microseconds(replayed.wall),
                tests_us: microseconds(self.tests),
                memory_peak_bytes: replayed.memory,
                waited_for_memory: replayed.waited,
                too_large: self.too_large(*machine),
                remarks: &self.remarks,
            })?;
            text.push('\n');
        }
        Ok(text)
    }

    /// Returns the tests that need more memory than a machine has.
    fn too_large(&self, machine: Machine) -> Vec<&str> {
        let most = machine.memory.unwrap_or(u64::MAX);
        self.peaks.iter().take_while(|(peak, _)| *peak > most).map(|(_, title)| title.as_str()).collect()
    }
}

fn head(account: &Account, tests: usize, cpus: Option<NonZeroUsize>) -> String {
    let mut text = format!("What {} would need", plural(tests, "test"));
    let Some(finished) = &account.finished else { return text };
    let _ = write!(text, ", by a run of {}", time(Duration::from_micros(finished.wall_us)));
    if let Some(jobs) = account.started.as_ref().map(|started| started.jobs).filter(|jobs| *jobs > 0) {
        let _ = write!(text, " with {}", plural(jobs, "job"));
    }
    if let Some(cpus) = cpus {
        let _ = write!(text, " on {}", plural(cpus.get(), "CPU"));
    }
    text
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Formats a time of a run: with milliseconds below ten seconds, and whole seconds from a minute on.
fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_secs() {
        0..10 => format!("{seconds:.3} s"),
        10..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
        hours => format!("{} h {} min", hours / 3600, hours / 60 % 60),
    }
}

/// Reader of an account, which counts the attempts that lack figures.
#[derive(Debug, Default)]
struct Reader {
    cpus: Option<NonZeroUsize>,
    tests: usize,
    longest: Option<(Duration, String)>,
    without_time: usize,
    without_cpu: usize,
    without_wait: usize,
    without_memory: usize,
}

impl Reader {
    fn recording(&mut self, account: &Account) -> Option<Recording> {
        let names: Vec<Arc<str>> = account
            .started
            .iter()
            .flat_map(|started| started.test_groups.keys())
            .map(|name| Arc::from(name.as_str()))
            .collect();
        let numbers: BTreeMap<_, _> = names.iter().zip(0..).map(|(name, number)| (&**name, number)).collect();
        let limits = account.started.iter().flat_map(|started| started.test_groups.values().copied());
        let shared: HashSet<_> = account.processes.iter().map(|process| process.binary_id.as_str()).collect();
        let mut tests: Vec<_> =
            account.tests.iter().filter(|test| !shared.contains(test.binary_id.as_str())).collect();
        tests.sort_by_key(|test| test.attempts().next().map(|first| first.start_us));
        let sandboxes = account.started.iter().flat_map(|started| &started.shared_sandboxes);
        let sandboxes: BTreeMap<_, _> =
            sandboxes.zip(0..).map(|(sandbox, number)| (sandbox.binary_id.as_str(), number)).collect();
        let mut each: Vec<_> = tests
            .iter()
            .map(|test| Recorded {
                sharing: sandboxes.get(test.binary_id.as_str()).copied(),
                ..self.recorded(test, &numbers)
            })
            .collect();
        self.tests = account.tests.len();
        each.extend(account.processes.iter().map(|process| Recorded {
            attempts: self.took(&process.facts).into_iter().collect(),
            passed: process.facts.effect == Effect::Passes,
            ..Recorded::default()
        }));
        if each.iter().all(|recorded| recorded.attempts.is_empty()) {
            return None;
        }
        let (between, around) = (between(&tests), around(account));
        Some(Recording { each, groups: names.iter().cloned().zip(limits).collect(), between, around })
    }

    fn recorded(&mut self, test: &Test, groups: &BTreeMap<&str, usize>) -> Recorded {
        let attempts: Vec<_> = test.attempts().filter_map(|attempt| self.took(&attempt.facts)).collect();
        let wall: Duration = attempts.iter().map(|took| took.wall).max().unwrap_or_default();
        if self.longest.as_ref().is_none_or(|(longest, _)| *longest < wall) {
            self.longest = Some((wall, word(&test.title())));
        }
        let last = &test.last;
        Recorded {
            attempts,
            iteration: last.iteration.unwrap_or_default(),
            passed: last.facts.effect == Effect::Passes,
            priority: last.priority,
            threads: last.threads_required,
            group: last.test_group.as_deref().and_then(|name| groups.get(name).copied()),
            sharing: None,
        }
    }

    /// Returns what an attempt took; `None` if its time is not known. An attempt whose processor time is not known
    /// counts as one processor that is always busy.
    fn took(&mut self, facts: &Facts) -> Option<Took> {
        let Some(wall) = facts.wall_us else {
            self.without_time += 1;
            return None;
        };
        let cpu = facts.cpu_us();
        self.without_cpu += usize::from(cpu.is_none());
        let waited = facts.figure("pressure_cpu_us");
        self.without_wait += usize::from(waited.is_none());
        let memory = facts.figure("memory_peak_bytes");
        self.without_memory += usize::from(memory.is_none());
        let cpus = self.cpus.map_or(1, |cpus| u64::try_from(cpus.get()).unwrap_or(u64::MAX));
        // A process with several threads may wait while it works, too.
        let least = cpu.unwrap_or(0) / cpus;
        let wall = wall.saturating_sub(waited.unwrap_or(0)).max(least.min(wall));
        Some(Took {
            wall: Duration::from_micros(wall),
            cpu: Duration::from_micros(cpu.unwrap_or(wall)),
            memory: memory.unwrap_or(0),
        })
    }

    fn remarks(&self, account: &Account) -> Vec<String> {
        let mut remarks: Vec<_> = account.gap().map(|gap| word(&gap)).into_iter().collect();
        let counts = [
            (self.without_time, "without a time, left out"),
            (self.without_cpu, "without a processor time, each counted as one busy processor"),
            (
                self.without_wait,
                "of which it is not known how long they waited for a processor, counted as if they had not",
            ),
            (self.without_memory, "without a memory peak, counted as if they needed none"),
        ];
        let attempts = |(count, what): (usize, &str)| format!("{} {what}", plural(count, "attempt"));
        remarks.extend(counts.into_iter().filter(|(count, _)| 0 < *count).map(attempts));
        remarks
    }
}

/// Returns the time that usually lies between the end of an attempt and the start of the next in its slot.
fn between(tests: &[&Test]) -> Duration {
    let mut attempts: Vec<&Attempt> = tests.iter().flat_map(|test| test.attempts()).collect();
    attempts.sort_by_key(|attempt| (attempt.slot, attempt.start_us));
    let mut gaps: Vec<_> = attempts
        .windows(2)
        .filter(|pair| pair[0].slot == pair[1].slot)
        .filter_map(|pair| Some(pair[1].start_us.saturating_sub(pair[0].end_us()?)))
        .collect();
    gaps.sort_unstable();
    Duration::from_micros(gaps.get(gaps.len() / 2).copied().unwrap_or_default())
}

/// Returns the time of the run before the first attempt and after the last.
fn around(account: &Account) -> Duration {
    let Some(finished) = &account.finished else { return Duration::ZERO };
    let first = account.attempts().map(|(_, attempt)| attempt.start_us).min().unwrap_or_default();
    let last = account.attempts().filter_map(|(_, attempt)| attempt.end_us()).max().unwrap_or_default();
    Duration::from_micros(finished.wall_us.saturating_sub(last.saturating_sub(first)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::account::testing::{account, attempt};
    use serde_json::{Value, json};

    fn machine(cpus: usize, memory: Option<u64>) -> Machine {
        let cpus = NonZeroUsize::new(cpus).unwrap();
        Machine { cpus, memory: memory.map(|memory| memory << 20), jobs: cpus }
    }

    fn line(name: &str, start_us: u64, wall_us: u64, peak: u64) -> Value {
        let usage = json!({
            "memory_peak_bytes": peak << 20, "cpu_user_us": wall_us / 4, "cpu_system_us": 0, "pressure_cpu_us": wall_us / 2,
        });
        attempt("tour", name, "passes", &json!({"start_us": start_us, "wall_us": wall_us, "usage": usage}))
    }

    #[test]
    fn a_run_is_replayed_without_what_was_waited_for_a_processor() {
        let account = account(&[line("a", 0, 400_000, 10), line("b", 400_000, 800_000, 30)]);
        let fit = Fit::of(&account).unwrap();
        let json: Value = serde_json::from_str(&fit.json(&[machine(1, Some(20))]).unwrap()).unwrap();
        assert_eq!((&json["wall_us"], &json["memory_peak_bytes"]), (&json!(600_000), &json!(30 << 20)));
        assert_eq!(json["too_large"], json!(["tour b"]));
        let text = fit.human(&[machine(1, Some(20)), machine(2, None)]);
        let expected = "What 2 tests would need, by a run of 1.200 s

  CPUs   memory  jobs         time   memory of tests
     1   20 MiB     1      0.600 s   at most 30.0 MiB: too much for tour b
     2      any     2      0.400 s   at most 40.0 MiB

No run is shorter than its longest test: tour b, 0.400 s
All tests take 0.600 s one after the other, and 300 ms of processor time
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_was_not_measured_is_said() {
        let unknown = json!({"memory_peak_bytes": null, "cpu_user_us": null, "cpu_system_us": null});
        let lines = [
            attempt("tour", "a", "passes", &json!({"usage": unknown})),
            attempt("tour", "b", "undecided", &json!({"usage": unknown, "wall_us": null})),
        ];
        let text = Fit::of(&account(&lines)).unwrap().human(&[machine(1, None)]);
        for said in [
            "1 attempt without a time",
            "1 attempt without a processor time",
            "1 attempt without a memory peak",
        ] {
            assert!(text.contains(said), "{text}");
        }
        assert!(Fit::of(&account(&lines[1..])).is_none());
    }

    #[test]
    fn times_are_as_long_as_people_need_them() {
        let seconds = |seconds| time(Duration::from_millis(seconds));
        assert_eq!(
            [500, 12_340, 430_000, 7_300_000].map(seconds),
            ["0.500 s", "12.3 s", "7 min 10 s", "2 h 1 min"]
        );
    }
}
