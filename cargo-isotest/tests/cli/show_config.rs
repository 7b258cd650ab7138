//! `show-config`: which settings hold, and from where.

use crate::call::{Call, bare, isotest};
use crate::help::is_as_kept;
use crate::project::Project;
use serde_json::Value;
use snapbox::{Assert, Data, assert::DEFAULT_ACTION_ENV};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

const MANIFEST: &str = "[package]\nname = \"own\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
const TESTS: &str = r#"
mod net {
    #[test]
    fn connects() {}
}

#[test]
fn parses() {}

#[test]
fn tells() {
    for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("ISOTEST")) {
        println!("{name}={value}");
    }
}
"#;

const CONFIG: &str = r#"[profile.default]
timeout = "60s"
memory-limit = "512MiB"
rlimit = { nofile = 256, core = "0:unlimited" }
keep = ["src"]

[[profile.default.overrides]]
filter = 'test(/^net::/)'
network = "own"
retries = { backoff = "exponential", count = 3, delay = "1s" }

[[profile.default.overrides]]
filter = """
  package(own) and
  test(connects)"""
network = "none"
timeout = "5m"

[profile.nightly]
inherits = "ci"
jobs = 2
budget = { memory = "256 MiB", wall = "2 s" }
"#;

/// The project with this configuration.
fn project() -> &'static Project {
    static PROJECT: LazyLock<(TempDir, Project)> = LazyLock::new(|| {
        let place = tempfile::tempdir().unwrap();
        let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS), (".config/isotest.toml", CONFIG)];
        let project = Project::written(place.path(), &files);
        (place, project)
    });
    &PROJECT.1
}

fn show(arguments: &[&str]) -> Call {
    let call = isotest(project()).within(&project().directory).arguments(["show-config"]);
    call.variable("ISOTEST_PIDS_LIMIT", "9").arguments(arguments)
}

/// What is written to standard output, but for the place of the project.
fn shown(arguments: &[&str]) -> String {
    let text = show(arguments).run().with_code(0).stdout;
    text.replace(project().directory.to_str().unwrap(), "[PROJECT]")
}

