//! Attempt, watched from outside: its output, its time, its end, its figures. Somebody who attends to it may wait
//! for news together with other things, send signals, and use its terminal.

use super::cancel::Cancel;
use super::memory_watch::MemoryWatch;
use super::prepared::Sandbox;
use crate::limits::Limits;
use crate::outcome::{Ending, Exit, Outcome};
use crate::plan::{SandboxPlan, Timeout};
use crate::record::{Autopsy, Captured, Evidence, Moment, PartialRecord, Record};
use crate::sandbox::init::leftovers;
use crate::sandbox::protocol::channel::{self, Command, Report};
use crate::snapshot::{self, Extent, ProcessTable};
use crate::step::{Step, StepError};
use crate::suspect;
use crate::sys::clock::Instant;
use crate::sys::{is_ready, readable, wait_for};
use crate::usage::Usage;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Time after the time limit of a workload within which init, which watches that limit, should have reported the end,
/// even on a machine that is very busy.
const REPORT_GRACE: Duration = Duration::from_mins(1);
/// Time after the command to kill everything within which init must report the end; later the sandbox counts as lost.
const KILL_GRACE: Duration = Duration::from_secs(10);

/// Time after the start of an attempt in which output may wait in the pipes: most tests are over by then, and a
/// supervisor that wakes for each of their lines takes the processor from them.
const QUIET: Duration = Duration::from_millis(10);

/// Time within which the kernel adds up the counters of all processors, and the interval of looks whether it has.
const ADDED_UP: Duration = Duration::from_secs(3);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Attempt from its start to its record.
#[derive(Debug)]
pub struct Attempt {
    /// Sandbox of the attempt; `None` if there never was one.
    sandbox: Option<Sandbox>,
    /// Process that was started as the attempt's zygote.
    zygote: i32,
    limits: Limits,
    started: Instant,
    /// Time for which the attempt had been running when it was killed with the run.
    killed_after: Option<Duration>,
    /// Time until which output is not looked at.
    quiet_until: Instant,
    memory: MemoryWatch,
    /// Time and kind of the next escalation.
    next: Option<(Instant, Escalation)>,
    /// Outer side of the attempt's terminal, if it has one.
    terminal: Option<OwnedFd>,
    autopsy: Option<Result<Autopsy, String>>,
    evidence: Evidence,
    taker: Taker,
    /// Reason why a guest is not counted.
    uncounted: Option<StepError>,
    /// Further remark in the attempt's record.
    remark: Option<&'static str>,
    /// Time between the request to end and the kill.
    grace: Duration,
    /// Time at which the attempt is killed, since it was told to end with the run.
    told: Option<Instant>,
    end: Option<Result<Ending, StepError>>,
}

#[derive(Debug, Clone, Copy)]
enum Escalation {
    Kill,
    GiveUp,
}

/// Result of the wait for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// End of the attempt, or there was no sandbox for it.
    Ended,
    /// Loss of the sandbox: it does not answer.
    Lost,
    /// Request to end the whole run.
    Cancelled,
}

/// News of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// End of the attempt.
    Ended,
    /// Loss of the sandbox: it does not answer. What is left of it ends with its slot.
    Lost,
    /// Stop of the attempt by this signal; it goes on after SIGCONT.
    Stopped(i32),
}

impl Attempt {
    /// Starts the workload in its sandbox, whose init is below the process `zygote`.
    pub(super) fn start(mut sandbox: Sandbox, zygote: i32, plan: &SandboxPlan) -> Self {
        let opened = sandbox.terminal();
        let gone = opened.and_then(|terminal| sandbox.go(plan).map(|()| terminal));
        let (terminal, end) = match gone {
            Ok(terminal) => (terminal, None),
            Err(error) => (None, Some(Err(error))),
        };
        let now = Instant::now();
        let report_grace = REPORT_GRACE.saturating_add(plan.leak_grace);
        let late = plan
            .timeout
            .map(|Timeout { after, grace }| after.saturating_add(grace).saturating_add(report_grace));
        let late = late.and_then(|late| now.checked_add(late));
        let next = late.map(|late| (late, Escalation::Kill));
        Self {
            sandbox: Some(sandbox),
            zygote,
            limits: plan.limits.clone(),
            started: now,
            killed_after: None,
            quiet_until: now + QUIET,
            memory: MemoryWatch::from(now),
            next,
            terminal,
            autopsy: None,
            evidence: Evidence::default(),
            taker: Taker::default(),
            uncounted: None,
            remark: None,
            grace: plan.timeout.map_or(Timeout::GRACE, |timeout| timeout.grace),
            told: None,
            end,
        }
    }

