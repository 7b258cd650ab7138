//! Report of one attempt: verdict, facts, figures and output.

use crate::outcome::{Ending, Outcome};
use crate::snapshot::Snapshot;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Output of a workload to one stream. The middle of a long output is counted, not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// First bytes of the output.
    pub head: Vec<u8>,
    /// Number of bytes after the head that were dropped.
    pub dropped: u64,
    /// Last bytes of the output, after the dropped ones.
    pub tail: Vec<u8>,
}

/// Moment at which an attempt is looked at because something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// End of the attempt's time, before anything had been told to end.
    TimeOut,
    /// End of the workload, when something was still running.
    LeftRunning,
}

/// State of an attempt just before it was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Autopsy {
    /// Moment at which the attempt was looked at.
    pub moment: Moment,
    /// Processes that were there.
    #[serde(flatten)]
    pub snapshot: Snapshot,
}

/// Evidence that an attempt left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Paths of the files that somebody has taken, as seen inside.
    pub taken: Vec<PathBuf>,
    /// Number of files of evidence that nobody has taken.
    pub left_out: u64,
    /// Reason why some files of evidence could not be taken.
    pub error: Option<String>,
}

/// Memory at moments of an attempt, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// Time from one moment to the next, and from the start to the first.
    pub interval: Duration,
    /// Peaks of memory, each seen until its moment and after the one before; `None` if nobody looked.
    pub bytes: Vec<Option<u64>>,
}

/// Report of an attempt.
#[derive(Debug, Clone)]
pub struct Record {
    /// Verdict on the attempt.
    pub outcome: Outcome,
    /// Facts of the attempt's end; `None` if the workload never ran or its end was lost.
    pub ending: Option<Ending>,
    /// Figures of the attempt.
    pub usage: Usage,
    /// Memory over time; `None` if the attempt was short or had no cgroup.
    pub memory_samples: Option<Samples>,
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// State of the attempt's processes when its time ran out or it left some running.
    pub autopsy: Option<Autopsy>,
    /// Evidence that the attempt left.
    pub evidence: Evidence,
    /// Reason why figures and limits are not to be trusted, if they are not: the attempt did not stay in its cgroup,
    /// or a limit did not stay as it was set.
    pub suspect: Option<String>,
    /// Remarks to know before verdict or figures are trusted, in the user's terms; empty as a rule.
    pub remarks: Vec<String>,
}

/// Report of an attempt that was killed with its run, and so has no verdict.
#[derive(Debug, Clone, Default)]
pub struct PartialRecord {
    /// Time for which the attempt had been running, if that is known.
    pub wall: Option<Duration>,
    /// Figures that the attempt's cgroup had counted until then.
    pub usage: Usage,
    /// Memory over time; `None` if the attempt was short or had no cgroup.
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
