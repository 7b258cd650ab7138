//! Threads of the job slots, one for each. They take attempts from one queue and tell what becomes of them.

use crate::error::{Error, HostError};
use crate::evidence::Keeper;
use crate::phases;
use crate::registry::{Live, Registry, Started};
use crate::sandboxes::Sandboxes;
use crate::sandboxes::roots::{self, Image};
use crate::schedule::admission::Admission;
use crate::schedule::common_slots::{CommonSlots, Ending, InCommon};
use crate::schedule::error::Interrupted;
use crate::schedule::groups::Place;
use crate::schedule::queue::{Attempt, Launch, Queue};
use crate::schedule::slot_environment;
use crate::schedule::wait::{Wait, Waited};
use crate::threads;
use isotest_core::plan::{SandboxPlan, Template};
use isotest_core::record::{PartialRecord, Record};
use isotest_core::sandbox::{self, Cancel, Slot};
use isotest_core::step::StepError;
use isotest_core::sys::clock::Instant;
use signal_hook::consts::SIGTERM;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope};
use std::time::Duration;

/// Order to execute an attempt, and how.
#[derive(Debug)]
struct Order {
    attempt: Attempt,
    job: Job,
    /// Number of attempts that the slot is likely to execute after this one.
    following: usize,
}

/// Plan of an attempt, and the template in which it is executed.
#[derive(Debug)]
pub(crate) struct Job {
    /// Template of the attempt's sandbox.
    pub(crate) template: Arc<Template>,
    /// Configuration of the container image of the sandbox's root.
    pub(crate) image: Arc<Image>,
    /// Plan by which the attempt is executed.
    pub(crate) plan: SandboxPlan,
    /// Whether the attempt is at a test, in a run with a process for each test.
    pub(crate) is_test: bool,
    /// Keeper of the attempt's evidence; `None` if it is thrown away.
    pub(crate) evidence: Option<Keeper>,
}

/// News for the supervisor.
#[derive(Debug)]
pub(crate) enum News {
    /// Slot that is ready, or could not be made.
    Ready(Result<(), Error>),
    /// Attempt that a slot has taken from the queue.
    Started(Launch),
    /// Attempt that has ended.
    Finished(Launch, Box<Record>),
    /// Attempt that was killed because the run is to end.
    Killed(Launch, Box<PartialRecord>),
    /// Attempt that was taken from the queue when none was to start any more.
    NotStarted,
    /// Wait of the first attempt that could start, since a thread is free, and how many more attempts have had to
    /// wait.
    Waiting(Option<Wait>, Waited),
    /// Signal that has come.
    Interrupted(i32),
    /// Question of somebody how the run stands, with the running attempts.
    Asked(Vec<Live>),
    /// Warning that the run is about to be stopped for a while.
    Stopping,
    /// Panic of a slot's thread by a bug of ours; nobody answers its orders any more.
    Panicked,
}

/// News, and who waits until they have been heard.
#[derive(Debug)]
pub(crate) struct Told {
    news: News,
    /// Sender that is dropped when the news have been heard.
    waiting: Option<Sender<()>>,
    /// Receiver whose other end is dropped when the listener may go on.
    hold: Option<Receiver<()>>,
}

/// News that have been received, or that time has passed.
struct Heard {
    news: Option<News>,
    waiting: Option<Sender<()>>,
    hold: Option<Receiver<()>>,
}

impl Told {
    /// Creates the news that the run is to be stopped: the receiver tells that they have been heard, and until the
    /// sender is dropped, whoever hears them stands still.
    pub(crate) fn stopping() -> (Self, Receiver<()>, Sender<()>) {
        let ((waiting, heard), (go_on, hold)) = (channel(), channel());
        (Self { news: News::Stopping, waiting: Some(waiting), hold: Some(hold) }, heard, go_on)
    }
}

impl From<News> for Told {
    fn from(news: News) -> Self {
        Self { news, waiting: None, hold: None }
    }
}

/// Way to go on after some news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Continuation as before.
    On,
    /// Stop of further starts: what has not started does not start any more.
    NoMore,
    /// End of all attempts: those that are running are told to end, too, and then killed.
    End,
}

