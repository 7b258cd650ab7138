//! Job slot: one zygote and, one after the other, the attempts it starts.

use super::attempt::{Attempt, Waited};
use super::cancel::Cancel;
use super::prepared::{Kind, Sandbox};
use crate::cgroup::{Cell, Cgroups};
use crate::plan::{SandboxPlan, Template};
use crate::record::Record;
use crate::role;
use crate::sandbox::protocol::channel::{self, Order, Prepared};
use crate::step::{Step, StepError};
use crate::sys::clock::{self, Instant};
use crate::sys::{pidfd, readable, wait_for};
use nix::poll::{PollFd, PollFlags};
use std::collections::VecDeque;
use std::io;
use std::mem::take;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

/// Time limit within which a zygote that was told to end must have ended; it is killed then.
const END_GRACE: Duration = Duration::from_secs(10);
/// Interval of looks whether the zygote has ended.
const END_INTERVAL: Duration = Duration::from_micros(500);
/// Time after the loss of a sandbox within which the loss of its zygote may be seen.
const LOSS_GRACE: Duration = Duration::from_millis(500);

/// Remark on the first attempt that does not find what those before it had in common.
const LOST_IN_COMMON: &str = "an earlier test has broken what the tests of its sandbox have in common: this one and those after it \
                              have it anew";

/// Number of sandboxes that wait for their workloads: with one, a slot would stand still whenever making the next
/// took longer than the present test.
const AHEAD: usize = 2;

/// Slot with a zygote that is ready to start attempts, and the sandboxes for the next of them. It dies with the
/// thread that started it.
#[derive(Debug)]
pub struct Slot<'run> {
    template: Arc<Template>,
    cgroups: &'run Cgroups,
    /// Cell in which the zygote is in the hierarchies in which attempts have no cgroup.
    cell: Option<Arc<Cell>>,
    zygote: Zygote,
    ready: VecDeque<Sandbox>,
    /// Whether the zygote has taken the place of another since the last attempt began.
    is_renewed: bool,
}

impl<'run> Slot<'run> {
    /// Returns the maximal number of descriptors that this process has open for one slot.
    pub fn descriptors(cgroups: &Cgroups) -> usize {
        /// Number of lasting descriptors: the zygote's socket.
        const LASTING: usize = 1;
        /// Maximal number of descriptors that are handed to a zygote or a sandbox and then closed, or open at an
        /// attempt's end.
        const PASSING: usize = 12;
        let (cgroup, cell) = (cgroups.descriptors_of_attempt(), cgroups.descriptors_of_cell());
        let sandboxes = (AHEAD + 1) * (Sandbox::DESCRIPTORS + cgroup);
        LASTING + cell + sandboxes + PASSING + cgroups.entrances()
    }

    /// Starts a zygote and waits until its template is in place. The calling thread must live as long as the slot.
    ///
    /// # Errors
    /// The step that failed.
    pub fn start(template: &Arc<Template>, cgroups: &'run Cgroups) -> Result<Self, StepError> {
        let cell = cell(cgroups)?;
        let zygote = prepared(template, cell.as_deref())?;
        Ok(Self {
            template: Arc::clone(template),
            cgroups,
            cell,
            zygote,
            ready: VecDeque::new(),
            is_renewed: false,
        })
    }

    /// Has further attempts use this template. That costs a new zygote if it is another than before.
    ///
    /// # Errors
    /// The step that failed; attempts then have the template they had.
    pub fn enter(&mut self, template: &Arc<Template>) -> Result<(), StepError> {
        if !Arc::ptr_eq(&self.template, template) {
            let zygote = prepared(template, self.cell.as_deref())?;
            self.end();
            self.zygote = zygote;
            self.template = Arc::clone(template);
        }
        Ok(())
    }

