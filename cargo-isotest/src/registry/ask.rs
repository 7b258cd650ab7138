//! Requests to the runs on this machine: all at once, each with a bounded answer, all within one time limit.

use super::answer::{Answer, MAX_BYTES};
use super::place::{self, Opened, Place};
use isotest_core::sys::clock::Instant;
use isotest_core::sys::{is_ready, readable, wait_for};
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect as connect_to, getsockopt, socket,
};
use nix::unistd::geteuid;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::Builder;
use std::time::Duration;

/// Time limit for the answers of all runs.
const PATIENCE: Duration = Duration::from_secs(2);
/// Further time limit for a directory on a file system that does not respond.
const GRACE: Duration = Duration::from_millis(500);
/// Maximum number of this user's runs that are asked.
const MAX_OWN: usize = 256;
/// Maximum number of runs of one other user that are asked.
const MAX_EACH: usize = 64;
/// Maximum number of runs of all other users that are asked: a process may usually have 1024 descriptors.
const MAX_OTHERS: usize = 256;
/// Maximum number of users whose runs are searched for.
const MAX_USERS: usize = 256;

/// Run that was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Process id of the peer, from the kernel, in this pid namespace.
    pub(crate) pid: i32,
    /// User id of the peer, from the kernel.
    pub(crate) uid: u32,
    /// Answer, or the reason why there is none.
    pub(crate) answer: Result<Answer, String>,
}

/// Runs that were found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Runs, by process id.
    pub(crate) runs: Vec<Asked>,
    /// Warnings about runs that were not asked.
    pub(crate) remarks: Vec<String>,
}

/// Asks all runs of this user, or for root of all users; with `only`, just the runs with these process ids.
pub(crate) fn ask(only: Option<BTreeSet<i32>>) -> Found {
    let me = geteuid();
    let mut users = vec![(me.as_raw(), place::own(me.as_raw()))];
    let mut found = Found::default();
    if me.is_root() {
        users.extend(place::of_others(me.as_raw()));
        if users.len() > MAX_USERS {
            let more = users.len() - MAX_USERS;
            found.remarks.push(format!("runs of {more} users are not shown: too many users"));
            users.truncate(MAX_USERS);
        }
    }
    found.ask(users, only);
    found.runs.sort_by_key(|asked| asked.pid);
    found
}

impl Found {
    /// Asks the runs of all `users`, each user in a thread: a directory may be on a file system that does not respond.
    fn ask(&mut self, users: Vec<(u32, Vec<Place>)>, only: Option<BTreeSet<i32>>) {
        let until = Instant::now() + PATIENCE;
        let (tell, told) = mpsc::channel();
        let bounds = Arc::new(Bounds { only, others_left: AtomicUsize::new(MAX_OTHERS), until });
        let mut waiting: Vec<_> = users.iter().map(|(user, _)| *user).collect();
        for (user, places) in users {
            let (tell, bounds) = (tell.clone(), Arc::clone(&bounds));
            // Sending fails if the receiver has given up.
            let look = move || drop(tell.send((user, of_user(user, &places, &bounds))));
            if let Err(error) = Builder::new().spawn(look) {
                self.remarks.push(format!("runs of user {user} are not shown: {error}"));
                waiting.retain(|other| *other != user);
            }
        }
        while !waiting.is_empty() {
            let left = (until + GRACE).saturating_duration_since(Instant::now());
            let Ok((user, found)) = told.recv_timeout(left) else { break };
            waiting.retain(|other| *other != user);
            self.runs.extend(found.runs);
            self.remarks.extend(found.remarks);
        }
        let late = waiting.into_iter();
        self.remarks.extend(
            late.map(|user| format!("runs of user {user} are not shown: reading the directory timed out")),
        );
    }
}

/// Bounds of the requests.
struct Bounds {
    only: Option<BTreeSet<i32>>,
    /// Number of runs of other users that may still be asked.
    others_left: AtomicUsize,
    until: Instant,
}

impl Bounds {
    /// Takes one request from the budget; returns false if there is none left.
    fn take(&self, is_own: bool) -> bool {
        let take_one = |left: usize| left.checked_sub(1);
        is_own || self.others_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_one).is_ok()
    }

    fn asks(&self, call: &Call) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&call.pid))
    }
}

