//! Finding the runs on this machine and asking them: all at once, each bounded in what it may say, all in the time of one.

use super::answer::{Answer, BYTES_MOST};
use super::place::{self, Opened, Place};
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
use std::time::{Duration, Instant};

/// A run that has not answered after so long has been stopped, or its machine is very busy.
const PATIENCE: Duration = Duration::from_secs(2);
/// Whose directory cannot be looked into so long after that is on a file system that waits for somebody.
const GRACE: Duration = Duration::from_millis(500);
/// So many runs of the caller's own are asked.
const OWN_MOST: usize = 256;
/// So many of each other user.
const EACH_MOST: usize = 64;
/// So many of all others together: a process may have 1024 descriptors, as a rule.
const OTHERS_MOST: usize = 256;
/// The runs of so many others are looked for.
const USERS_MOST: usize = 256;

/// A run that was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What the kernel says of the process at the other end: its id, as seen from here, and its user.
    pub(crate) pid: i32,
    /// Its user.
    pub(crate) uid: u32,
    /// What it said, or why it is not known.
    pub(crate) answer: Result<Answer, String>,
}

/// The runs that were found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of their ids.
    pub(crate) runs: Vec<Asked>,
    /// Where runs may be that were not asked, and why.
    pub(crate) remarks: Vec<String>,
}

/// Asks all runs that belong to the caller, or `only` those with these ids; root asks those of everybody.
pub(crate) fn ask(only: Option<BTreeSet<i32>>) -> Found {
    let me = geteuid();
    let mut users = vec![(me.as_raw(), place::own(me.as_raw()))];
    let mut found = Found::default();
    if me.is_root() {
        users.extend(place::of_others(me.as_raw()));
        if users.len() > USERS_MOST {
            let more = users.len() - USERS_MOST;
            found
                .remarks
                .push(format!("the runs of {more} users were not looked for: there are too many users"));
            users.truncate(USERS_MOST);
        }
    }
    found.ask(users, only);
    found.runs.sort_by_key(|asked| asked.pid);
    found
}

impl Found {
    /// One thread for each user: a directory may be on a file system whose server never answers.
    fn ask(&mut self, users: Vec<(u32, Vec<Place>)>, only: Option<BTreeSet<i32>>) {
        let until = Instant::now() + PATIENCE;
        let (tell, told) = mpsc::channel();
        let bounds = Arc::new(Bounds { only, others_left: AtomicUsize::new(OTHERS_MOST), until });
        let mut waiting: Vec<_> = users.iter().map(|(user, _)| *user).collect();
        for (user, places) in users {
            let (tell, bounds) = (tell.clone(), Arc::clone(&bounds));
            // Who has given up does not listen any more.
            let look = move || drop(tell.send((user, of_user(user, &places, &bounds))));
            if let Err(error) = Builder::new().spawn(look) {
                self.remarks.push(format!("the runs of user {user} were not looked for: {error}"));
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
            late.map(|user| format!("the directory with the runs of user {user} could not be read in time")),
        );
    }
}

/// Who is asked, and for how long.
struct Bounds {
    only: Option<BTreeSet<i32>>,
    /// How many more runs of others may be asked.
    others_left: AtomicUsize,
    until: Instant,
}

impl Bounds {
    /// Takes one from those that may be asked.
    fn take(&self, is_own: bool) -> bool {
        let take_one = |left: usize| left.checked_sub(1);
        is_own || self.others_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_one).is_ok()
    }

    fn asks(&self, call: &Call) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&call.pid))
    }
}

/// The runs of one user.
fn of_user(user: u32, places: &[Place], bounds: &Bounds) -> Found {
    let mut found = Found::default();
    let mut calls = Vec::new();
    let is_own = user == geteuid().as_raw();
    let most = if is_own { OWN_MOST } else { EACH_MOST };
    let (mut left_out, mut refused) = (0, Vec::new());
    for place in places {
        let (opened, names, is_cut) = match sockets(place) {
            Ok(None) => continue,
            Ok(Some(sockets)) => sockets,
            Err(why) => {
                found.remarks.push(format!("runs are not looked for in a directory: {why}"));
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
            "not all runs of user {user} are shown: there are too many sockets in its directory"
        ));
    }
    // One sentence is enough, however many sockets there are of the kind.
    let more = refused.len().saturating_sub(1);
    found.remarks.extend(refused.into_iter().next().map(|why| match more {
        0 => why,
        more => format!("{why}; and so are {more} more"),
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

/// A connection to a run.
struct Call {
    stream: UnixStream,
    pid: i32,
    uid: u32,
    said: Vec<u8>,
    end: Option<Result<(), String>>,
}

impl Call {
    /// `None` where nobody listens any more.
    ///
    /// # Errors
    /// Why nothing that it says is of use, in words.
    fn to(place: &Opened, name: &str, user: u32) -> Result<Option<Self>, String> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(None),
            io::ErrorKind::WouldBlock => Err(format!("`{}` takes no connection", place.called(name))),
            _ => Err(format!("`{}` could not be asked: {error}", place.called(name))),
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
                "`{}` is not asked: who listens is user {}, not {user}",
                place.called(name),
                peer.uid()
            ));
        }
        Ok(Some(Self { stream, pid: peer.pid(), uid: peer.uid(), said: Vec::new(), end: None }))
    }

    /// Reads what there is now.
    fn read(&mut self) {
        let mut part = [0; 16 << 10];
        match self.stream.read(&mut part) {
            Ok(0) => self.end = Some(Ok(())),
            Ok(length) => {
                self.said.extend_from_slice(part.get(..length).unwrap_or_default());
                if self.said.len() > BYTES_MOST {
                    self.said = Vec::new();
                    self.end = Some(Err("it says more than a run has to say".to_owned()));
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => self.end = Some(Err(format!("it does not answer: {error}"))),
        }
    }

    /// `None` if it has nothing to tell us: it ends.
    fn asked(self) -> Option<Asked> {
        let Self { pid, uid, said, end, .. } = self;
        let answer = match end {
            Some(Ok(())) if said.is_empty() => return None,
            Some(Ok(())) => Answer::of_bytes(&said),
            Some(Err(why)) => Err(why),
            None => Err("it does not answer; it may have been stopped".to_owned()),
        };
        Some(Asked { pid, uid, answer })
    }
}

/// Reads from all of them until each has ended, or there is no time left. Whoever answers byte by byte does not get more.
fn wait(calls: &mut [Call], until: Instant) {
    loop {
        let mut open: Vec<_> = calls.iter_mut().filter(|call| call.end.is_none()).collect();
        let mut sources: Vec<_> = open.iter().map(|call| readable(&call.stream)).collect();
        if open.is_empty() || Instant::now() >= until {
            return;
        }
        // Where waiting fails, those that have not answered are told of as such.
        if !matches!(wait_for(&mut sources, Some(until)), Ok(1..)) {
            return;
        }
        let ready: Vec<_> = sources.iter().map(is_ready).collect();
        for (call, _) in open.iter_mut().zip(ready).filter(|(_, is_ready)| *is_ready) {
            call.read();
        }
    }
}

/// Connects without waiting: whoever lets connections wait for ever is not waited for.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect_to(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}
