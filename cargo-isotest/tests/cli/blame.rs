//! The commit since which a test needs more memory is found.

use crate::call::isotest;
use crate::project::Project;
use std::fs;
use std::process::Command;

const MANIFEST: &str = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n";

/// A test that takes so many MiB, beside one that stays as it is.
fn library(mebibytes: usize) -> String {
    format!(
        "fn take(mebibytes: usize) {{ std::hint::black_box(vec![1_u8; mebibytes << 20]); }}\n\
         #[test] fn grows() {{ take({mebibytes}); }}\n#[test] fn stays() {{ take(3); }}\n"
    )
}

#[test]
fn the_commit_is_found_and_nothing_is_left() {
    let place = tempfile::tempdir().unwrap();
    let project = Project::written(place.path(), &[("Cargo.toml", MANIFEST), ("src/lib.rs", &library(2))]);
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let run = Command::new("git").args(identity).args(arguments).current_dir(&project.directory).output();
        let run = run.unwrap();
        assert!(run.status.success(), "{arguments:?}: {run:?}");
        String::from_utf8(run.stdout).unwrap()
    };
    if !isotest(&project).lines().1.holds("memory") {
        return;
    }
    git(&["init", "--quiet"]);
    let commits =
        [library(2), library(2) + "// more", "no rust".to_owned(), library(12), library(12) + "// more"];
    for (number, text) in commits.iter().enumerate() {
        fs::write(project.directory.join("src/lib.rs"), text).unwrap();
        git(&["add", "src", "Cargo.toml"]);
        git(&["commit", "--quiet", "--message", &format!("commit {number}")]);
    }
    // What is not committed is not what is tried, and stays.
    fs::write(project.directory.join("src/lib.rs"), "mine").unwrap();
    let blame = |arguments: &[&str]| {
        isotest(&project).arguments(["budgets", "blame"]).arguments(arguments.iter().copied()).run()
    };
    let found = blame(&["HEAD~4..HEAD", "small grows"]);
    let found = found.with_code(0);
    let last = found.stdout.lines().last().unwrap();
    let is_found = last.contains("a: commit 3 or one of the 1 before it") || last.contains("a: commit 2 or");
    assert!(last.starts_with("since ") && (is_found || last.contains("a: commit 3 (")), "{found:#?}");
    assert!(found.stdout.contains(" cannot be tried: "), "{found:#?}");
    assert_eq!(fs::read_to_string(project.directory.join("src/lib.rs")).unwrap(), "mine");
    assert_eq!(git(&["worktree", "list"]).lines().count(), 1, "its work tree is removed");
    let left = fs::read_dir(&project.target).into_iter().flatten().flatten();
    assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains("blame")));

    let unnamed = blame(&["HEAD~2..HEAD~1"]).with_code(2);
    assert!(unnamed.stderr.contains("cannot be tried"), "its beginning does not compile: {unnamed:#?}");
    for (words, said) in [
        (&["HEAD~1..HEAD", "small stays"][..], "`small stays` needs more"),
        (&["HEAD..HEAD"], "no commit is in"),
        (&["HEAD"], "does not name commits"),
        (&["nowhere..HEAD"], "git knows no commit `nowhere`"),
        (&[], "name commits"),
    ] {
        let refused = blame(words).with_code(2);
        assert!(refused.stderr.contains(said), "{refused:#?}");
    }
}
