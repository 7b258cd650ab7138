//! Builders of test cases, records and snapshots.

use crate::registry::AttemptId;
use crate::schedule::queue::{Attempt, Launch, Nth, Purpose};
use crate::testcase::{TestBinary, TestCase};
use crate::verdict::{Rules, Testimony, Verdict, judge};
use isotest_core::Bytes;
use isotest_core::host::probe;
use isotest_core::outcome::{ChangedPaths, Ending, Exit, LeftProcess, NetworkFailures, Outcome};
use isotest_core::plan::{self, CgroupFacts, Network, Request, Root, Template, Views};
use isotest_core::policy::{Capability, Isolation, Policy, State};
use isotest_core::record::{Captured, Evidence, Record};
use isotest_core::snapshot::{
    Descriptor, Details, Peer, Process, Snapshot, SystemCall, Target, Thread, Unseen, Wait, WaitsFor,
};
use isotest_core::step::{Step, StepError};
use isotest_core::sys::clock::Instant;
use isotest_core::usage::{Children, Cpu, Disk, Io, MemorySplit, Oom, Pressure, Reading, Source, Usage};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Stream that keeps all bytes written to it.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Returns the text written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Creates a binary with an id only.
pub(crate) fn binary(id: &str) -> Arc<TestBinary> {
    Arc::new(TestBinary { id: id.to_owned(), package: "tour".to_owned(), ..TestBinary::default() })
}

/// Creates a test of a binary with an id only.
pub(crate) fn test(id: &str, name: &str) -> TestCase {
    TestCase::named(&binary(id), name.as_ref())
}

/// Resolves the template of a sandbox of this host with nothing but its defaults.
pub(crate) fn template() -> Template {
    let request = Request {
        policy: &Policy::default(),
        root: &Root::Host,
        views: &Views::default(),
        network: Network::Loopback,
        trace_missing: false,
        jobs: 1,
        cgroups: CgroupFacts::default(),
    };
    plan::resolve(&request, &probe::host().unwrap()).template
}

/// Creates the error of a failed sandbox.
pub(crate) fn not_isolated() -> Outcome {
    Outcome::NotIsolated(StepError {
        step: Step::Exec,
        errno: 2,
        subject: Some("/t/bin".to_owned()),
        entry: None,
    })
}

/// Returns each outcome once.
pub(crate) fn outcomes() -> Vec<Outcome> {
    vec![
        Outcome::Passed,
        Outcome::Failed { code: 101 },
        Outcome::Signaled { signal: 11 },
        Outcome::TimedOut,
        Outcome::OomKilled,
        Outcome::Leaked,
        not_isolated(),
    ]
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Failed { code } => Exit::Code(*code),
        Outcome::Signaled { signal } => Exit::Signal(*signal),
        Outcome::TimedOut | Outcome::OomKilled => Exit::Signal(9),
        Outcome::Passed | Outcome::Leaked | Outcome::NotIsolated(_) => Exit::Code(0),
    }
}

fn ending(outcome: &Outcome) -> Ending {
    let leaked = LeftProcess { pid: 7, command: "sleep 30".to_owned() };
    Ending {
        exit: exit(outcome),
        born: Instant::now(),
        wall: Duration::from_micros(4_321),
        timed_out: *outcome == Outcome::TimedOut,
        left_running: if *outcome == Outcome::Leaked { vec![leaked] } else { Vec::new() },
        missing_paths: Vec::new(),
        changed: ChangedPaths { count: 2, paths: vec!["/t/a".into(), "/t/b".into()] },
        evidence_left_out: 0,
        network: NetworkFailures::default(),
        children: Children::default(),
    }
}

/// Returns a usage with all metrics measured.
pub(crate) fn usage() -> Usage {
    let [anon, file, shmem] = [500_000, 200_000, 4096].map(Bytes::new);
    let split = MemorySplit { anon, file, shmem, kernel: None };
    let cpu = Cpu { user: Duration::from_micros(1_500), system: Duration::from_micros(700) };
    Usage {
        memory_peak: Some(Reading { value: Bytes::new(734_003), source: Source::MemoryMaxUsage }),
        memory_split: Some(Reading { value: split, source: Source::MemoryStat }),
        cpu: Some(Reading { value: cpu, source: Source::CpuAcct }),
        pids_peak: Some(Reading { value: 1, source: Source::PidsPeak }),
        pids_refused: None,
        faults_most: None,
        io: Some(Reading { value: Io { read: Bytes::new(0), write: Bytes::kib(8) }, source: Source::Rusage }),
        oom: Some(Reading { value: Oom { kills: 0, own_limit: false }, source: Source::MemoryOomControl }),
        pressure: Pressure {
            cpu: Some(Reading { value: Duration::from_micros(12), source: Source::CpuPressure }),
            memory: None,
            io: None,
        },
        disk: Some(Reading { value: Disk { bytes: Bytes::kib(4), files: 2 }, source: Source::Statfs }),
        disk_peak: Some(Reading {
            value: Disk { bytes: Bytes::mib(3), files: 5 },
            source: Source::StatfsSampled,
        }),
    }
}