/// Asks the runs of one user.
fn of_user(user: u32, places: &[Place], bounds: &Bounds) -> Found {
    let mut found = Found::default();
    let mut calls = Vec::new();
    let is_own = user == geteuid().as_raw();
    let most = if is_own { MAX_OWN } else { MAX_EACH };
    let (mut left_out, mut refused) = (0, Vec::new());
    for place in places {
        let (opened, names, is_cut) = match sockets(place) {
            Ok(None) => continue,
            Ok(Some(sockets)) => sockets,
            Err(why) => {
                found.remarks.push(format!("a registry directory is ignored: {why}"));
                continue;
            }
        };
        left_out += usize::from(is_cut);
        for name in names {
            if calls.len() >= most || !bounds.take(is_own) {
                left_out += 1;
                continue;
            }
            match Call::to(&opened, &name, user) {
                Ok(call) => calls.extend(call.filter(|call| bounds.asks(call))),
                Err(why) => refused.push(why),
            }
        }
    }
    if left_out > 0 {
        found.remarks.push(format!(
            "not all runs of user {user} are shown: too many sockets in the registry directory"
        ));
    }
    // One sentence covers all further sockets that were refused for the same reason.
    let more = refused.len().saturating_sub(1);
    found.remarks.extend(refused.into_iter().next().map(|why| match more {
        0 => why,
        more => format!("{why}; so are {more} more"),
    }));
    wait(&mut calls, bounds.until);
    found.runs = calls.into_iter().filter_map(Call::asked).collect();
    found
}

fn sockets(place: &Place) -> Result<Option<(Opened, BTreeSet<String>, bool)>, String> {
    let Some(opened) = place.open()? else { return Ok(None) };
    let (names, is_cut) = opened.sockets().map_err(|error| format!("`{}`: {error}", opened.called("")))?;
    Ok(Some((opened, names, is_cut)))
}

/// Connection to a run.
struct Call {
    stream: UnixStream,
    pid: i32,
    uid: u32,
    said: Vec<u8>,
    end: Option<Result<(), String>>,
}

impl Call {
    /// Connects to a run; `None` if the run has ended.
    ///
    /// # Errors
    /// When the run cannot be asked, or the socket belongs to another user.
    fn to(place: &Opened, name: &str, user: u32) -> Result<Option<Self>, String> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(None),
            io::ErrorKind::WouldBlock => Err(format!("`{}` does not accept connections", place.called(name))),
            _ => Err(format!("could not connect to `{}`: {error}", place.called(name))),
        };
        let stream = match connect(&place.entry(name)) {
            Ok(stream) => stream,
            Err(error) => return failed(error),
        };
        let peer = match getsockopt(&stream, PeerCredentials) {
            Ok(peer) => peer,
            Err(error) => return failed(error.into()),
        };
        if peer.uid() != user {
            return Err(format!(
                "`{}` is ignored: it belongs to user {}, not to user {user}",
                place.called(name),
                peer.uid()
            ));
        }
        Ok(Some(Self { stream, pid: peer.pid(), uid: peer.uid(), said: Vec::new(), end: None }))
    }

    /// Reads the available bytes.
    fn read(&mut self) {
        let mut part = [0; 16 << 10];
        match self.stream.read(&mut part) {
            Ok(0) => self.end = Some(Ok(())),
            Ok(length) => {
                self.said.extend_from_slice(part.get(..length).unwrap_or_default());
                if self.said.len() > MAX_BYTES {
                    self.said = Vec::new();
                    self.end = Some(Err("the answer is too long".to_owned()));
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => self.end = Some(Err(format!("no answer: {error}"))),
        }
    }

    /// Returns the answer; `None` if the run ended without one.
    fn asked(self) -> Option<Asked> {
        let Self { pid, uid, said, end, .. } = self;
        let answer = match end {
            Some(Ok(())) if said.is_empty() => return None,
            Some(Ok(())) => Answer::of_bytes(&said),
            Some(Err(why)) => Err(why),
            None => Err("no answer; the run may be stopped".to_owned()),
        };
        Some(Asked { pid, uid, answer })
    }
}

/// Reads from all connections until each has ended or the time is up. A slow peer gets no extra time.
fn wait(calls: &mut [Call], until: Instant) {
    loop {
        let mut open: Vec<_> = calls.iter_mut().filter(|call| call.end.is_none()).collect();
        let mut sources: Vec<_> = open.iter().map(|call| readable(&call.stream)).collect();
        if open.is_empty() || Instant::now() >= until {
            return;
        }
        // If waiting fails, the runs without an answer are reported as such.
        if !matches!(wait_for(&mut sources, Some(until)), Ok(1..)) {
            return;
        }
        let ready: Vec<_> = sources.iter().map(is_ready).collect();
        for (call, _) in open.iter_mut().zip(ready).filter(|(_, is_ready)| *is_ready) {
            call.read();
        }
    }
}

/// Connects without blocking.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect_to(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}