/// Interval at which the listener hears from [`Workers::execute_all`] while nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// Slots of a run. They end when this is dropped and the queue is empty.
#[derive(Debug)]
pub(crate) struct Workers<'run> {
    cancel: &'run Cancel,
    orders: SyncSender<Order>,
    news: Receiver<Told>,
    jobs: usize,
    /// Whether orders that are still in the queue are answered, and not executed.
    stopped: Arc<AtomicBool>,
    common: Arc<dyn Ending + 'run>,
    /// Moment at which the run is over, if there is one.
    deadline: Mutex<Option<Instant>>,
}

/// Returns when the listener is to hear next that time has passed: after a while, and when the run is over.
fn next_tick(now: Instant, deadline: Option<Instant>) -> Instant {
    let tick = now + TICK;
    deadline.filter(|deadline| now < *deadline).map_or(tick, |deadline| tick.min(deadline))
}

impl<'run> Workers<'run> {
    /// Starts a thread for each slot of the registry, which makes it. What is sent by the sender returned arrives
    /// with the news.
    ///
    /// # Errors
    /// When a thread is refused. Those that were started before it end by themselves.
    pub(crate) fn start(
        scope: &'run Scope<'run, '_>,
        sandboxes: &'run Sandboxes,
        cancel: &'run Cancel,
        registry: &'run Registry,
    ) -> Result<(Self, Sender<Told>), Error> {
        let jobs = registry.jobs();
        let (orders, taken) = sync_channel(jobs);
        let (tell, news) = channel();
        let taken = Arc::new(Mutex::new(taken));
        let stopped = Arc::new(AtomicBool::new(false));
        let common = Arc::new(CommonSlots::default());
        for number in 0..jobs {
            let worker = Worker {
                number,
                sandboxes,
                cancel,
                registry,
                orders: Arc::clone(&taken),
                stopped: Arc::clone(&stopped),
                common: Arc::clone(&common),
                tell: tell.clone(),
            };
            let alarm = Alarm { cancel, tell: tell.clone() };
            let work = move || {
                let _alarm = alarm;
                worker.work();
            };
            let started = threads::builder().spawn_scoped(scope, work);
            started.map_err(|source| HostError::Thread { task: "for a job slot", source })?;
        }
        let common = common as Arc<dyn Ending + 'run>;
        Ok((Self { cancel, orders, news, jobs, stopped, common, deadline: Mutex::default() }, tell))
    }

    /// Waits until every slot is ready.
    ///
    /// # Errors
    /// Error of the first slot that failed; a signal that came first.
    ///
    /// # Panics
    /// When a slot's thread has.
    pub(crate) fn ready(&self) -> Result<(), Error> {
        let mut ready = 0;
        while ready < self.jobs {
            match self.news.recv().map(|told| told.news) {
                Ok(News::Ready(Err(error))) => return Err(error),
                Ok(News::Interrupted(signal)) => return Err(Interrupted(signal).into()),
                Ok(News::Panicked) => go_down(),
                Ok(News::Stopping | News::Asked(_)) => {}
                Ok(
                    News::Ready(Ok(()))
                    | News::Started(_)
                    | News::Finished(..)
                    | News::Waiting(..)
                    | News::Killed(..)
                    | News::NotStarted,
                )
                | Err(_) => ready += 1,
            }
        }
        Ok(())
    }

    /// Returns the number of slots.
    pub(crate) const fn jobs(&self) -> usize {
        self.jobs
    }

