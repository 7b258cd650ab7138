//! Queue of the attempts that are still to be executed, in order; pure.

use crate::registry::AttemptId;
use isotest_core::sys::clock::Instant;
use std::collections::VecDeque;

/// Place of an attempt among those at the same test: attempt `number` of at most `total`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nth {
    /// Number of the attempt.
    pub(crate) number: u32,
    /// Number of attempts that there are at most.
    pub(crate) total: u32,
    /// Iteration of the attempt, if all tests are executed several times.
    pub(crate) iteration: Option<Iteration>,
}

/// Place of an execution of all tests among several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Iteration {
    /// Number of the iteration, counted from 1.
    pub(crate) number: u32,
    /// Number of iterations that there will be, if it is known.
    pub(crate) total: Option<u32>,
}

impl Nth {
    /// Place of an only attempt.
    pub(crate) const ONLY: Self = Self::first_of(1);

    /// Returns the place of the first of so many attempts.
    pub(crate) const fn first_of(total: u32) -> Self {
        Self { number: 1, total, iteration: None }
    }

    /// Returns whether the test was not executed before, not even in another iteration.
    pub(crate) fn is_first_of_all(self) -> bool {
        self.is_first() && self.iteration.is_none_or(|iteration| iteration.number == 1)
    }

    /// Returns whether no attempt came before in the same iteration.
    pub(crate) const fn is_first(self) -> bool {
        self.number == 1
    }

    fn next(self) -> Option<Self> {
        (self.number < self.total).then(|| Self { number: self.number + 1, ..self })
    }
}

/// Purpose of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Verdict: whether the test passes.
    Verdict,
    /// Confirmation: whether the attempt before it fits the memory budget of the test.
    Confirmation,
    /// Replacement of the attempt before it, which was killed because the machine ran short of memory.
    Replacement,
    /// Comparison: whether the test needs more memory than in earlier runs, as the attempt before it did.
    Comparison {
        /// Number of attempts that follow, if this one needs more memory, too.
        left: u32,
    },
}

impl Purpose {
    /// Returns whether reports know the attempt as the one before it.
    pub(crate) const fn is_second(self) -> bool {
        !matches!(self, Self::Verdict)
    }
}

/// Attempt at what one process executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Id that no other attempt of the run has.
    pub(crate) id: AttemptId,
    /// Index of the unit that is executed.
    pub(crate) unit: usize,
    /// Place among the attempts at the unit.
    pub(crate) nth: Nth,
    /// Purpose of the attempt.
    pub(crate) purpose: Purpose,
}

impl Attempt {
    /// Returns the unit and the number of the iteration, which all attempts at one execution of a test have.
    pub(crate) fn place(self) -> (usize, u32) {
        (self.unit, self.nth.iteration.map_or(0, |iteration| iteration.number))
    }
}

/// Attempt that has started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launch {
    /// Attempt that was launched.
    pub(crate) attempt: Attempt,
    /// Job slot that executes the attempt, counted from 0.
    pub(crate) slot: usize,
    /// Time at which the attempt started.
    pub(crate) at: Instant,
}

/// Attempt that waits for a job slot.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    attempt: Attempt,
    /// Earliest time at which the attempt may start; at once without it.
    from: Option<Instant>,
    /// Number of attempts that came later and have started before it.
    passed: usize,
}

/// Number of attempts that may start before one that is not admitted yet.
const MAX_PASSING: usize = 16;
/// Number of refused attempts at which the search for one that is admitted ends.
const MAX_REFUSED: usize = 64;

/// Answer to whether an attempt may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Admission of the attempt.
    Starts,
    /// Refusal that lets others start before the attempt.
    Waits,
    /// Refusal that lets no other of the attempt's test group or shared sandbox start before it.
    GroupWaits,
}

