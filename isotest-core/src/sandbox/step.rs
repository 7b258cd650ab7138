//! The set-up actions of a sandbox, and how one of them failed.

use serde::{Deserialize, Serialize};
use std::{fmt, io};

/// One set-up action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Start the workload's program.
    Exec,
}

/// A step failed, and what the kernel said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// The step.
    pub step: Step,
    /// The error number.
    pub errno: i32,
    /// The file or directory concerned, if any.
    pub subject: Option<String>,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sandbox step {:?}", self.step)?;
        if let Some(subject) = &self.subject {
            write!(f, " (`{subject}`)")?;
        }
        write!(f, ": {}", io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for StepError {}
