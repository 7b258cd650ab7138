//! The configuration of cargo-nextest, taken over on request.

use crate::call::{Call, Lines, bare, isotest};
use crate::help::is_as_kept;
use crate::project::Project;
use nix::unistd::Uid;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A project with these configuration files.
fn project(place: &Path, files: &[(&str, &str)]) -> Project {
    let project = Project::copied("moments", place);
    // Copies of one user share what is built of them.
    let target = format!("projects-nextest-config-{}", Uid::effective());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(target);
    for (path, text) in files {
        let path = project.directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Project { target, ..project }
}

fn call(project: &Project) -> Call {
    isotest(project).within(&project.directory)
}

const THEIRS: &str = ".config/nextest.toml";
const OURS: &str = ".config/isotest.toml";

const CONFIG: &str = r#"
[profile.default]
retries = 1
fail-fast = { max-fail = 7, terminate = "wait" }
success-output = "immediate"

[profile.ci]
test-threads = 3
default-filter = "not test(/^heavy::/)"

[profile.ci.junit]
path = "junit.xml"

[profile.quick]
inherits = "ci"
slow-timeout = { period = "100ms", terminate-after = 2 }

[[profile.default.overrides]]
filter = 'test(/^db::/)'
test-group = 'db'

[[profile.default.overrides]]
platform = 'cfg(windows)'
default-filter = 'none()'

[[profile.default.overrides]]
filter = 'test(free::c)'
platform = { host = 'cfg(unix)', target = 'cfg(target_os = "linux")' }
priority = 7

[test-groups]
db = { max-threads = 1 }
"#;

#[test]
fn what_it_says_holds_on_request() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path(), &[(THEIRS, CONFIG)]);
    let listed = |arguments: &[&str]| call(&project).arguments(["list"]).arguments(arguments).run();
    let number = |arguments: &[&str]| listed(arguments).with_code(0).stdout.lines().count();
    assert_eq!(number(&["--nextest-config", "-E", "group(db)"]), 6);
    assert_eq!(number(&["--nextest-config"]), 11);
    assert_eq!(number(&["--nextest-config", "-P", "ci"]), 9, "without those that are not of the default");
    assert_eq!(number(&["--nextest-config", "-P", "quick", "-E", "all()"]), 9);
    assert_eq!(number(&["--nextest-config", "-P", "ci", "--ignore-default-filter"]), 11);
    assert_eq!(number(&["--nextest-config", "-P", "ci", "--ignore-default-filter", "-E", "default()"]), 9);
    assert_eq!(number(&[]), 11, "control");
    listed(&["-E", "group(db)"]).with_code(94);
    listed(&["-P", "quick"]).with_code(96);

    let report = project.directory.join("target/nextest/ci/junit.xml");
    let run = call(&project).arguments(["--nextest-config", "-P", "ci"]).variable("FAILS", "db::b");
    let (ended, lines) = run.lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!((&lines.started["jobs"], &lines.finished["counts"]["flaky"]), (&3.into(), &1.into()));
    let remarks = lines.started["remarks"].to_string();
    let expected = "2 tests left out by `default-filter` in .config/nextest.toml:9; `--ignore-default-filter` runs them, too";
    assert!(remarks.contains(expected), "{remarks}");
    assert!(fs::read_to_string(&report).unwrap().contains("<testsuites"));
    assert_eq!(lines.attempts.iter().filter(|attempt| attempt["test_group"] == "db").count(), 7);
    let (_, lines) = call(&project).arguments(["--nextest-config", "-j", "1"]).lines();
    assert_eq!(lines.attempts[0]["name"], "free::c", "it has the highest priority");
}

