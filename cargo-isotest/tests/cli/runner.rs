//! `runner`: what cargo hands over is executed in a sandbox, and each doctest in one of its own.

use crate::call::{bare, isotest};
use crate::project::Project;
use std::process::Command;
use tempfile::TempDir;

/// Three doctests that get in each other's way if they share `/tmp`, one that ends its process, and two that panic.
const DOCUMENTED: &str = r#"
/// ```
/// assert!(!std::fs::exists("/tmp/isotest-doctest").unwrap());
/// std::fs::create_dir("/tmp/isotest-doctest").unwrap();
/// ```
///
/// ```
/// std::fs::create_dir("/tmp/isotest-doctest").unwrap();
/// ```
///
/// ```
/// std::fs::create_dir("/tmp/isotest-doctest").unwrap();
/// ```
pub fn makes() {}

/// ```
/// std::process::exit(0);
/// ```
pub fn exits() {}

/// ```
/// panic!("this fails");
/// ```
pub fn fails() {}

/// ```should_panic
/// panic!("this passes");
/// ```
pub fn panics() {}

#[test]
fn has_a_directory_of_its_own() {
    std::fs::create_dir("/tmp/isotest-doctest").unwrap();
}
"#;

fn documented(place: &TempDir, edition: &str) -> Project {
    let manifest = format!(
        "[package]\nname = \"documented\"\nversion = \"0.1.0\"\nedition = \"{edition}\"\n[workspace]\n"
    );
    Project::written(place.path(), &[("Cargo.toml", &manifest), ("src/lib.rs", DOCUMENTED)])
}

/// Calls cargo with the program as its runner, and gives what it printed.
fn cargo_test(project: &Project, runner_flags: &str, arguments: &[&str], code: i32) -> String {
    let mut call = bare();
    let runner = format!("{} runner{runner_flags}", env!("CARGO_BIN_EXE_cargo-isotest"));
    let cargo = call.command.get_envs().find(|(name, _)| *name == "CARGO").and_then(|(_, value)| value);
    let mut command = Command::new(cargo.map_or_else(|| "cargo".into(), ToOwned::to_owned));
    call.command.env("CARGO_TARGET_DIR", &project.target);
    command.env_clear().envs(call.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for target in ["X86_64", "AARCH64"] {
        for library in ["GNU", "MUSL"] {
            command.env(format!("CARGO_TARGET_{target}_UNKNOWN_LINUX_{library}_RUNNER"), &runner);
        }
    }
    let ended = command.arg("test").args(arguments).current_dir(&project.directory).output().unwrap();
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr)
}

#[test]
fn every_doctest_is_alone_and_none_hides_another() {
    for edition in ["2021", "2024"] {
        let place = tempfile::tempdir().unwrap();
        let project = documented(&place, edition);
        let printed = cargo_test(&project, "", &["--doc", "--", "--skip", "fails"], 0);
        assert!(printed.contains("test result: ok. 5 passed; 0 failed"), "{edition}: {printed}");
        let control =
            bare().arguments(["exec", "-q", "--", "cargo", "test", "--doc", "--", "--skip", "fails"]);
        let control = control.within(&project.directory).run().with_code(101);
        assert!(control.stdout.contains("File exists"), "{edition}: without the runner: {control:?}");
        let printed = cargo_test(&project, "", &["--doc", "fails"], 101);
        assert!(
            printed.contains("this fails") && printed.contains("0 passed; 1 failed"),
            "{edition}: {printed}"
        );
        assert!(!std::fs::exists("/tmp/isotest-doctest").unwrap(), "{edition}");
    }
}

