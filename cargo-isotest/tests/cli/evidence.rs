//! What tests leave by which tools tell of failures: it is kept outside the workspace, and comes into it when asked for.

use crate::call::{Call, Ended, isotest};
use crate::project::Project;
use crate::texts::is_as_kept;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

const MANIFEST: &str =
    "[package]\nname = \"tools\"\nedition = \"2024\"\n[lib]\ndoctest = false\ntest = false\n[workspace]\n";

/// Writes what insta, proptest, trybuild and valgrind leave when a test fails, where they leave it.
const LEAVES: &str = r#"
use std::fs::{self, File};
use std::io::Write;

fn add(path: &str, line: &str) {
    fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
    writeln!(File::options().append(true).create(true).open(path).unwrap(), "{line}").unwrap();
}

#[test]
fn one() {
    add("tests/snapshots/leaves__one.snap.new", "one");
    add("tests/.leaves.rs.pending-snap", "line of one");
    add("tests/leaves.proptest-regressions", "cc 1");
    add("wip/ui.stderr", "error");
    add("vgcore.3", "core");
    add("notes.txt", "no tool is known that writes it");
    panic!("leaves all that");
}

#[test]
fn two() {
    add("tests/.leaves.rs.pending-snap", "line of two");
    add("tests/leaves.proptest-regressions", "cc 2");
    panic!("leaves all that");
}

#[test]
fn passes() {
    add("tests/snapshots/leaves__passes.snap.new", "pending");
    add("wip/passes.stderr", "of no failure");
}
"#;

fn project(place: &Path, test: &str) -> Project {
    Project::written(place, &[("Cargo.toml", MANIFEST), ("src/lib.rs", ""), ("tests/leaves.rs", test)])
}

fn run(project: &Project, arguments: &[&str]) -> Call {
    isotest(project).within(&project.directory).arguments(arguments)
}

fn evidence(project: &Project, arguments: &[&str]) -> Call {
    let call = isotest(project).within(&project.directory).arguments(["evidence"]);
    call.arguments(arguments)
}

/// The command line and all that is said, without the place of the project.
fn shown(project: &Project, arguments: &[&str], code: i32) -> String {
    let Ended { stdout, stderr, .. } = evidence(project, arguments).run().with_code(code);
    let text = format!("$ cargo isotest evidence {}\n{stdout}{stderr}\n", arguments.join(" "));
    text.replace(project.directory.to_str().unwrap(), "[PROJECT]")
}

/// Of each file that is listed, the test, the tool, the path, and what would become of it.
fn states(project: &Project) -> Vec<String> {
    let listed = evidence(project, &["--message-format", "json"]).run().with_code(0).stdout;
    let state = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(Path::new(line["file"].as_str().unwrap()).is_file(), "{line}");
        ["name", "tool", "path", "state"].map(|key| line[key].as_str().unwrap().to_owned()).join(" ")
    };
    listed.lines().map(state).collect()
}

fn text(project: &Project, path: &str) -> Option<String> {
    fs::read_to_string(project.directory.join(path)).ok()
}

