//! Settings of some tests only: which tests they hold for, and before which others.

use crate::call::{Call, isotest};
use crate::host::is_refused_without_cgroups;
use crate::project::Project;
use serde_json::Value;
use std::fs;
use std::sync::LazyLock;
use tempfile::TempDir;

const MANIFEST: &str = "[package]\nname = \"own\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

/// Tests that each pass or fail by one setting.
const TESTS: &str = r#"
use std::fs;
use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn passes_in_its_second_attempt() {
    assert_eq!(std::env::var("ISOTEST_ATTEMPT").as_deref(), Ok("2"));
}

#[test]
fn sleeps_for_a_second() {
    sleep(Duration::from_secs(1));
}

#[test]
fn uses_loopback() {
    TcpListener::bind("127.0.0.1:0").unwrap();
    let routes = fs::read_to_string("/proc/net/fib_trie").unwrap();
    assert!(routes.contains("127.0.0.1"), "{routes}");
}

#[test]
fn writes_a_file() {
    fs::write("kept/written", "").unwrap();
}

#[test]
fn opens_100_files() {
    let files: Vec<_> = (0..100).map(|_| fs::File::open("/dev/null").unwrap()).collect();
    assert_eq!(files.len(), 100);
}

#[test]
fn takes_64_mib() {
    let bytes = vec![1_u8; 64 << 20];
    assert_eq!(std::hint::black_box(&bytes)[1 << 20], 1);
}

