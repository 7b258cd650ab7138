//! Replay of a run on another machine: what its processes took, in the order and with the admission of a run there.
//!
//! A process that never waits for a processor takes its own time. While those that run together want more processors
//! than there are, each has an equal share and is held up by what it lacks; none is faster than it was recorded.

use super::admission::{Admission, Threads};
use super::needs::{Group, Need, Needs};
use super::order::Rank;
use super::peaks::Expected;
use super::queue::{Attempt, Queue};
use crate::values::{Jobs, Priority, ThreadsRequired};
use isotest_core::cgroup::Room;
use isotest_core::sys::clock::Instant;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// Seconds that are no more than an error of rounding.
const NOTHING: f64 = 1e-9;

/// Machine on which a run is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Number of processors.
    pub(crate) cpus: NonZeroUsize,
    /// Memory that all tests can have together, if that is bounded.
    pub(crate) memory: Option<u64>,
    /// Number of job slots.
    pub(crate) jobs: NonZeroUsize,
}

/// Record of the attempts at a test, or at several in one process, and what they need of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded {
    /// Attempts in their order.
    pub(crate) attempts: Vec<Took>,
    /// Iteration of the attempts.
    pub(crate) iteration: u32,
    /// Whether the last attempt passed.
    pub(crate) passed: bool,
    /// Rank of the test among those that could start.
    pub(crate) priority: Priority,
    /// Number of threads of the run that an attempt takes.
    pub(crate) threads: ThreadsRequired,
    /// Number of the test group, if the test is in one.
    pub(crate) group: Option<usize>,
    /// Number of the sandbox that the test shares with others, if it does.
    pub(crate) sharing: Option<usize>,
}

/// Time and resources that an attempt took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Took {
    /// Time from start to end less the time of waits for a processor.
    pub(crate) wall: Duration,
    /// Processor time.
    pub(crate) cpu: Duration,
    /// Peak of memory in bytes; 0 if it was not measured.
    pub(crate) memory: u64,
}

/// Record of a run that is replayed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording {
    /// Tests that were executed, in the order of the listing.
    pub(crate) each: Vec<Recorded>,
    /// Test groups by their names, and how many threads the tests of each may take.
    pub(crate) groups: Vec<(Arc<str>, Jobs)>,
    /// Time between the end of an attempt and the start of the next in its slot.
    pub(crate) between: Duration,
    /// Time before the first attempt and after the last.
    pub(crate) around: Duration,
}

/// Result of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Time of the run.
    pub(crate) wall: Duration,
    /// Highest sum of the peaks of attempts that ran at the same time.
    pub(crate) memory: u64,
    /// Number of attempts that waited for memory.
    pub(crate) waited: usize,
}

/// Attempt that is replayed.
#[derive(Debug, Clone, Copy)]
struct Running {
    attempt: Attempt,
    /// Seconds before the workload of the attempt starts.
    lead: f64,
    /// Seconds that are left of the workload's own time.
    left: f64,
    /// Number of processors that the workload wants.
    wants: f64,
    memory: u64,
}

impl Recording {
    /// Replays the run on a machine.
    pub(crate) fn on(&self, machine: Machine) -> Replayed {
        let ranked = self.ranked(machine.jobs);
        let needs = self.needs(&ranked, machine);
        let room = || machine.memory.map(|all| Room { all, used: 0 });
        let jobs = machine.jobs.get();
        let mut admission = Admission::new(Threads { jobs, ahead: jobs }, &needs, &room);
        let attempts = |(unit, recorded): (usize, &&Recorded)| {
            (u32::try_from(recorded.attempts.len()).unwrap_or(u32::MAX), needs.lane(unit))
        };
        let mut queue = Queue::with_groups(ranked.iter().enumerate().map(attempts), None);
        let (began, mut elapsed) = (Instant::now(), 0.0);
        let mut ordered = VecDeque::new();
        let mut running: Vec<Running> = Vec::new();
        let mut replayed = Replayed::default();
        loop {
            let now = began + Duration::from_secs_f64(elapsed);
            admission.look_anew();
            while let Some(attempt) = admission.next(&mut queue, ordered.len() + running.len(), now) {
                admission.start(attempt);
                ordered.push_back(attempt);
                admission.look_anew();
            }
            let taken = ordered.len().min(jobs - running.len());
            let started = ordered.drain(..taken);
            running.extend(started.map(|attempt| self.running(&ranked, attempt)));
            replayed.memory = replayed.memory.max(running.iter().map(|running| running.memory).sum());
            if running.is_empty() {
                break;
            }
            elapsed += go_on(&mut running, machine.cpus);
            for ended in running.extract_if(.., |running| running.lead + running.left < NOTHING) {
                admission.end(ended.attempt, None);
                queue.again(ended.attempt, now);
            }
        }
        if let Some((_, waited)) = admission.take_untold() {
            replayed.waited = waited.memory;
        }
        replayed.wall = Duration::from_secs_f64(elapsed) + self.around;
        replayed
    }

