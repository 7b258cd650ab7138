//! Memory peaks are compared with those of earlier runs.

use crate::call::{Call, isotest};
use crate::host::is_refused_without_cgroups;
use crate::project::Project;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A run of the tests `a` and `b`, in which `a` takes so many MiB.
fn run(place: &Path, mib: &str, arguments: &[&str]) -> Call {
    let call =
        isotest(&Project::fixture("remembered")).variable("MIB", mib).variable("XDG_STATE_HOME", place);
    call.arguments(["--exact", "tests::a"]).arguments(arguments)
}

/// The file of the baseline that is named `main`.
fn kept(place: &Path) -> PathBuf {
    let workspaces = fs::read_dir(place.join("isotest")).into_iter().flatten();
    workspaces.map(|entry| entry.unwrap().path().join("baselines/main.json")).next().unwrap_or_default()
}

fn values(file: &Path) -> Vec<u64> {
    let text: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    serde_json::from_value(text["tests"]["remembered"]["tests::a"].clone()).unwrap()
}

#[test]
fn growth_is_found_and_repeated_alone_before_it_fails_a_test() {
    let place = tempfile::tempdir().unwrap();
    let compare = ["--baseline", "main", "--fail-on-increase", "10%"];
    let none = run(place.path(), "20", &compare).run().with_code(2);
    assert!(none.stderr.contains("`--save-baseline main` makes it"), "{none:#?}");
    let saved = run(place.path(), "20", &["--save-baseline", "main"]).run().with_code(0);
    if !kept(place.path()).exists() {
        let refused = run(place.path(), "20", &compare).run();
        assert!(is_refused_without_cgroups(&refused, "memory"), "{saved:#?}");
        return;
    }
    run(place.path(), "20", &["--save-baseline", "main"]).run().with_code(0);
    let [first, second] = values(&kept(place.path()))[..] else { panic!("two runs were added") };
    assert!(first.min(second) >= 20 << 20 && first.max(second) < 24 << 20, "{first} {second}");

    let (same, lines) = run(place.path(), "20", &compare).lines();
    let growth = &lines.attempt("remembered", "tests::a")["growth"];
    assert_eq!(
        (same.status.code(), &growth["grown"], &growth["baseline"]),
        (Some(0), &json!(false), &json!("main"))
    );
    let (grown, lines) = run(place.path(), "24", &compare).lines();
    assert_eq!(grown.status.code(), Some(99), "{grown:#?}");
    let attempt = lines.attempt("remembered", "tests::a");
    assert_eq!((&attempt["outcome"], &attempt["growth"]["grown"]), (&json!("over-budget"), &json!(true)));
    let cause = attempt["cause"].as_str().unwrap();
    assert!(cause.starts_with("memory grew to 2") && cause.contains("in baseline `main`"), "{cause}");
    assert!(attempt["remarks"].to_string().contains("the least of 5 attempts"), "{attempt}");
    let reported = run(place.path(), "24", &["--baseline", "main"]).run().with_code(0);
    assert!(reported.stdout.contains("memory grew to 2"), "it is told: {reported:#?}");
    let more =
        run(place.path(), "24", &["--baseline", "main", "--fail-on-increase", "40%"]).run().with_code(0);
    assert!(!more.stdout.contains("memory grew"), "{more:#?}");
    let both = [&compare[..], &["--save-baseline", "main"]].concat();
    run(place.path(), "24", &both).run().with_code(99);
    assert_eq!(values(&kept(place.path())).len(), 2, "what failed is not what later runs are compared with");
}

#[test]
fn other_conditions_are_no_comparison() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("peaks.json");
    let typed = file.to_str().unwrap();
    let saved = run(place.path(), "2", &["--save-baseline", typed]).run().with_code(0);
    if !file.exists() {
        let refused = run(place.path(), "2", &["--require", "memory"]).run();
        assert!(is_refused_without_cgroups(&refused, "memory"), "{saved:#?}");
        return;
    }
    assert!(saved.stdout.contains(&format!("added to the baseline `{typed}`")), "{saved:#?}");
    let compare = ["--baseline", typed, "--fail-on-increase", "10%"];
    let other = run(place.path(), "20", &compare).variable("RUST_BACKTRACE", "full").run().with_code(0);
    assert!(other.stdout.contains("which is of other conditions: RUST_BACKTRACE full, then"), "{other:#?}");
    run(place.path(), "20", &compare).run().with_code(99);
    let kept = fs::read_to_string(&file).unwrap();
    let none = isotest(&Project::fixture("remembered")).variable("RUST_BACKTRACE", "full");
    let none = none.arguments(["--exact", "none", "--no-tests", "pass", "--save-baseline", typed]);
    let none = none.run().with_code(0);
    assert!(none.stdout.contains("nothing is added to the baseline"), "{none:#?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), kept, "nothing is replaced by nothing");
    let anew = run(place.path(), "20", &["--save-baseline", typed]).variable("RUST_BACKTRACE", "full");
    assert!(anew.run().with_code(0).stdout.contains("begins anew: RUST_BACKTRACE full, then"));
    assert_eq!(values(&file).len(), 1);
    fs::write(&file, "{}").unwrap();
    let damaged = run(place.path(), "20", &compare).run().with_code(96);
    assert!(damaged.stderr.contains("is no baseline"), "{damaged:#?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
}

#[test]
fn peaks_that_cannot_be_saved_are_a_lost_report() {
    let place = tempfile::tempdir().unwrap();
    let saved = run(place.path(), "2", &["--save-baseline", "/proc/nowhere/main.json"]).run();
    assert_eq!(saved.word("remembered  tests::a"), "PASS", "{saved:#?}");
    assert!(saved.stdout.contains("     Summary "), "{saved:#?}");
    if !saved.stdout.contains("nothing is added to the baseline") {
        let saved = saved.with_code(70);
        assert!(saved.stderr.contains("the memory peaks of this run are not saved: "), "{saved:#?}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (&["--fail-on-increase", "10%"][..], "--baseline <NAME>"),
        (&["--baseline", "a b"], "a name has letters"),
        (&["--baseline", "x", "--fail-on-increase", "much"], "a percentage is a whole number"),
        (&["--save-baseline", "x", "--off", "memory"], "`memory` is off"),
    ] {
        let refused = run(place.path(), "1", arguments).run().with_code(2);
        assert!(refused.stderr.contains(said), "{refused:#?}");
    }
    let shared =
        run(place.path(), "1", &["--save-baseline", "x"]).variable("UPDATE_EXPECT", "1").run().with_code(2);
    assert!(shared.stderr.contains("have no memory peaks"), "{shared:#?}");
}
