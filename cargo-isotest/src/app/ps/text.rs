//! Text of `ps`. Pure.

use super::details;
use super::look::{Attempt, Run};
use crate::report::{Words, gap};
use crate::text::sanitize::word;
use crate::text::units::{cpu, memory, plural};
use isotest_core::snapshot::{Process, Snapshot, Thread};
use std::time::Duration;

/// Maximum number of threads shown per process; the rest is counted.
const SHOWN_THREADS: usize = 20;

/// Formats the runs.
pub(super) fn render(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "No runs in progress.\n".to_owned();
    }
    runs.iter().map(run).collect::<Vec<_>>().join("\n")
}

fn run(run: &Run) -> String {
    let command = run.command.as_ref().map(|words| word(&words.join(" "))).unwrap_or_default();
    let directory = run.directory.as_ref().map(|directory| format!("in {}", word(directory)));
    let age = run.age_us.map(|age| format!("for {}", duration(age)));
    let jobs = run.jobs.map(|jobs| plural(jobs, "job"));
    let tests = run.tests.zip(run.ended).map(|(tests, ended)| match tests {
        0 => "no tests yet".to_owned(),
        tests => format!("{ended}/{tests} tests finished"),
    });
    let facts: Vec<_> = [directory, age, jobs, tests, run.trouble.clone()].into_iter().flatten().collect();
    let attempts: String = run.attempts.iter().map(attempt).collect();
    format!("Run {} of user {}  {command}\n    {}\n{attempts}", run.pid, run.uid, facts.join(", "))
}

fn attempt(attempt: &Attempt) -> String {
    let Attempt { id, binary_id, name, snapshot, trouble, .. } = attempt;
    let trouble = trouble.as_ref().map(|trouble| format!("    {}\n", word(trouble))).unwrap_or_default();
    let tree = snapshot.as_ref().map(tree).unwrap_or_default();
    format!("  Attempt {id}  {} {}\n{trouble}{tree}", word(binary_id), word(name))
}

fn tree(snapshot: &Snapshot) -> String {
    let heading = row(["PID", "INSIDE", "STATE", "CPU", "MEMORY", "AGE"], "COMMAND");
    let mut parts = vec![heading];
    parts.extend(snapshot.processes.iter().map(|process| rows(snapshot, process)));
    if snapshot.processes.iter().any(|process| process.details.is_some()) {
        parts.push(details::render(Words { snapshot, inside: false }));
    }
    parts.extend(snapshot.unseen.iter().map(|unseen| format!("    not shown: {}\n", gap(unseen))));
    parts.concat()
}

fn rows(snapshot: &Snapshot, process: &Process) -> String {
    let Process { pid, inside, state, cpu_us, memory_bytes, age_us, threads, .. } = process;
    let indent = "  ".repeat(snapshot.depth(process));
    let bytes = memory_bytes.map_or_else(|| "-".to_owned(), memory);
    let mut parts = vec![row(
        [&pid.to_string(), &number(*inside), state, &time(*cpu_us), &bytes, &duration(*age_us)],
        &format!("{indent}{}", word(&process.line())),
    )];
    let others = threads.iter().filter(|thread| thread.tid != *pid);
    parts.extend(others.clone().take(SHOWN_THREADS).map(|thread| {
        let Thread { tid, inside, state, cpu_us, age_us, name, .. } = thread;
        row(
            [&tid.to_string(), &number(*inside), state, &time(*cpu_us), "", &duration(*age_us)],
            &format!("{indent}  thread {}", word(name)),
        )
    }));
    let more = others.count().saturating_sub(SHOWN_THREADS);
    if 0 < more {
        parts.push(row([""; 6], &format!("{indent}  and {more} more threads")));
    }
    parts.concat()
}

fn row([pid, inside, state, cpu, memory, age]: [&str; 6], command: &str) -> String {
    format!("  {pid:>8} {inside:>7}  {state:<10} {cpu:>8} {memory:>10} {age:>9}  {command}\n")
}

fn number(id: Option<i32>) -> String {
    id.map_or_else(|| "-".to_owned(), |id| id.to_string())
}

fn time(microseconds: u64) -> String {
    cpu(Duration::from_micros(microseconds))
}

/// Formats a duration: seconds with one decimal below ten minutes, then hours, minutes and seconds.
fn duration(microseconds: u64) -> String {
    let time = Duration::from_micros(microseconds);
    if time < Duration::from_mins(10) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::snapshot::WaitsFor;
    use snapbox::{assert_data_eq, str};

    fn a_run() -> Run {
        let attempt = |snapshot, trouble: Option<&str>| Attempt {
            id: "1000.3".to_owned(),
            binary_id: "tour".to_owned(),
            name: "reads\x1b[2J".to_owned(),
            init: Some(1001),
            snapshot,
            trouble: trouble.map(str::to_owned),
        };
        Run {
            pid: 1000,
            uid: 0,
            command: Some(vec!["cargo-isotest".to_owned(), "isotest".to_owned()]),
            directory: Some("/code".to_owned()),
            age_us: Some(7_384_000_000),
            jobs: Some(2),
            tests: Some(3),
            ended: Some(1),
            attempts: vec![attempt(Some(builders::snapshot()), None), attempt(None, Some("no process yet"))],
            trouble: None,
        }
    }

    #[test]
    fn the_tree_and_what_full_adds() {
        let unknown = Run {
            command: None,
            directory: None,
            age_us: None,
            jobs: None,
            tests: None,
            attempts: Vec::new(),
            trouble: Some("no answer".to_owned()),
            ..a_run()
        };
        assert_data_eq!(
            render(&[a_run(), unknown]),
            str![[r#"
Run 1000 of user 0  cargo-isotest isotest
    in /code, for 2h 3m 4s, 2 jobs, 1/3 tests finished
  Attempt 1000.3  tour reads
       PID  INSIDE  STATE           CPU     MEMORY       AGE  COMMAND
      1002       2  sleeping       3 ms    0.7 MiB     1.2 s  /t/t-0123 --exact reads
      1003       3  sleeping       0 ms                1.2 s    thread reads
      1004       4  sleeping       3 ms    0.7 MiB     1.2 s    sleep 60
    pid 1002 /t/t-0123 --exact reads
      descriptors
        3 r a pipe, other end pid 1004
      threads
        1002 t-0123 futex(0x7f00): a lock or a message [futex_wait]
        1003 reads read(3): a pipe, other end pid 1004 [read_wait]
    pid 1004 sleep 60
      descriptors
        1 w a pipe, other end pid 1002
      threads
        1004 sleep nanosleep: time [nanosleep_wait]
    not shown: stack (3 times): permission denied
    not shown: wchan (3 times): permission denied
  Attempt 1000.3  tour reads
    no process yet

Run 1000 of user 0  
    no answer

"#]]
        );
    }

    #[test]
    fn of_a_crowd_of_threads_the_rest_is_counted() {
        let threads =
            (1002..1302).map(|tid| builders::thread(tid, "w", "nanosleep", WaitsFor::Time)).collect();
        let process = Process { memory_bytes: None, ..builders::process((1002, 1001), &["t"], threads) };
        let text = rows(&Snapshot::default(), &process);
        assert_eq!(text.lines().count(), 1 + SHOWN_THREADS + 1);
        assert!(text.ends_with("  and 279 more threads\n"), "{text}");
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert_eq!(render(&[]), "No runs in progress.\n");
    }
}
