//! Finds the processes that are left in the sandbox besides init.

use super::own_proc::OwnProc;
use crate::outcome::LeftProcess;
use crate::snapshot::Snapshot;
use nix::unistd::Pid;
use procfs::process::Stat;
use std::collections::HashMap;

/// Maximal number of processes that are named; a fork bomb leaves thousands.
const MOST: usize = 50;
/// Maximal length of a command line that is shown.
const COMMAND_LENGTH: usize = 200;

fn others(proc: &OwnProc) -> impl Iterator<Item = Stat> {
    proc.processes().into_iter().filter_map(|pid| proc.stat(pid))
}

/// Processes that can still act, so that a stopped workload may be continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Liveliness {
    /// Process in question, or it has ended.
    Moves,
    /// Other processes, or it is not known which.
    OthersMove,
    /// No process at all: all have stopped or ended.
    NobodyMoves,
}

/// Returns whether `pid`, or another process than init and the workload's parent, can still act.
pub(super) fn liveliness(proc: &OwnProc, pid: Pid, parent: Pid) -> Liveliness {
    // The processes are looked at one after the other: a process seen as stopped may be continued by one that ends
    // before its own turn. The second look notices that.
    match look(proc, pid, parent) {
        Liveliness::NobodyMoves => look(proc, pid, parent),
        seen => seen,
    }
}

fn look(proc: &OwnProc, pid: Pid, parent: Pid) -> Liveliness {
    let others = others(proc).filter(|stat| stat.pid != parent.as_raw());
    let states = others.map(|stat| match stat.state {
        // A zombie with several threads: only its first thread has ended.
        'Z' if stat.num_threads > 1 => (stat.pid, 'R'),
        state => (stat.pid, state),
    });
    liveliness_of(pid.as_raw(), &states.collect::<Vec<_>>())
}

fn liveliness_of(pid: i32, states: &[(i32, char)]) -> Liveliness {
    let is_still = |state: char| matches!(state, 'T' | 'Z' | 'X');
    match states.iter().find(|(other, _)| *other == pid) {
        // A process that is not stopped runs on; if it has ended, SIGCHLD tells.
        Some((_, state)) if *state != 'T' => Liveliness::Moves,
        Some(_) if states.iter().all(|(_, state)| is_still(*state)) => Liveliness::NobodyMoves,
        // A workload with all capabilities may have covered the process's `/proc` entry.
        Some(_) | None => Liveliness::OthersMove,
    }
}

/// Names the processes that are alive, but for guests, whose first process has no parent in here, and their
/// descendants.
pub(super) fn list(proc: &OwnProc) -> Vec<LeftProcess> {
    let seen: Vec<_> = others(proc).collect();
    let parents = seen.iter().map(|stat| (stat.pid, stat.ppid)).collect();
    let alive = seen.iter().filter(|stat| !matches!(stat.state, 'Z' | 'X'));
    let left = alive.filter(|stat| !is_guest(stat.pid, &parents)).map(|stat| {
        let command = match proc.command_line(stat.pid) {
            line if line.is_empty() => format!("[{}]", stat.comm),
            line => short(&line),
        };
        LeftProcess { pid: stat.pid, command }
    });
    left.take(MOST).collect()
}

/// Returns whether the line of ancestors of a process does not lead to init.
fn is_guest(pid: i32, parents: &HashMap<i32, i32>) -> bool {
    let mut pid = pid;
    while let Some(&parent) = parents.get(&pid) {
        if parent == 0 {
            return true;
        }
        pid = parent;
    }
    false
}

/// Names processes left running, from outside, where nobody can have covered `/proc`.
pub(crate) fn seen_in(snapshot: &Snapshot) -> Vec<LeftProcess> {
    let alive =
        snapshot.processes.iter().filter(|process| !matches!(process.state.as_str(), "zombie" | "dead"));
    let named = alive.map(|process| LeftProcess {
        pid: process.inside.unwrap_or(process.pid),
        command: short(&process.line()),
    });
    named.take(MOST).collect()
}

fn short(line: &str) -> String {
    line.chars().take(COMMAND_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_moves_where_all_have_stopped_or_ended() {
        let of = |others: &[(i32, char)]| liveliness_of(2, &[&[(2, 'T')], others].concat());
        for others in [&[][..], &[(3, 'Z')], &[(3, 'T'), (4, 'X')]] {
            assert_eq!(of(others), Liveliness::NobodyMoves);
        }
        for state in ['R', 'S', 'D', 't'] {
            assert_eq!(of(&[(3, 'Z'), (4, state)]), Liveliness::OthersMove);
            assert_eq!(liveliness_of(2, &[(2, state), (3, 'S')]), Liveliness::Moves);
        }
        assert_eq!(liveliness_of(2, &[(2, 'Z'), (3, 'Z')]), Liveliness::Moves, "it went on, and to its end");
        assert_eq!(liveliness_of(2, &[]), Liveliness::OthersMove);
    }
}
