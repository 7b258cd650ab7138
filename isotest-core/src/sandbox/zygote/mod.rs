//! Zygote, the process that starts sandboxes: single-threaded and small, so that its copies are cheap and may run
//! ordinary Rust, and so that the figures a workload inherits from it (`ru_maxrss`) are next to nothing.

mod in_common;
mod namespaces;
mod network;
mod niceness;
mod part;
mod scratch_pool;
mod tree;

use crate::namespace::NAMESPACES;
use crate::plan::{Network, Template};
use crate::sandbox::in_common::Common;
use crate::sandbox::init::{self, InitArgs};
use crate::sandbox::protocol::channel::{self, Order, Prepared, Report, Start};
use crate::step::{self, Step, StepError};
use crate::sys::clock;
use crate::sys::clone3::{Side, SingleThreaded, clone3, exit_now};
use crate::sys::signal;
use crate::sys::wait::{Wait, any_child};
use namespaces::{fork_into, map_ids};
use network::Pool;
use niceness::Niceness;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, umount2};
use nix::sched::CloneFlags;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pipe2, read, setsid, write};
use scratch_pool::ScratchPool;
use std::collections::HashSet;
use std::fs::{self, DirEntry, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

/// Becomes a zygote that takes its orders from `orders`; returns when the supervisor is gone or nothing can be done.
///
/// # Errors
/// When the orders themselves cannot be read or answered.
pub(crate) fn serve(mut orders: UnixStream) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    let mut niceness = Niceness::of_caller();
    // A session of its own: signals of the terminal for the supervisor's process group do not concern it.
    setsid()?;
    if let Some(niceness) = &mut niceness {
        niceness.keep_in(&File::open("/proc")?, "self");
    }
    // Signals that the supervisor ignores must not be ignored by its tests.
    signal::reset_all()?;
    signal::ignore_pipe()?;
    let proof = SingleThreaded::verify()?;
    let template = match channel::receive(&mut orders)? {
        Some((Order::Prepare(template), descriptors)) => {
            let Some((clock, tasks)) = descriptors.split_first() else { return Ok(()) };
            clock::follow(clock.as_fd())?;
            let joined =
                tasks.iter().try_for_each(|tasks| Step::JoinCgroup.run(|| write(tasks, b"0")).map(drop));
            if let Err(error) = joined {
                return channel::send(&mut orders, &Prepared::Err(error), &[]);
            }
            template
        }
        Some((Order::Try(part, template), _)) => return part::answer(part, &proof, &template, orders),
        Some((Order::Start(_), _)) | None => return Ok(()),
    };
    step::let_fail(template.failing);
    match fork_into_namespaces(&proof, &template) {
        Ok(Side::Child) => {}
        Ok(Side::Parent(zygote)) => {
            drop(orders);
            waitpid(zygote, None)?;
            return Ok(());
        }
        Err(error) => return channel::send(&mut orders, &Prepared::Err(error), &[]),
    }
    let mut zygote = match Zygote::prepare(proof, *template, niceness) {
        Ok(zygote) => zygote,
        Err(error) => return channel::send(&mut orders, &Prepared::Err(error), &[]),
    };
    channel::send(&mut orders, &Prepared::Ok(()), &[])?;
    loop {
        if let Some(niceness) = &mut zygote.niceness {
            niceness.wait_with(&orders)?;
        }
        let Some((order, descriptors)) = channel::receive(&mut orders)? else { return Ok(()) };
        let Order::Start(start) = order else { return Err(io::Error::other("a zygote prepares only once")) };
        zygote.start(&start, descriptors)?;
    }
}