#[test]
fn what_failing_tests_leave_is_kept_and_copied_when_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path(), LEAVES);
    fs::write(project.directory.join("tests/leaves.proptest-regressions"), "# seeds\ncc 0\n").unwrap();
    assert_eq!(evidence(&project, &[]).run().with_code(0).stdout, "No test has left evidence.\n");
    run(&project, &["--no-run"]).run().with_code(0);
    let before = project.files();
    let ended = run(&project, &[]).run().with_code(100);
    assert_eq!(project.files(), before, "nothing comes into the workspace by itself");
    let said = &ended.stdout;
    assert!(said.contains("5 files kept as evidence: "), "{said}");
    assert!(
        said.contains("1 file in the workspace changed and thrown away: notes.txt; `--keep .` keeps"),
        "{said}"
    );
    assert!(said.contains("Evidence 8 files of 3 tests kept: `cargo isotest evidence` lists them"), "{said}");

    let states = states(&project);
    assert_eq!(
        states,
        [
            "one insta tests/.leaves.rs.pending-snap new",
            "one proptest tests/leaves.proptest-regressions adds",
            "one insta tests/snapshots/leaves__one.snap.new new",
            "one valgrind vgcore.3 new",
            "one trybuild wip/ui.stderr new",
            "passes insta tests/snapshots/leaves__passes.snap.new new",
            "two insta tests/.leaves.rs.pending-snap new",
            "two proptest tests/leaves.proptest-regressions adds",
        ]
    );

    let mut said = shown(&project, &[], 0);
    said += &shown(&project, &["--message-format", "json"], 0);
    said += &shown(&project, &["apply", "nothing of that name"], 4);
    said += &shown(&project, &["apply", "snapshots"], 0);
    assert_eq!(text(&project, "tests/snapshots/leaves__one.snap.new").as_deref(), Some("one\n"));
    assert_eq!(text(&project, "wip/ui.stderr"), None);
    said += &shown(&project, &["apply"], 0);
    // What several tests added to one file stands in it together.
    let lines = text(&project, "tests/.leaves.rs.pending-snap");
    assert_eq!(lines.as_deref(), Some("line of one\nline of two\n"));
    let seeds = text(&project, "tests/leaves.proptest-regressions");
    assert_eq!(seeds.as_deref(), Some("# seeds\ncc 0\ncc 1\ncc 2\n"));
    assert_eq!((text(&project, "notes.txt"), text(&project, "wip/passes.stderr")), (None, None));
    is_as_kept("evidence.txt", said + &shown(&project, &["apply"], 0));
}

#[test]
fn a_file_of_the_workspace_that_has_changed_since_is_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path(), LEAVES);
    fs::create_dir(project.directory.join("wip")).unwrap();
    let wip = project.directory.join("wip/ui.stderr");
    fs::write(&wip, "of an earlier run\n").unwrap();
    run(&project, &["one"]).run().with_code(100);
    let mut said = shown(&project, &["list", "ui.stderr"], 0);
    fs::write(&wip, "changed by hand\n").unwrap();
    said += &shown(&project, &["list", "ui.stderr"], 0);
    said += &shown(&project, &["apply", "ui.stderr"], 2);
    assert_eq!(text(&project, "wip/ui.stderr").as_deref(), Some("changed by hand\n"));
    fs::write(&wip, "of an earlier run\n").unwrap();
    is_as_kept("evidence-changed.txt", said + &shown(&project, &["apply", "ui.stderr"], 0));
    assert_eq!(text(&project, "wip/ui.stderr").as_deref(), Some("of an earlier run\nerror\n"));
}

#[test]
fn evidence_ends_when_its_test_leaves_none_any_more() {
    let place = tempfile::tempdir().unwrap();
    let test = "#[test]\nfn t() { std::fs::write(\"a.snap.new\", \"\").unwrap(); }\n#[test]\nfn other() {}\n";
    let leaving = project(place.path(), test);
    run(&leaving, &[]).run().with_code(0);
    let listed = || evidence(&leaving, &[]).run().with_code(0).stdout;
    assert!(listed().contains("a.snap.new"));
    fs::write(leaving.directory.join("tests/leaves.rs"), "#[test]\nfn t() {}\n#[test]\nfn other() {}\n")
        .unwrap();
    run(&leaving, &["other"]).run().with_code(0);
    assert!(listed().contains("a.snap.new"), "its test has not been executed again");
    run(&leaving, &[]).run().with_code(0);
    assert_eq!(listed(), "No test has left evidence.\n");
}