    /// Returns what is executed, in the order in which a run starts it that knows the results of this one.
    fn ranked(&self, jobs: NonZeroUsize) -> Vec<&Recorded> {
        let mut ranked: Vec<_> = self.each.iter().filter(|recorded| !recorded.attempts.is_empty()).collect();
        ranked.sort_by_key(|recorded| {
            let wall = recorded.attempts.last().map(|took| took.wall);
            (recorded.iteration, Rank::new(recorded.priority, Some(recorded.passed), wall, jobs))
        });
        ranked
    }

    fn needs(&self, ranked: &[&Recorded], machine: Machine) -> Needs {
        let need = |recorded: &&Recorded| Need {
            threads: recorded.threads.of(machine.jobs, machine.cpus).get(),
            group: recorded.group,
            sharing: recorded.sharing,
            memory: Expected::Peak(
                recorded.attempts.iter().map(|took| took.memory).max().unwrap_or_default(),
            ),
        };
        let group = |(name, max_threads): &(Arc<str>, Jobs)| Group {
            name: Arc::clone(name),
            max_threads: max_threads.on(machine.cpus).get(),
        };
        let groups = self.groups.iter().map(group).collect();
        Needs { of_each: ranked.iter().map(need).collect(), groups }
    }

    fn running(&self, ranked: &[&Recorded], attempt: Attempt) -> Running {
        let number = usize::try_from(attempt.nth.number).unwrap_or(usize::MAX);
        let took = ranked[attempt.unit].attempts.get(number - 1).copied().unwrap_or_default();
        let left = took.wall.as_secs_f64();
        let wants = if left < NOTHING { 0.0 } else { took.cpu.as_secs_f64() / left };
        Running { attempt, lead: self.between.as_secs_f64(), left, wants, memory: took.memory }
    }
}

/// Advances workloads to the next start or end of one. Returns how many seconds that took.
fn go_on(running: &mut [Running], cpus: NonZeroUsize) -> f64 {
    let wants: Vec<f64> =
        running.iter().map(|running| if running.lead > 0.0 { 0.0 } else { running.wants }).collect();
    let speeds = speeds(&wants, cpus);
    let each = running.iter().zip(&speeds);
    let next =
        each.map(|(running, speed)| if running.lead > 0.0 { running.lead } else { running.left / speed });
    let time = next.fold(f64::INFINITY, f64::min);
    for (running, speed) in running.iter_mut().zip(speeds) {
        if running.lead > 0.0 {
            running.lead -= time;
            if running.lead < NOTHING {
                running.lead = 0.0;
            }
        } else {
            running.left -= time * speed;
        }
    }
    time
}