/// Creates a record with `outcome` and matching facts, and with all metrics unless the test never ran.
pub(crate) fn record(outcome: Outcome) -> Record {
    let ran = !matches!(outcome, Outcome::NotIsolated(_));
    let mut usage = if ran { usage() } else { Usage::default() };
    if outcome == Outcome::OomKilled {
        let value = Oom { kills: 1, own_limit: true };
        usage.oom = Some(Reading { value, source: Source::MemoryOomControl });
    }
    Record {
        ending: ran.then(|| ending(&outcome)),
        usage,
        memory_samples: None,
        stdout: Captured::default(),
        stderr: Captured { head: b"panicked at 'no'\n".to_vec(), ..Captured::default() },
        autopsy: None,
        evidence: Evidence::default(),
        suspect: None,
        remarks: Vec::new(),
        outcome,
    }
}

/// Judges a record where leaks are no failures and the harness says nothing else.
pub(crate) fn verdict(record: &Record) -> Verdict {
    judge(&record.outcome, Testimony::Agrees, Rules::default())
}

/// Creates the launch of a run's first attempt, the only one at its test, started now.
pub(crate) fn launch() -> Launch {
    let attempt = Attempt { id: AttemptId::FIRST, unit: 0, nth: Nth::ONLY, purpose: Purpose::Verdict };
    Launch { attempt, slot: 0, at: Instant::now() }
}

/// Creates a process without details.
pub(crate) fn process((pid, parent): (i32, i32), command: &[&str], threads: Vec<Thread>) -> Process {
    Process {
        pid,
        inside: Some(pid - 1000),
        parent,
        name: "name".to_owned(),
        state: "sleeping".to_owned(),
        command: command.iter().map(|&word| word.to_owned()).collect(),
        cpu_us: 3_000,
        memory_bytes: Some(734_003),
        age_us: 1_250_000,
        threads,
        details: None,
    }
}

/// Creates a thread in a system call.
pub(crate) fn thread(tid: i32, name: &str, call: &'static str, waits_for: WaitsFor) -> Thread {
    let system_call = Some(SystemCall { number: 1, name: Some(call), arguments: [0; 6] });
    let channel = Some(format!("{call}_wait"));
    let wait = Wait { channel, system_call, waits_for: Some(waits_for), stack: None };
    Thread {
        tid,
        inside: Some(tid - 1000),
        name: name.to_owned(),
        state: "sleeping".to_owned(),
        cpu_us: 0,
        age_us: 1_250_000,
        wait: Some(wait),
    }
}

/// Creates the snapshot of a test that reads from a sleeping child, with gaps.
pub(crate) fn snapshot() -> Snapshot {
    let pipe = |fd, writes: bool, peer| Descriptor {
        fd,
        reads: !writes,
        writes,
        target: Target::Pipe { inode: 9, peers: vec![peer], peers_more: 0 },
    };
    let with = |process, descriptor| Process {
        details: Some(Details { descriptors: Some(vec![descriptor]), ..Details::default() }),
        ..process
    };
    let threads = vec![
        thread(1002, "t-0123", "futex", WaitsFor::Futex { address: 0x7f00, ends: None }),
        thread(1003, "reads", "read", WaitsFor::Descriptors { descriptors: vec![3] }),
    ];
    let test = process((1002, 1001), &["/t/t-0123", "--exact", "reads"], threads);
    let child =
        process((1004, 1002), &["sleep", "60"], vec![thread(1004, "sleep", "nanosleep", WaitsFor::Time)]);
    let gap = |what: &str| Unseen { what: what.to_owned(), why: "permission denied".to_owned(), count: 3 };
    Snapshot {
        processes: vec![
            with(test, pipe(3, false, Peer { pid: 1004, fd: 1 })),
            with(child, pipe(1, true, Peer { pid: 1002, fd: 3 })),
        ],
        mount_namespaces: Vec::new(),
        unseen: vec![gap("stack"), gap("wchan")],
    }
}

/// Creates an isolation with all capabilities in force, except for missing block I/O and disabled pressure.
pub(crate) fn isolation() -> Isolation {
    let state = |capability| match capability {
        Capability::Io => State::Missing("no io controller".to_owned()),
        Capability::Pressure => State::Off,
        _ => State::InForce,
    };
    Isolation {
        states: Capability::ALL.map(|capability| (capability, state(capability))).to_vec(),
        cgroup_layout: Some("v1"),
        remarks: vec!["`/home/a/nfs` is read-only".to_owned()],
    }
}