    /// Makes an attempt for which there was no sandbox.
    pub fn without_sandbox(error: StepError) -> Self {
        let now = Instant::now();
        Self {
            sandbox: None,
            zygote: 0,
            limits: Limits::default(),
            started: now,
            killed_after: None,
            quiet_until: now,
            memory: MemoryWatch::from(now),
            next: None,
            terminal: None,
            autopsy: None,
            evidence: Evidence::default(),
            taker: Taker::default(),
            uncounted: None,
            remark: None,
            grace: Timeout::GRACE,
            told: None,
            end: Some(Err(error)),
        }
    }

    /// Has `take` called for each file of evidence that the attempt leaves, with the path at which the workload saw
    /// it. Without such a call files of evidence are thrown away.
    pub fn hand_over(&mut self, take: impl FnMut(&Path, File) -> io::Result<()> + Send + 'static) {
        self.taker = Taker(Some(Box::new(take)));
    }

    /// Adds a remark to the attempt's record.
    pub(super) const fn remark(&mut self, remark: &'static str) {
        self.remark = Some(remark);
    }

    /// Returns whether there never was a sandbox for the attempt.
    pub(super) const fn is_without_sandbox(&self) -> bool {
        self.sandbox.is_none()
    }

    /// Returns whether the attempt has ended as a test that passes does.
    pub fn has_exited_well(&self) -> bool {
        matches!(&self.end, Some(Ok(ending)) if ending.exit == Exit::Code(0) && !ending.timed_out)
    }

    /// Watches the attempt to its end.
    pub(super) fn wait(&mut self, cancel: &Cancel) -> Waited {
        let waited = loop {
            if self.end.is_some() {
                break if self.told.is_some() { Waited::Cancelled } else { Waited::Ended };
            }
            match self.step(cancel) {
                Ok(Waited::Ended) => {}
                Ok(other) => break other,
                Err(error) => {
                    self.lose(&error);
                    return Waited::Lost;
                }
            }
        };
        if waited != Waited::Ended {
            self.killed_after = Some(Instant::now().saturating_duration_since(self.started));
        }
        waited
    }

    /// Tells the workload to end with the run. Returns whether it has time left for that.
    fn tell_to_end(&mut self, signal: Option<i32>) -> bool {
        let now = Instant::now();
        if let (None, Some(signal)) = (self.told, signal) {
            self.told = now.checked_add(self.grace);
            for signal in [signal, libc::SIGCONT] {
                self.signal(signal, true);
            }
        }
        self.told.is_some_and(|told| now < told)
    }

    /// Waits for one event and does what follows from it.
    fn step(&mut self, cancel: &Cancel) -> io::Result<Waited> {
        let (next, Some(sandbox)) = (self.next, &mut self.sandbox) else { return Ok(Waited::Ended) };
        let now = Instant::now();
        if let Some((_, escalation)) = next.filter(|(at, _)| *at <= now) {
            return self.escalation(escalation);
        }
        if self.memory.next <= now {
            self.memory.saw(now, sandbox.memory_now());
        }
        let quiet_until = Some(self.quiet_until).filter(|until| *until > now);
        let look = (!sandbox.lacks_cgroup()).then_some(self.memory.next);
        let until = next.map(|(at, _)| at).into_iter().chain(quiet_until).chain(look).chain(self.told).min();
        // Whoever was told to end would be told for ever.
        let cancelled = self.told.is_none().then(|| cancel.descriptor());
        let mut woken = sleep(sandbox, cancelled, until, quiet_until.is_some())?;
        woken.cancelled |= self.told.is_some_and(|told| told <= Instant::now());
        let Woken { reported, cancelled, has_output } = woken;
        if has_output {
            sandbox.take_output()?;
        }
        if reported {
            self.take_report()?;
        }
        // An attempt that ended before it was cancelled keeps its result.
        let ends = cancelled && self.end.is_none() && !self.tell_to_end(cancel.signal());
        Ok(if ends { Waited::Cancelled } else { Waited::Ended })
    }

    /// Reads a report of init; returns the signal if the report is that the workload was stopped.
    fn take_report(&mut self) -> io::Result<Option<i32>> {
        let Some(sandbox) = &mut self.sandbox else { return Ok(None) };
        let report = channel::receive::<Report>(&mut sandbox.control)?;
        let (report, descriptors) = report.ok_or_else(|| io::Error::from_raw_os_error(libc::ECHILD))?;
        match report {
            Report::Evidence { path } => {
                let file = descriptors.into_iter().next().map(File::from);
                self.taker.take(path, file, &mut self.evidence);
            }
            Report::Failed(error) => self.end = Some(Err(error)),
            Report::Ended(mut ending) => {
                // If a workload with all capabilities has covered init's `/proc`, the snapshot names the processes that
                // were left running.
                if let (true, Some(Ok(autopsy))) = (ending.left_running.is_empty(), &self.autopsy)
                    && autopsy.moment == Moment::LeftRunning
                {
                    ending.left_running = leftovers::seen_in(&autopsy.snapshot);
                }
                self.end = Some(Ok(*ending));
            }
            Report::About(moment) => {
                self.autopsy = Some(look(self.zygote, moment));
                // Fails if init has just ended, which the next wait notices.
                let _ = channel::send(&mut sandbox.control, &Command::GoOn, &[]);
                sandbox.thaw();
            }
            Report::Stopped(signal) => return Ok(Some(signal)),
            Report::Uncounted(error) => self.uncounted = Some(error),
            Report::Terminal => return Err(io::Error::other("there is one terminal to a sandbox")),
        }
        Ok(None)
    }