/// Returns how fast each workload goes on that wants so many processors: no faster than by itself, and where there
/// are not enough, those that want the least have what they want and the others an equal share of the rest.
fn speeds(wants: &[f64], cpus: NonZeroUsize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wants.len()).collect();
    order.sort_by(|one, other| wants[*one].total_cmp(&wants[*other]));
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let (mut rest, mut speeds) = (count(cpus.get()), vec![1.0; wants.len()]);
    for (place, number) in order.into_iter().enumerate() {
        let has = wants[number].min(rest / count(wants.len() - place));
        if wants[number] > has {
            speeds[number] = has / wants[number];
        }
        rest -= has;
    }
    speeds
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn took(wall: u64, cpu: u64, memory: u64) -> Recorded {
        let took =
            Took { wall: Duration::from_millis(wall), cpu: Duration::from_millis(cpu), memory: memory * MIB };
        Recorded { attempts: vec![took], passed: true, ..Recorded::default() }
    }

    fn on(recording: &Recording, cpus: usize, memory: Option<u64>) -> (u128, u64, usize) {
        let cpus = NonZeroUsize::new(cpus).unwrap();
        let memory = memory.map(|memory| memory * MIB);
        let replayed = recording.on(Machine { cpus, memory, jobs: cpus });
        (replayed.wall.as_millis(), replayed.memory / MIB, replayed.waited)
    }

    #[test]
    fn tests_run_beside_each_other_and_the_longest_first() {
        let each = [100, 100, 100, 300].map(|wall| took(wall, wall, 10)).to_vec();
        let recording = Recording { each, ..Recording::default() };
        assert_eq!(on(&recording, 1, None), (600, 10, 0));
        assert_eq!(on(&recording, 2, None), (300, 20, 0));
        assert_eq!(on(&recording, 8, None), (300, 40, 0));
    }

    #[test]
    fn too_few_processors_hold_up_whoever_wants_them() {
        let (cpu, four_threads, sleeps) = (took(100, 100, 1), took(100, 400, 1), took(100, 0, 1));
        let of = |each: &[&Recorded], cpus, jobs| {
            let each = each.iter().map(|&recorded| recorded.clone()).collect();
            let machine = Machine {
                cpus: NonZeroUsize::new(cpus).unwrap(),
                memory: None,
                jobs: NonZeroUsize::new(jobs).unwrap(),
            };
            Recording { each, ..Recording::default() }.on(machine).wall.as_millis()
        };
        assert_eq!(of(&[&cpu, &cpu], 1, 2), 200);
        assert_eq!(of(&[&cpu, &sleeps], 1, 2), 100);
        assert_eq!(of(&[&four_threads], 2, 1), 200);
        assert_eq!(of(&[&four_threads], 8, 1), 100);
        // First one processor each; what is left of the larger has both.
        assert_eq!(of(&[&four_threads, &cpu], 2, 2), 250);
    }

    #[test]
    fn memory_groups_and_threads_hold_up_as_in_a_run() {
        let each = vec![took(100, 0, 60), took(100, 0, 60), took(100, 0, 30)];
        let recording = Recording { each: each.clone(), ..Recording::default() };
        assert_eq!(on(&recording, 3, Some(1000)), (100, 150, 0));
        assert_eq!(on(&recording, 3, Some(100)), (200, 90, 1));
        assert_eq!(on(&recording, 3, Some(50)), (300, 60, 2), "one test always runs");
        let groups = vec![(Arc::from("db"), Jobs::read("1").unwrap())];
        let in_group = |recorded: &Recorded| Recorded { group: Some(0), ..recorded.clone() };
        let grouped = Recording { each: each.iter().map(in_group).collect(), groups, ..Recording::default() };
        assert_eq!(on(&grouped, 3, None), (300, 60, 0));
        let in_sandbox = |recorded: &Recorded| Recorded { sharing: Some(0), ..recorded.clone() };
        let sharing = Recording { each: each.iter().map(in_sandbox).collect(), ..Recording::default() };
        assert_eq!(on(&sharing, 3, None).0, 300, "one after another");
        let alone =
            |recorded: &Recorded| Recorded { threads: ThreadsRequired::TestThreads, ..recorded.clone() };
        let alone = Recording { each: each.iter().map(alone).collect(), ..Recording::default() };
        assert_eq!(on(&alone, 3, None), (300, 60, 0));
    }

    #[test]
    fn what_is_around_attempts_counts() {
        let mut twice = took(100, 0, 1);
        twice.attempts.push(twice.attempts[0]);
        let recording = Recording {
            each: vec![twice, took(50, 0, 1)],
            between: Duration::from_millis(10),
            around: Duration::from_millis(7),
            ..Recording::default()
        };
        assert_eq!(on(&recording, 1, None).0, 3 * 10 + 250 + 7);
        assert_eq!(on(&recording, 2, None).0, 2 * 10 + 200 + 7);
        assert_eq!(on(&Recording::default(), 2, None), (0, 0, 0));
    }
}
