//! Sends messages, and descriptors with them, between the processes of this program.

use crate::sys;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

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
    // In one piece: a receiver woken by the length would only wait for the rest.
    let parts = [IoSlice::new(&length), IoSlice::new(&body)];
    let sent = sendmsg::<()>(to.as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None)?;
    to.write_all(length.get(sent..).unwrap_or_default())?;
    to.write_all(body.get(sent.saturating_sub(length.len())..).unwrap_or_default())
}

/// Reads one message; `None` when the other side is gone.
pub(crate) fn receive<T: DeserializeOwned>(from: &mut UnixStream) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut length = [0; 4];
    let (received, descriptors) = sys::fd::receive(from.as_fd(), &mut length)?;
    if received == 0 {
        return Ok(None);
    }
    from.read_exact(length.get_mut(received..).unwrap_or_default())?;
    let mut body = vec![0; usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?];
    from.read_exact(&mut body)?;
    Ok(Some((postcard::from_bytes(&body).map_err(io::Error::other)?, descriptors)))
}
