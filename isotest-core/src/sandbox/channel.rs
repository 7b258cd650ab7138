//! What supervisor, zygote and init say to each other, and how it travels.

use super::step::StepError;
use crate::outcome::Ending;
use crate::plan::Template;
use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// From the supervisor to a zygote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Build this template. The answer is a [`Prepared`].
    Prepare(Box<Template>),
    /// Start an init. The descriptors of its attempt come along, see [`Start`].
    Start(Start),
}

/// The zygote's answer to [`Order::Prepare`].
pub(crate) type Prepared = Result<(), StepError>;

/// One sandbox. With it travel, in this order: the control socket, standard input, output and error, the
/// version 2 cgroup directory if `born_in_cgroup`, and one `tasks` file for each version 1 hierarchy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The attempt's directory below each of the run's cgroup directories; without one it is not measured.
    pub(crate) leaf: Option<String>,
    /// Whether a version 2 cgroup directory comes along.
    pub(crate) born_in_cgroup: bool,
}

/// From init, or for want of one from its zygote, to the supervisor, over the attempt's control socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The workload's process is there; said only if the supervisor asked for it.
    Born,
    /// The workload was never executed.
    Failed(StepError),
    /// The workload has ended and nothing is left of it.
    Ended(Ending),
}

/// From the supervisor to init. The workload is sent borrowed and received owned.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Command<W> {
    /// Execute this. It is said once, and first.
    Go {
        /// What to execute.
        workload: W,
        /// Whether to report its birth.
        tell: bool,
    },
    /// End the workload by SIGTERM, since its time is over.
    Terminate,
    /// Kill everything in the sandbox.
    Kill,
}

/// More than the longest list of descriptors that is sent.
const DESCRIPTORS_MOST: usize = 16;

/// Writes one message with its descriptors.
pub(crate) fn send<T: Serialize>(
    to: &mut UnixStream,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let body = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?.to_le_bytes();
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let sent =
        sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(&length)], control, MsgFlags::MSG_NOSIGNAL, None)?;
    to.write_all(length.get(sent..).unwrap_or_default())?;
    to.write_all(&body)
}

/// Reads one message; `None` when the other side is gone.
pub(crate) fn receive<T: DeserializeOwned>(from: &mut UnixStream) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut length = [0; 4];
    let mut space = cmsg_space!([RawFd; DESCRIPTORS_MOST]);
    let (received, descriptors) = {
        let mut parts = [IoSliceMut::new(&mut length)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(from.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
        (message.bytes, owned_descriptors(message.cmsgs()?))
    };
    if received == 0 {
        return Ok(None);
    }
    from.read_exact(length.get_mut(received..).unwrap_or_default())?;
    let mut body = vec![0; usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?];
    from.read_exact(&mut body)?;
    Ok(Some((postcard::from_bytes(&body).map_err(io::Error::other)?, descriptors)))
}

fn owned_descriptors(messages: impl Iterator<Item = ControlMessageOwned>) -> Vec<OwnedFd> {
    let rights = messages.filter_map(|message| match message {
        ControlMessageOwned::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    rights.flatten().map(crate::sys::fd::received).collect()
}
