//! Every example does what its first line promises. Cargo has built them beside this test.
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use isotest_core::cgroup::Cgroups;
use isotest_core::closure::Files;
use isotest_core::plan::{self, CgroupFacts, Network, Request, Root, Views};
use isotest_core::policy::Policy;
use isotest_core::sandbox::Slot;
use isotest_core::{Sandbox, SandboxError, host};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

fn example(name: &str) -> PathBuf {
    let own = env::current_exe().unwrap();
    let example = own.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(example.exists(), "{} is not there: `cargo test` without a target builds it", example.display());
    example
}

fn output(name: &str, arguments: &[&str]) -> Output {
    Command::new(example(name)).args(arguments).env_remove("ISOTEST").output().unwrap()
}

/// What an example prints if it ends well.
fn printed(name: &str, arguments: &[&str]) -> String {
    let output = output(name, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_command_is_measured_and_its_files_are_thrown_away() {
    let printed = printed("command", &[]);
    for line in ["the file is there: false\n", "Passed: \"text\\n\"\n", "/file\"]\n"] {
        assert!(printed.contains(line), "{printed}");
    }
    let is_measured = |line: &str| line.starts_with("memory peak: ") && line.contains("iB, from ");
    assert!(printed.lines().any(is_measured), "{printed}");
}

#[test]
fn limits_end_what_goes_beyond_them() {
    let printed = printed("limits", &[]);
    assert!(printed.starts_with("time: TimedOut\n"), "{printed}");
    let is_killed = |line: &str| line.starts_with("memory: OomKilled, peak ") && line.ends_with("iB");
    let is_enforced = printed.lines().any(is_killed);
    assert!(
        is_enforced || printed.contains("memory: this host enforces no limit of `memory`: "),
        "{printed}"
    );
}

#[test]
fn a_minimal_root_has_the_program_and_nothing_else() {
    let printed = printed("minimal_root", &[]);
    let (outcome, files) = printed.split_once('\n').unwrap();
    assert_eq!(outcome, "Passed");
    assert!(files.lines().any(|file| file == "/bin/sh"), "{files}");
    assert!(files.lines().all(|file| file == "/bin/sh" || file.starts_with("/etc/ld")), "{files}");
    assert!(Path::new("/bin/ls").exists(), "the host has more");
}

#[test]
fn a_tree_stands_in_the_place_of_the_host() {
    let tree = tempfile::tempdir().unwrap();
    for object in Files::of_host().closure(Path::new("/bin/sh"), None).unwrap().objects {
        let inside = tree.path().join(object.path.strip_prefix("/").unwrap());
        fs::create_dir_all(inside.parent().unwrap()).unwrap();
        fs::copy(&object.real, inside).unwrap();
    }
    fs::create_dir(tree.path().join("of-the-image")).unwrap();
    let path = tree.path().to_str().unwrap();
    let printed = printed("image_root", &[path, "/bin/sh", "-c", "echo /of-* /home* && >/of-the-image/new"]);
    assert_eq!(printed, "/of-the-image /home*\nPassed\n");
    assert!(!tree.path().join("of-the-image/new").exists(), "writes do not reach the tree");
}

#[test]
fn a_network_has_but_the_loopback_interface() {
    let printed = printed("network", &[]);
    assert!(printed.starts_with("inside: [\"lo\"]\noutside: ["), "{printed}");
}

#[test]
fn what_hangs_is_looked_at_before_it_is_killed() {
    let printed = printed("hang", &[]);
    assert!(printed.starts_with("TimedOut\n"), "{printed}");
    assert!(printed.contains("sleep") && printed.contains("cat"), "{printed}");
}

#[test]
fn what_is_left_running_is_named() {
    assert_eq!(printed("leaks", &[]), "Leaked\nleft running: sleep 60\n");
}

#[test]
fn slots_take_one_command_after_another() {
    assert_eq!(printed("slots", &[]), "20 of 20 passed\n");
    let written = Path::new("/tmp/only-mine");
    assert!(!written.exists(), "the commands wrote to a directory of their own");
}

#[test]
fn a_harness_holds_its_trials_to_their_budgets() {
    let output = output("budgets", &[]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("keeps_to_it ... ok"), "{stdout}{stderr}");
    // Without a cgroup the figure is a sample, and a budget is held against measurements only.
    let is_held = stdout.contains("uses_more   ... FAILED") && !output.status.success();
    assert!(is_held || stdout.contains("2 passed; 0 failed"), "{stdout}{stderr}");
}

#[test]
fn a_program_that_does_not_tell_its_parts_apart_makes_no_sandbox() {
    // This one, whose `main` is of the standard harness.
    let error = Sandbox::new().command("true").run().unwrap_err();
    assert!(matches!(error, SandboxError::NotEntered), "{error}");
    assert!(error.to_string().contains("`isotest_core::stage::enter();`"), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "`main` shows what it returns by `Debug`");
    let host = host::probe::host().unwrap();
    let request = Request {
        policy: &Policy::default(),
        root: &Root::Host,
        views: &Views::default(),
        network: Network::Loopback,
        trace_missing: false,
        jobs: 1,
        cgroups: CgroupFacts::default(),
    };
    let template = Arc::new(plan::resolve(&request, &host).template);
    let error = Slot::start(&template, &Cgroups::default()).unwrap_err();
    assert!(error.to_string().contains("`isotest_core::stage::enter();`"), "{error}");
}

#[test]
fn the_parts_do_the_same_with_everything_chosen() {
    let printed = printed("parts", &["sh", "-c", "exit 3"]);
    assert!(
        printed.starts_with("Failed {\n    code: 3,\n}") || printed.starts_with("Failed { code: 3 }"),
        "{printed}"
    );
}
