//! Simulates a run with everything that a report for people tells of, at 80 and 120 columns.

use super::{Human, HumanSettings, Screen};
use crate::budget::{Before, Origin, TestBudget, Written};
use crate::harness::together;
use crate::schedule::events::{Event, Reporter};
use crate::schedule::queue::Nth;
use crate::schedule::summary::{Cancellation, Selection, Summary};
use crate::select::Selected;
use crate::settings::Setting;
use crate::settings::TestGroups;
use crate::testcase::{Run, TestBinary, TestCase};
use crate::testing::builders;
use crate::testing::errors::each_of;
use crate::verdict::Verdict;
use isotest_core::Bytes;
use isotest_core::budget::Budget;
use isotest_core::outcome::{ChangedPaths, Outcome};
use isotest_core::record::{Captured, PartialRecord, Record};
use isotest_core::step::{Step, StepError};
use isotest_core::usage::Usage;
use snapbox::{assert_data_eq, file};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Returns each verdict with the outcome that it is made of.
fn verdicts() -> Vec<(Verdict, Outcome)> {
    let error = StepError { step: Step::Supervise, errno: 10, subject: None, entry: None };
    let time_limit = Some(Setting::flag("--timeout", Duration::from_mins(1)));
    let verdicts = each_of!(Verdict {
        Verdict::Passed => [Verdict::Passed],
        Verdict::Failed { .. } => [Verdict::Failed { code: 101 }, Verdict::Failed { code: 7 }],
        Verdict::Signaled { .. } => [Verdict::Signaled { signal: 11 }],
        Verdict::TimedOut { .. } => [
            Verdict::TimedOut { fails: true, limit: time_limit },
            Verdict::TimedOut { fails: false, limit: None },
        ],
        Verdict::OomKilled { .. } => [Verdict::OomKilled { limit: Some(Setting::flag("--memory-limit", 64 << 20)) }],
        Verdict::OverBudget => [Verdict::OverBudget],
        Verdict::Leaked { .. } => [Verdict::Leaked { fails: false }, Verdict::Leaked { fails: true }],
        Verdict::Flaky { .. } => [Verdict::Flaky { fails: false }, Verdict::Flaky { fails: true }],
        Verdict::NotIsolated(_) => [Verdict::NotIsolated(error.clone())],
    });
    let outcome = |verdict: &Verdict| match verdict {
        Verdict::Passed | Verdict::OverBudget | Verdict::Flaky { .. } => Outcome::Passed,
        Verdict::Failed { code } => Outcome::Failed { code: *code },
        Verdict::Signaled { signal } => Outcome::Signaled { signal: *signal },
        Verdict::TimedOut { .. } => Outcome::TimedOut,
        Verdict::OomKilled { .. } => Outcome::OomKilled,
        Verdict::Leaked { .. } => Outcome::Leaked,
        Verdict::NotIsolated(error) => Outcome::NotIsolated(error.clone()),
    };
    verdicts.into_iter().map(|verdict| (verdict.clone(), outcome(&verdict))).collect()
}

/// Returns a test of a workspace in this directory, with a budget if its verdict is about one.
fn test(name: &str, workspace: PathBuf, verdict: &Verdict) -> TestCase {
    let run = Arc::new(Run { target: workspace.join("target"), workspace, ..Run::default() });
    let binary = TestBinary { id: "tour::parser".to_owned(), run, ..TestBinary::default() };
    let mut test = TestCase::named(&Arc::new(binary), name.as_ref());
    if *verdict == Verdict::OverBudget {
        let budget = Budget { memory: Some(Bytes::new(500_000)), ..Budget::default() };
        let origin = Origin { file: "tests/parser.rs".to_owned(), line: 7 };
        test.budget = TestBudget::new(&[Written { budget, origin }], None, true);
    }
    test
}

/// Returns the record of a test that writes to its own sources.
fn record(outcome: Outcome, workspace: &Path) -> Record {
    let mut record = builders::record(outcome);
    record.stdout = Captured { head: b"running 1 test\nread 7 bytes\n".to_vec(), ..Captured::default() };
    record.stderr =
        Captured { head: b"thread 'reads' panicked at tests/parser.rs:9\n".to_vec(), ..Captured::default() };
    if let Some(ending) = &mut record.ending {
        ending.changed.paths = vec![workspace.join("tests/snapshots/reads.snap.new")];
        ending.changed.count = 1;
    }
    record
}

fn whole_run(settings: HumanSettings) -> String {
    let workspace = settings.here.clone();
    let written = builders::Written::default();
    let mut human = Human::new(Screen::new(Box::new(written.clone()), false, None), settings);
    let mut summary = Summary::new(Selection { selected: 24, ignored: 2, filtered_out: 3 });
    let mut tell = |event: Event<'_>| human.event(&event).unwrap();
    tell(Event::RunStarted {
        isolation: &builders::isolation(),
        binaries: &[builders::binary("tour::parser")],
        selected: &Selected {
            tests: vec![builders::test("tour", "t"); 24],
            ignored: vec![builders::test("tour::parser", "is_ignored")],
            ..Selected::default()
        },
        jobs: 2,
        shuffle_seed: Some(7),
        groups: &TestGroups::default(),
        doctests_not_run: &["tour".to_owned()],
        whole_binaries: &[],
        shard: None,
        sharing: &[],
    });
    for (number, (verdict, outcome)) in verdicts().into_iter().enumerate() {
        let test = &test(&format!("{}_{number}", verdict.kind().as_str()), workspace.clone(), &verdict);
        let record = &record(outcome, &workspace);
        let mut launch = builders::launch();
        tell(Event::AttemptStarted { test, launch });
        if matches!(verdict, Verdict::TimedOut { .. }) {
            tell(Event::AttemptSlow { test, launch, time: Duration::from_mins(1) });
        }
        if matches!(verdict, Verdict::Flaky { .. }) {
            let verdict = &Verdict::Failed { code: 101 };
            launch.attempt.nth = Nth::first_of(3);
            tell(Event::AttemptFinished { test, launch, is_last: false, verdict, record });
            launch.attempt.nth.number = 2;
            tell(Event::AttemptStarted { test, launch });
        }
        tell(Event::AttemptFinished { test, launch, is_last: true, verdict: &verdict, record });
        summary.add(test, &verdict, record);
    }
    of_growth(&mut tell, &mut summary);
    of_one_process(&mut tell, &mut summary);
    of_a_signal(&mut tell, &mut summary);
    summary.wall = Duration::from_millis(1_200);
    tell(Event::RunFinished { summary: &summary });
    written.text().replace(&*workspace.to_string_lossy(), "[WORKSPACE]")
}

