//! Tests that update their own sources, as tools for snapshots do.

use crate::call::{Call, Lines, isotest};
use crate::project::Project;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A tool as there are several: it replaces text at the line where that stood when the test was compiled, and notes in
/// memory by how many lines it has moved the rest.
const TOOL: &str = r#"
use std::{env, fs, path::Path, sync::Mutex};

static MOVED: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

pub fn check(line: u32, expected: &str, actual: &str) {
    if expected == actual {
        return;
    }
    assert!(env::var_os("UPDATE_EXPECT").is_some(), "expected {expected:?}, got {actual:?}");
    let mut moved = MOVED.lock().unwrap();
    let line = line as usize;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/values.rs");
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    let at = line - 1 + moved.iter().filter(|(above, _)| *above < line).map(|(_, by)| by).sum::<usize>();
    lines[at] = lines[at].replacen("\"\"", &format!("\"{actual}\""), 1);
    moved.push((line, actual.lines().count() - 1));
    fs::write(&path, lines.join("\n") + "\n").unwrap();
}
"#;

/// The value of `c`, written to where it belonged before that of `a` moved the rest, stands in the place of `b`.
const VALUES: &str = r#"use tool::check;

#[test]
fn a() { check(line!(), "", "one\ntwo\nthree\nfour"); }

#[test]
fn b() { check(line!(), "", "five"); }

#[test]
fn c() { check(line!(), "", "six"); }
"#;

/// What a test writes beside its sources, and below the target directory; and what it is told of its process.
const WRITES: &str = r#"
#[test]
fn writes() {
    let told: Vec<_> = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("NEXTEST")).collect();
    std::fs::write("beside", told.join(" ")).unwrap();
    std::fs::write("target/below", "").unwrap();
}

#[test]
fn writes_nothing() {}
"#;

const MANIFEST: &str =
    "[package]\nname = \"tool\"\nedition = \"2024\"\n[lib]\ndoctest = false\ntest = false\n[workspace]\n";

fn project(place: &Path) -> Project {
    let files = [
        ("Cargo.toml", MANIFEST),
        ("src/lib.rs", TOOL),
        ("tests/values.rs", VALUES),
        ("tests/writes.rs", WRITES),
    ];
    Project::written(place, &files)
}

/// The program, called from the project's directory.
fn called(project: &Project, variable: (&str, &str), arguments: &[&str]) -> Call {
    isotest(project).within(&project.directory).variable(variable.0, variable.1).arguments(arguments)
}

fn values(project: &Project) -> String {
    fs::read_to_string(project.directory.join("tests/values.rs")).unwrap()
}

#[test]
fn sources_are_updated_as_under_cargo_test() {
    let (place, plain) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, cargos) = (project(place.path()), project(plain.path()));
    let asked = ("UPDATE_EXPECT", "1");

    let ended = called(&ours, asked, &["--no-fail-fast"]).run().with_code(0);
    assert!(ended.stdout.contains("UPDATE_EXPECT asks tests to update files"), "{}", ended.stdout);
    assert_eq!(ended.word("3 tests in one process"), "PASS");

    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet"]).current_dir(&cargos.directory).env(asked.0, asked.1);
    let cargo = cargo.env_remove("CARGO_TARGET_DIR").output().unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    assert_ne!(values(&cargos), VALUES);
    assert_eq!(values(&ours), values(&cargos));
    // What is no source is thrown away, as ever.
    for (project, is_kept) in [(&cargos, true), (&ours, false)] {
        assert!(project.directory.join("beside").exists());
        assert_eq!(project.target.join("below").exists(), is_kept);
    }
    let told = fs::read_to_string(ours.directory.join("beside")).unwrap();
    assert_eq!(told, "", "no test has a process of its own");

    let unasked = isotest(&ours).within(&ours.directory).run().with_code(0);
    assert!(!unasked.stdout.contains("in one process"), "{}", unasked.stdout);
}

#[test]
fn a_process_for_each_test_would_write_values_to_where_others_belong() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let asked = ("UPDATE_EXPECT", "1");
    let ended = called(&project, asked, &["--discard-updates"]).run().with_code(0);
    assert!(ended.stdout.contains("their changes are discarded"), "{}", ended.stdout);
    assert_eq!(ended.word("c"), "PASS");
    assert_eq!(values(&project), VALUES);

    let alone = ["--discard-updates", "--keep", "tests", "-j", "1", "--test", "values"];
    let ended = called(&project, asked, &alone).run().with_code(0);
    assert!(ended.stdout.contains("update the wrong places of a file"), "{}", ended.stdout);
    let text = values(&project);
    assert!(
        text.contains(r#"fn b() { check(line!(), "six", "five"); }"#),
        "a control, which is wrong: {text}"
    );
}

#[test]
fn the_figures_are_of_the_process_and_verdicts_of_each_test() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path());
    let (ended, lines) = called(&project, ("BLESS", "1"), &["--test", "values"]).lines();
    assert_eq!(ended.status.code(), Some(100), "nobody asked this tool to write: {ended:#?}");
    for name in ["a", "b", "c"] {
        let attempt = lines.attempt("tool::values", name);
        assert_eq!(attempt["outcome"], "failed");
        assert!(attempt["wall_us"].is_null() && attempt["usage"]["cpu_user_us"].is_null(), "{attempt}");
        let said = attempt["stdout"].as_str().unwrap();
        assert!(said.contains(&format!("thread '{name}'")) && said.contains("expected \"\""), "{said}");
    }
    let [process] = &lines.processes[..] else { panic!("{:?}", lines.processes) };
    assert_eq!((&process["binary_id"], &process["tests"]), (&"tool::values".into(), &3.into()));
    assert_eq!((&process["outcome"], &process["exit_code"]), (&"failed".into(), &101.into()));
    assert!(process["wall_us"].is_u64() && process["usage"]["cpu_user_us"].is_u64(), "{process}");
    assert_eq!(lines.finished["counts"]["failed"], 3);
}

