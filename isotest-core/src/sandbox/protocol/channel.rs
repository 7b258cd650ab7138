//! Messages between supervisor, zygote and init.

use super::part::Part;
use crate::limits::ProcessLimits;
use crate::outcome::Ending;
use crate::plan::{Interactive, Template, Timeout, Workload};
use crate::record::Moment;
use crate::step::StepError;
use serde::{Deserialize, Serialize};
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use crate::messages::{receive, send};

/// Order of the supervisor to a zygote. The first one comes with the descriptor of the clock that the zygote is to
/// follow, before all others.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Order to build this template, in the cgroups of which the `tasks` files come along. The answer is a
    /// [`Prepared`].
    Prepare(Box<Template>),
    /// Order to try this part of a sandbox instead, and end. The answer is a [`Prepared`].
    Try(Part, Box<Template>),
    /// Order to start an init. The descriptors of its attempt come along, see [`Start`].
    Start(Start),
}

/// Answer of the zygote to [`Order::Prepare`] and [`Order::Try`].
pub(crate) type Prepared = Result<(), StepError>;

/// Facts on one sandbox. These descriptors come along, in this order: the control socket, standard input, output and
/// error, the version 2 cgroup directory if `born_in_cgroup`, and one `tasks` file for each version 1 hierarchy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Name of the attempt's directory below each of the run's cgroup directories; without one it is not measured.
    pub(crate) cgroup: Option<String>,
    /// Whether a version 2 cgroup directory comes along.
    pub(crate) born_in_cgroup: bool,
    /// Whether the resources that the attempt uses are of interest.
    pub(crate) measured: bool,
    /// Standard descriptors that are a terminal, for a command somebody attends to.
    pub(crate) interactive: Option<Interactive>,
}

/// Report of init, or for want of one of its zygote, to the supervisor, over the attempt's control socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Failure of a step: the workload was never executed.
    Failed(StepError),
    /// End of the workload, of which nothing is left.
    Ended(Box<Ending>),
    /// Terminal of a workload somebody attends to; its other side comes along. This report is sent once, and first.
    Terminal,
    /// Signal by which a workload somebody attends to was stopped.
    Stopped(i32),
    /// Reason why a guest's workload was not in the cgroup of the attempt. This report is sent just before the end.
    Uncounted(StepError),
    /// File that the workload left as evidence; its descriptor comes along.
    Evidence {
        /// Path at which the workload saw the file.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
    },
    /// Announcement that processes are about to be killed. Init waits for [`Command::GoOn`], so that they can be
    /// looked at.
    About(Moment),
}

/// Command of the supervisor to init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Command to execute this workload, to end it by SIGTERM when this time is over, and to give what it leaves running
    /// so long to end. It is sent once, and first.
    Go(Packed, Option<Timeout>, Duration),
    /// Command to kill everything in the sandbox.
    Kill,
    /// Command to send this signal to the workload's process, or to its whole process group.
    Signal {
        /// Number of the signal.
        signal: i32,
        /// Whether the signal is sent to the whole group.
        group: bool,
    },
    /// Command to go on: the processes that [`Report::About`] announced have been looked at.
    GoOn,
}

/// Workload in the form that execve(2) takes: strings one behind the other, each with its NUL. Nothing has to be
/// taken apart and put together again for each of a hundred variables.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Packed {
    #[serde(with = "serde_bytes")]
    program: Vec<u8>,
    #[serde(with = "serde_bytes")]
    arguments: Vec<u8>,
    #[serde(with = "serde_bytes")]
    environment: Vec<u8>,
    #[serde(with = "serde_bytes")]
    directory: Vec<u8>,
    /// Limits of the workload's process.
    pub(crate) limits: ProcessLimits,
}

