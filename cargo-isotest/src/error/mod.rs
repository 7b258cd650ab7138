//! What stops a run, in the user's terms. A failed test is not among it: that is an outcome.

mod hint;

use crate::remedy::{Obstacle, Remedy};
use crate::select::filterset::FiltersetError;
use crate::settings::SettingsError;
use isotest_core::closure::{ElfError, Lack};
use isotest_core::join_list::and_more;
use isotest_core::step::StepError;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::{fmt, io};

/// What stops a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line.
    #[error(transparent)]
    Usage(#[from] SettingsError),
    /// A filterset that names what is not in the project.
    #[error(transparent)]
    Filterset(#[from] FiltersetError),
    /// The directory we were called in is gone.
    #[error("cannot tell the current directory")]
    NoDirectory(#[source] io::Error),
    /// A tool could not be started.
    #[error("cannot start `{}`", .program.display())]
    Start {
        /// The program.
        program: OsString,
        /// What it was needed for.
        stage: Stage,
        /// What the system said.
        source: io::Error,
    },
    /// A tool failed and said why on its standard error.
    #[error("{task} failed ({status}): {}", cause(.said))]
    Tool {
        /// What it was asked to do.
        task: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// A tool answered something we do not understand.
    #[error("cannot read the answer of `{}`", .program.display())]
    Answer {
        /// The program.
        program: OsString,
        /// What it was needed for.
        stage: Stage,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A manifest or a file of cargo's configuration.
    #[error("cannot read {what}")]
    File {
        /// What it is, with its path.
        what: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The package of a test binary is missing from cargo's metadata.
    #[error("cargo built a test of `{0}` but its metadata does not name that package")]
    UnknownPackage(String),
    /// A test binary is not where cargo's metadata says that it builds.
    #[error("cargo built `{}` outside the target directory `{}`", .binary.display(), .target.display())]
    OutsideTarget {
        /// The binary.
        binary: PathBuf,
        /// The target directory.
        target: PathBuf,
    },
    /// Cargo has already said why.
    #[error("the build failed ({0})")]
    Build(ExitStatus),
    /// A file whose libraries were asked for.
    #[error("cannot tell what `{}` needs", .program.display())]
    Closure {
        /// The file.
        program: PathBuf,
        /// What it is instead.
        source: ElfError,
    },
    /// A root that is not the host's.
    #[error("cannot use `{}` as a root", .path.display())]
    Root {
        /// Where it should be.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A root that cannot be unpacked here.
    #[error("cannot unpack `{}` below `{}`", .path.display(), .into.display())]
    NoPlace {
        /// What was to be unpacked.
        path: PathBuf,
        /// Where roots are kept.
        into: PathBuf,
        /// Why not.
        why: io::ErrorKind,
        /// The file, and what the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Test binaries that the root cannot execute.
    #[error("not every test binary can be executed in this root: {}", CannotRun(.0))]
    CannotRun(Vec<(String, Vec<Lack>)>),
    /// An attempt that is not running.
    #[error("no attempt `{wanted}` of yours is running")]
    NoAttempt {
        /// What was asked for.
        wanted: String,
    },
    /// An attempt that root sees and does not enter.
    #[error("`{wanted}` belongs to user {uid}, and what runs there could take over whoever enters it")]
    NotOurs {
        /// What was asked for.
        wanted: String,
        /// Whose it is.
        uid: u32,
    },
    /// An attempt ended while somebody was in its sandbox, or about to be.
    #[error("`{wanted}` has ended, and with it everything in its sandbox")]
    AttemptEnded {
        /// What was asked for.
        wanted: String,
    },
    /// A test that is running more than once.
    #[error("`{wanted}` is running more than once: {}", .ids.join(", "))]
    ManyAttempts {
        /// What was asked for.
        wanted: String,
        /// The attempts it may be.
        ids: Vec<String>,
    },
    /// A binary could not be asked for its tests.
    #[error("cannot list the tests of `{binary_id}`: {why}")]
    Listing {
        /// The binary.
        binary_id: String,
        /// What happened, such as a time limit that ran out.
        why: String,
        /// What to do about just that.
        hint: Option<&'static str>,
    },
    /// Nothing to execute.
    #[error("no test to execute: {}", left_out(*.filtered, *.ignored, .doctests))]
    NoTests {
        /// How many were left out by their names.
        filtered: usize,
        /// How many because they are ignored.
        ignored: usize,
        /// The packages whose doctests are not run.
        doctests: Vec<String>,
    },
    /// One test was asked for, and these have that in their names.
    #[error("`{filter}` names {} tests: {}", .names.len(), some(.names))]
    SeveralTests {
        /// What was asked for.
        filter: String,
        /// The tests.
        names: Vec<String>,
    },
    /// Something required cannot be had.
    #[error("this host cannot isolate as required: {}", Missing(.obstacles))]
    CannotIsolate {
        /// What, and why.
        obstacles: Vec<Obstacle>,
        /// What can be done about it.
        remedies: Vec<Remedy>,
    },
    /// A limit cannot be enforced.
    #[error("this host cannot limit as required: {}", unlimited(.unmet))]
    CannotLimit {
        /// What is to be limited, and why it cannot be.
        unmet: Vec<(String, String)>,
        /// What can be done about it.
        remedies: Vec<Remedy>,
    },
    /// What the host is could not be read, or it has run out of something.
    #[error("cannot prepare sandboxes on this host")]
    Host(#[source] io::Error),
    /// There is no room for the descriptors of one sandbox.
    #[error(
        "this host cannot isolate tests: one at a time needs {needed} open files, and no more than {allowed} are allowed"
    )]
    TooFewFiles {
        /// How many.
        needed: usize,
        /// The hard limit.
        allowed: usize,
    },
    /// A thread was refused.
    #[error("this host cannot isolate tests: cannot start a thread {task}")]
    Thread {
        /// What it was to do.
        task: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A sandbox could not be made.
    #[error("this host cannot isolate tests")]
    Sandbox {
        /// The number of the template by which it was to be made.
        template: usize,
        /// The step that failed.
        source: StepError,
    },
    /// A command was not executed, or its sandbox was lost.
    #[error("{0}")]
    Execute(StepError),
    /// A file we were told to write.
    #[error("cannot write `{}`", .path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was asked for, or a report.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    /// A signal came before the first test.
    #[error("interrupted by {}", crate::text::units::signal(*.0))]
    Interrupted(i32),
}

/// What a tool is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Knowing the project.
    Metadata,
    /// Building its tests.
    Build,
}

impl Error {
    /// The error and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and its causes in one line. None of them names its cause itself.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

// Cargo begins with the same word as we do.
fn cause(said: &str) -> &str {
    let said = said.trim();
    said.strip_prefix("error: ").unwrap_or(said)
}

fn some(names: &[String]) -> String {
    let shown = &names[..names.len().min(5)];
    shown.join(", ") + &and_more(names.len() - shown.len())
}

fn left_out(filtered: usize, ignored: usize, doctests: &[String]) -> String {
    match (filtered, ignored) {
        (0, 0) if doctests.is_empty() => "the selected targets have none".into(),
        (0, 0) => {
            format!("the selected targets have none; doctests are not run: {}", doctests.join(", "))
        }
        (filtered, 0) => format!("{filtered} left out by their names"),
        (0, ignored) => format!("{ignored} ignored"),
        (filtered, ignored) => format!("{filtered} left out by their names, {ignored} ignored"),
    }
}

/// Each limit that cannot be had, and why.
fn unlimited(unmet: &[(String, String)]) -> String {
    unmet.iter().map(|(limit, reason)| format!("no `{limit}` ({reason})")).collect::<Vec<_>>().join("; ")
}

struct Missing<'a>(&'a [Obstacle]);

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Obstacle { capability, reason, .. }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}no `{capability}` ({reason})")?;
        }
        Ok(())
    }
}

struct CannotRun<'a>(&'a [(String, Vec<Lack>)]);

impl fmt::Display for CannotRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (binary_id, lacks)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{binary_id}`")?;
            for (index, lack) in lacks.iter().enumerate() {
                write!(f, "{} {lack}", if index == 0 { ":" } else { "," })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isotest_core::policy::Capability;

    #[test]
    fn causes_follow_in_one_line() {
        let source = io::Error::from_raw_os_error(2);
        let error = Error::Start { program: "cargo".into(), stage: Stage::Build, source };
        assert_eq!(error.chain(), "cannot start `cargo`: No such file or directory (os error 2)");
    }

    #[test]
    fn what_is_missing_is_named_with_its_reason_and_a_way_out() {
        let lacking = |missing: &[(Capability, &str)]| {
            let obstacles = missing.iter().map(|(capability, why)| (*capability, (*why).to_owned()).into());
            Error::CannotIsolate { obstacles: obstacles.collect(), remedies: Vec::new() }
        };
        let error = lacking(&[(Capability::User, "refused"), (Capability::Net, "full")]);
        assert_eq!(
            error.to_string(),
            "this host cannot isolate as required: no `user` (refused); no `net` (full)"
        );
        assert!(error.hint().unwrap().contains("cargo isotest doctor"));
        let hint = lacking(&[(Capability::Memory, "no cgroup"), (Capability::Io, "none")]).hint().unwrap();
        assert_eq!(hint, "go on without by `--prefer memory,io`, and without limits on it");
    }

    #[test]
    fn an_empty_run_says_where_the_tests_went() {
        let error = |filtered, ignored, doctests: &[&str]| {
            let doctests = doctests.iter().map(|&name| name.to_owned()).collect();
            Error::NoTests { filtered, ignored, doctests }
        };
        let text = |filtered, ignored| error(filtered, ignored, &[]).to_string();
        assert_eq!(text(0, 0), "no test to execute: the selected targets have none");
        assert_eq!(text(2, 1), "no test to execute: 2 left out by their names, 1 ignored");
        let documented = error(0, 0, &["tour", "tour-macros"]);
        let expected =
            "no test to execute: the selected targets have none; doctests are not run: tour, tour-macros";
        assert_eq!(documented.to_string(), expected);
        assert!(documented.hint().unwrap().contains("cargo test --doc"));
    }
}
