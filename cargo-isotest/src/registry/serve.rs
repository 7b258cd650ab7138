//! Answering whoever asks what is running. The socket has a name without a file: it is gone when the process is.

use super::running::Roster;
use nix::sys::socket::{Shutdown, getsockopt, shutdown, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use procfs::process::Process;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::thread::{Builder, Scope, sleep};
use std::time::Duration;

/// What the names of the sockets begin with; pid and start time of the supervisor follow.
pub(super) const PREFIX: &str = "isotest-run/";

/// Who does not read the answer for so long does not get it.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause after a connection that could not be taken, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The socket of a run. When this is dropped, nobody is answered any more.
#[derive(Debug)]
pub(crate) struct Listener(Arc<UnixListener>);

impl Listener {
    /// Takes the name of this process's run and answers whoever asks, in a thread of its own.
    ///
    /// # Errors
    /// When somebody else has taken the name, or a socket or a thread is refused. A run can do without.
    pub(crate) fn open<'scope>(scope: &'scope Scope<'scope, '_>, roster: &'scope Roster) -> io::Result<Self> {
        let stat = Process::myself().and_then(|process| process.stat()).map_err(io::Error::other)?;
        let name = format!("{PREFIX}{}-{}", stat.pid, stat.starttime);
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = Arc::new(UnixListener::bind_addr(&address)?);
        let opened = Self(Arc::clone(&listener));
        let serve = move || {
            loop {
                match listener.accept() {
                    // Who goes away before the end of the answer has not wanted it.
                    Ok((stream, _)) => drop(answer(stream, roster)),
                    Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => return,
                    Err(_) => sleep(PAUSE),
                }
            }
        };
        Builder::new().spawn_scoped(scope, serve)?;
        Ok(opened)
    }

    /// What the user should know if it could not be opened.
    pub(crate) fn remark(opened: &io::Result<Self>) -> Option<String> {
        let error = opened.as_ref().err()?;
        Some(format!("`cargo isotest ps` does not find this run: {error}"))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It wakes who waits for connections, and there is nothing else to be done.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}

/// Only the owner of the run, or root, is told anything.
fn answer(mut stream: UnixStream, roster: &Roster) -> io::Result<()> {
    let uid = getsockopt(&stream, PeerCredentials)?.uid();
    if uid != 0 && uid != geteuid().as_raw() {
        return Ok(());
    }
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&serde_json::to_vec(&roster.answer())?)
}