#[test]
fn every_value_of_the_run_has_its_place() {
    let text = shown(&["-P", "nightly", "--cpus", "0-1", "--off", "io,disk", "--fail-fast"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    is_as_kept("show-config.txt", text);
}

#[test]
fn a_test_is_named_as_elsewhere_and_has_what_its_overrides_say() {
    let text = shown(&["own net::connects"]);
    is_as_kept("show-config-of-a-test.txt", text.clone());
    assert_eq!(shown(&["connects"]), text);
    let other = shown(&["parses"]);
    let is_default = |line: &str| line.split_whitespace().eq(["network", "\"loopback\"", "default"]);
    assert!(other.lines().any(is_default) && !other.contains("verride"), "{other}");
    let ended = show(&["gravity"]).run().with_code(4);
    assert!(ended.stderr.contains("error: no tests to run"), "{}", ended.stderr);
}

fn lines(arguments: &[&str]) -> Vec<Value> {
    let text = show(arguments).arguments(["--message-format", "json"]).run().with_code(0).stdout;
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_of_json_says_the_same_of_each_value() {
    let of = |lines: &[Value], scope: &str, key: &str| {
        let is_it = |line: &&Value| line["scope"] == scope && line["key"] == key;
        lines
            .iter()
            .filter(is_it)
            .map(|line| (line["value"].clone(), line["origin"].clone()))
            .collect::<Vec<_>>()
    };
    let file = ".config/isotest.toml";
    let profile =
        |line| serde_json::json!({ "kind": "profile", "profile": "default", "file": file, "line": line });
    let all = lines(&["--jobs", "3"]);
    assert!(
        all.iter().all(|line| line["type"] == "setting" && line["schema"] == 1 && line["name"].is_null())
    );
    assert_eq!(
        of(&all, "run", "jobs"),
        [(3.into(), serde_json::json!({ "kind": "flag", "name": "--jobs" }))]
    );
    let variable = serde_json::json!({ "kind": "variable", "name": "ISOTEST_PIDS_LIMIT" });
    assert_eq!(of(&all, "test", "pids-limit"), [(9.into(), variable)]);
    assert_eq!(of(&all, "test", "timeout"), [("1m".into(), profile(2))]);
    assert_eq!(of(&all, "test", "cpu-limit"), [(Value::Null, serde_json::json!({ "kind": "default" }))]);
    assert_eq!(of(&all, "override", "network").len(), 2);
    let one = lines(&["net::connects"]);
    let origin = serde_json::json!({ "kind": "override", "profile": "default", "file": file, "line": 9 });
    assert_eq!(of(&one, "test", "network"), [("own".into(), origin)], "the first of two");
    let test = one.iter().find(|line| line["scope"] == "test").unwrap();
    assert_eq!((&test["binary_id"], &test["name"]), (&"own".into(), &"net::connects".into()));
}

#[test]
fn a_variable_without_effect_is_said_with_what_was_meant() {
    let wrong = [
        ("ISOTEST_MEMROY_LIMIT", "did you mean `ISOTEST_MEMORY_LIMIT`?"),
        ("ISOTEST_TEST_THREADS", "did you mean `ISOTEST_JOBS`?"),
        ("ISOTEST_PROFIL", "did you mean `ISOTEST_PROFILE`?"),
        ("ISOTEST_BIND", "`bind` is set in the configuration file, or by its flag"),
        ("ISOTEST_GRAVITY", "no setting has this name; `cargo isotest show-config` shows all"),
    ];
    let with = |call: Call| wrong.iter().fold(call, |call, (name, _)| call.variable(name, "1"));
    let said = with(show(&[])).run().with_code(0).stderr;
    let mut expected: Vec<_> =
        wrong.iter().map(|(name, meant)| format!("warning: `{name}` has no effect: {meant}")).collect();
    let mut said: Vec<_> = said.lines().collect();
    said.sort_unstable();
    expected.sort_unstable();
    assert_eq!(said, expected);
    let ended = with(bare()).arguments(["runner", "true"]).run().with_code(0);
    assert_eq!(ended.stderr, "", "cargo calls it for each program");
}

#[test]
fn what_a_test_is_told_is_no_variable_without_effect() {
    let told =
        isotest(project()).arguments(["tells", "--success-output", "immediate", "-P", "nightly"]).run();
    let told = told.with_code(0).stdout;
    let told = told.lines().filter_map(|line| line.trim_start().split_once('='));
    let told: Vec<_> = told.filter(|(name, _)| name.starts_with("ISOTEST")).collect();
    assert!(told.iter().any(|(name, _)| *name == "ISOTEST_ATTEMPT"), "{told:?}");
    let call = told.iter().fold(show(&[]), |call, (name, value)| call.variable(name, value));
    assert_eq!(call.run().with_code(0).stderr, "");
}

#[test]
fn an_override_that_holds_for_no_test_is_said_once_where_all_tests_are_there() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("isotest.toml");
    let text = "[[profile.default.overrides]]\nfilter = 'test(parses)'\nretries = 1\n
        [[profile.default.overrides]]\nfilter = 'test(parsse)'\nretries = 1\n";
    fs::write(&path, text).unwrap();
    let run = |arguments: &[&str]| {
        let call = isotest(project()).arguments(["--config-file".as_ref(), path.as_os_str()]);
        call.arguments(arguments).run().with_code(0).stdout
    };
    let said = format!("the override in {}:6 holds for no test: `test(parsse)`", path.display());
    for arguments in [&[][..], &["connects"]] {
        let stdout = run(arguments);
        assert_eq!(stdout.matches(" holds for no test").count(), 1, "{stdout}");
        assert!(stdout.contains(&said), "{stdout}");
    }
    assert!(!run(&["--lib"]).contains(" holds for no test"), "other targets may have the test");
}

#[test]
fn the_published_schema_is_the_one_that_is_shown() {
    let text = bare().within(Path::new("/")).arguments(["show-config", "--schema"]).run().with_code(0).stdout;
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("isotest.schema.json");
    Assert::new().action_env(DEFAULT_ACTION_ENV).eq(text, Data::read_from(&published, None).raw());
    let schema: Value = serde_json::from_str(&fs::read_to_string(published).unwrap()).unwrap();
    // The program's own list of what it knows.
    let said = bare()
        .within(Path::new("/"))
        .arguments(["show-config", "--message-format", "json"])
        .run()
        .with_code(0);
    let lines: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys = |scopes: &[&str]| -> BTreeSet<String> {
        let those = lines.iter().filter(|line| scopes.iter().any(|scope| line["scope"] == *scope));
        those.map(|line| line["key"].as_str().unwrap().to_owned()).collect()
    };
    let of_table = |table: &str| -> BTreeSet<String> {
        schema["definitions"][table]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let words =
        |words: &[&str]| -> BTreeSet<String> { words.iter().map(|word| (*word).to_owned()).collect() };
    let of_run = &keys(&["run"]) - &words(&["profile", "config-file", "color"]);
    assert_eq!(
        of_table("profile"),
        &(&of_run | &keys(&["test"])) | &words(&["inherits", "overrides", "scripts"])
    );
    assert_eq!(of_table("override"), &keys(&["test"]) | &words(&["filter"]));
}
