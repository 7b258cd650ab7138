//! End of an attempt ([`Ending`], facts) and what that means ([`Outcome`], the verdict).

use crate::step::StepError;
use crate::sys::clock::Instant;
use crate::usage::{Children, Usage};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use strum::IntoStaticStr;

/// End of the workload's own process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// Exit with this status.
    Code(i32),
    /// End by this signal.
    Signal(i32),
    /// Stop by this signal while nothing was left in the sandbox that could have continued the process.
    Stopped(i32),
}

/// Process that was still there when the workload had ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftProcess {
    /// Process id inside the sandbox.
    pub pid: i32,
    /// Command line of the process, arguments joined by spaces; its short name in brackets if it has none.
    pub command: String,
}

/// Files the workload changed below the copy-on-write directories, and which were thrown away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedPaths {
    /// Number of paths that were created, changed or deleted.
    pub count: u64,
    /// First changed paths, absolute.
    #[serde(with = "crate::wire::paths")]
    pub paths: Vec<PathBuf>,
}

/// Facts of an attempt's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// End of the workload's own process.
    pub exit: Exit,
    /// Moment just before the workload's birth.
    pub born: Instant,
    /// Time from just before the workload's birth to its end.
    pub wall: Duration,
    /// Whether the workload's time ran out before it ended.
    pub timed_out: bool,
    /// Processes that the workload left running. All of them were killed.
    pub left_running: Vec<LeftProcess>,
    /// Paths that the workload changed.
    pub changed: ChangedPaths,
    /// Number of files of evidence that were not handed over: they were too many or too large, or could not be read.
    pub evidence_left_out: u64,
    /// First paths that the workload looked for and that were not there, in order, if that was wanted.
    #[serde(with = "crate::wire::paths")]
    pub missing_paths: Vec<PathBuf>,
    /// Failures of what the workload tried in a network of its own, if it failed.
    pub network: NetworkFailures,
    /// Figures of every process in the sandbox but init, as far as its parent is told.
    pub children: Children,
}

/// Failures of what somebody tried in a network, as the kernel has counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NetworkFailures {
    /// Number of packets to whose destination no interface leads.
    pub unreachable: u64,
    /// Number of connections that were refused before they stood.
    pub connections: u64,
    /// Number of datagrams to ports at which nobody listened.
    pub datagrams: u64,
}

/// Verdict on one attempt.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Outcome {
    /// Exit with status 0, with nothing left running.
    Passed,
    /// Exit with another status.
    Failed {
        /// Status of the exit.
        code: i32,
    },
    /// End by a signal.
    Signaled {
        /// Number of the signal.
        signal: i32,
    },
    /// End by the time limit.
    TimedOut,
    /// Kill of some of the attempt's processes by the kernel, because its own memory limit was hit.
    OomKilled,
    /// Pass that left processes running.
    Leaked,
    /// Absence of a verdict: the sandbox could not be set up or was lost.
    NotIsolated(StepError),
}

impl Outcome {
    /// Returns the verdict that follows from the facts.
    pub fn new(ending: &Ending, usage: &Usage) -> Self {
        if ending.timed_out {
            return Self::TimedOut;
        }
        if usage.oom.is_some_and(|oom| oom.value.kills > 0 && oom.value.own_limit) {
            return Self::OomKilled;
        }
        match ending.exit {
            Exit::Signal(signal) | Exit::Stopped(signal) => Self::Signaled { signal },
            Exit::Code(0) if ending.left_running.is_empty() => Self::Passed,
            Exit::Code(0) => Self::Leaked,
            Exit::Code(code) => Self::Failed { code },
        }
    }

    /// Returns the verdict's word in machine formats.
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}
