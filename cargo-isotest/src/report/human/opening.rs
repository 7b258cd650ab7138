//! Text of a run before its first test: the isolation in force, and whatever is missing.

use crate::remark::Remark;
use crate::schedule::events::Event;
use crate::select::Shard;
use crate::text::sanitize::word;
use crate::text::style::{HEAD, NOTE, WARN, headed};
use crate::text::units::plural;
use crate::values::{Partition, PartitionBy};
use isotest_core::namespace::NAMESPACES;
use isotest_core::policy::{Capability, Isolation, State};
use std::time::Duration;

/// Returns the lines for [`Event::RunStarted`]; nothing for other events.
pub(super) fn lines(event: &Event<'_>) -> String {
    let Event::RunStarted {
        isolation,
        selected,
        jobs,
        shuffle_seed,
        doctests_not_run,
        whole_binaries,
        shard,
        ..
    } = event
    else {
        return String::new();
    };
    let mut text = headed(HEAD, "Isolation", &in_force(isolation, *jobs));
    text += &shortcomings(isolation);
    if let Some(shard) = shard {
        text += &headed(NOTE, "Shard", &of_shard(shard, selected.tests.len(), *jobs));
    }
    let order = shuffle_seed.map(Remark::Shuffled);
    let doctests = (!doctests_not_run.is_empty()).then(|| Remark::NoDoctests(doctests_not_run.to_vec()));
    let whole = whole_binaries
        .iter()
        .map(|whole| Remark::Whole { binary: whole.id.clone(), reason: whole.reason.to_string() });
    let remarks = order.into_iter().chain(doctests).chain(whole);
    text.extend(remarks.map(|remark| headed(NOTE, "Note", &word(&remark.to_string()))));
    text
}

/// Says which part of all tests is executed, and how long that should take.
fn of_shard(shard: &Shard, tests: usize, jobs: usize) -> String {
    let Partition { by, part, parts } = shard.partition;
    let count = format!("{part} of {parts}: {tests} of {}", plural(shard.tests, "test"));
    let on_jobs = |time: Duration| {
        let time = time / u32::try_from(jobs).unwrap_or(u32::MAX).max(1);
        format!("{:.1} s", time.as_secs_f64())
    };
    match (shard.expected().zip(shard.longest()), by) {
        (Some((own, longest)), _) => {
            let jobs = plural(jobs, "job");
            let longest = if own == longest {
                "no shard longer".to_owned()
            } else {
                format!("the longest shard {}", on_jobs(longest))
            };
            format!("{count}, which should take {} on {jobs}, and {longest}", on_jobs(own))
        }
        (None, PartitionBy::Auto) => format!("{count}, dealt out in turn: no time of any is recorded"),
        (None, _) => count,
    }
}

/// Returns lines on what is missing or switched off, and on what else a reader must know.
pub(super) fn shortcomings(isolation: &Isolation) -> String {
    let mut text = String::new();
    for (names, reason) in missing(isolation) {
        text += &headed(WARN, "Missing", &format!("{names}: {}", word(reason)));
    }
    let off = switched_off(isolation);
    if !off.is_empty() {
        text += &headed(WARN, "Off", &off);
    }
    for remark in &isolation.remarks {
        text += &headed(NOTE, "Note", &word(remark));
    }
    text
}

/// Returns what is missing, and why. Figures that are missing for the same cause are named together, with the reason
/// of the first; `doctor` says that of each.
fn missing(isolation: &Isolation) -> Vec<(String, &str)> {
    let mut lines: Vec<(Vec<&str>, &str)> = Vec::new();
    let mut figures: Vec<(&str, usize)> = Vec::new();
    for (capability, state) in &isolation.states {
        let State::Missing(reason) = state else { continue };
        let cause = cause(reason).filter(|_| capability.is_metric());
        let known = cause.and_then(|cause| figures.iter().find(|(other, _)| *other == cause));
        if let Some((_, line)) = known {
            lines[*line].0.push(capability.as_str());
        } else {
            figures.extend(cause.map(|cause| (cause, lines.len())));
            lines.push((vec![capability.as_str()], reason));
        }
    }
    lines.into_iter().map(|(names, reason)| (names.join(", "), reason)).collect()
}

/// Returns the error of the kernel that a reason contains, if there is one.
fn cause(reason: &str) -> Option<&str> {
    let (before, after) = reason.split_once(" (os error ")?;
    let (number, _) = after.split_once(')')?;
    let begin = before.rfind(": ").map_or(0, |at| at + 2);
    reason.get(begin..before.len() + " (os error ".len() + number.len())
}

fn in_force(isolation: &Isolation, jobs: usize) -> String {
    [namespaces(isolation), rootfs(isolation), metrics(isolation), plural(jobs, "job")].join(" · ")
}

fn holds(isolation: &Isolation, capability: Capability) -> bool {
    isolation.states.contains(&(capability, State::InForce))
}

