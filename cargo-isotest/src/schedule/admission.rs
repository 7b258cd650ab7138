//! Admission of attempts: an attempt starts only when there is room for it: threads of the run, threads of its test
//! group, its sandbox if it shares one, and memory.

use crate::harness::together::Unit;
use crate::history::Past;
use crate::registry::AttemptId;
use crate::schedule::groups::{Place, Places};
use crate::schedule::needs::{Need, Needs};
use crate::schedule::peaks::{Expected, Seen};
use crate::schedule::queue::{Answer, Attempt, Queue};
use crate::schedule::wait::{Wait, Waited};
use crate::settings::TestSettings;
use isotest_core::Bytes;
use isotest_core::cgroup::Room;
use isotest_core::sys::clock::Instant;
use std::collections::{HashMap, HashSet};
use std::mem::{Discriminant, discriminant, take};
use std::sync::Arc;
use std::time::Duration;

/// Time for which a reading of free memory holds.
const FRESH: Duration = Duration::from_millis(100);

/// Numbers of threads that attempts can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Threads {
    /// Number of threads of the run.
    pub(crate) jobs: usize,
    /// Number of attempts that are ordered beyond those that can be running: they start whatever is still to be heard
    /// of earlier ones.
    pub(crate) ahead: usize,
}

/// State of the admission: what running attempts take, held against what there is.
pub(crate) struct Admission<'run> {
    available: Threads,
    needs: &'run Needs,
    /// Function that reads how much memory there is.
    room: &'run dyn Fn() -> Option<Room>,
    reading: Option<(Instant, Option<Room>)>,
    running: HashMap<AttemptId, (Need, Option<Place>)>,
    /// Peaks of tests that have ended.
    seen: Seen,
    /// Number of threads that running attempts take.
    threads: usize,
    /// Number of running attempts that take more than one thread.
    heavy: usize,
    places: Places,
    /// Numbers of the shared sandboxes in which an attempt is running.
    taken: HashSet<usize>,
    /// Attempts that had to wait, and the kind of their wait.
    refused: HashSet<(AttemptId, Discriminant<Wait>)>,
    /// Numbers of attempts that had to wait and that nobody was told of.
    untold: Waited,
    /// Wait of the first attempt that was refused of late although a thread is free.
    wait: Option<Wait>,
    /// Wait that was told last.
    told: Option<Wait>,
    /// Whether the latest answer was a refusal.
    is_waited_for: bool,
}

impl<'run> Admission<'run> {
    /// Creates an admission to a run without attempts.
    pub(crate) fn new(available: Threads, needs: &'run Needs, room: &'run dyn Fn() -> Option<Room>) -> Self {
        Self {
            available,
            needs,
            room,
            reading: None,
            running: HashMap::new(),
            seen: Seen::default(),
            threads: 0,
            heavy: 0,
            places: Places::new(&needs.groups),
            taken: HashSet::new(),
            refused: HashSet::new(),
            untold: Waited::default(),
            wait: None,
            told: None,
            is_waited_for: false,
        }
    }

    /// Returns whether another attempt may start while so many are `open`. None is ordered ahead of one that takes
    /// several threads, nor beside it: it would start at once where a slot has none to execute.
    pub(super) fn has_room(&self, open: usize) -> bool {
        let Threads { jobs, ahead } = self.available;
        if self.heavy > 0 { self.threads < jobs } else { open < jobs + ahead }
    }

    /// Takes the first attempt of a queue that may start now, while so many are `open`.
    pub(super) fn next(&mut self, queue: &mut Queue, open: usize, now: Instant) -> Option<Attempt> {
        if self.has_room(open) { queue.pop(now, |attempt| self.answer(attempt)) } else { None }
    }

    /// Forgets refusals, before all attempts that wait are asked for again.
    pub(super) fn look_anew(&mut self) {
        (self.wait, self.is_waited_for) = (None, false);
    }

    /// Returns whether an attempt may start. An attempt may that is alone; nothing is expected of what is unknown. A
    /// refusal is told only if there is a thread for it.
    pub(super) fn answer(&mut self, attempt: Attempt) -> Answer {
        let need = self.needs.of(attempt.unit);
        if need.sharing.is_some_and(|sharing| self.taken.contains(&sharing)) {
            self.is_waited_for = true;
            return Answer::GroupWaits;
        }
        let wait = self.wait_of(need);
        self.is_waited_for = wait.is_some();
        let Some(wait) = wait else { return Answer::Starts };
        let answer = if matches!(wait, Wait::Group(_)) { Answer::GroupWaits } else { Answer::Waits };
        if self.threads < self.available.jobs {
            if self.refused.insert((attempt.id, discriminant(&wait))) {
                self.untold += Waited::one(&wait);
            }
            self.wait.get_or_insert(wait);
        }
        answer
    }