#[test]
fn our_own_configuration_and_what_is_typed_hold_before_it() {
    let place = tempfile::tempdir().unwrap();
    let ours = "[profile.ci]\njobs = 2\n[test-groups]\ndb = { max-threads = 2 }\nours = { max-threads = 1 }
        [[profile.ci.overrides]]\nfilter = 'test(db::c)'\ntest-group = 'ours'\n";
    let project = project(place.path(), &[(THEIRS, CONFIG), (OURS, ours)]);
    let jobs = |arguments: &[&str]| {
        let call = call(&project).arguments(["--nextest-config", "-P", "ci"]).arguments(arguments);
        call.lines().1.started["jobs"].as_u64().unwrap()
    };
    assert_eq!((jobs(&[]), jobs(&["-j", "5"])), (2, 5));
    let of_group = |group: &str| {
        let group = format!("group({group})");
        let words = ["list", "--nextest-config", "-P", "ci", "-E", &group];
        call(&project).arguments(words).run().with_code(0).stdout.lines().count()
    };
    assert_eq!((of_group("ours"), of_group("db")), (1, 5));
    let elsewhere = place.path().join("elsewhere.toml");
    fs::write(&elsewhere, "[profile.ci]\ntest-threads = 4\n[profile.elsewhere]\ntest-threads = 6\n").unwrap();
    let with = |call: Call| call.arguments(["-P", "elsewhere"]).lines().1.started["jobs"].as_u64();
    let flag = format!("--nextest-config={}", elsewhere.display());
    assert_eq!(with(call(&project).arguments([&flag])), Some(6), "a file that is named");
    assert_eq!(with(call(&project).variable("ISOTEST_NEXTEST_CONFIG", &elsewhere)), Some(6));
}

#[test]
fn a_profile_ends_tests_in_its_time() {
    let place = tempfile::tempdir().unwrap();
    let project = project(place.path(), &[(THEIRS, CONFIG)]);
    let quick = |profile: &str| {
        let call = call(&project).arguments(["--nextest-config", "-P", profile, "db::a", "--retries", "0"]);
        call.variable("MILLIS", "1500").run()
    };
    let ended = quick("quick").with_code(100);
    assert!(ended.stdout.contains("TIMEOUT"), "{}", ended.stdout);
    quick("ci").with_code(0);
}

/// Everything of it that has no meaning here, and what nobody knows.
const LEFT_OUT: &str = r#"
nextest-version = "0.9.50"
experimental = ["setup-scripts", "wrapper-scripts"]
gravity = 9.81
[store]
dir = "reports"
gravity = 9.81
[profile.default]
test-group = "db"
priority = 5
leak-timeout = { period = "500ms", result = "fail" }
run-extra-args = ["a"]
final-status-level = "slow"
status-level = "skip"
[[profile.default.scripts]]
filter = "all()"
setup = "db"
[profile.default.junit]
report-name = "here"
store-success-output = true
[profile.default.archive]
include = []
[[profile.default.overrides]]
filter = "all()"
success-output = "final"
junit.store-failure-output = false
gravity = 9.81
leak-timeout = "500ms"
[scripts.setup.db]
command = "true"
"#;

/// Text that is refused.
const WRONG: [&str; 16] = [
    "profile = 1",
    "[profile.default]\nretries = \"often\"",
    "[profile.default]\nslow-timeout = 60",
    "[profile.default]\nslow-timeout.period = \"60\"",
    "[profile.default]\nleak-timeout = { period = \"1s\", result = \"skip\" }",
    "[profile.default]\nfail-fast = { max-fail = 0 }",
    "[profile.default]\ntest-threads = \"some\"",
    "[profile.default]\ninherits = \"ci\"",
    "[profile.ci]\ninherits = \"ic\"",
    "[profile.ci]\nsuccess-output = \"later\"",
    "[profile.ci]\ndefault-filter = 'default() - test(a)'",
    "[[profile.ci.overrides]]\nfilter = 'test(a'",
    "[[profile.ci.overrides]]\nplatform = 'cfg(unix'\nretries = 1",
    "[[profile.ci.overrides]]\nfilter = 'all()'\ndefault-filter = 'all()'",
    "[[profile.ci.overrides]]\nfilter = 'all()'\ntest-group = 'db'",
    "[test-groups]\ndb = { max-threads = -1",
];

#[test]
fn what_is_wrong_and_what_is_left_out_is_said_with_its_place() {
    let place = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"unbuilt\"\nedition = \"2024\"\n[workspace]\n";
    let mut said = String::new();
    let mut run = |text: &str, code: i32| {
        let files = [("Cargo.toml", manifest), ("src/lib.rs", "not Rust\n"), (THEIRS, text)];
        Project::written(place.path(), &files);
        let call = bare().variable("COLUMNS", "80").within(place.path());
        let ended = call.arguments(["--nextest-config", "-q"]).run().with_code(code);
        let told: String = ended.stderr.lines().take_while(|line| !line.starts_with("error: expected")).fold(
            String::new(),
            |mut told, line| {
                writeln!(told, "{line}").unwrap();
                told
            },
        );
        write!(said, "{}\n=> {told}\n", text.trim()).unwrap();
    };
    for text in WRONG {
        run(text, 96);
    }
    run(LEFT_OUT, 101);
    is_as_kept("nextest_config.txt", said);
    let ended = bare().within(place.path()).arguments(["--nextest-config=nowhere.toml"]).run().with_code(96);
    let expected = "error: cannot read the configuration file";
    assert!(ended.stderr.starts_with(expected) && ended.stderr.contains("nowhere.toml"), "{}", ended.stderr);
}