impl Packed {
    /// Packs the workload and the limits of its process.
    ///
    /// # Errors
    /// `EINVAL` if a string holds a NUL.
    pub(crate) fn new(workload: &Workload, limits: ProcessLimits) -> io::Result<Self> {
        let one = |text: &OsStr| packed([&[text.as_bytes()][..]].into_iter());
        let program = one(workload.program.as_os_str())?;
        let mut arguments = program.clone();
        arguments.extend(packed(workload.arguments.iter().map(|text| [text.as_bytes()]))?);
        let variables = workload.environment.iter();
        let environment = packed(variables.map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()]))?;
        let directory = one(workload.directory.as_os_str())?;
        Ok(Self { program, arguments, environment, directory, limits })
    }

    /// Returns the file to execute.
    pub(crate) fn program(&self) -> &CStr {
        first(&self.program)
    }

    /// Returns the working directory of the workload.
    pub(crate) fn directory(&self) -> &CStr {
        first(&self.directory)
    }

    /// Returns the arguments of the workload, its name first.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &CStr> {
        strings(&self.arguments)
    }

    /// Returns the environment of the workload.
    pub(crate) fn environment(&self) -> impl Iterator<Item = &CStr> {
        strings(&self.environment)
    }
}

fn packed<'a, P: AsRef<[&'a [u8]]>>(texts: impl Iterator<Item = P>) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    for text in texts {
        for part in text.as_ref() {
            if part.contains(&0) {
                return Err(io::Error::from_raw_os_error(libc::EINVAL));
            }
            packed.extend_from_slice(part);
        }
        packed.push(0);
    }
    Ok(packed)
}

fn first(packed: &[u8]) -> &CStr {
    CStr::from_bytes_until_nul(packed).unwrap_or_default()
}

fn strings(packed: &[u8]) -> impl Iterator<Item = &CStr> {
    let pieces = packed.split_inclusive(|byte| *byte == 0);
    pieces.filter_map(|piece| CStr::from_bytes_with_nul(piece).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_packed_as_execve_wants_it() -> io::Result<()> {
        let workload = Workload {
            program: "/bin/a b".into(),
            arguments: vec!["".into(), "x=y".into()],
            environment: vec![("A".into(), "1=2".into()), ("B".into(), "".into())],
            directory: "/".into(),
        };
        let packed = Packed::new(&workload, ProcessLimits::default())?;
        assert_eq!((packed.program(), packed.directory()), (c"/bin/a b", c"/"));
        assert_eq!(packed.arguments().collect::<Vec<_>>(), [c"/bin/a b", c"", c"x=y"]);
        assert_eq!(packed.environment().collect::<Vec<_>>(), [c"A=1=2", c"B="]);
        let workload = Workload { program: "a\0b".into(), ..workload };
        let error = Packed::new(&workload, ProcessLimits::default()).map(drop);
        assert_eq!(error.map_err(|error| error.raw_os_error()), Err(Some(libc::EINVAL)));
        Ok(())
    }

    /// Tests messages in the form in which they are received, without the length before them.
    #[test]
    fn mutated_messages_are_read_or_refused() {
        let start = Start {
            cgroup: Some("7".to_owned()),
            born_in_cgroup: true,
            measured: true,
            interactive: Some(Interactive { terminal: [true; 3] }),
        };
        let workload = Workload {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "exit 3".into()],
            environment: vec![("PATH".into(), "/bin".into())],
            directory: "/".into(),
        };
        let packed = Packed::new(&workload, ProcessLimits::default()).unwrap();
        let go = Command::Go(packed, Some(Timeout::new(Duration::from_secs(3))), Duration::from_millis(100));
        let reports = [
            Report::Stopped(19),
            Report::About(Moment::TimeOut),
            Report::Evidence { path: "/a/b".into() },
            Report::Failed(StepError::zygote_killed()),
        ];
        let mut seeds = vec![
            postcard::to_stdvec(&Order::Start(start)).unwrap(),
            postcard::to_stdvec(&go).unwrap(),
            postcard::to_stdvec(&Command::Signal { signal: 15, group: true }).unwrap(),
        ];
        seeds.extend(reports.iter().map(|report| postcard::to_stdvec(report).unwrap()));
        mutations::try_all("messages", &seeds, |bytes| {
            let _ = postcard::from_bytes::<Order>(bytes).map(|order| format!("{order:?}"));
            let _ = postcard::from_bytes::<Report>(bytes).map(|report| format!("{report:?}"));
            if let Ok(Command::Go(packed, ..)) = postcard::from_bytes::<Command>(bytes) {
                let _ = (packed.program(), packed.arguments().count(), packed.environment().count());
            }
        });
    }
}
