//! Reads the sandbox's own `/proc`, as the kernel made it. Root inside may mount something over it or parts of it
//! that never ends or never answers, and a reader that opens files there by their paths would hang.

use nix::dir::Dir;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use procfs::FromRead;
use procfs::process::{SmapsRollup, Stat};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

/// Maximal number of bytes that are read of a file.
const LIMIT: u64 = 64 * 1024;
/// Process id of init inside the sandbox.
const INIT: i32 = 1;

/// Directory `/proc`, opened before there is a workload that could cover it.
#[derive(Debug)]
pub(super) struct OwnProc(File);

impl OwnProc {
    /// Opens `/proc`.
    ///
    /// # Errors
    /// When the directory cannot be opened.
    pub(super) fn open() -> io::Result<Self> {
        File::open("/proc").map(Self)
    }

    /// Lists the ids of all processes but init; none where the directory cannot be listed.
    pub(super) fn processes(&self) -> Vec<i32> {
        let names = self.open_in(".", OFlag::O_DIRECTORY).and_then(|top| Ok(Dir::from_fd(top)?));
        let numbers = names.into_iter().flatten().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str().ok()?.parse().ok());
        numbers.filter(|&pid| pid != INIT).collect()
    }

    /// Reads the state of a process, if it is still there.
    pub(super) fn stat(&self, pid: i32) -> Option<Stat> {
        Stat::from_read(self.text(pid, "stat").ok()?.as_slice()).ok()
    }

    /// Reads the arguments of a process, joined by spaces; empty if it has none.
    pub(super) fn command_line(&self, pid: i32) -> String {
        let text = self.text(pid, "cmdline").unwrap_or_default();
        let arguments = text.strip_suffix(&[0]).unwrap_or(&text).split(|&byte| byte == 0);
        arguments.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }

    /// Reads the proportional set size of a process in bytes (proc_pid_smaps(5), `Pss`).
    pub(super) fn memory(&self, pid: i32) -> Option<u64> {
        let rollup = SmapsRollup::from_read(self.text(pid, "smaps_rollup").ok()?.as_slice()).ok()?;
        rollup.memory_map_rollup.into_iter().next()?.extension.map.get("Pss").copied()
    }

    /// Reads a file of `/proc/1/net`, about the network that init is in.
    ///
    /// # Errors
    /// When it is covered, absent or not text.
    pub(super) fn network(&self, file: &str) -> io::Result<String> {
        String::from_utf8(self.text(INIT, &format!("net/{file}"))?).map_err(io::Error::other)
    }

    fn text(&self, pid: i32, file: &str) -> io::Result<Vec<u8>> {
        let file = File::from(self.open_in(&format!("{pid}/{file}"), OFlag::empty())?);
        let mut text = Vec::new();
        file.take(LIMIT).read_to_end(&mut text)?;
        Ok(text)
    }

    /// Opens a file of the kernel's own `/proc`, and none that is mounted over it.
    fn open_in(&self, path: &str, flags: OFlag) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS;
        Ok(openat2(&self.0, path, OpenHow::new().flags(flags).resolve(resolve))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;
    use std::process::id;

    #[test]
    fn processes_are_found_with_their_states_commands_and_memory() -> io::Result<()> {
        let proc = OwnProc::open()?;
        let own = i32::try_from(id()).map_err(io::Error::other)?;
        assert!(proc.processes().contains(&own));
        assert_eq!(proc.stat(own).map(|stat| stat.pid), Some(own));
        assert!(proc.memory(own).is_some_and(|bytes| bytes > 4096));
        assert_eq!(proc.command_line(own), env::args().collect::<Vec<_>>().join(" "));
        Ok(())
    }
}
