//! How an attempt ended ([`Ending`], facts) and what that means ([`Outcome`], the verdict).

use crate::step::StepError;
use crate::usage::{Children, Usage};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How the workload's own process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It exited with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// This signal stopped it while nothing was left in its sandbox that could have continued it.
    Stopped(i32),
}

/// A process that was still there when the workload had ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftProcess {
    /// Process id inside the sandbox.
    pub pid: i32,
    /// Its command line, arguments joined by spaces; its short name in brackets if it has none.
    pub command: String,
}

/// Files the workload changed below the copy-on-write directories, and which were thrown away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedPaths {
    /// How many paths were created, changed or deleted.
    pub count: u64,
    /// The first of them, as absolute paths.
    #[serde(with = "crate::wire::paths")]
    pub paths: Vec<PathBuf>,
}

/// The facts of an attempt's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// How the workload ended.
    pub exit: Exit,
    /// From just before the workload's birth to its end.
    pub wall: Duration,
    /// Whether its time ran out before it ended.
    pub timed_out: bool,
    /// What it left running. All of it was killed.
    pub left_running: Vec<LeftProcess>,
    /// What it wrote.
    pub changed: ChangedPaths,
    /// How many files of evidence were not handed over: they were too many or too large, or could not be read.
    pub evidence_left_out: u64,
    /// The first of the paths it looked for that were not there, in order, if that was wanted.
    #[serde(with = "crate::wire::paths")]
    pub missing_paths: Vec<PathBuf>,
    /// What it tried in vain in a network of its own, if it failed.
    pub network: NetworkFailures,
    /// What every process in the sandbox but init used, as far as its parent is told.
    pub children: Children,
}

/// What somebody tried in vain in a network, as the kernel has counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NetworkFailures {
    /// Packets that no interface leads to the destination of.
    pub unreachable: u64,
    /// Connections that were refused before they stood.
    pub connections: u64,
    /// Datagrams to ports at which nobody listened.
    pub datagrams: u64,
}

/// The verdict on one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It exited with 0 and left nothing running.
    Passed,
    /// It exited with another status.
    Failed {
        /// That status.
        code: i32,
    },
    /// A signal ended it.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// Its time ran out.
    TimedOut,
    /// The kernel killed some of it because its own memory limit was hit.
    OomKilled,
    /// It passed, but left processes running.
    Leaked,
    /// It had no verdict: the sandbox could not be set up or was lost.
    NotIsolated(StepError),
}

impl Outcome {
    /// The verdict that follows from the facts.
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

    /// The word used in machine formats.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "failed",
            Self::Signaled { .. } => "signaled",
            Self::TimedOut => "timed-out",
            Self::OomKilled => "oom-killed",
            Self::Leaked => "leaked",
            Self::NotIsolated(_) => "not-isolated",
        }
    }
}