    /// Executes one attempt; returns `None` if `cancel` was thrown first. Whatever the attempt does to its sandbox,
    /// the next one has another.
    pub fn execute(&mut self, plan: &SandboxPlan, cancel: &Cancel) -> Option<Record> {
        let mut attempt = self.launch(plan);
        if self.wait(&mut attempt, cancel) { Some(attempt.finish()) } else { None }
    }

    /// Starts an attempt, and then has the sandboxes for the next ones made while it runs.
    pub fn launch(&mut self, plan: &SandboxPlan) -> Attempt {
        self.launch_before(plan, AHEAD)
    }

    /// Starts an attempt, and then has sandboxes for those of the next ones made of which it is known that there will be
    /// so many.
    pub fn launch_before(&mut self, plan: &SandboxPlan, following: usize) -> Attempt {
        let attempt = self.launch_last(plan);
        if attempt.is_without_sandbox() {
            return attempt;
        }
        let kind = Kind::from(plan);
        while self.ready.len() < AHEAD.min(following) {
            // A failure here is not reported: the same order fails again when the sandbox is needed.
            let Ok(sandbox) = self.order(&kind) else { break };
            self.ready.push_back(sandbox);
        }
        attempt
    }

    /// Starts an attempt after which no other one like it is expected.
    pub fn launch_last(&mut self, plan: &SandboxPlan) -> Attempt {
        let kind = Kind::from(plan);
        if self.cell.as_ref().is_some_and(|cell| !cell.is_untouched(plan.measured)) {
            self.renew();
        }
        if self.ready.front().is_some_and(|sandbox| sandbox.kind != kind) {
            self.discard_ready();
        }
        match self.ready.pop_front().map_or_else(|| self.order(&kind), Ok) {
            Ok(sandbox) => {
                let mut attempt = Attempt::start(sandbox, self.zygote(), plan);
                if take(&mut self.is_renewed) && self.template.common {
                    attempt.remark(LOST_IN_COMMON);
                }
                attempt
            }
            Err(_) if self.zygote.is_gone(LOSS_GRACE) => {
                self.renew();
                Attempt::without_sandbox(StepError::zygote_killed())
            }
            Err(error) => Attempt::without_sandbox(error),
        }
    }

    /// Waits for the attempt's end; returns false if `cancel` was thrown first, and then the slot has ended, too.
    pub fn wait(&mut self, attempt: &mut Attempt, cancel: &Cancel) -> bool {
        match attempt.wait(cancel) {
            Waited::Ended => {
                self.renew_if_lost(attempt);
                true
            }
            Waited::Lost => {
                if self.zygote.is_gone(LOSS_GRACE) {
                    attempt.lose_zygote();
                }
                // A sandbox that cannot be ordered to end is ended by a restart of its zygote.
                self.renew();
                true
            }
            Waited::Cancelled => {
                self.end();
                false
            }
        }
    }

    /// Returns the process that was started as the zygote. It changes with the template, and when a zygote is lost.
    pub fn zygote(&self) -> i32 {
        self.zygote.process.id().cast_signed()
    }

    /// Renews a zygote that was killed: the attempts that it was setting up may be the first to say that something
    /// failed.
    fn renew_if_lost(&mut self, attempt: &mut Attempt) {
        let grace = match attempt.failure() {
            None => return,
            Some(error) if error.errno == libc::EPIPE => LOSS_GRACE,
            Some(_) => Duration::ZERO,
        };
        if self.zygote.is_gone(grace) {
            attempt.lose_zygote();
            self.renew();
        }
    }

    fn order(&mut self, kind: &Kind) -> Result<Sandbox, StepError> {
        Sandbox::order(kind, self.cgroups, self.cell.as_ref(), &mut self.zygote.orders)
    }

    /// Makes another zygote for the next attempts, in another cell. Without one the next attempt says why.
    fn renew(&mut self) {
        self.end();
        self.cell = None;
        let cell = cell(self.cgroups);
        if let Ok((cell, zygote)) =
            cell.and_then(|cell| Ok((cell.clone(), prepared(&self.template, cell.as_deref())?)))
        {
            self.zygote = zygote;
            self.cell = cell;
            self.is_renewed = true;
        }
    }