/// Attempts that wait for a job slot. The queue may grow while earlier attempts run, until it is closed.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Attempts at units that wait for nobody in particular, then those of each test group or shared sandbox, the
    /// earliest first.
    lanes: Vec<VecDeque<Waiting>>,
    /// Lane of each unit.
    lane_of: Vec<usize>,
    /// Number of attempts that each unit may have.
    totals: Vec<u32>,
    /// Attempts that start when no other runs or waits.
    alone: VecDeque<Attempt>,
    ids: usize,
    is_closed: bool,
    /// Whether all units are queued again and again.
    is_repeated: bool,
}

impl Queue {
    /// Creates a queue of the first attempts at units of which each may be attempted so often.
    pub(crate) fn new(attempts: impl IntoIterator<Item = u32>) -> Self {
        Self::with_groups(attempts.into_iter().map(|total| (total, None)), None)
    }

    /// Creates a queue of the first attempts at units of which each may be attempted so often, and is in the test
    /// group of this number if it is in one, in the first iteration if there are several.
    pub(crate) fn with_groups(
        units: impl IntoIterator<Item = (u32, Option<usize>)>,
        iteration: Option<Iteration>,
    ) -> Self {
        let mut queue = Self { is_repeated: iteration.is_some(), ..Self::default() };
        for (total, group) in units {
            let lane = group.map_or(0, |group| group + 1);
            queue.lane_of.push(lane);
            queue.totals.push(total);
            queue.lanes.resize_with(queue.lanes.len().max(lane + 1), VecDeque::new);
        }
        queue.push_all(iteration);
        queue
    }

    /// Returns a queue that is closed.
    pub(crate) fn closed() -> Self {
        Self { is_closed: true, ..Self::default() }
    }

    /// Queues the first attempts of another iteration. Returns whether there will be one: not once the queue is
    /// closed.
    pub(crate) fn iterate(&mut self, iteration: Iteration) -> bool {
        if !self.is_closed {
            self.push_all(Some(iteration));
        }
        !self.is_closed
    }

    fn push_all(&mut self, iteration: Option<Iteration>) {
        for unit in 0..self.totals.len() {
            self.push(unit, Nth { iteration, ..Nth::first_of(self.totals[unit]) }, None);
        }
    }

    /// Queues another attempt at the same unit, behind all that wait, to start at `from` at the earliest. Returns
    /// whether there will be one: not after the last, and not once the queue is closed.
    pub(crate) fn again(&mut self, attempt: Attempt, from: Instant) -> bool {
        match attempt.nth.next() {
            Some(nth) if !self.is_closed => {
                self.push(attempt.unit, nth, Some(from));
                true
            }
            _ => false,
        }
    }

    /// Queues a second attempt at the same place, to be executed when no other is. Returns whether there will be one:
    /// not once the queue is closed.
    pub(crate) fn second(&mut self, attempt: Attempt, purpose: Purpose) -> bool {
        if !self.is_closed {
            let id = AttemptId::nth(self.ids);
            self.alone.push_back(Attempt { id, purpose, ..attempt });
            self.ids += 1;
        }
        !self.is_closed
    }

    /// Takes the first attempt that is to be executed alone.
    pub(super) fn pop_alone(&mut self) -> Option<Attempt> {
        self.alone.pop_front()
    }

    /// Returns whether an attempt waits that has its lane in common with this one.
    pub(super) fn has_more_like(&self, attempt: Attempt) -> bool {
        let lane = self.lane_of[attempt.unit];
        !self.lanes[lane].is_empty() || self.alone.iter().any(|other| self.lane_of[other.unit] == lane)
    }

    fn push(&mut self, unit: usize, nth: Nth, from: Option<Instant>) {
        let attempt = Attempt { id: AttemptId::nth(self.ids), unit, nth, purpose: Purpose::Verdict };
        self.lanes[self.lane_of[unit]].push_back(Waiting { attempt, from, passed: 0 });
        self.ids += 1;
    }

