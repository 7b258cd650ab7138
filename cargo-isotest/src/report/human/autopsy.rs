//! Describes which thread waited for what when a test was killed, in few lines; pure.

use super::waits::Words;
use crate::text::sanitize::word;
use crate::text::units::plural;
use isotest_core::join_list::and_more;
use isotest_core::record::{Autopsy, Moment};
use isotest_core::snapshot::{Process, Snapshot, Thread, Unseen};

const SHOWN_PROCESSES: usize = 8;
/// Number of shown groups of threads that wait for different things.
const SHOWN_GROUPS: usize = 6;
/// Number of shown threads that wait for the same thing.
const SHOWN_THREADS: usize = 3;
const COMMAND_LENGTH: usize = 100;

/// Kinds of data that the lines show, and that are named if they could not be seen.
const SHOWN: [&str; 9] = ["process", "details", "thread", "task", "cmdline", "fd", "mem", "syscall", "wchan"];

/// Returns the lines.
pub(super) fn lines(autopsy: &Autopsy) -> Vec<String> {
    let Autopsy { moment, snapshot } = autopsy;
    let heading = match moment {
        Moment::TimeOut => "what was running when its time ran out, and what that waited for:",
        Moment::LeftRunning => "what the processes left running waited for:",
    };
    let mut lines = vec![heading.to_owned()];
    let words = Words { snapshot, inside: true };
    for process in snapshot.processes.iter().take(SHOWN_PROCESSES) {
        let indent = "  ".repeat(1 + snapshot.depth(process));
        lines.push(format!("{indent}pid {} {}", words.pid(process), command(process)));
        lines.extend(waits(words, process).into_iter().map(|line| format!("{indent}  {line}")));
    }
    let more = snapshot.processes.len().saturating_sub(SHOWN_PROCESSES);
    if 0 < more {
        lines.push(format!("  and {} more", plural(more, "process")));
    }
    lines.extend(unseen(snapshot));
    lines
}

fn command(process: &Process) -> String {
    let line = word(&process.line());
    let mut short: String = line.chars().take(COMMAND_LENGTH).collect();
    if short.len() < line.len() {
        short += "...";
    }
    short
}

/// Describes what the threads of a process wait for; threads that wait for the same thing share a line.
fn waits(words: Words<'_>, process: &Process) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&Thread>)> = Vec::new();
    for thread in &process.threads {
        let wait = words.wait(process, thread);
        match groups.iter_mut().find(|(other, _)| *other == wait) {
            Some((_, threads)) => threads.push(thread),
            None => groups.push((wait, vec![thread])),
        }
    }
    if let ([(wait, _)], 1) = (groups.as_slice(), process.threads.len()) {
        return vec![wait.clone()];
    }
    let shown = groups.iter().take(SHOWN_GROUPS);
    let mut lines: Vec<_> =
        shown.map(|(wait, threads)| format!("{}: {wait}", names(words, threads))).collect();
    let more: usize = groups.iter().skip(SHOWN_GROUPS).map(|(_, threads)| threads.len()).sum();
    if 0 < more {
        lines.push(format!("and {} in other places", plural(more, "thread")));
    }
    lines
}

fn names(words: Words<'_>, threads: &[&Thread]) -> String {
    let shown = threads.iter().take(SHOWN_THREADS);
    let shown: Vec<_> =
        shown.map(|thread| format!("{} ({})", word(&thread.name), words.tid(thread))).collect();
    let more = threads.len() - shown.len();
    let noun = if threads.len() == 1 { "thread" } else { "threads" };
    format!("{noun} {}{}", shown.join(", "), and_more(more))
}

/// Says what is missing in the lines above.
fn unseen(snapshot: &Snapshot) -> Option<String> {
    let gaps = snapshot.unseen.iter().filter(|gap| SHOWN.contains(&gap.what.as_str()));
    let gaps: Vec<_> = gaps.map(gap).collect();
    (!gaps.is_empty()).then(|| format!("not seen: {}", gaps.join("; ")))
}

/// Describes one thing that could not be seen.
pub(crate) fn gap(Unseen { what, why, count }: &Unseen) -> String {
    format!("{what} ({}): {}", plural(usize::try_from(*count).unwrap_or(usize::MAX), "time"), word(why))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::snapshot::WaitsFor;
    use snapbox::{assert_data_eq, str};

    fn rendered(moment: Moment, snapshot: Snapshot) -> String {
        lines(&Autopsy { moment, snapshot }).iter().flat_map(|line| [line, "\n"]).collect()
    }

    #[test]
    fn who_waits_for_what_stands_in_the_tree() {
        assert_data_eq!(
            rendered(Moment::TimeOut, builders::snapshot()),
            str![[r#"
what was running when its time ran out, and what that waited for:
  pid 2 /t/t-0123 --exact reads
    thread t-0123 (2): futex(0x7f00): a lock or a message [futex_wait]
    thread reads (3): read(3): a pipe, other end pid 4 [read_wait]
    pid 4 sleep 60
      nanosleep: time [nanosleep_wait]
not seen: wchan (3 times): permission denied

"#]]
        );
    }

    #[test]
    fn a_crowd_is_counted_and_names_are_harmless() {
        let threads = |count| {
            let one = |tid| builders::thread(tid, "w\x1b[2Jx", "nanosleep", WaitsFor::Time);
            (1002..1002 + count).map(one).collect()
        };
        let mut processes = vec![builders::process((1002, 1001), &["/t/t", &"x".repeat(200)], threads(300))];
        let read =
            |fd| builders::thread(2000 + fd, "r", "read", WaitsFor::Descriptors { descriptors: vec![fd] });
        processes.push(builders::process((2000, 1002), &[], (0..9).map(read).collect()));
        processes.extend((3000..3009).map(|pid| builders::process((pid, 2000), &["a\nb"], Vec::new())));
        let why = "the processes before it filled 4096 KiB".to_owned();
        let unseen = vec![Unseen { what: "details".to_owned(), why, count: 9 }];
        let snapshot = Snapshot { processes, unseen, ..Snapshot::default() };
        assert_data_eq!(
            rendered(Moment::LeftRunning, snapshot),
            str![[r#"
what the processes left running waited for:
  pid 2 /t/t xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    threads wx (2), wx (3), wx (4) and 297 more: nanosleep: time [nanosleep_wait]
    pid 1000 [name]
      thread r (1000): read(0) [read_wait]
      thread r (1001): read(1) [read_wait]
      thread r (1002): read(2) [read_wait]
      thread r (1003): read(3) [read_wait]
      thread r (1004): read(4) [read_wait]
      thread r (1005): read(5) [read_wait]
      and 3 threads in other places
      pid 2000 a␊b
      pid 2001 a␊b
      pid 2002 a␊b
      pid 2003 a␊b
      pid 2004 a␊b
      pid 2005 a␊b
  and 3 processes more
not seen: details (9 times): the processes before it filled 4096 KiB

"#]]
        );
    }
}
