//! Traces the paths that the processes of an attempt look for and do not find. The kernel asks a thread of init about
//! each call that names a path; whatever the answer is, the call goes on as if nobody had asked.

use crate::sandbox::protocol::channel;
use crate::sys::seccomp;
use libc::{c_long, sock_filter};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Size of a stack, whatever `RUST_MIN_STACK` is, which is meant for the workload.
const STACK: usize = 256 << 10;

/// Maximal length of a list of paths in bytes: it travels in one message.
const MAX_BYTES: usize = 48 << 10;
/// Maximal length of a path (path_resolution(7)).
const MAX_PATH_BYTES: usize = 4096;

/// Number of a call, and index of the argument that is the path. If that is 1, the argument 0 is the directory it
/// starts from.
type Call = (c_long, usize);

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
/// Number of no architecture: on others no call is known, and none is asked about.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: u32 = 0;

const CALLS: [Call; 8] = [
    (libc::SYS_openat, 1),
    (libc::SYS_openat2, 1),
    (libc::SYS_newfstatat, 1),
    (libc::SYS_statx, 1),
    (libc::SYS_faccessat, 1),
    (libc::SYS_readlinkat, 1),
    (libc::SYS_execve, 0),
    (libc::SYS_chdir, 0),
];
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[Call] = &[
    (libc::SYS_open, 0),
    (libc::SYS_stat, 0),
    (libc::SYS_lstat, 0),
    (libc::SYS_access, 0),
    (libc::SYS_readlink, 0),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[Call] = &[];

/// Paths that were looked for and not there so far.
#[derive(Debug, Default)]
struct Missing {
    paths: BTreeSet<PathBuf>,
    bytes: usize,
}

/// Trace that is being followed.
#[derive(Debug)]
pub(crate) struct Trace(Arc<Mutex<Missing>>);

/// Has this process and all it starts traced from here on by the process at the other end of `follower`.
pub(crate) fn begin(follower: &UnixStream) -> io::Result<()> {
    let listener = seccomp::listen(&filter())?;
    channel::send(&mut follower.try_clone()?, &(), &[listener.as_fd()])
}

impl Trace {
    /// Follows the process that [`begin`]s at the other end.
    pub(crate) fn follow(mut begins: UnixStream) -> io::Result<Self> {
        let missing = Arc::new(Mutex::new(Missing::default()));
        let noted = Arc::clone(&missing);
        let follow = move || {
            // A workload that never began has failed, and reported why.
            if let Ok(Some(((), listeners))) = channel::receive::<()>(&mut begins)
                && let Some(listener) = listeners.into_iter().next()
            {
                answer(&listener, &noted);
            }
        };
        thread::Builder::new().stack_size(STACK).spawn(follow)?;
        Ok(Self(missing))
    }

    /// Returns the paths that were looked for and not there, in order.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).paths.iter().cloned().collect()
    }
}

/// Answers questions of the kernel until no traced process is left.
fn answer(listener: &OwnedFd, missing: &Mutex<Missing>) {
    loop {
        let call = match seccomp::receive(listener.as_fd()) {
            Ok(call) => call,
            // The calling thread has been killed meanwhile, or was interrupted by a signal.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => continue,
            Err(_) => return,
        };
        if let Some(path) = path_of(&call).filter(|path| is_missing(path)) {
            missing.lock().unwrap_or_else(PoisonError::into_inner).note(path);
        }
        // Fails if the calling thread has been killed meanwhile.
        let _ = seccomp::go_on(listener.as_fd(), call.id);
    }
}

impl Missing {
    fn note(&mut self, path: PathBuf) {
        let length = path.as_os_str().len();
        if self.bytes + length <= MAX_BYTES && self.paths.insert(path) {
            self.bytes += length;
        }
    }
}

/// Returns the absolute path that a call names.
fn path_of(call: &libc::seccomp_notif) -> Option<PathBuf> {
    let calls = CALLS.iter().chain(OLD_CALLS);
    let (number, argument) = *calls.into_iter().find(|(number, _)| *number == c_long::from(call.data.nr))?;
    let flags = call.data.args.get(argument + 1).copied().unwrap_or_default();
    let creates = flags & u64::from(libc::O_CREAT.cast_unsigned()) != 0;
    if creates && [CALLS[0].0, OLD_CALLS.first().map_or(-1, |call| call.0)].contains(&number) {
        return None;
    }
    let process = Path::new("/proc").join(call.pid.to_string());
    let mut text = vec![0; MAX_PATH_BYTES];
    let length =
        File::open(process.join("mem")).ok()?.read_at(&mut text, *call.data.args.get(argument)?).ok()?;
    let end = text.get(..length)?.iter().position(|byte| *byte == 0).filter(|end| *end > 0)?;
    let path = Path::new(OsStr::from_bytes(text.get(..end)?));
    // The kernel looks at the lower 32 bits of a descriptor.
    let from = if argument == 1 { call.data.args.first()? & 0xffff_ffff } else { u64::MAX };
    let base = match i32::try_from(from) {
        _ if path.is_absolute() => PathBuf::from("/"),
        Ok(descriptor) => fs::read_link(process.join("fd").join(descriptor.to_string())).ok()?,
        Err(_) => fs::read_link(process.join("cwd")).ok()?,
    };
    Some(base.join(path).components().collect())
}

/// Returns whether init, which has the same mounts, finds no file at a path. In `/proc`, which each process sees
/// differently, that cannot be told.
fn is_missing(path: &Path) -> bool {
    let missing = |error: io::Error| matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR));
    !path.starts_with("/proc") && fs::metadata(path).is_err_and(missing)
}

/// Makes the filter that asks about [`CALLS`] and lets everything else pass.
fn filter() -> Vec<sock_filter> {
    const LOAD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    /// Offsets of the fields in `struct seccomp_data`.
    const NUMBER_AT: u32 = 0;
    const ARCHITECTURE_AT: u32 = 4;
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let calls: Vec<_> = CALLS.iter().chain(OLD_CALLS).map(|(number, _)| *number).collect();
    // There are fewer calls than a jump of the filter can skip.
    let length = u8::try_from(calls.len()).unwrap_or_default();
    let mut filter = vec![
        instruction(LOAD, 0, 0, ARCHITECTURE_AT),
        instruction(JUMP_IF_EQUAL, 0, length + 1, ARCHITECTURE),
        instruction(LOAD, 0, 0, NUMBER_AT),
    ];
    for (left, number) in (1..=length).rev().zip(calls) {
        filter.push(instruction(JUMP_IF_EQUAL, left, 0, u32::try_from(number).unwrap_or(u32::MAX)));
    }
    filter.push(instruction(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    filter.push(instruction(RETURN, 0, 0, libc::SECCOMP_RET_USER_NOTIF));
    filter
}