    fn end(&mut self) {
        if let Some(cell) = &self.cell {
            cell.thaw();
        }
        self.zygote.kill();
        self.discard_ready();
    }

    fn discard_ready(&mut self) {
        for sandbox in self.ready.drain(..) {
            sandbox.end();
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

fn cell(cgroups: &Cgroups) -> Result<Option<Arc<Cell>>, StepError> {
    Ok(Step::CreateCgroup.run(|| cgroups.make_cell())?.map(Arc::new))
}

fn prepared(template: &Template, cell: Option<&Cell>) -> Result<Zygote, StepError> {
    let tasks = cell.map(Cell::for_zygote).unwrap_or_default();
    Zygote::start(&Order::Prepare(Box::new(template.clone())), &tasks)
}

#[derive(Debug)]
pub(crate) struct Zygote {
    process: Child,
    orders: UnixStream,
}

impl Zygote {
    /// Starts a zygote and waits until it has carried out its first order, which comes with descriptors.
    ///
    /// # Errors
    /// Answer of the zygote, or the reason why it could not be asked.
    pub(crate) fn start(first: &Order, descriptors: &[BorrowedFd<'_>]) -> Result<Self, StepError> {
        if !role::is_entered() {
            return Step::StartZygote.run(|| Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)));
        }
        let (mut orders, theirs) = Step::StartZygote.run(UnixStream::pair)?;
        let process = Step::StartZygote.on("/proc/self/exe", || {
            Command::new("/proc/self/exe")
                .arg0(role::ZYGOTE)
                // A zygote is no part of the program under test: it leaves no coverage profile, and no leak
                // checker stops its copies.
                .env("LLVM_PROFILE_FILE", "/dev/null")
                .env("ASAN_OPTIONS", "detect_leaks=0")
                .stdin(OwnedFd::from(theirs))
                .stdout(Stdio::null())
                .spawn()
        })?;
        let mut zygote = Self { process, orders: Step::StartZygote.run(|| orders.try_clone())? };
        let prepared = Step::StartZygote.run(|| -> io::Result<Prepared> {
            let mut descriptors = descriptors.to_vec();
            descriptors.insert(0, clock::descriptor()?);
            channel::send(&mut orders, first, &descriptors)?;
            let answer = channel::receive::<Prepared>(&mut orders)?;
            answer.map(|(prepared, _)| prepared).ok_or_else(|| io::Error::from_raw_os_error(libc::ECHILD))
        });
        match prepared.and_then(|prepared| prepared) {
            Ok(()) => Ok(zygote),
            Err(error) => {
                zygote.kill();
                Err(error)
            }
        }
    }

    /// Returns whether the zygote has ended, which by itself it does not, or does within `grace`. Its socket is
    /// closed about when all below it are killed, of which one that is on its way may still have it.
    fn is_gone(&self, grace: Duration) -> bool {
        let mut orders = [PollFd::new(self.orders.as_fd(), PollFlags::POLLHUP)];
        matches!(wait_for(&mut orders, Some(Instant::now() + grace)), Ok(1..))
    }

    /// Ends the zygote and waits until nothing of its attempts is left. It may be dead already.
    fn kill(&mut self) {
        // Closing the socket ends the zygote, and its parent ends after it, when the kernel has killed everything in
        // the pid namespace. If it were killed at once, its parent could not wait for that.
        let _ = self.orders.shutdown(Shutdown::Both);
        let deadline = Instant::now() + END_GRACE;
        // The id of a process that has been reaped may be that of another.
        if matches!(self.process.try_wait(), Ok(None))
            && let Ok(handle) = pidfd::open(self.process.id().cast_signed())
        {
            let _ = wait_for(&mut [readable(&handle)], Some(deadline));
        }
        // Where no descriptor of a process can be had, its end is looked for.
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(END_INTERVAL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        self.kill();
    }
}
