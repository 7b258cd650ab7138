//! Answers requests about the running attempts.

use super::ask;
use super::place::{self, Opened};
use super::running::Registry;
use crate::remark::Remark;
use crate::threads;
use nix::sys::socket::{Shutdown, getsockopt, shutdown, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use procfs::process::Process;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread::{Scope, sleep};
use std::time::Duration;

/// Write timeout for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause after a failure to accept a connection, such as for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Maximum number of attempts to bind the socket: another run that ends may remove the directory meanwhile.
const TRIES: usize = 10;

/// Listening socket of a run. Dropping it ends the thread and removes the socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Arc<UnixListener>,
    place: Opened,
    name: String,
}

impl Listener {
    /// Registers this run and answers requests in a new thread.
    ///
    /// # Errors
    /// When no registry directory, socket or thread can be created. A run can go on without.
    pub(crate) fn open<'scope>(
        scope: &'scope Scope<'scope, '_>,
        registry: &'scope Registry,
    ) -> io::Result<Self> {
        let stat = Process::myself().and_then(|process| process.stat()).map_err(io::Error::other)?;
        let opened = Self::bind(place::name_of_run(stat.pid, stat.starttime))?;
        let listener = Arc::clone(&opened.socket);
        let serve = move || {
            loop {
                match listener.accept() {
                    // A peer that hangs up early does not need the answer.
                    Ok((stream, _)) => drop(answer(stream, registry)),
                    Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => return,
                    Err(_) => sleep(PAUSE),
                }
            }
        };
        threads::builder().spawn_scoped(scope, serve)?;
        Ok(opened)
    }

    fn bind(name: String) -> io::Result<Self> {
        let places = place::own(geteuid().as_raw());
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..TRIES {
            let place = place::make_first(&places).map_err(io::Error::other)?;
            remove_stale(&place)?;
            match UnixListener::bind(place.entry(&name)) {
                Ok(listener) => return Ok(Self { socket: Arc::new(listener), place, name }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Returns the remark on a listener that could not be opened.
    pub(crate) fn remark(opened: &io::Result<Self>) -> Option<Remark> {
        let error = opened.as_ref().err()?;
        Some(Remark::NotShown(error.to_string()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The shutdown wakes the thread that accepts connections.
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Both);
        self.place.remove(&self.name);
        self.place.leave();
    }
}

/// Removes the sockets of killed runs: the process is gone and the socket refuses connections. A run in another pid
/// namespace is not visible as a process, but accepts connections.
fn remove_stale(place: &Opened) -> io::Result<()> {
    for name in place.sockets()?.0 {
        let is_there = || {
            place::run_of_name(&name).is_some_and(|(pid, start)| {
                let stat = Process::new(pid).and_then(|process| process.stat());
                stat.is_ok_and(|stat| stat.starttime == start && stat.state != 'Z')
            })
        };
        // The connection is not read from, so this does not block.
        let is_refused = || {
            let connected = ask::connect(&place.entry(&name));
            connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if !is_there() && is_refused() {
            place.remove(&name);
        }
    }
    Ok(())
}

/// Answers a request of the run's owner or of root.
fn answer(mut stream: UnixStream, registry: &Registry) -> io::Result<()> {
    let uid = getsockopt(&stream, PeerCredentials)?.uid();
    if uid != 0 && uid != geteuid().as_raw() {
        return Ok(());
    }
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&registry.answer().in_bytes()?)
}
