//! Descriptors that a workload is started with.

use super::terminal::Terminal;
use crate::sandbox::protocol::channel::Start;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// Descriptors that come with a [`Start`].
#[derive(Debug)]
pub(crate) struct Descriptors {
    pub(crate) control: Option<OwnedFd>,
    /// Standard input, output and error.
    pub(crate) stdio: Vec<OwnedFd>,
    /// Directory of the version 2 cgroup.
    pub(crate) cgroup: Option<OwnedFd>,
    /// File `tasks` of each version 1 hierarchy.
    pub(crate) tasks: Vec<OwnedFd>,
    /// Terminal of the workload.
    pub(crate) terminal: Option<Terminal>,
    /// Socket of the process that is asked about the paths that the workload looks for.
    pub(crate) follower: Option<UnixStream>,
}

impl Descriptors {
    pub(crate) fn new(descriptors: Vec<OwnedFd>, start: &Start) -> Self {
        let mut rest = descriptors.into_iter();
        Self {
            control: rest.next(),
            stdio: rest.by_ref().take(3).collect(),
            cgroup: if start.born_in_cgroup { rest.next() } else { None },
            tasks: rest.collect(),
            terminal: None,
            follower: None,
        }
    }

    /// Returns the descriptors of a guest.
    pub(crate) const fn of_guest(stdio: Vec<OwnedFd>, terminal: Option<Terminal>) -> Self {
        Self { control: None, stdio, cgroup: None, tasks: Vec::new(), terminal, follower: None }
    }
}
