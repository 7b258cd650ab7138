//! Every test of the projects ends as fixtures/README.md says.

use crate::call::{Call, Lines, isotest};
use crate::host::is_refused_without_cgroups;
use crate::host_access::with_test;
use crate::project::Project;
use nix::unistd::Uid;
use serde_json::json;
use std::fs;
use std::net::TcpListener;
use std::process::Command;

/// What a line says is missing.
fn missing(line: &str) -> Option<&str> {
    Some(line.strip_prefix("     Missing ")?.split_once(": ")?.0)
}

#[test]
fn the_tour_ends_as_its_description_says() {
    let (ended, lines) = isotest(&Project::fixture("tour")).lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(lines.attempts.len(), 22);
    for attempt in &lines.attempts {
        let expected = match attempt["name"].as_str().unwrap() {
            "rejects_nul" => "failed",
            "leaves_a_process_behind" => "leaked",
            _ => "passed",
        };
        assert_eq!(attempt["outcome"], expected, "{attempt}");
        assert_eq!(attempt["exit_code"], if expected == "failed" { 101 } else { 0 }, "{attempt}");
        assert!(attempt["wall_us"].as_u64().unwrap() > 0);
    }
    assert_eq!(lines.finished["counts"]["skipped"], 1);
    let leaked = &lines.attempt("tour::processes", "leaves_a_process_behind")["leaked"];
    assert_eq!(leaked[0]["command"], "sleep 60", "{leaked}");
    assert_eq!(lines.started["doctests_not_run"], json!(["tour"]));
}

#[test]
fn figures_stand_beside_the_outcome() {
    let (ended, lines) =
        isotest(&Project::fixture("tour")).arguments(["big_index", "four_processes"]).lines();
    let index = &lines.attempt("tour::index", "builds_big_index")["usage"];
    let processes = &lines.attempt("tour::processes", "adds_up_in_four_processes")["usage"];
    let peak = index["memory_peak_bytes"].as_u64().unwrap();
    let beyond = if lines.holds("memory") { 210 } else { 230 };
    assert!((200 << 20..beyond << 20).contains(&peak), "{index}");
    assert_eq!(lines.finished["memory_peak"]["bytes"], peak);
    assert_eq!(index["memory_approximate"], !lines.holds("memory"));
    if lines.holds("pids") {
        assert_eq!(processes["pids_peak"], 6, "four workers, the test and the thread of the harness");
    } else {
        assert!(processes["pids_peak"].is_null(), "{processes}");
    }
    for figure in ["memory", "pids"] {
        assert_ne!(
            ended
                .stderr
                .lines()
                .filter_map(missing)
                .any(|missing| missing.split(", ").any(|one| one == figure)),
            lines.holds(figure),
            "{figure}"
        );
    }
    // How much of it was the program's own the kernel only estimates.
    let cpu = ["cpu_user_us", "cpu_system_us"].map(|figure| index[figure].as_u64().unwrap());
    assert!(cpu.iter().sum::<u64>() > 0, "processor time is always had");
}

