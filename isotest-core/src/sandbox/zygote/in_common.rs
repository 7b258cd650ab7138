//! Makes the namespaces that all attempts of a zygote have in common, if its template says so. They last as long as
//! the zygote.

use super::namespaces::map_ids;
use crate::namespace::NAMESPACES;
use crate::plan::{Network, Template};
use crate::sandbox::in_common::Common;
use crate::sandbox::network::{SETTINGS, raise_loopback, write_settings};
use crate::sandbox::protocol::channel::{self, Prepared};
use crate::step::{Step, StepError};
use crate::sys::clone3::{Side, SingleThreaded, clone3, exit_now};
use nix::fcntl::{OFlag, openat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Has a process make `namespaces`, with ids mapped and the network as the template says, and takes hold of them.
///
/// # Errors
/// The step that failed.
pub(super) fn make(
    proof: &SingleThreaded,
    template: &Template,
    namespaces: CloneFlags,
    proc: &File,
) -> Result<Common, StepError> {
    let (mut ours, mut theirs) = Step::UnshareInit.run(UnixStream::pair)?;
    match Step::UnshareInit.run(|| clone3(proof, 0))? {
        Side::Child => {
            drop(ours);
            let made = furnish(template, namespaces, &mut theirs);
            exit_now(i32::from(channel::send(&mut theirs, &made, &[]).is_err()))
        }
        Side::Parent(maker) => {
            drop(theirs);
            let held = take_hold(template, namespaces, proc, &mut ours);
            drop(ours);
            Step::UnshareInit.run(|| waitpid(maker, None))?;
            held.map(Common)
        }
    }
}

/// Makes the namespaces, and sends the name under which the zygote's `/proc` shows this process, once it may be
/// looked at.
fn furnish(template: &Template, namespaces: CloneFlags, zygote: &mut UnixStream) -> Prepared {
    let number = Step::UnshareInit.run(|| fs::read_link("/proc/self"))?;
    Step::UnshareInit.run(|| unshare(namespaces))?;
    let named = Ok::<_, StepError>(number.to_string_lossy().into_owned());
    Step::UnshareInit.run(|| channel::send(zygote, &named, &[]))?;
    // Waits until the zygote has mapped the ids.
    if Step::MapIds.run(|| channel::receive::<()>(zygote))?.is_none() {
        exit_now(1);
    }
    if matches!(template.network, Network::Own | Network::Down) {
        write_settings(&template.net_settings, Path::new(SETTINGS))?;
    }
    if template.network == Network::Own {
        Step::RaiseLoopback.run(|| raise_loopback(&template.net_addresses))?;
    }
    Ok(())
}

fn take_hold(
    template: &Template,
    namespaces: CloneFlags,
    proc: &File,
    maker: &mut UnixStream,
) -> Result<Vec<(CloneFlags, OwnedFd)>, StepError> {
    let number = answer::<Result<String, StepError>>(maker)??;
    map_ids(template, proc, &number)?;
    let kinds = NAMESPACES.iter().map(|kind| (CloneFlags::from_bits_retain(kind.flag), kind.file));
    let open = |(flag, file): (CloneFlags, &str)| {
        let path = format!("{number}/ns/{file}");
        let handle = openat(proc, path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok((flag, handle))
    };
    let held = Step::UnshareInit.run(|| {
        kinds.filter(|(flag, _)| namespaces.contains(*flag)).map(open).collect::<io::Result<Vec<_>>>()
    })?;
    Step::MapIds.run(|| channel::send(maker, &(), &[]))?;
    answer::<Prepared>(maker)??;
    Ok(held)
}

fn answer<T: DeserializeOwned>(maker: &mut UnixStream) -> Result<T, StepError> {
    let answer = Step::UnshareInit.run(|| channel::receive::<T>(maker))?;
    let gone = || Step::UnshareInit.failed(None, &io::Error::from_raw_os_error(libc::ECHILD));
    answer.map(|(answer, _)| answer).ok_or_else(gone)
}
