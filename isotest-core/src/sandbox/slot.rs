//! A job slot: one zygote and, one after the other, the attempts it starts.

use super::attempt::{self, Attempt};
use super::cancel::Cancel;
use super::channel::{self, Order, Prepared};
use super::step::{Step, StepError};
use crate::cgroup::Cgroups;
use crate::outcome::Outcome;
use crate::plan::{SandboxPlan, Template};
use crate::record::Record;
use crate::stage;
use crate::usage::Usage;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A zygote that is ready to start attempts. It dies with the thread that started it.
#[derive(Debug)]
pub struct Slot<'run> {
    template: &'run Template,
    cgroups: &'run Cgroups,
    zygote: Zygote,
}

impl<'run> Slot<'run> {
    /// Starts a zygote and waits until its template is in place. The calling thread must live as long as the slot.
    ///
    /// # Errors
    /// The step that failed.
    pub fn start(template: &'run Template, cgroups: &'run Cgroups) -> Result<Self, StepError> {
        Ok(Self { template, cgroups, zygote: Zygote::start(template)? })
    }

    /// Executes one attempt; `None` if `cancel` was thrown first. Whatever the attempt does to its sandbox, the next
    /// one gets a new one.
    pub fn execute(&mut self, plan: &SandboxPlan, cancel: &Cancel) -> Option<Record> {
        if cancel.is_thrown() {
            return None;
        }
        let attempt = match Attempt::start(plan, self.cgroups, &mut self.zygote.orders) {
            Ok(attempt) => attempt,
            Err(error) => return Some(self.lost(error)),
        };
        match attempt.until_end(plan, cancel) {
            attempt::End::Recorded(record) => Some(*record),
            attempt::End::Lost(attempt, error) => {
                // What cannot be told to end ends with its zygote.
                let record = self.lost(error);
                attempt.remove();
                Some(record)
            }
            attempt::End::Cancelled(attempt) => {
                self.zygote.kill();
                attempt.remove();
                None
            }
        }
    }

    /// Replaces the zygote. If that fails, so will the next attempt, and say why.
    fn lost(&mut self, error: StepError) -> Record {
        self.zygote.kill();
        if let Ok(zygote) = Zygote::start(self.template) {
            self.zygote = zygote;
        }
        not_isolated(error)
    }
}

/// The record of an attempt that had no sandbox.
pub(super) fn not_isolated(error: StepError) -> Record {
    let remarks = error.hint().map(str::to_owned).into_iter().collect();
    Record {
        outcome: Outcome::NotIsolated(error),
        ending: None,
        usage: Usage::default(),
        stdout: crate::record::Captured::default(),
        stderr: crate::record::Captured::default(),
        remarks,
    }
}

#[derive(Debug)]
struct Zygote {
    process: Child,
    orders: UnixStream,
}

impl Zygote {
    fn start(template: &Template) -> Result<Self, StepError> {
        let (mut orders, theirs) = Step::StartZygote.run(UnixStream::pair)?;
        let process = Step::StartZygote.on("/proc/self/exe", || {
            Command::new("/proc/self/exe")
                .arg0(stage::ZYGOTE)
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
            channel::send(&mut orders, &Order::Prepare(Box::new(template.clone())), &[])?;
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

    fn kill(&mut self) {
        // It may be dead already; waiting for it also waits for its attempts, which die before it does.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        self.kill();
    }
}