    /// Returns whether the attempt has ended.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Returns the reason why the attempt has no verdict, if it has ended without one.
    pub(super) fn failure(&self) -> Option<&StepError> {
        self.end.as_ref()?.as_ref().err()
    }

    /// Ends the attempt as lost, for this reason.
    fn lose(&mut self, error: &io::Error) {
        self.end = Some(Err(Step::Supervise.failed(None, error)));
    }

    /// Ends the attempt as lost with its zygote.
    pub(super) fn lose_zygote(&mut self) {
        self.end = Some(Err(StepError::zygote_killed()));
    }

    fn escalation(&mut self, escalation: Escalation) -> io::Result<Waited> {
        match escalation {
            Escalation::Kill => self.next = Some((Instant::now() + KILL_GRACE, Escalation::GiveUp)),
            Escalation::GiveUp => return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
        }
        if let Some(sandbox) = &mut self.sandbox {
            // Fails if init has just ended, which the next wait notices.
            let _ = channel::send(&mut sandbox.control, &Command::Kill, &[]);
            sandbox.thaw();
        }
        Ok(Waited::Ended)
    }

    /// Reads the figures and lets the sandbox go. Must be called when the attempt has been waited for.
    pub fn finish(self) -> Record {
        let Self { sandbox, limits, memory, autopsy, mut evidence, uncounted, remark, end, .. } = self;
        let lost = || Err(Step::Supervise.failed(None, &io::Error::from_raw_os_error(libc::ECANCELED)));
        let (mut read, mut changed_limit) = (Ok(Usage::default()), None);
        let mut remarks: Vec<_> = remark.map(str::to_owned).into_iter().collect();
        let (mut stdout, mut stderr) = (Captured::default(), Captured::default());
        if let Some(mut sandbox) = sandbox {
            read = sandbox.usage().map(|usage| added_up(usage, &sandbox, end.as_ref()));
            changed_limit = sandbox.changed_limit();
            if let Err(error) = sandbox.take_rest_of_output() {
                remarks.push(format!("the end of its output could not be read: {error}"));
            }
            if limits.any() && sandbox.lacks_cgroup() {
                remarks.push("its limits were not in force".to_owned());
            }
            [stdout, stderr] = sandbox.end().map(super::capture::Capture::finish);
        }
        let autopsy = autopsy.and_then(|taken| {
            taken.map_err(|why| remarks.push(format!("there is no picture of what was running: {why}"))).ok()
        });
        remarks.extend(
            uncounted.map(|error| format!("what this used is not counted with the attempt: {error}")),
        );
        let ended = end.unwrap_or_else(lost).and_then(|ending| Ok((ending, read?)));
        let (outcome, ending, usage, suspect) = match ended {
            Ok((ending, mut usage)) => {
                let suspect = changed_limit.or_else(|| suspect::moved(&usage, &ending.children));
                if let (Some(oom), Some(_)) = (&mut usage.oom, &suspect) {
                    // It is unknown whether the attempt's own limit was hit.
                    oom.value.own_limit = false;
                }
                remarks.extend(of_kernel(&usage));
                usage.complete_from(ending.children);
                (Outcome::new(&ending, &usage), Some(ending), usage, suspect)
            }
            Err(error) => {
                // A workload that was never executed has no usage.
                remarks.push(error.hint().to_owned());
                (Outcome::NotIsolated(error), None, Usage::default(), None)
            }
        };
        evidence.left_out += ending.as_ref().map_or(0, |ending| ending.evidence_left_out);
        let memory_samples = memory.samples().filter(|_| ending.is_some());
        Record { outcome, ending, usage, memory_samples, stdout, stderr, autopsy, evidence, suspect, remarks }
    }

    /// Reads the figures of an attempt that was killed with its run, and removes its cgroup. Must be called when
    /// [`Slot::wait`](super::slot::Slot::wait) has returned false.
    pub fn finish_killed(self) -> PartialRecord {
        let mut record = PartialRecord { wall: self.killed_after, ..Default::default() };
        let Some(mut sandbox) = self.sandbox else { return record };
        match sandbox.usage() {
            Ok(usage) => record.usage = usage,
            Err(error) => record.remarks.push(format!("its figures could not be read: {error}")),
        }
        record.memory_samples = self.memory.samples();
        record.suspect = sandbox.changed_limit();
        if let Err(error) = sandbox.take_rest_of_output() {
            record.remarks.push(format!("the end of its output could not be read: {error}"));
        }
        [record.stdout, record.stderr] = sandbox.end().map(super::capture::Capture::finish);
        record
    }