/// Enters the zygote's own namespaces. The child is the first process of a pid namespace, so that its death is the
/// death of all attempts it started.
fn fork_into_namespaces(proof: &SingleThreaded, template: &Template) -> Result<Side, StepError> {
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    if template.network != Network::Host {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    fork_into(proof, "mount pid net", flags, template.outer_user)
}

/// Zygote with its template in place.
#[derive(Debug)]
struct Zygote {
    proof: SingleThreaded,
    /// Template of the attempts, with a hidden directory relative to where this process is.
    template: Template,
    /// Root directory of the zygote's `/proc`, which those of attempts cover for a moment.
    proc: File,
    /// Network namespaces to hand on, for [`Network::Loopback`].
    networks: Option<Pool>,
    scratch_pool: ScratchPool,
    /// Niceness of the attempts' sessions, where they are to have any.
    niceness: Option<Niceness>,
    /// Namespaces that the attempts have in common, if the template says so.
    common: Option<Common>,
    /// Inits that have not been reaped.
    running: HashSet<Pid>,
}

impl Zygote {
    fn prepare(
        proof: SingleThreaded,
        mut template: Template,
        niceness: Option<Niceness>,
    ) -> Result<Self, StepError> {
        Step::DieWithParent.run(|| set_pdeathsig(Signal::SIGKILL))?;
        tree::enter(&template)?;
        let proc = Step::MountTemplateProc.run(|| File::open("/proc"))?;
        tree::relative_to_hidden(&mut template.private);
        if !template.private.guarded_proc.is_empty() {
            Step::GuardProc.run(|| guard_all(&mut template.private.guarded_proc))?;
        }
        if template.network != Network::Host {
            template.net_settings = crate::sandbox::network::differing(&template.net_settings);
        }
        let networks = match template.network {
            Network::Loopback => {
                Some(Pool::with_current(template.net_settings.clone(), template.net_addresses.clone())?)
            }
            Network::Own | Network::Down | Network::Host => None,
        };
        let mut scratch_pool = ScratchPool::new(&template.private, template.overlay);
        // The first one is made now, so that what the kernel refuses is known before there is any attempt.
        scratch_pool.unused(&template.private, |_| true)?;
        let mut zygote = Self {
            proof,
            template,
            proc,
            networks,
            scratch_pool,
            niceness,
            common: None,
            running: HashSet::new(),
        };
        if zygote.template.common {
            // Each mount namespace shows a `/proc` and a cgroup of its own.
            let namespaces = zygote.namespaces() - CloneFlags::CLONE_NEWNS;
            let made = in_common::make(&zygote.proof, &zygote.template, namespaces, &zygote.proc);
            zygote.common = Some(made?);
        }
        Ok(zygote)
    }

    /// Starts one attempt, or tells the supervisor why it could not.
    fn start(&mut self, start: &Start, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        self.reap()?;
        let Some(control) = descriptors.first().map(OwnedFd::try_clone).transpose()? else {
            return Err(io::Error::other("an attempt came without its control socket"));
        };
        if let Err(error) = self.clone_init(start, descriptors) {
            // A supervisor that has gone away wants no report.
            let _ = channel::send(&mut UnixStream::from(control), &Report::Failed(error), &[]);
        }
        Ok(())
    }

    fn reap(&mut self) -> io::Result<()> {
        while let Wait::Changed(pid, _) = any_child(libc::WNOHANG)? {
            self.running.remove(&pid);
        }
        Ok(())
    }

    fn clone_init(&mut self, start: &Start, descriptors: Vec<OwnedFd>) -> Result<(), StepError> {
        let place = self.unused_scratch()?;
        let gone = |init| !self.running.contains(&init);
        // If attempts share a network namespace, it is the zygote's own, and there is no pool.
        let pool = self.networks.as_mut().filter(|_| self.common.is_none());
        let network = pool.map(|pool| pool.enter_unused(gone)).transpose()?;
        let (hold, release) = Step::CloneInit.run(|| pipe2(OFlag::O_CLOEXEC))?;
        let (told, word) = Step::CloneInit.run(|| pipe2(OFlag::O_CLOEXEC))?;
        match Step::CloneInit.run(|| clone3(&self.proof, CloneFlags::CLONE_NEWPID.bits()))? {
            Side::Child => {
                drop((release, told));
                let (proof, template, hold) = (&self.proof, &self.template, &hold);
                let Some(scratch) = template.private.scratch.get(place) else { exit_now(1) };
                let (namespaces, common) = (self.namespaces(), self.common.as_ref());
                let unreachable_before = network.map(|(_, before)| before).unwrap_or_default();
                let args = InitArgs {
                    proof,
                    template,
                    start,
                    scratch,
                    unreachable_before,
                    namespaces,
                    common,
                    hold,
                };
                init::run(args, word, descriptors)
            }
            Side::Parent(init) => {
                self.running.insert(init);
                self.scratch_pool.lend(place, init);
                if let (Some(pool), Some((place, _))) = (&mut self.networks, network) {
                    pool.lend(place, init);
                }
                drop((descriptors, word));
                let told = Step::MapIds.run(|| word_from(&told));
                let number = told.as_deref().unwrap_or_default();
                if let Some(niceness) = self.niceness.as_mut().filter(|_| !number.is_empty()) {
                    niceness.keep_in(&self.proc, number);
                }
                // An init that does not send its id sends an error, or is dead.
                let mapped = match &told {
                    Err(error) => Err(error.clone()),
                    Ok(number) if number.is_empty() => Ok(()),
                    Ok(number) => self
                        .map_ids(number)
                        .and_then(|()| Step::MapIds.run(|| write(&release, b"g").map(drop))),
                };
                mapped.and(Step::MountProc.run(|| self.uncover_proc()))
            }
        }
    }

    /// Maps the ids into an attempt's user namespace, unless it is one in common, where they are mapped already.
    fn map_ids(&self, number: &str) -> Result<(), StepError> {
        if self.common.is_some() { Ok(()) } else { map_ids(&self.template, &self.proc, number) }
    }

    /// Takes off the `/proc` that init has mounted over this process's; init has its copy.
    fn uncover_proc(&self) -> io::Result<()> {
        if fs::metadata("/proc")?.dev() != self.proc.metadata()?.dev() {
            umount2("/proc", MntFlags::MNT_DETACH)?;
        }
        Ok(())
    }

    /// Returns the place of an unused scratch. Those in use are, but for two, of inits on their way out: it is worth
    /// waiting for one.
    fn unused_scratch(&mut self) -> Result<usize, StepError> {
        if self.common.is_some() {
            // All attempts in common use the first scratch directory.
            return Ok(0);
        }
        loop {
            let gone = |init| !self.running.contains(&init);
            if let Some(place) = self.scratch_pool.unused(&self.template.private, gone)? {
                return Ok(place);
            }
            if let Wait::Changed(pid, _) = Step::MountTmpfs.run(|| any_child(0))? {
                self.running.remove(&pid);
            }
        }
    }

    /// Returns the new namespaces of an attempt, but for the pid namespace: that one is not owned by the attempt's
    /// user namespace, since only in it can be mounted what this one owns.
    fn namespaces(&self) -> CloneFlags {
        let new = NAMESPACES.iter().filter(|namespace| self.template.is_entered_by_init(namespace));
        new.map(|namespace| CloneFlags::from_bits_retain(namespace.flag)).collect()
    }
}

/// Reads the one word of an init, which is written at once; empty if it ends without it.
fn word_from(told: &OwnedFd) -> io::Result<String> {
    let mut word = [0; 32];
    let length = read(told, &mut word)?;
    String::from_utf8(word.get(..length).unwrap_or_default().to_vec()).map_err(io::Error::other)
}

/// Adds all other entries at the top of `/proc` that may be written.
fn guard_all(guarded: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_process = name.parse::<u32>().is_ok();
        if !is_process && name != PRESSURE && !guarded.contains(&name) && may_be_written(&entry) {
            guarded.push(name);
        }
    }
    Ok(())
}

/// Name of the directory in `/proc` that may stay writable: what is written there ends with the descriptor.
const PRESSURE: &str = "pressure";

/// Returns whether an entry is a file that somebody may write, or holds one. What cannot be looked at nobody inside
/// can.
fn may_be_written(entry: &DirEntry) -> bool {
    const WRITABLE: u32 = 0o222;
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => {
            let entries = fs::read_dir(entry.path()).into_iter().flatten().flatten();
            entries.into_iter().any(|entry| may_be_written(&entry))
        }
        Ok(kind) if kind.is_file() => entry.metadata().is_ok_and(|meta| meta.mode() & WRITABLE != 0),
        _ => false,
    }
}

/// Serves and ends the process without the exit handlers of the program it was re-executed from.
pub(crate) fn run(orders: UnixStream) -> ! {
    exit_now(i32::from(serve(orders).is_err()))
}