    /// Sets when the run is over, if it ever is. Whoever listens hears then that time has passed.
    pub(crate) fn end_at(&self, deadline: Option<Instant>) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// Returns when the run is over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the time of the run is over.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Executes the attempts of a queue, each by its job, and passes on what is heard of them, and `None` now and
    /// then. Whoever hears it may queue further attempts. Returns when none waits or is running.
    ///
    /// # Panics
    /// When a slot's thread has.
    pub(crate) fn execute_all(
        &self,
        mut queue: Queue,
        mut admission: Admission<'_>,
        job: impl Fn(Attempt, Option<Place>) -> Job,
        mut hear: impl FnMut(Option<News>, &mut Queue) -> Flow,
    ) {
        // The flag may still be set by a failure in an earlier part of the run.
        self.stopped.store(false, Ordering::SeqCst);
        // Number of ordered attempts that have not been reported as finished.
        let mut open = 0;
        let mut in_common = InCommon::in_slots(&*self.common);
        let mut tick = next_tick(Instant::now(), self.deadline());
        loop {
            open += self.order(&mut queue, &mut admission, open, |attempt, place| {
                let job = job(attempt, place);
                in_common.start(attempt.unit, &job.template);
                job
            });
            if open == 0 && queue.is_empty() {
                return;
            }
            let has_room = admission.has_room(open) && !admission.is_waited_for();
            let next = if has_room { queue.next() } else { None };
            let Some(Heard { news, waiting, hold }) = self.next_news(&mut admission, next, &mut tick) else {
                return;
            };
            let ended = match &news {
                Some(News::Finished(launch, record)) => Some((launch.attempt, record.usage.memory_peak)),
                Some(News::Killed(launch, _)) => Some((launch.attempt, None)),
                _ => None,
            };
            open -= usize::from(ended.is_some() || matches!(news, Some(News::NotStarted)));
            if let Some((attempt, peak)) = ended {
                admission.end(attempt, peak.map(|peak| peak.value.get()));
            }
            let flow = hear(news, &mut queue);
            drop(waiting);
            if let Some((attempt, _)) = ended {
                in_common.end(attempt.unit, !queue.has_more_like(attempt));
            }
            if let Some(hold) = hold {
                // Blocks until the sender is dropped: nothing is ever sent.
                let _ = hold.recv();
            }
            match flow {
                Flow::On => continue,
                Flow::NoMore => self.stopped.store(true, Ordering::SeqCst),
                // A signal to the run comes first, and the tests have heard of it then.
                Flow::End => self.cancel.throw_by(SIGTERM),
            }
            queue.close();
        }
    }

    /// Waits for news, until the next attempt may start or `tick` has come, which is then another; `None` if there
    /// are none any more.
    fn next_news(
        &self,
        admission: &mut Admission<'_>,
        next: Option<Instant>,
        tick: &mut Instant,
    ) -> Option<Heard> {
        let now = Instant::now();
        let wake = next.map_or(*tick, |next| next.min(*tick));
        // Ticks come on time, however much is heard.
        let told = if let Some((wait, waited)) = admission.take_untold() {
            Ok(News::Waiting(wait, waited).into())
        } else if *tick <= now {
            Err(RecvTimeoutError::Timeout)
        } else {
            self.news.recv_timeout(wake.saturating_duration_since(now))
        };
        match told {
            Ok(Told { news: News::Panicked, .. }) => go_down(),
            Ok(Told { news, waiting, hold }) => Some(Heard { news: Some(news), waiting, hold }),
            Err(RecvTimeoutError::Timeout) => {
                *tick = next_tick(Instant::now(), self.deadline());
                Some(Heard { news: None, waiting: None, hold: None })
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Orders attempts that may start, or else, if nothing is left beside it, one that is to be alone. Returns how
    /// many, while so many are `open`.
    fn order(
        &self,
        queue: &mut Queue,
        admission: &mut Admission<'_>,
        open: usize,
        mut job: impl FnMut(Attempt, Option<Place>) -> Job,
    ) -> usize {
        let mut now_open = open;
        let mut send = |admission: &mut Admission<'_>, attempt, following| {
            let place = admission.start(attempt);
            let following = following / self.jobs;
            // A slot that has ended has reported its reason.
            let _ = self.orders.send(Order { attempt, job: job(attempt, place), following });
        };
        admission.look_anew();
        while let Some(attempt) = admission.next(queue, now_open, Instant::now()) {
            send(admission, attempt, queue.following());
            now_open += 1;
            admission.look_anew();
        }
        if now_open == 0
            && queue.is_empty()
            && let Some(attempt) = queue.pop_alone()
        {
            send(admission, attempt, queue.following());
            now_open += 1;
        }
        now_open - open
    }
}

/// Panics because a slot's thread has, which said why: without its answers the run has no true end.
fn go_down() -> ! {
    resume_unwind(Box::new("the thread of a job slot panicked"))
}

/// Keeps how long the sandbox took before and after the attempt's process, and how long that ran.
fn keep_times(launch: &Launch, record: &Record) {
    let Some(ending) = &record.ending else { return };
    phases::took("set-up", ending.born.saturating_duration_since(launch.at));
    phases::took("process", ending.wall);
    phases::took("teardown", Instant::now().saturating_duration_since(ending.born + ending.wall));
}

/// Guard of a thread that tells of its panic, and ends what the others are doing.
struct Alarm<'run> {
    cancel: &'run Cancel,
    tell: Sender<Told>,
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.cancel.throw();
            // If the supervisor no longer listens, it is panicking, too, and waits for this thread.
            let _ = self.tell.send(News::Panicked.into());
        }
    }
}