fn names(isolation: &Isolation, among: &[Capability]) -> String {
    let held = among.iter().filter(|capability| holds(isolation, **capability));
    held.map(|capability| capability.as_str()).collect::<Vec<_>>().join(" ")
}

fn namespaces(isolation: &Isolation) -> String {
    let names = names(isolation, &NAMESPACES.map(|namespace| namespace.capability));
    if names.is_empty() { "no namespaces".to_owned() } else { names }
}

fn rootfs(isolation: &Isolation) -> String {
    let root = if holds(isolation, Capability::Rootfs) { "rootfs tmpfs" } else { "rootfs of the host" };
    let view = if holds(isolation, Capability::CopyOnWrite) { ", copy-on-write" } else { "" };
    format!("{root}{view}")
}

fn metrics(isolation: &Isolation) -> String {
    let layout =
        isolation.cgroup_layout.map_or_else(|| "no cgroup".to_owned(), |layout| format!("cgroup {layout}"));
    let metrics: Vec<_> = Capability::ALL.into_iter().filter(|capability| capability.is_metric()).collect();
    format!("{layout} {}", names(isolation, &metrics)).trim_end().to_owned()
}

fn switched_off(isolation: &Isolation) -> String {
    let off = isolation.states.iter().filter(|(_, state)| *state == State::Off);
    off.map(|(capability, _)| capability.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::harness::libtest::{WholeBinary, WholeReason};
    use crate::select::Selected;
    use crate::settings::TestGroups;
    use crate::testing::builders;
    use snapbox::{assert_data_eq, str};

    fn plain(
        isolation: &Isolation,
        jobs: usize,
        doctests_not_run: &[String],
        whole_binaries: &[WholeBinary],
    ) -> String {
        let (shuffle_seed, binaries) = (None, &[][..]);
        let event = Event::RunStarted {
            isolation,
            binaries,
            selected: &Selected::default(),
            jobs,
            shuffle_seed,
            groups: &TestGroups::default(),
            doctests_not_run,
            whole_binaries,
            shard: None,
            sharing: &[],
        };
        anstream::adapter::strip_str(&lines(&event)).to_string()
    }

    #[test]
    fn everything_in_force_is_one_line() {
        let states = Capability::ALL.map(|capability| (capability, State::InForce));
        // Version 1 keeps no pressure figures.
        let states =
            states.into_iter().filter(|(capability, _)| *capability != Capability::Pressure).collect();
        let isolation = Isolation { states, cgroup_layout: Some("v1"), remarks: Vec::new() };
        assert_data_eq!(
            plain(&isolation, 2, &[], &[]),
            str![[r#"
   Isolation user pid mount net ipc uts cgroup · rootfs tmpfs, copy-on-write · cgroup v1 memory cpu pids io disk · 2 jobs

"#]]
        );
    }

    #[test]
    fn what_is_missing_or_off_or_worth_knowing_is_a_line_each() {
        let doctests = ["tour".to_owned(), "tour-macros".to_owned()];
        let reason = WholeReason::OtherOutput("all is well".to_owned());
        let whole = [WholeBinary { id: "tour::custom".to_owned(), reason }];
        assert_data_eq!(
            plain(&builders::isolation(), 1, &doctests, &whole),
            str![[r#"
   Isolation user pid mount net ipc uts cgroup · rootfs tmpfs, copy-on-write · cgroup v1 memory cpu pids disk · 1 job
     Missing io: no io controller
         Off pressure
        Note `/home/a/nfs` is read-only
        Note doctests are run by `--doc`, not here: tour, tour-macros
        Note tour::custom does not speak the test harness protocol and runs whole, as one test: asked for its tests it wrote `all is well`

"#]]
        );
    }

    #[test]
    fn figures_that_are_missing_for_the_same_cause_are_named_together() {
        let missing = |capability, reason: &str| (capability, State::Missing(reason.to_owned()));
        let states = vec![
            missing(Capability::Net, "could not enter `net`: Permission denied (os error 13)"),
            missing(
                Capability::Memory,
                "could not create a cgroup in `/a`: Permission denied (os error 13); and more",
            ),
            missing(Capability::Io, "no io controller"),
            missing(Capability::Pids, "could not create a cgroup in `/b`: Permission denied (os error 13)"),
            missing(Capability::Pressure, "could not write `/c`: Read-only file system (os error 30)"),
        ];
        let isolation = Isolation { states, ..Isolation::default() };
        assert_data_eq!(
            anstream::adapter::strip_str(&shortcomings(&isolation)).to_string(),
            str![[r#"
     Missing net: could not enter `net`: Permission denied (os error 13)
     Missing memory, pids: could not create a cgroup in `/a`: Permission denied (os error 13); and more
     Missing io: no io controller
     Missing pressure: could not write `/c`: Read-only file system (os error 30)

"#]]
        );
    }

    #[test]
    fn nothing_in_force_is_said_in_words() {
        assert_data_eq!(
            plain(&Isolation::default(), 1, &[], &[]),
            str![[r#"
   Isolation no namespaces · rootfs of the host · no cgroup · 1 job

"#]]
        );
    }
}
