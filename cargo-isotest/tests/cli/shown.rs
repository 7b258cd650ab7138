//! What of the tests is shown, and when.

use crate::call::isotest;
use crate::project::Project;
use std::fs;

/// What a run of one test that passes and of one that fails writes.
fn shown(flags: &[&str]) -> String {
    let call = isotest(&Project::fixture("tour")).arguments(["--test", "parser", "-j1"]).arguments(flags);
    let exact = if flags.contains(&"--") { "" } else { "--exact" };
    let call = call.arguments([exact].iter().filter(|word| !word.is_empty()));
    call.arguments(["accepts_empty_input", "rejects_nul"]).run().with_code(100).stdout
}

const PASSES: &str = "PASS [";
const OUTPUT_OF_PASSING: &str = "--- stdout of tour::parser accepts_empty_input ---";
const OUTPUT_OF_FAILING: &str = "--- stderr of tour::parser rejects_nul ---";
const END: &str = "  Not passed 1 test:\n";

/// How often this is written before the list at the end, and from there on.
#[track_caller]
fn counts(flags: &[&str], what: &str) -> (usize, usize) {
    let text = shown(flags);
    let (before, after) = text.split_once(END).unwrap_or_else(|| panic!("{text}"));
    (before.matches(what).count(), after.matches(what).count())
}

#[test]
fn results_are_shown_from_a_level_on() {
    assert_eq!(counts(&[], PASSES), (1, 0));
    assert_eq!(counts(&["--status-level", "all"], PASSES), (1, 0));
    for flags in [&["-q"][..], &["--status-level", "fail"], &["--status-level=leak"]] {
        assert_eq!(counts(flags, PASSES), (0, 0), "{flags:?}");
        assert_eq!(counts(flags, "FAIL ["), (1, 1), "{flags:?}");
        assert_eq!(counts(flags, "Repeat "), (1, 0), "{flags:?}");
    }
    assert_eq!(counts(&["-q", "--status-level", "pass"], PASSES), (1, 0));
    assert_eq!(counts(&["--status-level", "none"], "FAIL ["), (0, 1));
    assert!(shown(&["-q"]).contains("2 run: 1 passed, 1 failed"), "the summary counts them all the same");
}

#[test]
fn output_is_shown_when_it_is_wanted() {
    assert_eq!((counts(&[], OUTPUT_OF_PASSING), counts(&[], OUTPUT_OF_FAILING)), ((0, 0), (1, 0)));
    for flags in [&["--success-output", "immediate"][..], &["--", "--show-output", "--exact"]] {
        assert_eq!(counts(flags, OUTPUT_OF_PASSING), (1, 0), "{flags:?}");
    }
    assert_eq!(counts(&["--failure-output", "never"], OUTPUT_OF_FAILING), (0, 0));
    assert_eq!(counts(&["--failure-output", "final"], OUTPUT_OF_FAILING), (0, 1));
    assert_eq!(counts(&["--failure-output", "immediate-final"], OUTPUT_OF_FAILING), (1, 1));
    let text = shown(&["--success-output", "final", "--hide-progress-bar"]);
    let (_, list) = text.split_once("      Passed 1 test:\n").unwrap_or_else(|| panic!("{text}"));
    assert!(list.contains(PASSES) && list.contains(OUTPUT_OF_PASSING), "{text}");
    // What was typed to see less is not typed again.
    assert!(!shown(&["--failure-output", "never"]).contains("--failure-output"), "a repetition shows all");
}

#[test]
fn results_are_listed_at_the_end_from_a_level_on() {
    let list = |flags: &[&str]| {
        let text = shown(flags);
        let (_, end) = text.rsplit_once("Repeat ").unwrap_or(("", &text));
        let lists = ["Passed", "Not passed"].map(|heading| end.contains(&format!("{heading} 1 test:\n")));
        (lists[0], lists[1])
    };
    assert_eq!(list(&[]), (false, true));
    assert_eq!(list(&["--final-status-level", "none"]), (false, false));
    assert_eq!(list(&["--final-status-level", "fail"]), (false, true));
    assert_eq!(list(&["--final-status-level", "pass"]), (true, true));
    // `retry` is another word for `flaky`.
    assert_eq!(list(&["--final-status-level", "retry"]), (false, true));
}

#[test]
fn progress_is_counted_before_names_if_that_is_wanted() {
    let counters = ["(1/2) tour::parser ", "(2/2) tour::parser "];
    let counted = |flags: &[&str]| {
        let text = shown(flags);
        counters.map(|counter| text.matches(counter).count())
    };
    assert_eq!(counted(&["--show-progress", "counter"]), [1, 1], "and not in the list at the end");
    for flags in [&[][..], &["--show-progress=none"], &["--hide-progress-bar"], &["--show-progress=bar"]] {
        assert_eq!(counted(flags), [0, 0], "{flags:?}");
    }
    let only = shown(&["--show-progress", "only"]);
    assert!(!only.contains(PASSES) && only.contains("FAIL [") && !only.contains(END), "{only}");
    assert!(shown(&["--show-progress", "only", "--status-level", "pass"]).contains(PASSES));
}

#[test]
fn the_most_that_tests_used_is_listed_if_that_is_wanted() {
    let text = shown(&["--top", "1"]);
    let (_, end) = text.split_once(END).unwrap_or_else(|| panic!("{text}"));
    assert!(end.contains("     Slowest 1 test:\n"), "{text}");
    if !end.contains("peak -") {
        assert!(end.contains("     Highest 1 peak:\n"), "{text}");
    }
    assert_eq!(end.matches(" s  tour::parser ").count(), 1, "{text}");
    assert!(!shown(&[]).contains("Slowest"), "control");
}

#[test]
fn what_is_shown_can_be_said_in_a_file_and_by_variables() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("isotest.toml");
    let call = |text: &str| {
        fs::write(&file, format!("[profile.default]\n{text}\n")).unwrap();
        let call = isotest(&Project::fixture("tour")).arguments(["--config-file", file.to_str().unwrap()]);
        call.arguments(["--test", "parser", "-j1", "--exact", "accepts_empty_input", "rejects_nul"])
    };
    let run = |text: &str| call(text).run().with_code(100).stdout;
    assert!(run("").contains(PASSES) && !run("").contains("Slowest"), "control");
    let text = run("status-level = 'fail'\ntop = 2\nfailure-output = 'never'\nshow-progress = 'counter'");
    assert!(!text.contains(PASSES) && text.contains("(2/2) tour::parser"), "{text}");
    assert!(text.contains("Slowest 2 tests:\n") && !text.contains(OUTPUT_OF_FAILING), "{text}");
    let text = run("final-status-level = 'pass'\nsuccess-output = 'immediate'");
    assert!(text.contains("      Passed 1 test:\n") && text.contains(OUTPUT_OF_PASSING), "{text}");
    let by_variable =
        call("status-level = 'fail'").variable("ISOTEST_STATUS_LEVEL", "none").run().with_code(100);
    let (before, _) = by_variable.stdout.split_once(END).unwrap();
    assert!(!before.contains("FAIL ["), "{}", by_variable.stdout);
    assert!(!by_variable.stdout.contains("ISOTEST_STATUS_LEVEL"), "it is not typed again");
}
