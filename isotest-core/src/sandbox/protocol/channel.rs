//! What supervisor, zygote and init say to each other.

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

pub(crate) use crate::messages::{receive, send};

/// From the supervisor to a zygote. With the first travels, before all else, the clock that it is to follow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Build this template, in the cgroups of which the `tasks` files come along. The answer is a [`Prepared`].
    Prepare(Box<Template>),
    /// Try this part of it instead, and end. The answer is a [`Prepared`].
    Try(Part, Box<Template>),
    /// Start an init. The descriptors of its attempt come along, see [`Start`].
    Start(Start),
}

/// The zygote's answer to [`Order::Prepare`] and [`Order::Try`].
pub(crate) type Prepared = Result<(), StepError>;

/// One sandbox. With it travel, in this order: the control socket, standard input, output and error, the
/// version 2 cgroup directory if `born_in_cgroup`, and one `tasks` file for each version 1 hierarchy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The attempt's directory below each of the run's cgroup directories; without one it is not measured.
    pub(crate) cgroup: Option<String>,
    /// Whether a version 2 cgroup directory comes along.
    pub(crate) born_in_cgroup: bool,
    /// Whether what it uses is of interest.
    pub(crate) measured: bool,
    /// For a command somebody attends to.
    pub(crate) interactive: Option<Interactive>,
}

/// From init, or for want of one from its zygote, to the supervisor, over the attempt's control socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The workload was never executed.
    Failed(StepError),
    /// The workload has ended and nothing is left of it.
    Ended(Box<Ending>),
    /// The terminal of a workload somebody attends to is open; its other side comes along. It is said once, and first.
    Terminal,
    /// A workload somebody attends to was stopped by this signal.
    Stopped(i32),
    /// A guest's workload was not in the cgroup of the attempt, for this reason. It is said just before its end.
    Uncounted(StepError),
    /// The workload left a file as evidence, which was seen at this path; its descriptor comes along.
    Evidence {
        /// That path.
        #[serde(with = "crate::wire::path")]
        path: PathBuf,
    },
    /// What runs is about to be killed. Init waits for [`Command::GoOn`], so that it can be looked at.
    About(Moment),
}

/// From the supervisor to init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Execute this, and end it by SIGTERM when this time is over. It is said once, and first.
    Go(Packed, Option<Timeout>),
    /// Kill everything in the sandbox.
    Kill,
    /// Send this signal to the workload's process, or to its whole process group.
    Signal {
        /// Its number.
        signal: i32,
        /// Whether to all of the group.
        group: bool,
    },
    /// What [`Report::About`] spoke of has been looked at.
    GoOn,
}

/// A workload as execve(2) wants it: strings one behind the other, each with its NUL. Nothing has to be taken apart
/// and put together again for each of a hundred variables.
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
    /// What its process may use at most.
    pub(crate) limits: ProcessLimits,
}

impl Packed {
    /// The workload and the limits of its process, packed.
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

    /// The file to execute.
    pub(crate) fn program(&self) -> &CStr {
        first(&self.program)
    }

    /// Its working directory.
    pub(crate) fn directory(&self) -> &CStr {
        first(&self.directory)
    }

    /// Its arguments, its name first.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &CStr> {
        strings(&self.arguments)
    }

    /// Its environment.
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

    /// As they are received, without the length before them.
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
        let go = Command::Go(packed, Some(Timeout::new(std::time::Duration::from_secs(3))));
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
            if let Ok(Command::Go(packed, _)) = postcard::from_bytes::<Command>(bytes) {
                let _ = (packed.program(), packed.arguments().count(), packed.environment().count());
            }
        });
    }
}