#[test]
fn harnesses_of_other_kinds_are_executed() {
    let (ended, lines) = isotest(&Project::fixture("custom_harness")).lines();
    assert_eq!(ended.status.code(), Some(100));
    assert_eq!(lines.outcome("custom_harness::whole_passes", "whole_passes"), "passed");
    assert_eq!(lines.outcome("custom_harness::whole_fails", "whole_fails"), "failed");
    assert_eq!(lines.attempt("custom_harness::whole_fails", "whole_fails")["exit_code"], 3);
    assert_eq!(lines.outcome("custom_harness::mimic", "passes"), "passed");
    assert_eq!(lines.outcome("custom_harness::mimic", "fails"), "failed");
    assert_eq!(lines.attempts.len(), 4);
    let mut whole: Vec<_> = lines.started["whole_binaries"].as_array().unwrap().clone();
    whole.sort_by_key(ToString::to_string);
    assert_eq!(whole, ["custom_harness::whole_fails", "custom_harness::whole_passes"]);
    let note = "custom_harness::whole_passes does not speak the test harness protocol and runs whole, as one test: \
                asked for its tests it wrote `all of it is well`\n";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("status 3, its last words being `some of it is not well`\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_harness_that_executes_nothing_has_failed() {
    let (ended, lines) = isotest(&Project::fixture("zero_tests")).lines();
    assert_eq!(ended.status.code(), Some(100));
    let ghost = lines.attempt("zero_tests::haunted", "ghost");
    assert_eq!((&ghost["outcome"], &ghost["exit_code"]), (&json!("failed"), &json!(0)));
    assert!(ended.stderr.contains("executed no test"), "{}", ended.stderr);
}

#[test]
fn what_stands_before_the_harness_s_own_words_hides_nothing() {
    let (ended, lines) = isotest(&Project::fixture("zero_tests")).arguments(["--test", "preceded"]).lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    let verdicts = ["ghost", "silent", "starts_another"].map(|name| {
        let attempt = lines.attempt("zero_tests::preceded", name);
        (attempt["outcome"].as_str().unwrap(), attempt["remarks"].as_array().unwrap().len())
    });
    assert_eq!(verdicts, [("failed", 1), ("passed", 0), ("passed", 0)]);
}

#[test]
fn a_standard_harness_that_never_spoke_is_remarked_on() {
    let place = tempfile::tempdir().unwrap();
    // What a constructor does comes before the harness.
    let text = "extern \"C\" fn leave() {\n    if std::env::args().any(|argument| argument == \"--exact\") {\n        \
        std::process::exit(0);\n    }\n}\n#[used]\n#[link_section = \".init_array\"]\n\
        static LEAVE: extern \"C\" fn() = leave;\n#[test]\nfn fails() {\n    panic!();\n}\n";
    let manifest = "[package]\nname = \"hasty\"\nedition = \"2021\"\n[workspace]\n";
    let project = Project::written(place.path(), &[("Cargo.toml", manifest), ("src/lib.rs", text)]);
    let (ended, lines) = isotest(&project).lines();
    assert_eq!((ended.status.code(), lines.outcome("hasty", "fails")), (Some(0), "passed"), "{ended:#?}");
    let remarks = &lines.attempt("hasty", "fails")["remarks"];
    assert_eq!(remarks, &json!(["the harness exited with 0 but did not say that it executed a test"]));
}

#[test]
fn a_failure_that_the_harness_told_of_is_one_whatever_its_process_exits_with() {
    let ends = Project::fixture("ends");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["test", "--quiet", "--test", "ends", "b_fails"])
        .current_dir(&ends.directory)
        .env("END", "hide");
    let cargo = cargo.env("CARGO_TARGET_DIR", &ends.target).output().unwrap();
    assert!(cargo.status.success(), "control: {cargo:#?}");
    assert!(String::from_utf8_lossy(&cargo.stdout).contains("test result: FAILED"), "control: {cargo:#?}");

    let (ended, lines) = isotest(&ends).arguments(["b_fails"]).variable("END", "hide").lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    let attempt = lines.attempt("ends::ends", "b_fails");
    assert_eq!((&attempt["outcome"], &attempt["exit_code"]), (&json!("failed"), &json!(0)));
    assert_eq!(attempt["remarks"], json!(["the harness exited with 0 but said that the test failed"]));
}

#[test]
fn a_test_that_ends_its_process_well_passes_with_a_remark() {
    let ends = Project::fixture("ends");
    let remarks = |end: &str| {
        let (ended, lines) = isotest(&ends).arguments(["e_may_end_all"]).variable("END", end).lines();
        assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
        lines.attempt("ends::ends", "e_may_end_all")["remarks"].to_string()
    };
    assert!(remarks("exit").contains("exited with 0 but did not say how the test ended"));
    assert_eq!(remarks("not"), "[]", "control");
}

#[test]
fn a_failure_of_the_sandbox_s_own_is_explained() {
    let place = tempfile::tempdir().unwrap();
    let body = "panic!(\"{}\", std::env::var(\"WORDS\")?);";
    let project = with_test(place.path(), body);
    // Whoever is root has ids for all owners.
    let foreign = (!Uid::effective().is_root()).then_some("os error 75: ");
    for (words, explained) in [
        ("Os { code: 75, kind: Uncategorized }", foreign),
        ("sh: 1: cannot create a: Value too large for defined data type", foreign),
        ("Invalid cross-device link (os error 18)", Some("os error 18: ")),
        ("Read-only file system (os error 30)", Some("os error 30: ")),
        ("No space left on device (os error 28)", Some("os error 28: ")),
        ("No such device (os error 19)", Some("os errors 19 and 99: ")),
        ("Network is unreachable (os error 101)", Some("tests do not reach the host's network; ")),
        ("Permission denied (os error 13)", None),
    ] {
        let (_, lines) = isotest(&project).variable("WORDS", words).lines();
        let remarks = lines.attempts[0]["remarks"].as_array().unwrap();
        let said = remarks.first().map(|remark| remark.as_str().unwrap());
        assert_eq!(said.map(|said| said.starts_with(explained.unwrap_or_default())), explained.map(|_| true));
    }
}

