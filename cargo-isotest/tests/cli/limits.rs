//! Limits that are asked for are in force, or nothing is executed.

use crate::call::{Call, bare, isotest};
use crate::project::Project;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::Uid;
use std::fs;
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
        assert!(ended.stderr.contains("      Remedy for cpu: give this user a "), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
        return;
    }
    let wall = |ended: &crate::call::Ended| {
        let lines = crate::call::Lines::new(ended);
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

/// Two hundred tests that look at their limit of open files.
fn looks(place: &Path) -> Project {
    let mut source = String::from(
        "#[cfg(test)] fn look() {
            let limits = std::fs::read_to_string(\"/proc/self/limits\").unwrap();
            let files = limits.lines().find_map(|line| line.strip_prefix(\"Max open files\")).unwrap();
            let seen: Vec<_> = files.split_whitespace().take(2).collect();
            assert_eq!(seen.join(\" \"), std::env::var(\"EXPECTED\").unwrap());
        }
",
    );
    source.extend((0..200).map(|number| format!("#[test] fn t{number:03}() {{ look() }}\n")));
    Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", &source)])
}

#[test]
fn a_root_with_more_directories_than_files_may_be_open_is_refused() {
    let place = place();
    let root = place.path().join("root");
    let project = looks(place.path());
    for number in 0..200 {
        fs::create_dir_all(root.join(format!("d{number}/x"))).unwrap();
    }
    let call = |hard: u64| {
        let option = format!("dir:{}", root.display());
        let call = isotest(&project).arguments(["exec", "--root", &option, "--", "/nothing"]);
        call.with_open_files(64, hard).run()
    };
    let refused = call(1024).with_code(97);
    assert!(
        refused.stderr.contains("one sandbox needs 1") && refused.stderr.contains("limit is 1024"),
        "{refused:#?}"
    );
    assert!(refused.stderr.contains("fewer directories at the top of the root, where 2"), "{refused:#?}");
    // Control: the program is looked for, and is not there.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(call(hard).stderr.contains("`/nothing`"));
}

#[test]
fn however_few_files_may_be_open_tests_are_executed_and_have_that_limit() {
    let place = place();
    let project = looks(place.path());
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let call = |soft: u64, hard: u64, jobs: &str| {
        let expected = format!("{soft} {hard}");
        let call = isotest(&project).arguments(["-j", jobs]).variable("EXPECTED", expected);
        call.with_open_files(soft, hard).run()
    };
    for (soft, jobs) in [(64, "2"), (1024, "128")] {
        let ended = call(soft, hard, jobs).with_code(0);
        assert!(ended.stdout.contains(" 200 run: 200 passed"), "{}", ended.stdout);
    }
    // Control: it is the tests that look.
    isotest(&project).variable("EXPECTED", "64 64").run().with_code(100);
    let refused = call(40, 40, "4").with_code(97);
    let needed = refused.stderr.split_once("one sandbox needs ").and_then(|(_, rest)| rest.split_once(' '));
    let needed: u64 = needed.and_then(|(number, _)| number.parse().ok()).expect(&refused.stderr);
    assert!(refused.stderr.contains("the hard limit is 40"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("`ulimit -Hn {needed}`")), "{}", refused.stderr);
    let ended = call(needed, needed, "64").with_code(0);
    assert!(ended.stdout.contains(" of 64 jobs are executed at once"), "{}", ended.stdout);
    assert!(ended.stdout.contains(" 200 run: 200 passed"), "{}", ended.stdout);
}

#[test]
fn a_command_has_the_limit_of_open_files_that_the_caller_has() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let exec = bare().arguments(["exec", "--quiet", "--", "sh", "-c", "ulimit -Sn; ulimit -Hn"]);
    let ended = exec.with_open_files(48, hard).run().with_code(0);
    assert_eq!(ended.stdout, format!("48\n{hard}\n"));
    let shell = bare().arguments(["shell"]).variable("SHELL", "/bin/sh");
    shell.with_open_files(48, hard).run().with_code(0);
}