    fn wait_of(&mut self, need: Need) -> Option<Wait> {
        if let Some(group) = need.group.filter(|group| !self.places.have_room(*group, need.threads)) {
            return Some(Wait::Group(Arc::clone(&self.needs.groups[group].name)));
        }
        if self.running.is_empty() {
            return None;
        }
        let is_among_heavy = need.threads > 1 || self.heavy > 0;
        if is_among_heavy && self.threads + need.threads > self.available.jobs {
            return Some(Wait::Threads);
        }
        (!self.has_memory(need)).then_some(Wait::Memory)
    }

    fn has_memory(&mut self, need: Need) -> bool {
        let expected = self.seen.expected(need.memory);
        let taken: u64 = self.running.values().map(|(need, _)| self.seen.expected(need.memory)).sum();
        let fits = |room: Room| taken.max(room.used).saturating_add(expected) <= room.all;
        expected == 0 || self.room().is_none_or(fits)
    }

    /// Takes note of an attempt that starts. Returns its place in its test group.
    pub(super) fn start(&mut self, attempt: Attempt) -> Option<Place> {
        let need = self.needs.of(attempt.unit);
        let place = need.group.map(|group| self.places.take(group, need.threads));
        self.threads += need.threads;
        self.heavy += usize::from(need.threads > 1);
        self.taken.extend(need.sharing);
        self.running.insert(attempt.id, (need, place));
        place
    }

    /// Takes note of an attempt that has ended, and of its peak of memory, if it says what the test needs.
    pub(super) fn end(&mut self, attempt: Attempt, peak: Option<u64>) {
        let Some((need, place)) = self.running.remove(&attempt.id) else { return };
        if let Some(peak) = peak {
            self.seen.add(need.memory, peak);
        }
        self.threads -= need.threads;
        self.heavy -= usize::from(need.threads > 1);
        if let Some(sharing) = need.sharing {
            self.taken.remove(&sharing);
        }
        if let Some(place) = place {
            self.places.give_back(place);
        }
    }

    /// Returns the wait to be told now, and how many more attempts have had to wait, if nobody was told.
    pub(super) fn take_untold(&mut self) -> Option<(Option<Wait>, Waited)> {
        let is_told = self.untold == Waited::default() && self.told == self.wait;
        self.told.clone_from(&self.wait);
        (!is_told).then(|| (self.wait.clone(), take(&mut self.untold)))
    }

    /// Returns whether the latest answer was a refusal.
    pub(super) const fn is_waited_for(&self) -> bool {
        self.is_waited_for
    }

    fn room(&mut self) -> Option<Room> {
        let now = Instant::now();
        match self.reading {
            Some((at, room)) if now.saturating_duration_since(at) < FRESH => room,
            _ => {
                let room = (self.room)();
                self.reading = Some((now, room));
                room
            }
        }
    }
}