    /// Returns the descriptor that is readable when [`Attempt::hear`] has news; `None` if there never was a sandbox.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.sandbox.as_ref().map(|sandbox| sandbox.control.as_fd())
    }

    /// Waits for news of the attempt.
    pub fn hear(&mut self) -> Heard {
        while !self.has_ended() {
            match self.take_report() {
                Ok(Some(signal)) => return Heard::Stopped(signal),
                Ok(None) => {}
                Err(error) => {
                    self.lose(&error);
                    return Heard::Lost;
                }
            }
        }
        Heard::Ended
    }

    /// Returns the outer side of the attempt's terminal, if it has one.
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        self.terminal.as_ref().map(AsFd::as_fd)
    }

    /// Sends a signal to the workload's process, or to all of its process group.
    pub fn signal(&mut self, signal: i32, group: bool) {
        if let Some(sandbox) = &mut self.sandbox {
            // Fails if init has just ended, which the next wait notices.
            let _ = channel::send(&mut sandbox.control, &Command::Signal { signal, group }, &[]);
        }
    }
}

type Take = dyn FnMut(&Path, File) -> io::Result<()> + Send;

/// Function that takes files of evidence.
#[derive(Default)]
struct Taker(Option<Box<Take>>);

impl fmt::Debug for Taker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Taker").field(&self.0.is_some()).finish()
    }
}

impl Taker {
    /// Has a file taken and notes the result. The descriptor is missing if this process may have no more.
    fn take(&mut self, path: PathBuf, file: Option<File>, evidence: &mut Evidence) {
        let Some(take) = &mut self.0 else { return };
        let file = file.ok_or_else(|| io::Error::from_raw_os_error(libc::EMFILE));
        match file.and_then(|file| take(&path, file)) {
            Ok(()) => evidence.taken.push(path),
            Err(error) => {
                evidence.left_out += 1;
                evidence.error.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// Returns the same figures, with the page faults that the kernel adds up late.
fn added_up(mut usage: Usage, sandbox: &Sandbox, end: Option<&Result<Ending, StepError>>) -> Usage {
    let Some(Ok(ending)) = end else { return usage };
    let deadline = Instant::now() + ADDED_UP;
    while suspect::may_be_behind(&usage, &ending.children) && Instant::now() < deadline {
        thread::sleep(LOOK_INTERVAL);
        if let Ok(again) = sandbox.usage() {
            usage.faults_most = again.faults_most;
        }
    }
    usage
}

/// Returns remarks on acts of the kernel that the figures do not tell.
fn of_kernel(usage: &Usage) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(kills) = usage.oom.filter(|oom| oom.value.kills > 0 && !oom.value.own_limit) {
        remarks.push(format!(
            "the kernel killed {} of its processes for want of memory, though at no limit of its own",
            kills.value.kills
        ));
    }
    if let Some(refused @ 1..) = usage.pids_refused {
        remarks.push(format!("at its limit of processes and threads, the kernel refused it {refused} more"));
    }
    remarks
}

/// Takes the snapshot of processes that are about to be killed.
fn look(zygote: i32, moment: Moment) -> Result<Autopsy, String> {
    let taken = ProcessTable::read().map(|process_table| process_table.init_below(zygote)).and_then(|init| {
        let init = init.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
        snapshot::capture(init, Extent::Full)
    });
    taken.map(|snapshot| Autopsy { moment, snapshot }).map_err(|error| error.to_string())
}

/// Events that woke the supervisor.
struct Woken {
    reported: bool,
    cancelled: bool,
    has_output: bool,
}

/// Waits until an event or `until`; while it is `quiet`, output is no event.
fn sleep(
    sandbox: &Sandbox,
    cancelled: Option<BorrowedFd<'_>>,
    until: Option<Instant>,
    quiet: bool,
) -> io::Result<Woken> {
    let mut sources = vec![readable(&sandbox.control)];
    let is_watched = cancelled.is_some();
    sources.extend(cancelled.as_ref().map(readable));
    if !quiet {
        let open = sandbox.streams.iter().filter_map(|stream| stream.pipe.as_ref());
        sources.extend(open.map(readable));
    }
    wait_for(&mut sources, until)?;
    let mut woken = sources.iter().map(is_ready);
    let reported = woken.next() == Some(true);
    let cancelled = is_watched && woken.next() == Some(true);
    Ok(Woken { reported, cancelled, has_output: woken.any(|woken| woken) })
}
