//! Shows each remark on a run as a terminal of 80 and of 120 columns does.

use super::{Human, HumanSettings, Screen};
use crate::remark::Remark;
use crate::schedule::events::{Event, Reporter};
use crate::select::Selected;
use crate::settings::TestGroups;
use crate::testing::builders;
use crate::testing::errors::each_of;
use isotest_core::policy::Isolation;
use snapbox::{assert_data_eq, file};
use std::num::NonZeroUsize;

fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

#[expect(clippy::too_many_lines, reason = "each remark has a row")]
fn remarks() -> Vec<Remark> {
    let place = || "`.config/isotest.toml:7`".to_owned();
    let [binary, test, baseline] = ["tour::parser", "reads", "main"].map(|name| move || name.to_owned());
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    each_of!(Remark {
        Remark::Sandbox(_) => [Remark::Sandbox("`/home/a/nfs` is read-only: it is mounted below a copy-on-write directory".to_owned())],
        Remark::Some { .. } => [
            Remark::HostRoot.for_some(1, Some(place())),
            Remark::Sandbox("`/home/a/nfs` is read-only".to_owned()).for_some(2, None),
        ],
        Remark::InForce { .. } => [
            Remark::InForce { capability: "net", tests: 1, origin: Some(place()) },
            Remark::InForce { capability: "cow", tests: 2, origin: None },
        ],
        Remark::Missing { .. } => [
            Remark::Missing { capability: "cow", tests: 2, reason: "`/w` is read-only: it holds the system itself".to_owned(), origin: None },
        ],
        Remark::Off { .. } => [Remark::Off { capability: "net", tests: 3, origin: Some(place()) }],
        Remark::OneShares { .. } => [Remark::OneShares { tests: 2, binary: binary() }],
        Remark::SeveralShare { .. } => [
            Remark::SeveralShare { tests: 5, binaries: ids(&["tour", "tour::parser"]), groups: 2 },
            Remark::SeveralShare { tests: 5, binaries: ids(&["tour"]), groups: 2 },
        ],
        Remark::Updates { .. } => [
            Remark::Updates { variable: "BLESS", retries: false, max_fail: false },
            Remark::Updates { variable: "BLESS", retries: true, max_fail: false },
            Remark::Updates { variable: "BLESS", retries: false, max_fail: true },
            Remark::Updates { variable: "BLESS", retries: true, max_fail: true },
        ],
        Remark::UpdatesDiscarded(_) => [Remark::UpdatesDiscarded("BLESS")],
        Remark::UpdatesKeptInPart(_) => [Remark::UpdatesKeptInPart("BLESS")],
        Remark::HostRoot => [Remark::HostRoot],
        Remark::OtherRoot(_) => [Remark::OtherRoot("/srv/debian".into())],
        Remark::NodesSkipped(_) => [Remark::NodesSkipped(1), Remark::NodesSkipped(7)],
        Remark::ImageSets(_) => [Remark::ImageSets(ids(&["PATH", "LANG"]))],
        Remark::ImageUnused(_) => [
            Remark::ImageUnused(ids(&["user `web`"])),
            Remark::ImageUnused(ids(&["user `web`", "directory `/srv`"])),
        ],
        Remark::MinimalRoot => [Remark::MinimalRoot],
        Remark::FewerJobs { .. } => [Remark::FewerJobs { most: number(3), jobs: number(64), needed: 5_000, allowed: 1_024 }],
        Remark::NotShown(_) => [Remark::NotShown("Permission denied (os error 13)".to_owned())],
        Remark::UnusedBudget { .. } => [Remark::UnusedBudget { place: "tests/parser.rs:7".to_owned(), binary: binary(), test: test() }],
        Remark::UnenforcedBudgets { .. } => [Remark::UnenforcedBudgets { binary: binary(), what: "executed by valgrind".to_owned() }],
        Remark::UnusedOverride { .. } => [Remark::UnusedOverride { place: place(), filter: "test(writes)".to_owned() }],
        Remark::UnheldOverrides(_) => [Remark::UnheldOverrides(1), Remark::UnheldOverrides(3)],
        Remark::NextestConfig => [Remark::NextestConfig],
        Remark::NotCompared { .. } => [
            Remark::NotCompared { baseline: baseline(), differences: ids(&["kernel 6.1, then 6.18"]), is_enforced: false },
            Remark::NotCompared { baseline: baseline(), differences: ids(&["kernel 6.1, then 6.18", "profile dev, then release"]), is_enforced: true },
        ],
        Remark::NotInBaseline { .. } => [Remark::NotInBaseline { baseline: baseline(), tests: 1 }],
        Remark::NotRedacted(_) => [Remark::NotRedacted("TOKEN".to_owned())],
        Remark::UnmatchedFilter(_) => [Remark::UnmatchedFilter("shel".to_owned())],
        Remark::Requeued(_) => [Remark::Requeued(1), Remark::Requeued(2)],
        Remark::LeftOut { .. } => [
            Remark::LeftOut { tests: 1, origin: place() },
            Remark::LeftOut { tests: 2, origin: place() },
        ],
        Remark::Shuffled(_) => [Remark::Shuffled(7)],
        Remark::NoDoctests(_) => [Remark::NoDoctests(ids(&["tour", "tour-macros"]))],
        Remark::Whole { .. } => [
            Remark::Whole { binary: binary(), reason: "asked for its tests it wrote `all is well`".to_owned() },
        ],
    })
}

fn at_start(columns: usize) -> String {
    let written = builders::Written::default();
    let settings = HumanSettings { columns: Some(columns), ..HumanSettings::default() };
    let mut human = Human::new(Screen::new(Box::new(written.clone()), false, None), settings);
    let remarks = remarks().iter().map(ToString::to_string).collect();
    let started = Event::RunStarted {
        isolation: &Isolation { remarks, ..Isolation::default() },
        binaries: &[],
        selected: &Selected::default(),
        jobs: 2,
        shuffle_seed: None,
        groups: &TestGroups::default(),
        doctests_not_run: &[],
        whole_binaries: &[],
        shard: None,
        sharing: &[],
    };
    human.event(&started).unwrap();
    written.text()
}

#[test]
fn each_remark_is_told_in_80_columns_and_in_120() {
    assert_data_eq!(at_start(80), file!["remarks/80-columns.txt"].raw());
    assert_data_eq!(at_start(120), file!["remarks/120-columns.txt"].raw());
}