/// Tests that leave links, a pipe, too many files, and one that is too large.
fn hostile(outside: &Path) -> String {
    format!(
        r#"
use std::fs::{{self, File}};
use std::os::unix::fs::symlink;

#[test]
fn links() {{
    symlink("{outside}/secret.snap.new", "link.snap.new").unwrap();
    symlink("{outside}", "directory.snap.new").unwrap();
    std::process::Command::new("mkfifo").arg("pipe.snap.new").status().unwrap();
    fs::create_dir("snapshots").unwrap();
    fs::write("snapshots/secret.snap.new", "mine").unwrap();
    panic!();
}}

#[test]
fn many() {{
    for number in 0..300 {{
        fs::write(format!("{{number}}.snap.new"), "x").unwrap();
    }}
    panic!();
}}

#[test]
fn large() {{
    let file = File::create("large.snap.new").unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(7), 65 << 20), &mut &file).unwrap();
    fs::write("small.snap.new", "x").unwrap();
    panic!();
}}
"#,
        outside = outside.display()
    )
}

#[test]
fn what_a_hostile_test_leaves_leads_nowhere_and_has_an_end() {
    let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("secret.snap.new"), "secret").unwrap();
    let project = project(place.path(), &hostile(outside.path()));
    let ended = run(&project, &[]).run().with_code(100);
    let said = &ended.stdout;
    assert!(
        said.contains("256 files kept as evidence") && said.contains("44 files of evidence thrown away"),
        "{said}"
    );
    let listed = evidence(&project, &["list", "links"]).run().with_code(0).stdout;
    assert!(listed.contains("snapshots/secret.snap.new"), "{listed}");
    for name in ["link.snap.new", "directory.snap.new", "pipe.snap.new"] {
        assert!(!listed.contains(name), "{listed}");
    }
    let listed = evidence(&project, &["list", "large"]).run().with_code(0).stdout;
    assert!(listed.contains("small.snap.new") && !listed.contains("large.snap.new"), "{listed}");
    // A link in the workspace is the user's, and not followed all the same.
    symlink(outside.path(), project.directory.join("snapshots")).unwrap();
    let refused = evidence(&project, &["apply", "secret"]).run().with_code(2);
    assert!(refused.stderr.contains("it is a link, or behind one"), "{}", refused.stderr);
    let secret = fs::read_to_string(outside.path().join("secret.snap.new"));
    assert_eq!((secret.unwrap().as_str(), fs::read_dir(outside.path()).unwrap().count()), ("secret", 1));
}

#[test]
fn profiles_of_instrumented_tests_are_kept_wherever_in_the_workspace_they_are_written() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path(), "#[test]\nfn one() {}\n#[test]\nfn two() {}\n");
    let directory = project.directory.join("not-there-yet");
    let in_it = directory.join("x-%m.profraw");
    for (pattern, place) in [("x-%p.profraw", "."), (in_it.to_str().unwrap(), "not-there-yet")] {
        let call = run(&project, &[]).variable("RUSTFLAGS", "-Cinstrument-coverage");
        let ended = call.variable("LLVM_PROFILE_FILE", pattern).run().with_code(0);
        let said = &ended.stdout;
        assert!(said.contains("2 files of 2 tests kept"), "{said}");
        let count = || {
            let names = fs::read_dir(project.directory.join(place)).into_iter().flatten();
            names
                .filter(|name| name.as_ref().unwrap().path().extension().is_some_and(|end| end == "profraw"))
                .count()
        };
        assert_eq!(count(), 0, "nothing comes into the workspace by itself");
        for _ in 0..2 {
            evidence(&project, &["apply"]).run().with_code(0);
            assert_eq!(count(), 2, "processes of the same number do not replace each other's");
        }
    }
}

#[test]
fn what_iterations_leave_at_once_is_all_kept() {
    let place = tempfile::tempdir().unwrap();
    let test = "#[test]\nfn fails() {\n    let current = std::env::var(\"NEXTEST_STRESS_CURRENT\").unwrap();\n    \
        std::fs::write(format!(\"{current}.snap.new\"), &current).unwrap();\n    panic!(\"leaves that\");\n}\n";
    let project = project(place.path(), test);
    let ended = run(&project, &["--stress-count", "6", "-j", "4", "--no-fail-fast"]).run().with_code(100);
    assert!(ended.stdout.contains("Evidence 6 files of "), "{}", ended.stdout);
    let expected: Vec<_> = (0..6).map(|current| format!("fails insta {current}.snap.new new")).collect();
    assert_eq!(states(&project), expected);
}
