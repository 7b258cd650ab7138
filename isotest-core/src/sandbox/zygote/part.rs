//! Tries one part of a sandbox without the others, in a process that is thrown away: a host that refuses several
//! parts is then known by all of them, and not by the first alone.

use super::{namespaces, scratch_pool, tree};
use crate::plan::{NAMES_BYTES, Template};
use crate::policy::Capability;
use crate::sandbox::protocol::channel::{self, Prepared};
use crate::sandbox::protocol::part::Part;
use crate::sandbox::{mounts, network};
use crate::step::{Step, StepError};
use crate::sys::clone3::{Side, SingleThreaded, clone3, exit_now};
use nix::sched::CloneFlags;
use nix::sys::wait::waitpid;
use nix::unistd::{pipe2, read, write};
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Tries a part in this process, which serves for nothing else afterwards, and answers to `orders`.
///
/// # Errors
/// When the answer cannot be sent.
pub(super) fn answer(
    part: Part,
    proof: &SingleThreaded,
    template: &Template,
    mut orders: UnixStream,
) -> io::Result<()> {
    let entered = namespaces::fork_into(proof, part.subject(), part.namespaces(), template.outer_user);
    let tried = match entered {
        Ok(Side::Parent(child)) => {
            drop(orders);
            waitpid(child, None)?;
            return Ok(());
        }
        Ok(Side::Child) => attempt(part, proof, template),
        Err(error) => Err(error),
    };
    channel::send::<Prepared>(&mut orders, &tried, &[])
}

fn attempt(part: Part, proof: &SingleThreaded, template: &Template) -> Result<(), StepError> {
    match part {
        Part::Namespace(Capability::User) => map_ids(proof, template),
        Part::Namespace(Capability::Net) => {
            Step::RaiseLoopback.run(|| network::raise_loopback(&template.net_addresses))
        }
        Part::Namespace(_) => Ok(()),
        Part::Proc => Step::MountTemplateProc.run(|| mounts::proc().map(drop)),
        Part::Tree => tree::enter(template),
        Part::Overlay => {
            tree::cut_propagation()?;
            Step::MakeLayers.on("overlay", || overlay(template))
        }
    }
}

/// Starts a process in a user namespace as that of every attempt, and maps its ids.
fn map_ids(proof: &SingleThreaded, template: &Template) -> Result<(), StepError> {
    let (hold, release) = Step::CloneInit.run(|| pipe2(nix::fcntl::OFlag::O_CLOEXEC))?;
    match Step::CloneInit.run(|| clone3(proof, CloneFlags::CLONE_NEWUSER.bits()))? {
        Side::Child => {
            drop(release);
            let released = read(&hold, &mut [0]);
            exit_now(i32::from(released.is_err()))
        }
        Side::Parent(child) => {
            let proc = Step::MapIds.run(|| File::open("/proc"));
            let mapped = proc.and_then(|proc| namespaces::map_ids(template, &proc, &child.to_string()));
            // Fails if the child has ended.
            let _ = write(&release, b"g");
            Step::CloneInit.run(|| waitpid(child, None))?;
            mapped
        }
    }
}

fn overlay(template: &Template) -> io::Result<()> {
    let place = &template.staging_dir;
    mounts::attach(&mounts::tmpfs(NAMES_BYTES)?, place)?;
    let directory = |name: &str| -> io::Result<_> {
        let path = place.join(name);
        mounts::make_directory(&path, 0o755)?;
        Ok(path)
    };
    let (lower, upper, work) = (directory("lower")?, directory("upper")?, directory("work")?);
    let layers: [&Path; 3] = [&lower, &upper, &work];
    scratch_pool::overlay(layers, template.overlay).map(drop)
}
