//! What of the tests is shown, and when.

use crate::call::isotest;
use crate::project::Project;

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
