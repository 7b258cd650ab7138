//! One part of a sandbox tried without the others, in a process that is thrown away: a host that refuses several parts
//! is then known by all of them, and not by the first alone.

use super::channel::{self, Order, Prepared};
use super::slot::Zygote;
use super::step::{Step, StepError};
use super::{mounts, network, stores, tree, zygote};
use crate::plan::{NAMES_BYTES, Template};
use crate::policy::Capability;
use crate::sys::clone3::{Side, SingleThreaded, clone3, exit_now};
use crate::sys::mount::attr;
use nix::sched::CloneFlags;
use nix::sys::wait::waitpid;
use nix::unistd::{pipe2, read, write};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Something that can be tried by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Part {
    /// A namespace, and what makes it usable.
    Namespace(Capability),
    /// A `/proc` of a pid namespace.
    Proc,
    /// The whole tree that becomes the root.
    Tree,
    /// A copy-on-write view of a directory.
    Overlay,
}

impl Part {
    /// The namespaces without which it cannot be tried.
    fn namespaces(self) -> CloneFlags {
        match self {
            Self::Namespace(Capability::Pid) => CloneFlags::CLONE_NEWPID,
            Self::Namespace(Capability::Mount) | Self::Overlay => CloneFlags::CLONE_NEWNS,
            Self::Namespace(Capability::Net) => CloneFlags::CLONE_NEWNET,
            Self::Namespace(Capability::Ipc) => CloneFlags::CLONE_NEWIPC,
            Self::Namespace(Capability::Uts) => CloneFlags::CLONE_NEWUTS,
            Self::Namespace(Capability::Cgroup) => CloneFlags::CLONE_NEWCGROUP,
            Self::Namespace(_) => CloneFlags::empty(),
            Self::Proc | Self::Tree => CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS,
        }
    }

    /// The capabilities without which it cannot be tried; a user namespace, where it is needed, is needed by all.
    pub(crate) const fn stands_on(self) -> &'static [Capability] {
        match self {
            Self::Namespace(_) => &[],
            Self::Proc | Self::Tree => &[Capability::Pid, Capability::Mount],
            Self::Overlay => &[Capability::Mount],
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Namespace(capability) => capability.as_str(),
            Self::Proc | Self::Tree => "pid mount",
            Self::Overlay => "mount",
        }
    }

    /// Tries it in this process, which serves for nothing else afterwards, and answers to `orders`.
    ///
    /// # Errors
    /// When the answer cannot be sent.
    pub(super) fn answer(
        self,
        proof: &SingleThreaded,
        template: &Template,
        mut orders: UnixStream,
    ) -> io::Result<()> {
        let entered = zygote::fork_into(proof, self.subject(), self.namespaces(), template.outer_user);
        let tried = match entered {
            Ok(Side::Parent(child)) => {
                drop(orders);
                waitpid(child, None)?;
                return Ok(());
            }
            Ok(Side::Child) => self.attempt(proof, template),
            Err(error) => Err(error),
        };
        channel::send::<Prepared>(&mut orders, &tried, &[])
    }

    fn attempt(self, proof: &SingleThreaded, template: &Template) -> Result<(), StepError> {
        match self {
            Self::Namespace(Capability::User) => map_ids(proof, template),
            Self::Namespace(Capability::Net) => Step::RaiseLoopback.run(network::raise_loopback),
            Self::Namespace(_) => Ok(()),
            Self::Proc => Step::MountTemplateProc.run(|| {
                mounts::new_file_system(c"proc", &[], attr::NOSUID | attr::NODEV | attr::NOEXEC).map(drop)
            }),
            Self::Tree => tree::enter(template),
            Self::Overlay => {
                tree::cut_propagation()?;
                Step::MakeLayers.on("overlay", || overlay(template))
            }
        }
    }
}

/// A process in a user namespace as that of every attempt, with its ids mapped.
fn map_ids(proof: &SingleThreaded, template: &Template) -> Result<(), StepError> {
    let (hold, release) = Step::CloneInit.run(|| pipe2(nix::fcntl::OFlag::O_CLOEXEC))?;
    match Step::CloneInit.run(|| clone3(proof, CloneFlags::CLONE_NEWUSER.bits()))? {
        Side::Child => {
            drop(release);
            let released = read(&hold, &mut [0]);
            exit_now(i32::from(released.is_err()))
        }
        Side::Parent(child) => {
            let mapped = zygote::map_ids(template, child);
            // A child that is gone needs no word.
            let _ = write(&release, b"g");
            Step::CloneInit.run(|| waitpid(child, None))?;
            mapped
        }
    }
}

fn overlay(template: &Template) -> io::Result<()> {
    let place = &template.foothold;
    mounts::attach(&mounts::tmpfs(NAMES_BYTES)?, place)?;
    let directory = |name: &str| -> io::Result<_> {
        let path = place.join(name);
        mounts::make_directory(&path, 0o755)?;
        Ok(path)
    };
    let (lower, upper, work) = (directory("lower")?, directory("upper")?, directory("work")?);
    let layers: [&Path; 3] = [&lower, &upper, &work];
    stores::overlay(layers, template.outer_user).map(drop)
}

/// Has a part tried by a process of its own.
///
/// # Errors
/// The step that failed.
pub(crate) fn try_alone(part: Part, template: &Template) -> Result<(), StepError> {
    Zygote::start(&Order::Try(part, Box::new(template.clone()))).map(drop)
}
