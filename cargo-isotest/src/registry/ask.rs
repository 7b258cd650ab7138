//! Finding the runs on this machine and asking them.

use super::answer::{Answer, SCHEMA};
use super::serve::PREFIX;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, getsockopt, socket};
use nix::unistd::geteuid;
use procfs::FromRead;
use procfs::net::UnixNetEntries;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A run that has not answered after so long has been stopped, or its machine is very busy.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than any answer has.
const ANSWER_BYTES: usize = 64 << 20;

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

/// Asks all runs in this network namespace that belong to the caller; root asks those of everybody.
///
/// # Errors
/// When the kernel's table of sockets cannot be read.
pub(crate) fn ask_all() -> io::Result<Vec<Asked>> {
    let table = fs::read("/proc/self/net/unix")?;
    // A path of somebody else's socket need not be UTF-8.
    let table = UnixNetEntries::from_read(String::from_utf8_lossy(&table).as_bytes());
    let entries = table.map_err(io::Error::other)?.0.into_iter();
    // Connections that wait to be taken have the name, too.
    let names: BTreeSet<_> = entries.filter_map(|entry| name(&entry.path?.to_string_lossy())).collect();
    let mut asked: Vec<_> = names.iter().filter_map(|name| ask(name).ok().flatten()).collect();
    asked.sort_by_key(|asked| asked.pid);
    Ok(asked)
}

fn name(path: &str) -> Option<String> {
    let name = path.strip_prefix('@')?;
    name.starts_with(PREFIX).then(|| name.to_owned())
}

/// Whoever has a name like a run's may let connections wait for ever. Then nobody can tell whose it is, and it is left out.
fn connect(name: &str) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    nix::sys::socket::connect(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// `None` if it is none of the caller's business.
fn ask(name: &str) -> io::Result<Option<Asked>> {
    let stream = connect(name)?;
    let peer = getsockopt(&stream, PeerCredentials)?;
    let me = geteuid();
    if !me.is_root() && peer.uid() != me.as_raw() {
        return Ok(None);
    }
    let answer = match read(&stream) {
        Ok(answer) if answer.is_empty() => return Ok(None),
        Ok(answer) => understand(&answer),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err("it does not answer; it may have been stopped".to_owned())
        }
        Err(error) => Err(format!("it does not answer: {error}")),
    };
    Ok(Some(Asked { pid: peer.pid(), uid: peer.uid(), answer }))
}

fn read(mut stream: &UnixStream) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let (mut answer, mut part) = (Vec::new(), [0; 16 << 10]);
    while answer.len() < ANSWER_BYTES {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Whoever answers byte by byte does not get more time.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => break,
            length => answer.extend_from_slice(part.get(..length).unwrap_or_default()),
        }
    }
    Ok(answer)
}

fn understand(answer: &[u8]) -> Result<Answer, String> {
    match serde_json::from_slice::<Answer>(answer) {
        Ok(answer) if answer.schema == SCHEMA => Ok(answer),
        Ok(_) | Err(_) => Err("it is of another version of this program".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{Backlog, bind, listen};
    use std::process;
    use std::sync::mpsc::channel;
    use std::thread;

    #[test]
    fn whoever_takes_no_connection_is_not_waited_for() {
        let name = format!("isotest-test/full-{}", process::id());
        let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(listener.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes()).unwrap()).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let _waiting = connect(&name).unwrap();
        let (tell, told) = channel();
        thread::spawn(move || tell.send(ask(&name).map(|asked| asked.is_some())));
        let asked = told.recv_timeout(PATIENCE).expect("an answer in time");
        assert_eq!(asked.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