/// The tests of each group as cargo-nextest names them, in words.
fn nextest_groups(project: &Project, profile: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let is_there = Command::new("cargo").args(["nextest", "--version"]).output().ok()?.status.success();
    if !is_there {
        #[expect(clippy::print_stderr, reason = "a check that did not happen must be seen")]
        {
            eprintln!("SKIPPED: cargo-nextest is not installed, so nothing was compared with it");
        }
        return None;
    }
    let mut nextest = Command::new("cargo");
    nextest.args(["nextest", "show-config", "test-groups", "--profile", profile]);
    nextest
        .current_dir(&project.directory)
        .env("CARGO_TARGET_DIR", &project.target)
        .env("CARGO_TERM_COLOR", "never");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NEXTEST")) {
        nextest.env_remove(name);
    }
    let output = nextest.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut group, mut is_of_binary) = (String::new(), false);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        if let Some(name) = line.strip_prefix("group: ") {
            name.split(' ').next().unwrap().clone_into(&mut group);
            groups.entry(group.clone()).or_default();
        } else if line.trim_start().starts_with('*') {
            is_of_binary = false;
        } else if line.trim_end().ends_with(':') {
            is_of_binary = true;
        } else if is_of_binary && line.starts_with("          ") {
            groups.get_mut(&group).unwrap().insert(line.trim().to_owned());
        }
    }
    Some(groups)
}

#[test]
fn tests_are_in_the_groups_that_cargo_nextest_puts_them_into() {
    let place = tempfile::tempdir().unwrap();
    let config = r#"
[test-groups]
db = { max-threads = 1 }
some = { max-threads = "num-cpus" }
[[profile.default.overrides]]
filter = 'test(db::c)'
test-group = '@global'
[[profile.default.overrides]]
filter = 'test(/^db::/)'
platform = 'cfg(unix)'
test-group = 'db'
[[profile.default.overrides]]
filter = 'test(/::a$/)'
test-group = 'some'
[[profile.default.overrides]]
filter = 'all()'
platform = 'cfg(windows)'
test-group = 'db'
[[profile.ci.overrides]]
filter = 'test(db::f) | test(heavy::)'
test-group = 'some'
"#;
    let project = project(place.path(), &[(THEIRS, config)]);
    for profile in ["default", "ci"] {
        let ended = call(&project)
            .arguments(["list", "--nextest-config", "--message-format", "json", "-P", profile])
            .run()
            .with_code(0);
        let mut ours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in ended.stdout.lines() {
            let test: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(group) = test["test_group"].as_str() {
                ours.entry(group.to_owned()).or_default().insert(test["name"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(ours["db"].len(), if profile == "ci" { 4 } else { 5 }, "{ours:?}");
        if let Some(mut theirs) = nextest_groups(&project, profile) {
            // Only tests of which an override says so.
            assert_eq!(theirs.remove("@global").map(|tests| tests.len()), Some(1));
            assert_eq!(ours, theirs, "{profile}");
        }
    }
}

#[test]
fn a_table_below_its_own_heading_is_a_table() {
    let place = tempfile::tempdir().unwrap();
    let config = "
        [profile.default.retries]
        backoff = \"fixed\"
        count = 1
        delay = \"1ms\"
        [profile.default.slow-timeout]
        period = \"60s\"
    ";
    for (path, flags) in [(THEIRS, ["--nextest-config"].as_slice()), (OURS, &[])] {
        let project = project(&place.path().join(path.replace('/', "-")), &[(path, config)]);
        let ended = call(&project)
            .arguments(flags)
            .arguments(["--message-format", "json", "db::a"])
            .variable("FAILS", "db::a")
            .run()
            .with_code(0);
        assert_eq!(Lines::new(&ended).finished["counts"]["flaky"], 1, "{path}");
    }
}
