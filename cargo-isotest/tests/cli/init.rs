//! `init` writes a configuration file that holds, and `doctor --project` says what it knows of a project.

use crate::call::{bare, isotest};
use crate::project::Project;
use std::fs;
use std::path::Path;

const MANIFEST: &str = "[package]\nname = \"macros\"\nedition = \"2024\"\n[lib]\ndoctest = false\n\
     [dev-dependencies]\ntrybuild.path = \"trybuild\"\nredis.path = \"redis\"\n[workspace]\n";

/// A project whose dependencies have well-known names. Of a crate nothing is looked at but its name.
fn project(place: &Path) -> Project {
    let named = |name: &str| format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
    let files = [
        ("Cargo.toml", MANIFEST.to_owned()),
        ("src/lib.rs", "#[test]\nfn passes() {}\n".to_owned()),
        ("trybuild/Cargo.toml", named("trybuild")),
        ("trybuild/src/lib.rs", String::new()),
        ("redis/Cargo.toml", named("redis")),
        ("redis/src/lib.rs", String::new()),
        (".config/nextest.toml", String::new()),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    Project::written(place, &files)
}

#[test]
fn the_file_holds_and_nothing_else_is_changed() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let file = project.directory.join(".config/isotest.toml");
    let call = |arguments: &[&str]| isotest(&project).arguments(arguments).within(&project.directory).run();
    let printed = call(&["init", "--print"]).with_code(0).stdout;
    assert!(!file.exists());
    let before = project.files();
    let told = call(&["init"]).with_code(0).stdout;
    for said in ["trybuild (of macros)", "redis (of macros)", "--nextest-config", ".config/isotest.toml"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), printed);
    let after: Vec<_> = project.files().into_iter().filter(|(path, _)| *path != file).collect();
    let lock = project.directory.join("Cargo.lock");
    let without_lock =
        |files: Vec<_>| files.into_iter().filter(|(path, _)| *path != lock).collect::<Vec<_>>();
    assert_eq!(without_lock(after), without_lock(before));

    // What is in force, and every example, is something that a run understands.
    let held = call(&["show-config"]).with_code(0).stdout;
    assert!(held.contains("target/tests"), "{held}");
    call(&[]).with_code(0);
    let examples: String = printed.lines().map(|line| example(line) + "\n").collect();
    fs::write(&file, examples).unwrap();
    let held = call(&["show-config"]).with_code(0).stdout;
    assert!(held.contains("package(=macros)"), "{held}");

    let refused = call(&["init"]).with_code(2);
    assert!(refused.stderr.contains("is there already, and stays as it is"), "{}", refused.stderr);
}

/// The line with its example in force; sentences stay comments.
fn example(line: &str) -> String {
    match line.strip_prefix("# ") {
        Some(text) if text.contains(" = ") || text.starts_with('[') => text.to_owned(),
        _ => line.to_owned(),
    }
}

#[test]
fn the_doctor_says_what_differs_for_the_tests_of_a_project() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let call = |arguments: &[&str]| bare().arguments(arguments).within(&project.directory).run();
    let plain = call(&["doctor"]).stdout;
    let told = call(&["doctor", "--project"]).stdout;
    assert!(told.contains("redis (of macros): a server on the host's"), "{told}");
    assert!(!plain.contains("redis"), "{plain}");
    let json = call(&["doctor", "--project", "--message-format", "json"]).stdout;
    let line: serde_json::Value = serde_json::from_str(&json).unwrap();
    let crates: Vec<_> = line["project"].as_array().unwrap().iter().map(|one| &one["crates"][0]).collect();
    assert_eq!(crates, ["trybuild", "redis"], "{json}");
    assert_eq!(line["project"][1]["page"], "scripts");
}