#[test]
fn doc_runs_doctests_with_the_flags_that_were_typed() {
    for edition in ["2021", "2024"] {
        let place = tempfile::tempdir().unwrap();
        let project = documented(&place, edition);
        let call = || isotest(&project).arguments(["--doc"]);
        let ended = call().arguments(["--", "--skip", "fails"]).run().with_code(0);
        assert!(ended.stdout.contains("test result: ok. 5 passed; 0 failed"), "{edition}: {ended:?}");
        assert!(
            ended.stdout.contains("\n    Doctests 5 doctests executed, each in a sandbox of its own"),
            "{ended:?}"
        );
        let ended = call().arguments(["fails"]).run().with_code(100);
        assert!(ended.stdout.contains("0 passed; 1 failed"), "{edition}: {ended:?}");
        let limited = call().arguments(["--rlimit", "fsize=0", "--bind", ".", "fails"]).within(place.path());
        let limited = limited.run().with_code(100);
        assert!(limited.stdout.contains("this fails"), "{edition}: {limited:?}");
        let several = call().arguments(["exits", "panics"]).run().with_code(0);
        assert!(several.stdout.contains("test result: ok. 2 passed; 0 failed"), "{edition}: {several:?}");
        let refused = call().arguments(["-E", "all()"]).run().with_code(2);
        assert!(
            refused.stderr.starts_with("error: `cargo isotest doctests` does not support `-E`; "),
            "{refused:?}"
        );
        isotest(&project).arguments(["test", "--doc", "exits"]).run().with_code(0);
    }
    let place = tempfile::tempdir().unwrap();
    let project = documented(&place, "2024");
    let unavailable = isotest(&project).arguments(["--doc", "exits", "--root", "dir:/nowhere"]).run();
    assert_eq!(unavailable.status.code(), Some(2), "{unavailable:?}");
    assert!(unavailable.stderr.contains("/nowhere"), "{unavailable:?}");
    std::fs::create_dir(project.directory.join(".config")).unwrap();
    let config = project.directory.join(".config/isotest.toml");
    std::fs::write(&config, "wrong").unwrap();
    isotest(&project).arguments(["--doc"]).run().with_code(96);
    std::fs::write(&config, "[profile.default]\ntimeout = \"1s\"\n").unwrap();
    let hangs =
        "/// ```\n/// std::thread::sleep(std::time::Duration::from_secs(60));\n/// ```\npub fn hangs() {}\n";
    std::fs::write(project.directory.join("src/lib.rs"), hangs).unwrap();
    let ended = isotest(&project).arguments(["--doc"]).run().with_code(100);
    assert!(ended.stdout.contains("the time of the program is over"), "{ended:?}");
    std::fs::write(project.directory.join("src/lib.rs"), "this is no Rust").unwrap();
    isotest(&project).arguments(["--doc"]).run().with_code(101);
}

#[test]
fn doc_says_that_a_configured_runner_is_left_out() {
    let place = tempfile::tempdir().unwrap();
    let project = documented(&place, "2024");
    std::fs::create_dir(project.directory.join(".cargo")).unwrap();
    let configured = "[target.'cfg(unix)']\nrunner = [\"false\", \"-L\"]\n";
    std::fs::write(project.directory.join(".cargo/config.toml"), configured).unwrap();
    let ended = isotest(&project)
        .arguments(["--doc", "--", "--skip", "fails"])
        .within(&project.directory)
        .run()
        .with_code(0);
    assert!(
        ended.stderr.contains("are executed without the runner `false` of cargo's configuration"),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("\n    Doctests 5 doctests executed"), "{ended:?}");
}

#[test]
fn a_test_binary_is_executed_in_a_sandbox_with_the_limits_of_the_runner() {
    let place = tempfile::tempdir().unwrap();
    let project = documented(&place, "2024");
    for _ in 0..2 {
        let printed = cargo_test(&project, " --rlimit nofile=99", &["--lib"], 0);
        assert!(printed.contains("test has_a_directory_of_its_own ... ok"), "{printed}");
    }
    assert!(!std::fs::exists("/tmp/isotest-doctest").unwrap());
}

#[test]
fn a_program_ends_the_runner_with_its_status_and_adds_no_word() {
    let ended = bare().arguments(["runner", "sh", "-c", "echo word; exit 7", "--flag"]).run().with_code(7);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("word\n", ""));
    let ended =
        bare().arguments(["runner", "--rlimit", "nofile=99", "sh", "-c", "ulimit -n"]).run().with_code(0);
    assert_eq!(ended.stdout, "99\n");
    bare().arguments(["runner"]).run().with_code(2);
}