/// Tells of tests beside a baseline: a growth that is told only, one that fails its test, one of a test whose peaks have
/// two modes, and none.
fn of_growth(tell: &mut impl FnMut(Event<'_>), summary: &mut Summary) {
    const MIB: u64 = 1 << 20;
    let mut record = builders::record(Outcome::Passed);
    if let Some(peak) = &mut record.usage.memory_peak {
        peak.value = Bytes::new(8 * MIB);
    }
    if let Some(ending) = &mut record.ending {
        ending.changed = ChangedPaths::default();
    }
    for (name, is_enforced, peaks) in [
        ("grows", false, &[2 * MIB, MIB][..]),
        ("grows_and_fails", true, &[2 * MIB]),
        ("grows_beyond_two_modes", true, &[MIB, MIB, 4 * MIB, 4 * MIB]),
        ("does_not_grow", true, &[8 * MIB]),
    ] {
        let mut test = builders::test("tour::parser", name);
        let before = Before::new("main".into(), peaks, (10, is_enforced), MIB / 2).unwrap();
        test.budget.compare_with(before);
        let (launch, growth) = (builders::launch(), test.budget.growth(&record));
        let verdict = &Verdict::Passed.beside_earlier(growth.as_ref());
        tell(Event::AttemptStarted { test: &test, launch });
        tell(Event::AttemptFinished { test: &test, launch, is_last: true, verdict, record: &record });
        summary.add(&test, verdict, &record);
    }
}

/// Tells of tests in one process, which hangs in the first.
fn of_one_process(tell: &mut impl FnMut(Event<'_>), summary: &mut Summary) {
    let [begun, not_begun] =
        ["hangs_together", "comes_after"].map(|name| builders::test("tour::update", name));
    let process = &TestCase::together(&begun.binary, 2);
    let (launch, verdict) = (builders::launch(), &Verdict::TimedOut { fails: true, limit: None });
    let mut record = builders::record(Outcome::TimedOut);
    record.remarks.push(together::not_begun(&[&not_begun.name]));
    let of_begun = Record { ending: None, usage: Usage::default(), remarks: Vec::new(), ..record.clone() };
    tell(Event::AttemptStarted { test: &begun, launch });
    tell(Event::AttemptStarted { test: &not_begun, launch });
    tell(Event::AttemptFinished { test: &begun, launch, is_last: true, verdict, record: &of_begun });
    summary.add(&begun, verdict, &of_begun);
    tell(Event::AttemptNotBegun { test: &not_begun });
    summary.add_process(process, &record, false);
    tell(Event::ProcessFinished { process, tests: 2, launch, verdict, record: &record, shows_output: false });
}

/// Tells of a signal that ends the run.
fn of_a_signal(tell: &mut impl FnMut(Event<'_>), summary: &mut Summary) {
    let (test, launch) = (&builders::test("tour::parser", "hangs"), builders::launch());
    tell(Event::AttemptStarted { test, launch });
    summary.cancelled = Some(Cancellation::Signal(2));
    tell(Event::Cancelled { by: Cancellation::Signal(2) });
    let record = PartialRecord {
        wall: Some(Duration::from_millis(2_345)),
        usage: builders::usage(),
        stdout: Captured { head: b"running 1 test\nwaits for a lock\n".to_vec(), ..Captured::default() },
        ..PartialRecord::default()
    };
    tell(Event::AttemptInterrupted { test, launch, record: &record });
    let failed = &builders::test("tour::parser", "failed_1");
    tell(Event::RetriesDropped { test: failed, nth: Nth::first_of(3) });
    summary.interrupted.push(test.clone());
}

fn settings(here: &Path, columns: usize) -> HumanSettings {
    HumanSettings { here: here.to_owned(), columns: Some(columns), ..HumanSettings::default() }
}

#[test]
fn everything_that_happens_is_told_in_80_columns_and_in_120() {
    let workspace = tempfile::tempdir().unwrap();
    let workspace = workspace.path();
    std::fs::create_dir_all(workspace.join("tests/snapshots")).unwrap();
    let narrow = whole_run(settings(workspace, 80));
    let attempts = narrow.lines().filter(|line| line.contains("s]    0.7 MiB"));
    assert!(
        attempts.clone().count() > 12 && attempts.clone().all(|line| line.chars().count() <= 80),
        "{narrow}"
    );
    assert_data_eq!(narrow, file!["whole_run/80-columns.txt"].raw());
    assert_data_eq!(whole_run(settings(workspace, 120)), file!["whole_run/120-columns.txt"].raw());
    let verbose = HumanSettings { verbose: true, no_capture: true, ..settings(workspace, 120) };
    assert_data_eq!(whole_run(verbose), file!["whole_run/120-columns-verbose.txt"].raw());
}