#[test]
fn starts_8_threads() {
    let threads: Vec<_> =
        (0..8).map(|_| std::thread::spawn(|| sleep(Duration::from_millis(50)))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
"#;

/// The project with these tests, built once.
fn project() -> &'static Project {
    static PROJECT: LazyLock<(TempDir, Project)> = LazyLock::new(|| {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("kept")).unwrap();
        let project = Project::written(place.path(), &[("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS)]);
        isotest(&project).arguments(["--no-run"]).run().with_code(0);
        (place, project)
    });
    &PROJECT.1
}

/// A call with this configuration file.
fn with(text: &str) -> (TempDir, Call) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("isotest.toml");
    fs::write(&path, text).unwrap();
    let call = isotest(project()).arguments(["--config-file".as_ref(), path.as_os_str()]);
    (place, call)
}

/// The verdicts on the tests with these names; nothing where a host without cgroups refuses to try.
fn outcomes(text: &str, arguments: &[&str], names: &[&str]) -> Option<Vec<String>> {
    let (_place, call) = with(text);
    let ended = call.arguments(["--message-format", "json"]).arguments(arguments).arguments(names).run();
    if is_refused_without_cgroups(&ended, "memory") || is_refused_without_cgroups(&ended, "pids") {
        return None;
    }
    let lines = crate::call::Lines::new(&ended);
    let last = |name: &&str| {
        let mut attempts = lines.attempts.iter().filter(|attempt| attempt["name"] == **name);
        attempts.next_back().and_then(|attempt| attempt["outcome"].as_str()).unwrap().to_owned()
    };
    Some(names.iter().map(last).collect())
}

#[test]
fn a_test_that_was_ended_has_the_origin_of_its_limit_beside_it() {
    let (place, call) = with("[[profile.default.overrides]]\nfilter = 'all()'\ntimeout = \"250ms\"\n");
    let shown = |call: Call| call.arguments(["sleeps_for_a_second"]).run().with_code(100).stdout;
    let said = |by: &str| format!("its time ran out ({by}), and it was killed\n");
    let by_file = format!("250ms, `timeout` in {}/isotest.toml:3", place.path().display());
    let stdout = shown(call);
    assert!(stdout.contains(&said(&by_file)), "{stdout}");
    let call = || isotest(project());
    for (call, by) in [
        (call().arguments(["--timeout", "250ms"]), "250ms, `--timeout`"),
        (call().variable("ISOTEST_TIMEOUT", "250ms"), "250ms, `ISOTEST_TIMEOUT`"),
        (
            call().arguments([
                "--slow-timeout",
                "{ period = \"100ms\", terminate-after = 2 }",
                "--timeout",
                "1h",
            ]),
            "200ms, `--slow-timeout`",
        ),
    ] {
        let stdout = shown(call);
        assert!(stdout.contains(&said(by)), "{by}: {stdout}");
    }
    let ended = call().arguments(["--memory-limit", "16MiB", "takes_64_mib"]).run();
    if !is_refused_without_cgroups(&ended, "memory") {
        let said =
            "it reached its memory limit (16 MiB, `--memory-limit`), and the kernel killed 1 process\n";
        assert!(ended.stdout.contains(said), "{}", ended.stdout);
    }
}

#[test]
fn each_setting_holds_for_the_tests_of_its_filter_only() {
    for (setting, test, expected) in [
        ("retries = 1", "passes_in_its_second_attempt", "flaky"),
        ("timeout = \"200ms\"", "sleeps_for_a_second", "timed-out"),
        ("slow-timeout = { period = \"100ms\", terminate-after = 2 }", "sleeps_for_a_second", "timed-out"),
        ("network = \"none\"", "uses_loopback", "failed"),
        ("rlimit = { nofile = 64 }", "opens_100_files", "failed"),
        ("memory-limit = \"16MiB\"", "takes_64_mib", "oom-killed"),
        ("pids-limit = 3", "starts_8_threads", "failed"),
    ] {
        let text = format!("[[profile.default.overrides]]\nfilter = 'test(={test})'\n{setting}\n");
        let Some(own) = outcomes(&text, &[], &[test]) else { continue };
        assert_eq!(own, [expected], "{setting}");
        let others = text.replace(test, "none_such");
        let control = outcomes(&others, &[], &[test]).unwrap();
        assert_ne!(control, own, "control: {setting} of another test");
        let all = text.replace(&format!("filter = 'test(={test})'\n"), "");
        assert_eq!(outcomes(&all, &[], &[test]).unwrap(), [expected], "without a filter: {setting}");
    }
}

#[test]
fn tests_with_and_without_a_setting_have_it_and_not_in_one_run() {
    let text = "
        [[profile.default.overrides]]
        filter = 'test(loopback)'
        network = \"none\"
        [[profile.default.overrides]]
        filter = 'test(writes)'
        keep = [\"kept\"]
        [[profile.default.overrides]]
        filter = 'test(opens)'
        rlimit = { nofile = 64 }
        timeout = \"9s\"
    ";
    let written = project().directory.join("kept/written");
    let _ = fs::remove_file(&written);
    let names = ["uses_loopback", "writes_a_file", "opens_100_files", "sleeps_for_a_second"];
    assert_eq!(outcomes("", &[], &names).unwrap(), ["passed"; 4], "control");
    assert!(!written.exists(), "control");
    for jobs in ["1", "3"] {
        let seen = outcomes(text, &["--jobs", jobs], &names).unwrap();
        assert_eq!(seen, ["failed", "passed", "failed", "passed"], "{jobs}");
        assert!(written.exists());
        fs::remove_file(&written).unwrap();
    }
}

#[test]
fn the_highest_source_that_speaks_of_a_value_has_it() {
    let text = "
        [profile.default]
        timeout = \"1ms\"
        [[profile.default.overrides]]
        filter = 'test(nothing_else)'
        timeout = \"1ms\"
        [[profile.default.overrides]]
        filter = 'test(sleeps)'
        timeout = \"20s\"
        [[profile.default.overrides]]
        filter = 'all()'
        timeout = \"1ms\"
        slow-timeout = \"100ms\"
        [profile.other]
        timeout = \"1ms\"
        [[profile.other.overrides]]
        filter = 'test(for_a_second)'
        timeout = \"200ms\"
        [profile.silent]
        timeout = \"1ms\"
    ";
    let outcome = |arguments: &[&str]| outcomes(text, arguments, &["sleeps_for_a_second"]).unwrap();
    assert_eq!(outcome(&[]), ["passed"], "the first override that holds");
    assert_eq!(outcome(&["-P", "other"]), ["timed-out"], "the chosen profile's before the inherited one's");
    assert_eq!(
        outcome(&["-P", "silent"]),
        ["passed"],
        "an inherited override before the profile's own value"
    );
    assert_eq!(outcome(&["--timeout", "100ms"]), ["timed-out"], "a flag before all of them");
    let (_place, call) = with(text);
    let ended = call.arguments(["sleeps"]).variable("ISOTEST_TIMEOUT", "100ms").run().with_code(100);
    assert!(ended.stdout.contains("TIMEOUT"), "the environment before all of them: {}", ended.stdout);
}

#[test]
fn the_report_says_what_is_not_the_same_for_all_tests() {
    let text = "\n[[profile.default.overrides]]\nfilter = 'test(loopback)'\nnetwork = \"host\"\n";
    let (_place, call) = with(text);
    let (_, lines) = call.arguments(["loopback", "opens"]).lines();
    let remarks = lines.started["remarks"].as_array().unwrap();
    let is_it = |remark: &&Value| {
        remark.as_str().is_some_and(|text| text.starts_with("`net` is off for 1 test, `network` in "))
    };
    let remark = remarks.iter().find(is_it).unwrap_or_else(|| panic!("{remarks:?}"));
    assert!(remark.as_str().unwrap().ends_with("isotest.toml:4"), "{remark}");
    let (_place, call) = with(text);
    let (_, lines) = call.arguments(["opens"]).lines();
    assert!(!lines.started["remarks"].to_string().contains("`net`"), "control: {}", lines.started["remarks"]);
}

#[test]
fn what_a_test_requires_and_the_host_lacks_stops_the_run_before_the_first_test() {
    let text = "[profile.default]\noff = [\"memory\"]\n
        [[profile.default.overrides]]\nfilter = 'test(64)'\nmemory-limit = \"1GiB\"\n";
    let (_place, call) = with(text);
    let ended = call.run().with_code(96);
    assert!(ended.stderr.contains("`memory` cannot be both `off` ("), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    let (_place, call) = with(text);
    call.arguments(["opens"]).run().with_code(0);
}

#[test]
fn explain_shows_what_holds_for_the_test() {
    let text = "[[profile.default.overrides]]\nfilter = 'test(opens)'\nrlimit = { nofile = 64 }\n";
    let (_place, call) = with(text);
    let script = call.arguments(["explain", "opens_100_files"]).run().with_code(0).stdout;
    assert!(script.contains("64"), "{script}");
    let (_place, call) = with(text);
    let script = call.arguments(["explain", "uses_loopback"]).run().with_code(0).stdout;
    assert!(!script.contains("nofile"), "{script}");
}

#[test]
fn a_filter_names_only_what_is_in_the_project() {
    let (_place, call) =
        with("[profile.ci]\n[[profile.default.overrides]]\nfilter = 'package(owm)'\nretries = 1\n");
    let ended = call.run().with_code(96);
    let expected = "isotest.toml:3: `filter`: invalid filterset: no package of the project matches\n";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert!(ended.stderr.contains("    ^^^^^^^^^^^^\n"), "{}", ended.stderr);
}

#[test]
fn what_an_override_cannot_hold_for_is_said() {
    let text = "[[profile.default.overrides]]\nfilter = 'test(opens) or test(64)'\nretries = 1\n";
    let updating = |arguments: &[&str]| {
        let (_place, call) = with(text);
        let call = call.variable("UPDATE_EXPECT", "1").arguments(arguments);
        let (_, lines) = call.arguments(["opens", "64", "threads"]).lines();
        lines.started["remarks"].to_string()
    };
    let said = updating(&[]);
    assert!(said.contains("share a process: 2 tests would have had some"), "{said}");
    assert!(!updating(&["--discard-updates"]).contains("share a process"), "control");
}

#[test]
fn what_is_wrong_with_an_override_costs_no_report_of_an_earlier_run() {
    let place = tempfile::tempdir().unwrap();
    let report = place.path().join("earlier.json");
    fs::write(&report, "earlier").unwrap();
    let file = format!("json={}", report.display());
    let text = "[profile.default]\noff = [\"memory\"]\n
        [[profile.default.overrides]]\nfilter = 'test(64)'\nmemory-limit = \"1GiB\"\n";
    let (_place, call) = with(text);
    call.arguments(["--report", &file, "64"]).run().with_code(96);
    assert_eq!(fs::read_to_string(&report).unwrap(), "earlier");
    let (_place, call) = with(text);
    call.arguments(["--report", &file, "opens"]).run().with_code(0);
    assert_ne!(fs::read_to_string(&report).unwrap(), "earlier", "control");
}
