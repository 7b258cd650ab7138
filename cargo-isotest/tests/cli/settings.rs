//! The sources of a setting, from the highest to the lowest, as the program says which it took.

use crate::call::{Call, bare, isotest};
use crate::project::Project;

fn jobs(call: Call) -> i64 {
    let (ended, lines) = call.lines();
    lines.started["jobs"].as_i64().unwrap_or_else(|| panic!("{ended:#?}"))
}

#[test]
fn jobs_are_of_the_highest_source() {
    let call = || isotest(&Project::fixture("passing")).variable("RUST_TEST_THREADS", "3");
    assert_eq!(jobs(call().arguments(["-j", "5", "--", "--test-threads", "4"])), 5);
    assert_eq!(jobs(call().arguments(["--", "--test-threads", "4"])), 4);
    assert_eq!(jobs(call()), 3);
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(jobs(isotest(&Project::fixture("passing"))), i64::try_from(processors).unwrap());
}

#[test]
fn a_variable_is_refused_by_its_name_where_it_counts() {
    let call = || bare().variable("RUST_TEST_THREADS", "x");
    let expected =
        "error: the environment variable `RUST_TEST_THREADS` is `x`, which is not a number above 0\n";
    let ended = call().arguments(["list"]).run().with_code(2);
    assert!(ended.stderr.starts_with(expected), "{}", ended.stderr);
    call().arguments(["exec", "--", "true"]).run().with_code(0);
}

#[test]
fn color_is_of_the_highest_source_for_errors_too() {
    let refused = |variable: &str, flags: &[&str]| {
        let call = bare().variable("CARGO_TERM_COLOR", variable).arguments(["closure", "/nowhere"]);
        call.arguments(flags).run().with_code(2).stderr.contains('\x1b')
    };
    assert!(refused("always", &[]));
    assert!(refused("never", &["--color", "always"]));
    assert!(!refused("always", &["--color", "never"]));
    assert!(!refused("auto", &[]), "it is no terminal");
}
