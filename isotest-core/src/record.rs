//! The report of one attempt: verdict, facts, figures and output.

use crate::outcome::{Ending, Outcome};
use crate::snapshot::Snapshot;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Output of a workload to one stream. The middle of a long output is counted, not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The first bytes.
    pub head: Vec<u8>,
    /// How many bytes after the head were dropped.
    pub dropped: u64,
    /// The last bytes, after the dropped ones.
    pub tail: Vec<u8>,
}

/// When an attempt is looked at because something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Its time had run out, and nothing had been told to end.
    TimeOut,
    /// The workload had ended, and something was still running.
    LeftRunning,
}

/// State of an attempt just before it was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Autopsy {
    /// When.
    pub moment: Moment,
    /// Processes that were there.
    #[serde(flatten)]
    pub snapshot: Snapshot,
}

/// Evidence that an attempt left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The files that somebody has taken, as seen inside.
    pub taken: Vec<PathBuf>,
    /// How many there were besides.
    pub left_out: u64,
    /// Why some of those could not be taken.
    pub error: Option<String>,
}

/// Memory at moments of an attempt, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// The time from one to the next, and from the start to the first.
    pub interval: Duration,
    /// The highest that was seen until each moment and after the one before; `None` if nobody looked.
    pub bytes: Vec<Option<u64>>,
}

/// Report of an attempt.
#[derive(Debug, Clone)]
pub struct Record {
    /// The verdict.
    pub outcome: Outcome,
    /// The facts; `None` if the workload never ran or its end was lost.
    pub ending: Option<Ending>,
    /// The figures.
    pub usage: Usage,
    /// Memory over time; `None` of one that was short or had no cgroup.
    pub memory_samples: Option<Samples>,
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// State of its processes when its time ran out or it left some running.
    pub autopsy: Option<Autopsy>,
    /// Evidence that it left.
    pub evidence: Evidence,
    /// Why figures and limits are not to be trusted, if they are not: it did not stay in its cgroup, or a limit did not
    /// stay as it was set.
    pub suspect: Option<String>,
    /// Remarks to know before verdict or figures are trusted, in the user's terms; empty as a rule.
    pub remarks: Vec<String>,
}

/// Report of an attempt that was killed with its run, and so has no verdict.
#[derive(Debug, Clone, Default)]
pub struct PartialRecord {
    /// Time for which it had been running, if that is known.
    pub wall: Option<Duration>,
    /// Figures that its cgroup had counted until then.
    pub usage: Usage,
    /// Memory over time; `None` of one that was short or had no cgroup.
    pub memory_samples: Option<Samples>,
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// Reason not to trust the figures, if there is one.
    pub suspect: Option<String>,
    /// Remarks on what is missing here, in the user's terms.
    pub remarks: Vec<String>,
}