/// Returns the peak that is expected of each unit: the highest of its latest runs, else its budget, else the median
/// of its binary in earlier runs, else that of its binary in this one, and no more than its limit; nothing of several
/// tests in one process.
pub(crate) fn expected<'a>(units: &[Unit<'a>], of_each: &[Arc<TestSettings>], past: &Past) -> Vec<Expected> {
    let mut binaries = HashMap::new();
    let of_unit = |(unit, settings): (&Unit<'a>, &Arc<TestSettings>)| {
        let [test] = unit.tests() else { return Expected::default() };
        let (binary_id, next) = (test.binary.id.as_str(), binaries.len());
        let (binary, median) =
            *binaries.entry(binary_id).or_insert_with(|| (next, past.median_peak(binary_id)));
        let peak = past.expected_peak(binary_id, &test.name).or_else(|| test.budget.memory()).or(median);
        let limit = settings.limits.limits().memory.map_or(u64::MAX, Bytes::get);
        peak.map_or(Expected::LikeOthers { binary, limit }, |peak| Expected::Peak(peak.min(limit)))
    };
    units.iter().zip(of_each).map(of_unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::together::units;
    use crate::history::TestResult;
    use crate::schedule::needs::Group;
    use crate::schedule::queue::Queue;
    use crate::settings::Process;
    use crate::testing::builders;
    use std::cell::Cell;

    fn needs(of_each: &[Need], groups: &[(&str, usize)]) -> Needs {
        let groups = groups
            .iter()
            .map(|(name, max_threads)| Group { name: (*name).into(), max_threads: *max_threads });
        Needs { of_each: of_each.to_vec(), groups: groups.collect() }
    }

    /// Returns the first attempts at so many units.
    fn attempts(units: usize) -> Vec<Attempt> {
        let mut queue = Queue::new(vec![1; units]);
        std::iter::from_fn(|| queue.pop(Instant::now(), |_| Answer::Starts)).collect()
    }

    const FOUR: Threads = Threads { jobs: 4, ahead: 0 };

    #[test]
    fn attempts_wait_for_the_memory_that_others_are_expected_to_need() {
        let free = Cell::new(Some(10));
        let read = || free.get().map(|all| Room { all, used: 0 });
        let memory = |bytes| Need { memory: Expected::Peak(bytes), ..Need::default() };
        let needs = needs(&[20, 4, 4, 4, 0].map(memory), &[]);
        let mut admission = Admission::new(FOUR, &needs, &read);
        let attempts = attempts(5);
        let waits = Some(Wait::Memory);
        let one = Waited { memory: 1, ..Waited::default() };
        assert_eq!(admission.answer(attempts[0]), Answer::Starts, "one always runs");
        admission.start(attempts[0]);
        assert!(admission.answer(attempts[1]) == Answer::Waits && admission.is_waited_for());
        assert_eq!(admission.take_untold(), Some((waits.clone(), one)));
        assert!(
            admission.answer(attempts[1]) == Answer::Waits && admission.take_untold().is_none(),
            "told once"
        );
        assert_eq!(admission.answer(attempts[4]), Answer::Starts, "nothing is known of it");
        admission.end(attempts[0], None);
        admission.look_anew();
        for at in [1, 2] {
            assert!(admission.answer(attempts[at]) == Answer::Starts && !admission.is_waited_for());
            admission.start(attempts[at]);
        }
        assert_eq!(admission.take_untold(), Some((None, Waited::default())), "nothing waits any more");
        assert_eq!(admission.answer(attempts[3]), Answer::Waits);
        admission.reading = None;
        free.set(None);
        assert_eq!(admission.answer(attempts[3]), Answer::Starts, "nothing is known of the memory");
    }

    #[test]
    fn a_wait_for_what_all_threads_are_taken_by_is_no_news() {
        let needs = needs(&[Need { memory: Expected::Peak(9), ..Need::default() }; 2], &[]);
        let room = || Some(Room { all: 10, used: 0 });
        let mut admission = Admission::new(Threads { jobs: 1, ahead: 1 }, &needs, &room);
        let attempts = attempts(2);
        admission.start(attempts[0]);
        assert_eq!((admission.answer(attempts[1]), admission.take_untold()), (Answer::Waits, None));
    }

    #[test]
    fn of_what_nobody_knew_as_much_is_expected_as_others_of_its_binary_needed() {
        let like = Expected::LikeOthers { binary: 0, limit: u64::MAX };
        let needs = needs(&[Need { memory: like, ..Need::default() }; 4], &[]);
        let used = Cell::new(0);
        let room = || Some(Room { all: 100, used: used.get() });
        let mut admission = Admission::new(Threads { jobs: 8, ahead: 0 }, &needs, &room);
        let attempts = attempts(4);
        assert_eq!(admission.answer(attempts[0]), Answer::Starts, "nothing is known of it");
        admission.start(attempts[0]);
        admission.end(attempts[0], Some(45));
        admission.start(attempts[1]);
        assert_eq!(admission.answer(attempts[2]), Answer::Starts, "two fit");
        admission.start(attempts[2]);
        assert_eq!(admission.answer(attempts[3]), Answer::Waits, "three do not");
        admission.end(attempts[1], None);
        (admission.reading, admission.is_waited_for) = (None, false);
        used.set(60);
        assert_eq!(admission.answer(attempts[3]), Answer::Waits, "the other holds more than was expected");
    }

    #[test]
    fn no_more_of_a_group_run_than_it_has_threads() {
        let in_group = |group, threads| Need { group: Some(group), threads, ..Need::default() };
        let of_each = [in_group(0, 1), in_group(0, 1), in_group(0, 1), Need::default(), in_group(1, 3)];
        let needs = needs(&of_each, &[("db", 2), ("one", 1)]);
        let mut admission = Admission::new(Threads { jobs: 8, ahead: 8 }, &needs, &|| None);
        let attempts = attempts(5);
        let slots: Vec<_> =
            attempts[..2].iter().map(|attempt| admission.start(*attempt).unwrap().slot).collect();
        assert_eq!(slots, [0, 1]);
        assert_eq!(admission.answer(attempts[2]), Answer::GroupWaits);
        let one = Waited { group: 1, ..Waited::default() };
        assert_eq!(admission.take_untold(), Some((Some(Wait::Group("db".into())), one)));
        assert_eq!(admission.answer(attempts[3]), Answer::Starts, "it is in no group");
        assert_eq!(admission.start(attempts[3]), None);
        assert_eq!(
            admission.answer(attempts[4]),
            Answer::Starts,
            "three threads are free, and all of its group"
        );
        admission.end(attempts[0], None);
        assert_eq!(admission.answer(attempts[2]), Answer::Starts);
        assert_eq!(admission.start(attempts[2]).unwrap().slot, 0);
    }

    #[test]
    fn those_in_one_sandbox_start_one_after_another() {
        let shares = |sharing| Need { sharing, ..Need::default() };
        let needs = needs(&[shares(Some(0)), shares(Some(0)), shares(Some(1)), shares(None)], &[]);
        let mut admission = Admission::new(FOUR, &needs, &|| None);
        let attempts = attempts(4);
        admission.start(attempts[0]);
        let answers = [1, 2, 3].map(|at| admission.answer(attempts[at]));
        assert_eq!(answers, [Answer::GroupWaits, Answer::Starts, Answer::Starts]);
        assert_eq!(admission.take_untold(), None, "it is how they are executed");
        admission.end(attempts[0], None);
        assert_eq!(admission.answer(attempts[1]), Answer::Starts);
        assert_eq!([0, 1, 2, 3].map(|at| needs.lane(at)), [Some(0), Some(0), Some(1), None]);
    }

    #[test]
    fn what_takes_several_threads_has_them_to_itself() {
        let needs = needs(&[1, 3, 1, 1, 4].map(|threads| Need { threads, ..Need::default() }), &[]);
        let mut admission = Admission::new(Threads { jobs: 4, ahead: 4 }, &needs, &|| None);
        let attempts = attempts(5);
        assert!(admission.has_room(7) && !admission.has_room(8), "light ones are ordered ahead");
        admission.start(attempts[0]);
        assert_eq!(admission.answer(attempts[4]), Answer::Waits);
        let one = Waited { threads: 1, ..Waited::default() };
        assert_eq!(admission.take_untold(), Some((Some(Wait::Threads), one)));
        assert_eq!(admission.answer(attempts[1]), Answer::Starts);
        admission.start(attempts[1]);
        assert!(!admission.has_room(2), "all threads are taken");
        assert_eq!(admission.answer(attempts[2]), Answer::Waits);
        admission.end(attempts[0], None);
        assert!(admission.has_room(1));
        admission.start(attempts[2]);
        assert!(!admission.has_room(2), "none is ordered ahead beside a heavy one");
        admission.end(attempts[1], None);
        admission.end(attempts[2], None);
        assert_eq!(admission.answer(attempts[4]), Answer::Starts, "alone it may have all");
    }

    #[test]
    fn a_peak_is_expected_by_runs_then_by_the_binary() {
        let result = |memory_peak| TestResult {
            at: 0,
            verdict: String::new(),
            passes: true,
            wall_us: None,
            cpu_us: None,
            memory_peak,
        };
        let past = Past::of([
            ("tour", "small", result(Some(1))),
            ("tour", "large", result(Some(100))),
            ("tour", "middle", result(Some(10))),
            ("tour", "unmeasured", result(None)),
        ]);
        let names = ["small", "large", "unmeasured", "new"];
        let mut tests = names.map(|name| builders::test("tour", name)).to_vec();
        tests.push(builders::test("other", "new"));
        let of_each: Vec<_> = tests.iter().map(|_| Arc::new(TestSettings::default())).collect();
        let units = units(&tests, Process::Test);
        let unknown = Expected::LikeOthers { binary: 1, limit: u64::MAX };
        let [one, hundred, ten] = [1, 100, 10].map(Expected::Peak);
        assert_eq!(expected(&units, &of_each, &past), [one, hundred, ten, ten, unknown]);
    }
}