#[test]
fn what_led_nowhere_in_a_network_is_explained_by_what_the_kernel_counted() {
    let place = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // The tests say nothing of what has failed.
    let body =
        "assert!(std::net::TcpStream::connect(std::env::var(\"ADDRESS\")?).is_ok(), \"it does not work\");";
    let project = with_test(place.path(), body);
    let own = listener.local_addr().unwrap().to_string();
    let remarks = |address: &str, network: &str| {
        let call = isotest(&project).arguments(["--network", network]).variable("ADDRESS", address);
        let (ended, lines) = call.lines();
        (ended.status.code(), lines.attempts[0]["remarks"].to_string())
    };
    let (code, said) = remarks(&own, "loopback");
    assert_eq!(code, Some(100));
    assert!(said.contains("1 connection found nobody who listened: "), "{said}");
    let (_, said) = remarks("192.0.2.1:80", "loopback");
    assert!(said.contains("tests do not reach the host's network; "), "{said}");
    assert_eq!(remarks(&own, "host").0, Some(0), "control: the remedy");
}

#[test]
fn a_leak_fails_if_it_is_to() {
    let tour = Project::fixture("tour");
    let leaks = || isotest(&tour).arguments(["leaves_a_process_behind"]);
    assert_eq!(leaks().run().with_code(0).word("leaves_a_process_behind"), "LEAK");
    let ended = leaks().arguments(["--fail-on-leak"]).run().with_code(100);
    assert_eq!(ended.word("leaves_a_process_behind"), "LEAK-FAIL");
    assert!(ended.stdout.contains("left running, and killed: sleep 60 (pid "), "{}", ended.stdout);
}

#[test]
fn what_a_test_leaves_running_may_have_time_to_end() {
    let place = tempfile::tempdir().unwrap();
    let test = "#[test] fn leaves() { std::process::Command::new(\"sleep\").arg(\"1\").spawn().unwrap(); }";
    let manifest = "[package]\nname = \"leaves\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
    let project = Project::written(place.path(), &[("Cargo.toml", manifest), ("src/lib.rs", test)]);
    let word = |call: Call| call.run().word("leaves").to_owned();
    assert_eq!(word(isotest(&project)), "LEAK");
    assert_eq!(word(isotest(&project).variable("ISOTEST_LEAK_TIMEOUT", "20s")), "PASS");
    let file = place.path().join("nextest.toml");
    let flag = format!("--nextest-config={}", file.display());
    for (period, said) in [("20s", "PASS"), ("50ms", "LEAK-FAIL")] {
        let nextest =
            format!("[profile.default]\nleak-timeout = {{ period = \"{period}\", result = \"fail\" }}\n");
        fs::write(&file, nextest).unwrap();
        assert_eq!(word(isotest(&project).arguments([&flag])), said);
    }
}

#[test]
fn a_test_over_its_memory_limit_is_named_so() {
    let call = isotest(&Project::fixture("tour")).arguments(["--test", "index", "--memory-limit", "100MB"]);
    let ended = call.arguments(["--message-format", "json"]).run();
    if is_refused_without_cgroups(&ended, "memory") {
        return;
    }
    let lines = Lines::new(&ended);
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(lines.outcome("tour::index", "builds_big_index"), "oom-killed");
    assert_eq!(lines.outcome("tour::index", "marks_where_words_begin"), "passed");
    assert_eq!(lines.attempt("tour::index", "builds_big_index")["signal"], "SIGKILL");
    assert_eq!(lines.finished["counts"]["oom-killed"], 1);
    assert!(ended.stderr.contains("it reached its memory limit"), "{}", ended.stderr);
}