struct Worker<'run> {
    number: usize,
    sandboxes: &'run Sandboxes,
    cancel: &'run Cancel,
    registry: &'run Registry,
    orders: Arc<Mutex<Receiver<Order>>>,
    stopped: Arc<AtomicBool>,
    common: Arc<CommonSlots<'run>>,
    tell: Sender<Told>,
}

impl<'run> Worker<'run> {
    fn work(self) {
        let slot = phases::timed("- zygote", || self.sandboxes.slot(self.sandboxes.first()));
        let mut slot = match slot {
            Ok(slot) => slot,
            Err(error) => return self.tell(News::Ready(Err(error.into()))),
        };
        self.tell(News::Ready(Ok(())));
        let (mut template, mut shares_output) = (Arc::clone(self.sandboxes.first()), false);
        let mut launched = None;
        let mut taken = None;
        loop {
            let Some((launch, mut attempt)) = launched.take() else {
                let Some(order) = taken.take().or_else(|| self.next()) else { return };
                if order.job.template.common {
                    if self.execute_in_common(order) {
                        continue;
                    }
                    return self.cancelled();
                }
                (template, shares_output) = (Arc::clone(&order.job.template), order.job.plan.inherit_stdio);
                launched = self.launch(Ok(&mut slot), order);
                continue;
            };
            if !slot.wait(&mut attempt, self.cancel) {
                self.tell(News::Killed(launch, Box::new(attempt.finish_killed())));
                return self.cancelled();
            }
            self.registry.ended(self.number);
            // The next attempt starts while the figures of this one are read; not after a failure, which may end the
            // run, nor in another template, which would end this attempt's init. Output of the next attempt comes after
            // the report of this one.
            if attempt.has_exited_well() && !shares_output {
                taken = self.try_next();
                let next = taken.take_if(|order| Arc::ptr_eq(&order.job.template, &template));
                launched = next.and_then(|order| self.launch(Ok(&mut slot), order));
            }
            let record = phases::timed("read", || attempt.finish());
            keep_times(&launch, &record);
            self.tell_and_wait(News::Finished(launch, Box::new(record)), shares_output);
        }
    }

    /// Executes an attempt in the slot of its template, unless none may start any more. Returns whether the run goes
    /// on.
    fn execute_in_common(&self, order: Order) -> bool {
        let (template, shares_output) = (Arc::clone(&order.job.template), order.job.plan.inherit_stdio);
        let kept = self.common.take(&template);
        let mut slot = kept.map_or_else(|| Slot::start(&template, &self.sandboxes.cgroups), Ok);
        let Some((launch, mut attempt)) = self.launch(slot.as_mut().map_err(|error| error.clone()), order)
        else {
            self.common.keep(&template, slot);
            return true;
        };
        if slot.as_mut().is_ok_and(|slot| !slot.wait(&mut attempt, self.cancel)) {
            self.tell(News::Killed(launch, Box::new(attempt.finish_killed())));
            return false;
        }
        self.registry.ended(self.number);
        let record = Box::new(attempt.finish());
        // The slot is put back before this attempt's end is reported, as the next test of the sandbox may then be
        // started.
        self.common.keep(&template, slot);
        self.tell_and_wait(News::Finished(launch, record), shares_output);
        true
    }

    /// Starts an attempt, unless none may start any more.
    fn launch(
        &self,
        slot: Result<&mut Slot<'run>, StepError>,
        order: Order,
    ) -> Option<(Launch, sandbox::Attempt)> {
        let Order { attempt, job: Job { template, image, mut plan, is_test, evidence }, following } = order;
        if self.stopped.load(Ordering::SeqCst) || self.cancel.is_thrown() {
            self.tell(News::NotStarted);
            return None;
        }
        let launch = Launch { attempt, slot: self.number, at: Instant::now() };
        // The start is reported before the attempt writes anything, as both may go to the same terminal.
        self.tell_and_wait(News::Started(launch), plan.inherit_stdio);
        slot_environment::tell(
            &mut plan.workload.environment,
            slot_environment::of_slot(launch.slot, is_test, &self.sandboxes.counted()),
        );
        roots::complete(&mut plan.workload.environment, &image);
        let (mut running, zygote) = match slot.and_then(|slot| slot.enter(&template).map(|()| slot)) {
            Ok(slot) => (phases::timed("start", || slot.launch_before(&plan, following)), slot.zygote()),
            Err(error) => (sandbox::Attempt::without_sandbox(error), 0),
        };
        let Attempt { id, unit, nth, purpose } = attempt;
        let is_first = nth.is_first_of_all() && !purpose.is_second();
        if let Some(keeper) = evidence {
            let mut taker = keeper.taker();
            running.hand_over(move |path, file| taker.take(path, file));
        }
        let started = Started { id, test: unit, is_first, zygote };
        self.registry.started(launch.slot, started);
        Some((launch, running))
    }

