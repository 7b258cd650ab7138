//! Limits that are asked for are in force, or nothing is executed.

use crate::call::{Call, isotest};
use crate::project::Project;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::Uid;
use std::path::Path;
use tempfile::TempDir;

const TESTS: &str = r#"
#[test] fn computes() {
    let used = || std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let used = || used().split(' ').next().unwrap().parse::<u64>().unwrap();
    while used() < 200_000_000 {}
}
#[test] fn has_one_processor() {
    assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
}
#[test] fn opens_files() {
    let files: Result<Vec<_>, _> = (0..100).map(|_| std::fs::File::open("/dev/null")).collect();
    assert_eq!(files.unwrap().len(), 100);
}
"#;

const MANIFEST: &str =
    "[package]\nname = \"limited\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

fn call(place: &Path, test: &str, flags: &[&str]) -> Call {
    let project = Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)]);
    isotest(&project).arguments([test, "--timeout", "60s"]).arguments(flags)
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_time_that_is_never_over_is_no_limit() {
    let place = place();
    for time in ["584542046090years", "9223372036854775807s", "300years"] {
        for flag in ["--timeout", "--list-timeout"] {
            let project = Project::written(place.path(), &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)]);
            isotest(&project).arguments(["opens_files", flag, time]).run().with_code(0);
        }
    }
}

#[test]
fn processor_time_is_limited_or_nothing_is_executed() {
    let place = place();
    let ended = call(place.path(), "computes", &["--message-format", "json", "--cpu-limit", "0.1"]).run();
    if ended.status.code() == Some(97) && !Uid::effective().is_root() {
        assert!(ended.stderr.contains("cannot limit as required: no `cpu` ("), "{}", ended.stderr);
        assert!(ended.stderr.contains("      Remedy for cpu: have "), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
        return;
    }
    let wall = |ended: &crate::call::Ended| {
        let lines = crate::call::Lines::of(ended);
        lines.attempts[0]["wall_us"].as_u64().unwrap()
    };
    assert!(wall(&ended.with_code(0)) > 1_500_000);
    let free = call(place.path(), "computes", &["--message-format", "json"]).run().with_code(0);
    assert!(wall(&free) < 1_500_000, "control");
}

#[test]
fn a_test_runs_on_the_processors_it_is_given() {
    let place = place();
    call(place.path(), "has_one_processor", &["--cpus", "0"]).run().with_code(0);
    if std::thread::available_parallelism().unwrap().get() > 1 {
        call(place.path(), "has_one_processor", &[]).run().with_code(100);
    }
    let ended = call(place.path(), "has_one_processor", &["--cpus", "0,1023"]).run().with_code(97);
    assert!(
        ended.stderr.contains("this process may not run on processor 1023, but on 0"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_resource_limit_holds_and_is_none_that_we_do_not_have() {
    let place = place();
    let ended = call(place.path(), "opens_files", &["--rlimit", "nofile=40"]).run().with_code(100);
    assert!(ended.stdout.contains("Too many open files"), "{}", ended.stdout);
    call(place.path(), "opens_files", &[]).run().with_code(0);
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let above = format!("nofile={}", hard + 1);
    let ended = call(place.path(), "opens_files", &["--rlimit", &above]).run().with_code(97);
    assert!(ended.stderr.contains(&format!("no `rlimit nofile` (the hard limit of this process is {hard}")));
}
