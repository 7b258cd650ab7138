//! What tests leave in the workspace and is thrown away: the flag that is named beside them keeps it.

use crate::call::{Ended, isotest};
use crate::project::Project;
use std::fs;
use std::path::Path;

const MANIFEST: &str =
    "[package]\nname = \"leaves\"\nedition = \"2024\"\n[lib]\ndoctest = false\ntest = false\n[workspace]\n";

/// As tools for snapshots and for properties leave what a test should have seen, and what it failed with.
const TESTS: &str = r#"
use std::fs;

#[test]
fn differs() {
    fs::create_dir_all("tests/snapshots").unwrap();
    fs::write("tests/snapshots/differs.actual", "new").unwrap();
    fs::write("target/below", "").unwrap();
    fs::write("/tmp/elsewhere", "").unwrap();
    panic!("stored a new snapshot");
}

#[test]
fn measures() {
    fs::create_dir_all("cov").unwrap();
    fs::write("cov/1.counts", "counted").unwrap();
}

#[test]
fn writes_nothing() {}
"#;

fn project(place: &Path) -> Project {
    let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", ""), ("tests/it.rs", TESTS)];
    Project::written(place, &files)
}

/// What stands between backquotes after `thrown away` in the first line that has the words.
fn flags<'a>(ended: &'a Ended, words: &str) -> Vec<&'a str> {
    let line = ended.stdout.lines().find(|line| line.contains(words)).unwrap();
    let flags = line.split_once("`--keep ").unwrap().1.split_once('`').unwrap().0;
    ["--keep"].into_iter().chain(flags.split(' ')).collect()
}

#[test]
fn a_failed_test_names_its_files_and_the_flag_that_keeps_them_does() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let here = project.directory.join("src");
    let run = || isotest(&project).arguments(["differs"]).within(&here);
    let ended = run().run().with_code(100);
    let said = "1 file in the workspace changed and thrown away: ../tests/snapshots/differs.actual; ";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    let left = project.directory.join("tests/snapshots/differs.actual");
    assert!(!left.exists());
    let kept = flags(&ended, said);
    assert_eq!(kept, ["--keep", "../tests"]);
    let ended = run().arguments(kept).run().with_code(100);
    assert_eq!(fs::read_to_string(left).unwrap(), "new");
    assert!(!ended.stdout.contains("thrown away"), "{}", ended.stdout);
}

#[test]
fn what_passing_tests_leave_is_said_once_before_the_summary() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let run = || isotest(&project).within(&project.directory);
    let ended = run().arguments(["measures", "writes_nothing"]).run().with_code(0);
    let said = "files that 1 test changed in the workspace are thrown away: `--keep .` keeps them";
    let lines: Vec<_> = ended.stdout.lines().collect();
    let at = lines.iter().position(|line| line.contains(said)).unwrap_or_else(|| panic!("{}", ended.stdout));
    assert!(lines[at + 1].contains("Summary"), "{}", ended.stdout);
    assert_eq!(ended.stdout.matches("thrown away").count(), 1, "{}", ended.stdout);
    let quiet = run().arguments(["writes_nothing"]).run().with_code(0);
    assert!(!quiet.stdout.contains("thrown away"), "{}", quiet.stdout);
}

/// Two tests that both need what takes long to make, and count how often it was made.
const HELPED: &str = r#"
use std::fs;
use std::path::Path;

fn helper() {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("helpers");
    fs::create_dir_all(&built).unwrap();
    if !built.join("helper").exists() {
        fs::write(built.join("helper"), "made").unwrap();
    }
}

#[test]
fn one() {
    helper();
}

#[test]
fn other() {
    helper();
}
"#;

#[test]
fn what_several_tests_build_anew_below_the_target_directory_can_be_shared() {
    let place = tempfile::tempdir().unwrap();
    let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", ""), ("tests/it.rs", HELPED)];
    let project = Project::written(place.path(), &files);
    let run = || isotest(&project).within(&project.directory);
    let said = "2 tests wrote the same files in the target directory, each anew: with ";
    let ended = run().run().with_code(0);
    let kept = flags(&ended, said);
    let made = project.directory.join(kept[1]);
    assert!(kept[1].ends_with("/helpers") && !made.exists(), "{kept:?}");
    // It is made before the first test, since there was nothing yet.
    let ended = run().arguments(kept).run().with_code(0);
    assert!(!ended.stdout.contains(said), "{}", ended.stdout);
    assert_eq!(fs::read_to_string(made.join("helper")).unwrap(), "made");
    let ended = run().arguments(["--keep", "helpers"]).run().with_code(2);
    assert!(ended.stderr.contains("/helpers` does not exist"), "{}", ended.stderr);
}