    /// Answers orders that will not be executed.
    fn cancelled(&self) {
        while self.next().is_some() {
            self.tell(News::NotStarted);
        }
    }

    fn next(&self) -> Option<Order> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    /// Takes an order that is there already; `None` while another slot is at the queue.
    fn try_next(&self) -> Option<Order> {
        self.orders.try_lock().ok()?.try_recv().ok()
    }

    fn tell(&self, news: News) {
        // A supervisor that no longer listens is about to end the run.
        let _ = self.tell.send(news.into());
    }

    /// Tells news, and with `waits` returns only when they have been heard.
    fn tell_and_wait(&self, news: News, waits: bool) {
        if !waits {
            return self.tell(news);
        }
        let (waiting, heard) = channel();
        let _ = self.tell.send(Told { news, waiting: Some(waiting), hold: None });
        // Blocks until the sender is dropped with the handled message: nothing is ever sent.
        let _ = heard.recv();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::AttemptId;
    use crate::schedule;
    use crate::schedule::admission::Threads;
    use crate::schedule::needs::Needs;
    use crate::schedule::queue::Nth;
    use crate::settings::{Execution, Process, Setting, TestSettings};
    use crate::testing::builders;
    use crate::values::MaxFail;
    use isotest_core::outcome::Outcome;
    use std::collections::HashSet;
    use std::num::NonZeroUsize;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::LazyLock;

    /// Waits for a slot whose thread panics. A second sender is held, as it is while signals are watched for.
    fn with_a_panic<T>(wait: impl FnOnce(&Workers<'_>) -> T) -> (thread::Result<T>, bool) {
        let cancel = Cancel::new().unwrap();
        let (orders, taken) = sync_channel(1);
        let (tell, news) = channel();
        let workers = Workers {
            cancel: &cancel,
            orders,
            news,
            jobs: 1,
            stopped: Arc::default(),
            common: Arc::new(CommonSlots::default()),
            deadline: Mutex::default(),
        };
        let waited = thread::scope(|scope| {
            let alarm = Alarm { cancel: &cancel, tell: tell.clone() };
            let slot = scope.spawn(move || {
                let _alarm = alarm;
                // Orders that the thread has not answered are lost with it.
                let _taken = taken;
                resume_unwind(Box::new("a bug"))
            });
            let waited = catch_unwind(AssertUnwindSafe(|| wait(&workers)));
            assert!(slot.join().is_err());
            waited
        });
        drop(tell);
        (waited, cancel.is_thrown())
    }

    fn admission(jobs: usize, ahead: usize) -> Admission<'static> {
        static NEEDS: LazyLock<Needs> = LazyLock::new(Needs::default);
        Admission::new(Threads { jobs, ahead }, &NEEDS, &|| None)
    }

    fn job(_: Attempt, _: Option<Place>) -> Job {
        let test = builders::test("tour", "reads");
        let execution = Execution {
            jobs: Setting::default(NonZeroUsize::MIN),
            max_fail: Setting::default(MaxFail::default()),
            global_timeout: Setting::default(None),
            capture: Setting::default(true),
            list_timeout: Setting::default(Duration::from_mins(1)),
            process: Process::Test,
        };
        Job {
            template: Arc::new(builders::template()),
            image: Arc::default(),
            plan: schedule::plan(&test, Nth::ONLY, &execution, &TestSettings::default()),
            is_test: true,
            evidence: None,
        }
    }

    #[test]
    fn the_end_of_the_run_is_heard_of_when_it_comes() {
        let now = Instant::now();
        let at = |time| now.checked_add(time).unwrap();
        assert_eq!(next_tick(now, None), at(TICK));
        assert_eq!(next_tick(now, Some(at(TICK / 4))), at(TICK / 4));
        assert_eq!(next_tick(now, Some(at(TICK * 4))), at(TICK));
        assert_eq!(next_tick(now, Some(now)), at(TICK), "it was heard of");
    }

    #[test]
    fn a_panic_of_a_slot_ends_the_run() {
        let (ready, cancelled) = with_a_panic(|workers| workers.ready().is_ok());
        assert_eq!((ready.is_err(), cancelled), (true, true));
        let (executed, cancelled) = with_a_panic(|workers| {
            workers.execute_all(Queue::new([1; 3]), admission(1, 0), job, |_, _| Flow::On);
        });
        assert_eq!((executed.is_err(), cancelled), (true, true));
    }
    /// Executes a queue in slots that take what is ordered and answer as if they had executed it. Returns what was
    /// executed: unit, number of the attempt, and id.
    fn executed(
        jobs: usize,
        queue: Queue,
        mut hear: impl FnMut(Launch, &mut Queue) -> Flow,
    ) -> Vec<(usize, u32, AttemptId)> {
        let cancel = Cancel::new().unwrap();
        let (orders, taken) = sync_channel::<Order>(jobs);
        let (tell, news) = channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let workers = Workers {
            cancel: &cancel,
            orders,
            news,
            jobs,
            stopped: Arc::clone(&stopped),
            common: Arc::new(CommonSlots::default()),
            deadline: Mutex::default(),
        };
        let (mut seen, mut answers) = (Vec::new(), 0);
        thread::scope(|scope| {
            let cancel = &cancel;
            let slot = scope.spawn(move || {
                let mut orders = 0;
                for Order { attempt, .. } in taken {
                    orders += 1;
                    let launch = Launch { attempt, slot: 0, at: Instant::now() };
                    let record = Box::new(builders::record(Outcome::Failed { code: 101 }));
                    let is_over = stopped.load(Ordering::SeqCst) || cancel.is_thrown();
                    let answer = if is_over { News::NotStarted } else { News::Finished(launch, record) };
                    tell.send(answer.into()).unwrap();
                }
                orders
            });
            workers.execute_all(queue, admission(jobs, jobs), job, |news, queue| {
                answers += usize::from(news.is_some());
                let Some(News::Finished(launch, _)) = news else { return Flow::On };
                let Attempt { id, unit, nth, .. } = launch.attempt;
                seen.push((unit, nth.number, id));
                hear(launch, queue)
            });
            drop(workers);
            assert_eq!(slot.join().unwrap(), answers, "what was ordered is answered");
        });
        seen
    }

    #[test]
    fn what_is_queued_while_others_run_is_executed_too() {
        for jobs in [1, 3] {
            let seen = executed(jobs, Queue::new([3; 4]), |launch, queue| {
                // The second test passes at once, the third in its second attempt.
                let passes =
                    launch.attempt.unit == 1 || (launch.attempt.unit, launch.attempt.nth.number) == (2, 2);
                assert_eq!(
                    !passes && queue.again(launch.attempt, Instant::now()),
                    !passes && launch.attempt.nth.number < 3
                );
                Flow::On
            });
            let attempts_at =
                |unit| seen.iter().filter(move |(of, ..)| *of == unit).map(|(_, number, _)| *number);
            let numbers: Vec<Vec<u32>> = (0..4).map(|unit| attempts_at(unit).collect()).collect();
            assert_eq!(numbers, [vec![1, 2, 3], vec![1], vec![1, 2], vec![1, 2, 3]]);
            let ids: HashSet<_> = seen.iter().map(|(.., id)| id).collect();
            assert_eq!(ids.len(), seen.len());
        }
    }

    #[test]
    fn nothing_starts_after_the_end_and_what_was_ordered_is_answered() {
        for (flow, jobs) in [(Flow::NoMore, 1), (Flow::NoMore, 3), (Flow::End, 1), (Flow::End, 3)] {
            let mut heard = 0;
            let seen = executed(jobs, Queue::new([3; 100]), |launch, queue| {
                heard += 1;
                assert_eq!(
                    queue.again(launch.attempt, Instant::now()),
                    heard == 1,
                    "the queue is closed after the first"
                );
                flow
            });
            assert!((1..=2 * jobs).contains(&seen.len()), "{flow:?} {jobs}: {seen:?}");
        }
    }
}