    /// Takes the first attempt that may start now and for which there is room. Some others pass an attempt that is
    /// refused, but not for ever; attempts that wait only for their test group are passed by all but their group.
    pub(super) fn pop(&mut self, now: Instant, mut ask: impl FnMut(Attempt) -> Answer) -> Option<Attempt> {
        let mut refused = Vec::new();
        let mut next = vec![0; self.lanes.len()];
        let found = loop {
            let lane = self.earliest(&next)?;
            let at = next[lane];
            let waiting = self.lanes[lane][at];
            next[lane] += 1;
            if waiting.from.is_some_and(|from| now < from) {
                continue;
            }
            match ask(waiting.attempt) {
                Answer::Starts => break (lane, at),
                Answer::GroupWaits => next[lane] = self.lanes[lane].len(),
                Answer::Waits => {
                    refused.push((lane, at));
                    if waiting.passed == MAX_PASSING || refused.len() == MAX_REFUSED {
                        return None;
                    }
                }
            }
        };
        for (lane, at) in refused {
            self.lanes[lane][at].passed += 1;
        }
        let (lane, at) = found;
        self.lanes[lane].remove(at).map(|waiting| waiting.attempt)
    }

    /// Returns the lane with the earliest attempt of those at these places.
    fn earliest(&self, places: &[usize]) -> Option<usize> {
        let at_place = |(lane, at): (usize, &usize)| Some((self.lanes[lane].get(*at)?.attempt.id, lane));
        places.iter().enumerate().filter_map(at_place).min().map(|(_, lane)| lane)
    }

    fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.lanes.iter().flatten()
    }

    /// Returns when an attempt may start, if all that wait may not start before.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting().map(|waiting| waiting.from).min().flatten()
    }

    /// Returns whether no attempt waits, but for those that are to be executed alone.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.iter().all(VecDeque::is_empty)
    }

    /// Returns the number of attempts that are yet to start, as far as it is known.
    pub(super) fn following(&self) -> usize {
        if self.is_repeated && !self.is_closed {
            return usize::MAX;
        }
        self.lanes.iter().map(VecDeque::len).sum::<usize>() + self.alone.len()
    }

    /// Closes the queue: gives up attempts that wait, and whatever would come.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.lanes.iter_mut().for_each(VecDeque::clear);
        self.alone.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::time::Duration;

    const fn starts(_: Attempt) -> Answer {
        Answer::Starts
    }

    #[test]
    fn it_is_known_how_many_follow_unless_all_are_repeated() {
        let mut queue = Queue::new([1; 3]);
        let mut following = || (queue.pop(Instant::now(), starts), queue.following()).1;
        assert_eq!([following(), following(), following(), following()], [2, 1, 0, 0]);
        let mut queue = Queue::with_groups([(1, None)], Some(Iteration { number: 1, total: None }));
        queue.pop(Instant::now(), starts);
        assert_eq!(queue.following(), usize::MAX);
        queue.close();
        assert_eq!(queue.following(), 0);
    }

    #[test]
    fn attempts_at_a_test_have_numbers_of_their_own_and_ids_that_no_other_has() {
        let mut queue = Queue::new([3; 2]);
        let mut taken = Vec::new();
        let now = Instant::now();
        while let Some(attempt) = queue.pop(now, starts) {
            let again = queue.again(attempt, now);
            assert_eq!(again, attempt.nth.number < 3);
            taken.push(attempt);
        }
        let places: Vec<_> = taken.iter().map(|attempt| (attempt.unit, attempt.nth.number)).collect();
        assert_eq!(places, [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3)]);
        assert!(taken.iter().all(|attempt| attempt.nth.total == 3));
        assert_eq!(taken.iter().map(|attempt| attempt.id).collect::<HashSet<_>>().len(), 6);
    }

    #[test]
    fn another_iteration_is_queued_whole_and_not_once_the_queue_is_closed() {
        let iteration = |number| Iteration { number, total: Some(2) };
        let mut queue = Queue::with_groups([(2, None), (1, None)], Some(iteration(1)));
        let now = Instant::now();
        let first = queue.pop(now, starts).unwrap();
        assert!(queue.iterate(iteration(2)) && queue.again(first, now));
        let mut places = Vec::new();
        while let Some(attempt) = queue.pop(now, starts) {
            places.push((attempt.place(), attempt.nth.number, attempt.nth.is_first_of_all()));
        }
        let expected = [((1, 1), 1, true), ((0, 2), 1, false), ((1, 2), 1, false), ((0, 1), 2, false)];
        assert_eq!(places, expected);
        queue.close();
        assert!(!queue.iterate(iteration(3)) && queue.is_empty());
    }

    #[test]
    fn a_closed_queue_is_empty_and_stays_so() {
        let mut queue = Queue::new([2; 2]);
        let now = Instant::now();
        let first = queue.pop(now, starts).unwrap();
        queue.close();
        assert!(!queue.again(first, now) && queue.is_empty());
        assert_eq!(queue.pop(now, starts), None);
        assert!(!Queue::closed().again(first, now));
    }

    #[test]
    fn an_attempt_that_is_to_wait_lets_others_pass() {
        let (mut queue, now) = (Queue::new([2; 2]), Instant::now());
        let later = now + Duration::from_secs(5);
        let first = queue.pop(now, starts).unwrap();
        assert!(queue.again(first, later));
        assert_eq!(queue.next(), None, "another may start at once");
        assert_eq!(queue.pop(now, starts).map(|attempt| attempt.unit), Some(1));
        assert_eq!((queue.pop(now, starts), queue.next(), queue.is_empty()), (None, Some(later), false));
        let second = queue.pop(later, starts).unwrap();
        assert_eq!((second.unit, second.nth.number, queue.is_empty()), (0, 2, true));
    }

    #[test]
    fn what_is_not_admitted_is_passed_but_not_for_ever() {
        let (mut queue, now) = (Queue::new([1; 40]), Instant::now());
        let mut order = Vec::new();
        while let Some(attempt) =
            queue.pop(now, |attempt| if attempt.unit == 0 { Answer::Waits } else { Answer::Starts })
        {
            order.push(attempt.unit);
        }
        assert_eq!(order, (1..=MAX_PASSING).collect::<Vec<_>>());
        assert_eq!(queue.pop(now, starts).map(|attempt| attempt.unit), Some(0));
        assert_eq!(queue.pop(now, starts).map(|attempt| attempt.unit), Some(MAX_PASSING + 1));
    }

    #[test]
    fn what_waits_for_its_group_only_is_passed_by_all_others() {
        // Every other is in a group.
        let units = (0..100).map(|unit| (1, (unit % 2 == 1).then_some(0)));
        let (mut queue, now) = (Queue::with_groups(units, None), Instant::now());
        let mut asked = 0;
        let mut order = Vec::new();
        while let Some(attempt) = queue.pop(now, |attempt| {
            if attempt.unit % 2 == 1 {
                asked += 1;
                Answer::GroupWaits
            } else {
                Answer::Starts
            }
        }) {
            order.push(attempt.unit);
        }
        assert_eq!(order, (0..100).step_by(2).collect::<Vec<_>>(), "however many pass");
        assert_eq!(asked, 50, "the first of the group alone is asked each time");
        let rest: Vec<_> =
            std::iter::from_fn(|| queue.pop(now, starts)).map(|attempt| attempt.unit).collect();
        assert_eq!(rest, (1..100).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn a_retry_is_queued_behind_its_own_group() {
        let mut queue = Queue::with_groups([(2, Some(1)), (1, None), (1, Some(1))], None);
        let now = Instant::now();
        let first = queue.pop(now, starts).unwrap();
        assert!(queue.again(first, now));
        let no_group = |attempt: Attempt| if attempt.unit == 1 { Answer::Waits } else { Answer::GroupWaits };
        assert_eq!(queue.pop(now, no_group), None);
        let rest: Vec<_> =
            std::iter::from_fn(|| queue.pop(now, starts)).map(|attempt| attempt.unit).collect();
        assert_eq!(rest, [1, 2, 0]);
        assert!(queue.is_empty());
    }
}
