//! A workspace on every kind of place: tests write to it and nothing stays, or it is read-only and the report says so.

use crate::call::{Ended, Lines, isotest_between};
use crate::project::Project;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Under `cargo test` one of the two finds what the other has left.
const TESTS: &str = r#"
use std::io::Write;
fn change() {
    assert_eq!(std::fs::read_to_string("given").unwrap(), "as it was");
    std::fs::File::options().append(true).open("given").unwrap().write_all(b" not").unwrap();
    std::fs::File::create_new("made by a test").unwrap();
    std::fs::rename("made by a test", "renamed").unwrap();
}
#[test] fn one() { change() }
#[test] fn two() { change() }
"#;

/// Tests of a package with what is mounted in it.
const BESIDE_MOUNT: &str = r#"
#[test] fn mounted() {
    assert_eq!(std::fs::read_to_string("data/given").unwrap(), "mounted");
    let error = std::fs::write("data/made", "").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(30), "{error}");
}
"#;

const MANIFEST: &str =
    "[package]\nname = \"placed\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

/// A directory for everything, and in it the package, with a home directory that has nothing to do with it.
struct Place {
    directory: TempDir,
    project: Project,
}

impl Place {
    /// The package at `path` in the new directory.
    fn new(path: &str, tests: &str) -> Self {
        let parent = if Path::new("/home").is_dir() { "/home" } else { "/var/tmp" };
        let directory = tempfile::tempdir_in(parent).or_else(|_| tempfile::tempdir()).unwrap();
        let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", tests), ("given", "as it was")];
        let written = Project::written(&directory.path().join(path), &files);
        let project = Project { target: directory.path().join("target"), ..written };
        fs::create_dir(&project.target).unwrap();
        Self { directory, project }
    }

    /// Runs the tests after `script`, for which `$W` is the package and `$P` the directory, and sees that plain cargo
    /// has failures then.
    fn run(&self, script: &str) -> (Ended, Lines) {
        self.run_with(
            script,
            "! cargo test -q --target-dir \"$P/target\" -- --test-threads=1 >\"$P/plain\" 2>&1 || exit 99",
            &[],
        )
    }

    fn run_with(&self, script: &str, then: &str, flags: &[&str]) -> (Ended, Lines) {
        let script = format!("{script}\ncd \"$W\"");
        let call = isotest_between(&script, then, &self.project)
            .variable("W", &self.project.directory)
            .variable("P", self.directory.path())
            .arguments(flags);
        call.lines()
    }
}

fn assert_works((ended, lines): (Ended, Lines)) {
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert!(lines.holds("copy-on-write"), "{}", lines.started);
    assert_eq!(lines.attempts.len(), 2);
    for attempt in lines.attempts {
        assert_eq!(attempt["changed_paths_count"], 2, "{attempt}");
    }
}

#[test]
fn on_a_usual_file_system() {
    let place = Place::new("w", TESTS);
    assert_works(place.run(""));
    let plain = fs::read_to_string(place.directory.path().join("plain")).unwrap();
    assert!(plain.contains("1 failed"), "control: {plain}");
}

#[test]
fn on_tmpfs() {
    assert_works(
        Place::new("w", TESTS)
            .run("cp -a \"$W\" \"$P/kept\"; mount -t tmpfs tmpfs \"$W\"; cp -a \"$P/kept/.\" \"$W\""),
    );
}

#[test]
fn on_an_overlay() {
    assert_works(Place::new("w", TESTS).run(
        "mkdir \"$P/u\"; mount -t tmpfs tmpfs \"$P/u\"; mkdir \"$P/u/u\" \"$P/u/w\"
        mount -t overlay overlay -o lowerdir=\"$W\",upperdir=\"$P/u/u\",workdir=\"$P/u/w\" \"$W\"",
    ));
}

#[test]
fn on_a_read_only_mount() {
    let place = Place::new("w", TESTS);
    let script = "(cd \"$W\"; cargo generate-lockfile --quiet --offline)
        mount --bind \"$W\" \"$W\"; mount -o remount,bind,ro \"$W\"";
    assert_works(place.run(script));
    let plain = fs::read_to_string(place.directory.path().join("plain")).unwrap();
    assert!(plain.contains("Read-only file system"), "control: {plain}");
}

#[test]
fn below_a_mount_point() {
    assert_works(Place::new("mounted/w", TESTS).run("mount --bind \"$P/mounted\" \"$P/mounted\""));
}

#[test]
fn on_a_path_with_spaces() {
    let script = "mount --bind \"$P/a place\" \"$P/a place\"";
    assert_works(Place::new("a place/with\ttabs, and \\040/w", TESTS).run(script));
}

#[test]
fn with_a_mount_inside() {
    let place = Place::new("w", &format!("{TESTS}{BESIDE_MOUNT}"));
    let script = "mkdir \"$W/data\"; mount -t tmpfs tmpfs \"$W/data\"; printf mounted >\"$W/data/given\"";
    // Outside, the mount can be written to.
    let then = "! cargo test -q --target-dir \"$P/target\" mounted >\"$P/plain\" 2>&1 || exit 99";
    let (ended, lines) = place.run_with(script, then, &[]);
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(lines.attempts.len(), 3);
    assert!(lines.holds("copy-on-write"), "{}", lines.started);
    let data = place.project.directory.join("data");
    let said = format!("`{}` is read-only: it is mounted below a copy-on-write directory", data.display());
    assert_eq!(lines.started["remarks"][0], said, "{}", lines.started);
}

/// Overlays over an overlay over an overlay are more than the kernel makes.
const DEEP: &str = "mkdir \"$P/u\" \"$P/m\"; mount -t tmpfs tmpfs \"$P/u\"
    mkdir \"$P/u/u\" \"$P/u/w\" \"$P/u/u2\" \"$P/u/w2\"
    mount -t overlay overlay -o lowerdir=\"$W\",upperdir=\"$P/u/u\",workdir=\"$P/u/w\" \"$P/m\"
    mount -t overlay overlay -o lowerdir=\"$P/m\",upperdir=\"$P/u/u2\",workdir=\"$P/u/w2\" \"$W\"
    touch \"$W/it can be written to\"";

#[test]
fn where_no_view_can_be_had_it_is_read_only_and_that_is_said() {
    let place = Place::new("w", TESTS);
    let (ended, lines) = place.run_with(DEEP, "", &[]);
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    let state = &lines.started["isolation"]["copy-on-write"];
    assert_eq!(state["state"], "missing", "{}", lines.started);
    let said = format!("`{}` is read-only: the kernel makes no", place.project.directory.display());
    assert!(state["reason"].as_str().unwrap().starts_with(&said), "{state}");
    for name in ["one", "two"] {
        let attempt = lines.attempt("placed", name);
        assert!(attempt["stderr"].as_str().unwrap().contains("Read-only file system"), "{attempt}");
    }
}

#[test]
fn where_a_view_is_required_and_cannot_be_had_nothing_is_executed() {
    let place = Place::new("w", TESTS);
    let script = format!("{DEEP}\ncd \"$W\"");
    let call = isotest_between(&script, "", &place.project)
        .variable("W", &place.project.directory)
        .variable("P", place.directory.path())
        .arguments(["--require", "copy-on-write"]);
    let ended = call.run().with_code(97);
    assert!(ended.stderr.contains("the kernel makes no copy-on-write view of it"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}
