//! Answering whoever asks what is running.

use super::ask;
use super::place::{self, Opened};
use super::running::Roster;
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

/// Who does not read the answer for so long does not get it.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause after a connection that could not be taken, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// How often another run may take the directory away, which ends with it, before we have a socket in it.
const TRIES: usize = 10;

/// The socket of a run. When this is dropped, nobody is answered any more, and the socket is gone.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Arc<UnixListener>,
    place: Opened,
    name: String,
}

impl Listener {
    /// Registers this process's run and answers whoever asks, in a thread of its own.
    ///
    /// # Errors
    /// When there is no place that only this user can write to, or a socket or a thread is refused. A run can do without.
    pub(crate) fn open<'scope>(scope: &'scope Scope<'scope, '_>, roster: &'scope Roster) -> io::Result<Self> {
        let stat = Process::myself().and_then(|process| process.stat()).map_err(io::Error::other)?;
        let opened = Self::bind(place::name_of_run(stat.pid, stat.starttime))?;
        let listener = Arc::clone(&opened.socket);
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

    /// What the user should know if it could not be opened.
    pub(crate) fn remark(opened: &io::Result<Self>) -> Option<String> {
        let error = opened.as_ref().err()?;
        Some(format!("`cargo isotest ps` does not find this run: {error}"))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It wakes who waits for connections, and there is nothing else to be done.
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Both);
        self.place.remove(&self.name);
        self.place.leave();
    }
}

/// Removes the sockets of runs that were killed: nobody listens, and no such process is seen. One in another pid namespace
/// is not seen, but listens.
fn remove_stale(place: &Opened) -> io::Result<()> {
    for name in place.sockets()?.0 {
        let is_there = || {
            place::run_of_name(&name).is_some_and(|(pid, start)| {
                let stat = Process::new(pid).and_then(|process| process.stat());
                stat.is_ok_and(|stat| stat.starttime == start && stat.state != 'Z')
            })
        };
        // It is not connected to for what it says, so nobody is waited for.
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

/// Only the owner of the run, or root, is told anything.
fn answer(mut stream: UnixStream, roster: &Roster) -> io::Result<()> {
    let uid = getsockopt(&stream, PeerCredentials)?.uid();
    if uid != 0 && uid != geteuid().as_raw() {
        return Ok(());
    }
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&roster.answer().in_bytes()?)
}