fn outcomes(lines: &Lines) -> Vec<(String, String)> {
    let text = |attempt: &serde_json::Value, field: &str| attempt[field].as_str().unwrap().to_owned();
    let mut outcomes: Vec<_> =
        lines.attempts.iter().map(|attempt| (text(attempt, "name"), text(attempt, "outcome"))).collect();
    outcomes.sort();
    outcomes
}

#[test]
fn the_same_tests_are_selected_with_the_same_verdicts() {
    let place = tempfile::tempdir().unwrap();
    let project = Project::copied("ends", place.path());
    let selections: [&[&str]; 6] = [
        &[],
        &["-j", "1"],
        &["--run-ignored", "all", "--skip", "fails"],
        &["--", "--ignored"],
        &["--exact", "b_fails", "c_panics", "c_pan"],
        &["a_", "c_"],
    ];
    for selection in selections {
        let (alone, each) = isotest(&project).arguments(selection).lines();
        let (together, all) = called(&project, ("BLESS", "1"), selection).lines();
        assert_eq!(outcomes(&all), outcomes(&each), "{selection:?}\n{}", together.stderr);
        assert_eq!(together.status.code(), alone.status.code(), "{selection:?}");
        for count in ["passed", "failed", "skipped"] {
            assert_eq!(all.finished["counts"][count], each.finished["counts"][count], "{selection:?}");
        }
    }
}

#[test]
fn a_process_that_ends_midway_fails_the_tests_it_said_nothing_of() {
    let place = tempfile::tempdir().unwrap();
    let project = Project::copied("ends", place.path());
    // Where the process seems to have ended in order, it is not believed that a test did not begin.
    let ends: [(&str, &str, &[&str]); 2] =
        [("abort", "signaled", &["e_may_end_all"]), ("exit", "failed", &["e_may_end_all", "f_comes_last"])];
    for (end, outcome, names) in ends {
        let call = called(&project, ("BLESS", "1"), &["-j", "1", "--skip", "b_fails"]).variable("END", end);
        let (ended, lines) = call.lines();
        assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
        assert_eq!(lines.outcome("ends::ends", "c_panics"), "passed");
        for name in names {
            let attempt = lines.attempt("ends::ends", name);
            assert_eq!(attempt["outcome"], outcome, "{end}");
            assert!(
                attempt["remarks"][0].as_str().unwrap().contains("without a word on this test"),
                "{attempt}"
            );
        }
        assert_eq!(lines.finished["not_run"], 2 - names.len(), "{end}");
    }
    let ended = called(&project, ("BLESS", "1"), &["--no-capture", "b_fails", "c_"]).run().with_code(100);
    assert_eq!((ended.word("b_fails"), ended.word("c_panics")), ("FAIL", "PASS"));
    assert!(ended.stdout.contains("before it failed"), "{}", ended.stdout);
}

/// Three tests in the order in which the harness executes them. The second hangs.
const HANGS: &str = "
#[test]
fn a_passes() {}

#[test]
fn b_hangs() { std::thread::sleep(std::time::Duration::from_secs(600)) }

#[test]
fn c_passes() {}
";

#[test]
fn only_tests_that_began_run_out_of_time() {
    let place = tempfile::tempdir().unwrap();
    let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", ""), ("tests/hangs.rs", HANGS)];
    let project = Project::written(place.path(), &files);
    let hung =
        |jobs| called(&project, ("BLESS", "1"), &["--timeout", "2s", "-j", jobs, "--retries", "2"]).lines();

    let (ended, lines) = hung("1");
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    let [passed, timed_out] = ["passed", "timed-out"].map(str::to_owned);
    let [a, b, c] = ["a_passes", "b_hangs", "c_passes"].map(str::to_owned);
    assert_eq!(outcomes(&lines), [(a.clone(), passed.clone()), (b.clone(), timed_out.clone())]);
    assert_eq!((&lines.finished["not_run"], &lines.finished["counts"]["timed-out"]), (&1.into(), &1.into()));
    let remark = lines.processes[0]["remarks"][0].as_str().unwrap();
    assert_eq!(remark, "1 test had not begun when the process ended: c_passes");
    assert!(ended.stderr.contains("Tests are not retried"), "{}", ended.stderr);

    let (_, lines) = hung("3");
    assert_eq!(
        outcomes(&lines),
        [(a.clone(), passed.clone()), (b, timed_out), (c, passed.clone())],
        "a control"
    );

    // Nor is one interrupted that had not begun when the run ended.
    let (ended, lines) = called(&project, ("BLESS", "1"), &["--global-timeout", "2s", "-j", "1"]).lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(outcomes(&lines), [(a, passed)]);
    let interrupted = lines.finished["interrupted"].as_array().unwrap();
    assert_eq!(interrupted.len(), 1, "{interrupted:?}");
    assert_eq!((&interrupted[0]["name"], &lines.finished["not_run"]), (&"b_hangs".into(), &1.into()));
}
