//! What a test may use is written beside it, and judged.

use crate::call::{Call, Ended, Lines, bare, isotest};
use crate::host::is_refused_without_cgroups;
use crate::project::Project;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;

fn budgets() -> Call {
    isotest(&Project::fixture("budgets"))
}

/// What a call says as JSON; `None` where a host without cgroups refuses it, as it must.
fn judged(call: Call) -> Option<(Ended, Lines)> {
    let ended = call.arguments(["--message-format", "json"]).run();
    if is_refused_without_cgroups(&ended, "memory") {
        return None;
    }
    let lines = Lines::new(&ended);
    Some((ended, lines))
}

fn check<'a>(attempt: &'a Value, metric: &str) -> &'a Value {
    let checks = attempt["budget"].as_array().unwrap_or_else(|| panic!("no budget in {attempt}"));
    checks
        .iter()
        .find(|check| check["metric"] == metric)
        .unwrap_or_else(|| panic!("no {metric} in {attempt}"))
}

#[test]
fn each_metric_has_its_verdict() {
    let Some((ended, lines)) = judged(budgets()) else { return };
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    for (name, metric, least) in [
        ("takes_256_mib", "memory", 256 << 20),
        ("takes_256_mib_of_a_hard_budget", "memory", 64 << 20),
        ("takes_768_mib", "memory", 512 << 20),
        ("computes_for_400_ms", "cpu", 100_000),
        ("starts_8_threads", "procs", 9),
        ("sleeps_for_400_ms", "wall", 400_000),
        ("writes_16_mib", "disk", 16 << 20),
    ] {
        let attempt = lines.attempt("budgets", &format!("tests::{name}"));
        assert_eq!(attempt["outcome"], "over-budget", "{attempt}");
        let check = check(attempt, metric);
        assert_eq!((&check["over"], &check["file"]), (&json!(true), &json!("src/lib.rs")), "{attempt}");
        assert!(check["used"].as_u64().unwrap() >= least, "{check}");
    }
    let ended_for_it = |name: &str| check(lines.attempt("budgets", name), "memory")["killed"] == true;
    assert!(ended_for_it("tests::takes_256_mib_of_a_hard_budget") && ended_for_it("tests::takes_768_mib"));
    assert!(!ended_for_it("tests::takes_256_mib"), "the kernel's limit lies above the budget");
    let failed = lines.attempt("budgets", "tests::takes_256_mib_and_fails");
    assert_eq!((&failed["outcome"], &check(failed, "memory")["over"]), (&json!("failed"), &json!(true)));
    assert_eq!(lines.finished["counts"]["over-budget"], 7);

    let kept = lines.attempt("budgets", "tests::keeps_all_budgets");
    assert_eq!(kept["outcome"], "passed", "{kept}");
    for (metric, unit, limit) in [
        ("memory", "bytes", 128 << 20),
        ("cpu", "us", 60_000_000),
        ("procs", "count", 64),
        ("wall", "us", 300_000_000),
        ("disk", "bytes", 1 << 30),
        ("io_write", "bytes", 1 << 30),
    ] {
        let check = check(kept, metric);
        let said = [&check["unit"], &check["limit"], &check["over"], &check["killed"]];
        assert_eq!(said, [&json!(unit), &json!(limit), &json!(false), &json!(false)], "{check}");
        assert!(check["used"].as_u64().is_some_and(|used| used < limit), "{check}");
    }
    assert!(lines.attempt("budgets", "tests::has_no_budget")["budget"].is_null());
}

#[test]
fn broken_budgets_alone_have_an_exit_code_of_their_own() {
    let Some((ended, lines)) = judged(budgets().arguments(["sleeps", "has_no_budget"])) else { return };
    assert_eq!(ended.status.code(), Some(99), "{ended:#?}");
    assert_eq!(lines.finished["counts"]["passed"], 1);
    let ended = budgets().arguments(["sleeps", "--retries", "2"]).run().with_code(99);
    assert_eq!(
        ended.word("tests::sleeps_for_400_ms"),
        "OVER-BUDGET",
        "no other attempt is announced: {}",
        ended.stdout
    );
    let (ended, _) = judged(budgets().arguments(["sleeps", "fails"])).unwrap();
    assert_eq!(ended.status.code(), Some(100), "a test failed, too: {ended:#?}");
}

#[test]
fn the_report_says_by_how_much_and_where() {
    let ended = budgets().arguments(["takes_256_mib", "keeps_all", "--verbose"]).run();
    if is_refused_without_cgroups(&ended, "memory") {
        return;
    }
    let ended = ended.with_code(100);
    assert_eq!(ended.word("tests::takes_256_mib"), "OVER-BUDGET");
    assert_eq!(ended.word("tests::takes_256_mib_and_fails"), "FAIL");
    let line = |words: &str| ended.stdout.lines().find(|line| line.contains(words)).map(str::trim);
    let soft = line("memory budget 64 MiB, peak 25").expect("it is told");
    assert!(soft.contains(" MiB (+30") && soft.contains(" %): src/lib.rs:"), "{soft}");
    let hard = line("where the kernel killed it").expect("it is told");
    assert!(hard.starts_with("memory budget 64 MiB, peak 64 MiB (at least +0 %)"), "{hard}");
    let kept = line("budget: memory ").expect("passing tests show what is left");
    assert!(kept.contains(" of 128 MiB (") && kept.contains(" procs") && kept.contains("cpu "), "{kept}");
    let number = soft.rsplit(':').next().and_then(|line| line.parse::<usize>().ok()).unwrap();
    let source = fs::read_to_string(Project::fixture("budgets").directory.join("src/lib.rs")).unwrap();
    assert_eq!(source.lines().nth(number - 1).map(str::trim), Some("#[budget(memory = \"64 MiB\")]"));
}

#[test]
fn budgets_may_be_reported_only_or_ignored() {
    let hard = || budgets().arguments(["takes_256_mib_of_a_hard_budget"]);
    let (ended, lines) = hard().arguments(["--budgets", "report"]).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let attempt = &lines.attempts[0];
    let check = check(attempt, "memory");
    assert_eq!((&attempt["outcome"], &check["killed"]), (&json!("passed"), &json!(false)));
    assert_eq!(check["over"], lines.holds("memory"), "{check}");
    let (ended, lines) = hard().arguments(["--budgets", "off"]).lines();
    assert_eq!((ended.status.code(), &lines.attempts[0]["budget"]), (Some(0), &Value::Null));
}

#[test]
fn no_budget_fails_for_page_cache() {
    let project = Project::fixture("budgets");
    fs::create_dir_all(&project.target).unwrap();
    let mut file = tempfile::NamedTempFile::new_in(&project.target).unwrap();
    file.write_all(&vec![1; 128 << 20]).unwrap();
    file.as_file().sync_all().unwrap();
    // Whoever reads the file first pays for its page cache.
    let uncached = |filter: &str| {
        let all = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        posix_fadvise(file.as_file(), 0, 0, all).unwrap();
        budgets().variable("BUDGETS_FILE", file.path()).arguments(["--exact", filter])
    };
    let Some((ended, lines)) = judged(uncached("tests::reads_a_file").arguments(["--budgets", "report"]))
    else {
        return;
    };
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(check(&lines.attempts[0], "memory")["over"], true, "control: {}", lines.attempts[0]);

    let (ended, lines) = judged(uncached("tests::reads_a_file")).unwrap();
    assert_eq!((ended.status.code(), lines.attempts.len()), (Some(0), 1), "{ended:#?}");
    let attempt = &lines.attempts[0];
    assert_eq!((&attempt["outcome"], &check(attempt, "memory")["over"]), (&json!("passed"), &json!(false)));
    let remarks = attempt["remarks"].to_string();
    assert!(remarks.contains("fits, ") && remarks.contains(" MiB of page cache dropped"), "{remarks}");

    let (ended, lines) = judged(uncached("tests::reads_a_file_and_keeps_96_mib")).unwrap();
    assert_eq!((ended.status.code(), lines.attempts.len()), (Some(99), 1), "{ended:#?}");
    let attempt = &lines.attempts[0];
    assert_eq!(attempt["outcome"], "over-budget", "{attempt}");
    assert!(
        check(attempt, "memory")["used"].as_u64().unwrap() > 200 << 20,
        "the figures are the first attempt's"
    );
    assert!(attempt["remarks"].to_string().contains("page cache does not explain it"), "{attempt}");
}

#[test]
fn a_stricter_limit_of_another_kind_stays_what_it_is() {
    let call = budgets().arguments(["takes_256_mib", "--exact", "tests::takes_256_mib"]);
    let Some((ended, lines)) = judged(call.arguments(["--memory-limit", "128MiB"])) else { return };
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(lines.outcome("budgets", "tests::takes_256_mib"), "oom-killed");
}

#[test]
fn what_cannot_be_judged_stops_the_run_before_the_first_test() {
    let memory = || budgets().arguments(["takes_256_mib", "--off", "memory"]);
    let ended = memory().run().with_code(2);
    let said = "error: cannot hold tests to their budgets: `memory` is off (`--off`)\n hint: drop `--off memory`, or run with \
                `--budgets report`\n";
    assert!(ended.stderr.ends_with(said), "nothing of the host: {ended:#?}");
    let ended = budgets().variable("ISOTEST_OFF", "memory").arguments(["takes_256_mib"]).run().with_code(2);
    assert!(ended.stderr.contains("drop `ISOTEST_OFF=memory` in the environment, or"), "{ended:#?}");
    assert!(!ended.stdout.contains("takes_256_mib"), "{ended:#?}");
    memory().arguments(["--skip", "fails", "--budgets", "report"]).run().with_code(0);
    let other = budgets().arguments(["has_no_budget", "--off", "memory"]);
    other.run().with_code(0);
}

const MANIFEST: &str = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n[dev-dependencies]\n\
    isotest-core = { path = \"CORE\", default-features = false }\n";

fn written(place: &std::path::Path, library: &str) -> Project {
    let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../isotest-core");
    Project::written(place, &[("Cargo.toml", &MANIFEST.replace("CORE", core)), ("src/lib.rs", library)])
}

#[test]
fn a_budget_below_the_grain_is_refused_with_the_number() {
    let place = tempfile::tempdir().unwrap();
    let project =
        written(place.path(), "#[test]\n#[isotest_core::budget(memory = \"4 KiB\")]\nfn small() {}\n");
    let ended = isotest(&project).run();
    if is_refused_without_cgroups(&ended, "memory") {
        return;
    }
    let ended = ended.with_code(2);
    assert!(
        ended.stderr.contains(
            "the memory budget of 4 KiB at src/lib.rs:2 is too small to be checked: on a machine with "
        ),
        "{ended:#?}"
    );
    let least =
        ended.stderr.split("raise the budget to ").nth(1).and_then(|rest| rest.split(" or more").next());
    let least = least.unwrap_or_else(|| panic!("{}", ended.stderr));
    assert!(
        ended.stderr.contains(&format!(" a peak is measured with an error of up to {least}\n")),
        "{}",
        ended.stderr
    );
    let place = tempfile::tempdir().unwrap();
    let text = format!("#[test]\n#[isotest_core::budget(memory = \"{least}\")]\nfn least() {{}}\n");
    let ended = isotest(&written(place.path(), &text)).run();
    assert!(!ended.stderr.contains("too small"), "what was said holds: {ended:#?}");
    isotest(&project).arguments(["--budgets", "report"]).run().with_code(0);
}

/// A package whose test binary takes 256 MiB before it does what it is told, with a test of this budget.
fn with_a_costly_start(place: &std::path::Path, budget: &str) -> Project {
    let manifest = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n[[test]]\nname = \"costly\"\nharness = false\n";
    let program = "fn main() {
        let taken = std::hint::black_box(vec![1_u8; 256 << 20]);
        let is_asked = |word: &str| std::env::args().any(|argument| argument == word);
        if is_asked(\"--list\") && !is_asked(\"--ignored\") { println!(\"empty: test\"); }
        drop(taken);
    }";
    let budgets = format!("[\"small::costly\"]\nempty = {{ memory = \"{budget}\" }}\n");
    let files = [
        ("Cargo.toml", manifest),
        ("src/lib.rs", ""),
        ("tests/costly.rs", program),
        (".config/isotest-budgets.toml", &budgets),
    ];
    Project::written(place, &files)
}

#[test]
fn a_budget_that_no_test_of_the_binary_can_keep_is_refused_with_the_number() {
    let place = tempfile::tempdir().unwrap();
    let project = with_a_costly_start(place.path(), "128 MiB");
    let ended = isotest(&project).run();
    if is_refused_without_cgroups(&ended, "memory") {
        return;
    }
    let ended = ended.with_code(2);
    let said = "isotest-budgets.toml:2 is too small for any test of `small::costly`: an empty one takes 25";
    assert!(ended.stderr.contains(said) && ended.stderr.contains("raise the budget to 25"), "{ended:#?}");
    assert!(!ended.stdout.contains("PASS"), "nothing was executed: {ended:#?}");
    let (ended, lines) = isotest(&project).arguments(["--budgets", "report"]).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(check(&lines.attempts[0], "memory")["over"], true, "control: {}", lines.attempts[0]);
    let place = tempfile::tempdir().unwrap();
    isotest(&with_a_costly_start(place.path(), "512 MiB")).run().with_code(0);
}

#[test]
fn the_budgets_of_a_binary_are_listed_without_its_project() {
    let place = tempfile::tempdir().unwrap();
    let text = "#[test]\n#[isotest_core::budget(wall = \"9 h\", memory = \"1 GiB\")]\nfn used() {}\n";
    let project = written(place.path(), text);
    isotest(&project).arguments(["--budgets", "off"]).run().with_code(0);
    let elsewhere = tempfile::tempdir().unwrap();
    let binary = project.binary("small");
    let list = || {
        let words = ["budgets".as_ref(), "list".as_ref(), binary.as_os_str()];
        bare().arguments(words).within(elsewhere.path())
    };
    let ended = list().run().with_code(0);
    assert_eq!(
        ended.stdout,
        "small used  memory 1 GiB  src/lib.rs:2\nsmall used  wall 32400s  src/lib.rs:2\n"
    );
    let ended = list().arguments(["--message-format", "json"]).run().with_code(0);
    let row: Value = serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&row["name"], &row["limit"], &row["line"]),
        (&json!("used"), &json!(1 << 30), &json!(2)),
        "{row}"
    );
    // What is no binary says so, and is no part of a test's name either.
    let bytes = fs::read(&binary).unwrap();
    fs::write(elsewhere.path().join("cut"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(elsewhere.path().join("text"), "no program").unwrap();
    for (word, why) in [
        ("cut", "it ends before its sections do"),
        ("text", "it is no ELF file"),
        ("./", "it is no regular file"),
        ("./absent", "No such file or directory (os error 2)"),
    ] {
        let ended = bare().arguments(["budgets", "list", word]).within(elsewhere.path()).run().with_code(2);
        assert!(ended.stderr.starts_with("error: cannot read the budgets of `"), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{word}: {}", ended.stderr);
        assert_eq!(
            ended.stderr.contains(" hint: name a test binary"),
            word != "./absent",
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_budget_of_no_test_is_told() {
    let place = tempfile::tempdir().unwrap();
    let text = "#[cfg(test)]\n#[isotest_core::budget(wall = \"9 h\")]\nfn unused() {}\n\
        #[test]\n#[isotest_core::budget(wall = \"9 h\")]\nfn used() { unused() }\n";
    let (ended, lines) = isotest(&written(place.path(), text)).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let remarks = lines.started["remarks"].to_string();
    assert!(
        remarks.contains("the budget at src/lib.rs:2 holds for no test: `small` has none named `unused`"),
        "{remarks}"
    );
    assert!(!remarks.contains("src/lib.rs:5"), "{remarks}");
}

/// A configuration file with this text.
fn configured(text: &str) -> (tempfile::TempDir, Call) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("isotest.toml");
    fs::write(&path, text).unwrap();
    let call = budgets().arguments(["--config-file".as_ref(), path.as_os_str()]);
    (place, call)
}

#[test]
fn the_configuration_holds_tests_to_budgets_and_the_stricter_of_two_wins() {
    let text = "[profile.default]\nbudget = { wall = \"100 ms\", procs = 64 }
        [[profile.default.overrides]]\nfilter = 'test(no_budget) or test(sleeps)'\nbudget = { wall = \"1 h\" }
        [[profile.default.overrides]]\nfilter = 'test(sleeps)'\nbudget = { wall = \"9 ms\", cpu = \"1 h\" }
        [profile.wide]\nbudget = { wall = \"2 h\" }\n";
    let (_place, call) = configured(text);
    let Some((ended, lines)) = judged(call.arguments(["has_no_budget", "sleeps_for_400_ms"])) else { return };
    let sleeps = lines.attempt("budgets", "tests::sleeps_for_400_ms");
    let wall = check(sleeps, "wall");
    assert_eq!(
        (&wall["limit"], &wall["line"]),
        (&json!(9_000), &json!(8)),
        "the strictest of four: {sleeps}"
    );
    assert!(wall["file"].as_str().unwrap().ends_with("isotest.toml"), "{wall}");
    assert_eq!(check(sleeps, "cpu")["limit"], json!(3_600_000_000_u64), "{sleeps}");
    let other = lines.attempt("budgets", "tests::has_no_budget");
    let wall = check(other, "wall");
    assert_eq!((&wall["limit"], &wall["line"]), (&json!(100_000), &json!(2)), "{other}");
    assert_eq!(
        (&check(other, "procs")["limit"], &other["budget"].as_array().unwrap().len()),
        (&json!(64), &2)
    );
    assert!([Some(99), Some(100)].contains(&ended.status.code()), "{ended:#?}");

    let (_place, call) = configured(text);
    let (_, lines) = judged(call.arguments(["-P", "wide", "sleeps_for_400_ms"])).unwrap();
    let wall = check(lines.attempt("budgets", "tests::sleeps_for_400_ms"), "wall");
    assert_eq!(wall["limit"], json!(9_000), "a profile relaxes none that it inherits");
    let (_place, call) = configured("[profile.default]\nbudget = { wall = \"2 h\" }\n");
    let (_, lines) = judged(call.arguments(["sleeps_for_400_ms"])).unwrap();
    let wall = check(lines.attempt("budgets", "tests::sleeps_for_400_ms"), "wall");
    assert_eq!(wall["file"], json!("src/lib.rs"), "that beside the test is stricter: {wall}");
}

#[test]
fn budgets_of_the_configuration_are_judged_like_others() {
    let memory =
        "[[profile.default.overrides]]\nfilter = 'test(no_budget)'\nbudget = { memory = \"4 KiB\" }\n";
    let (_place, call) = configured(memory);
    let ended = call.arguments(["has_no_budget"]).run();
    if is_refused_without_cgroups(&ended, "memory") {
        return;
    }
    let ended = ended.with_code(2);
    assert!(ended.stderr.contains("isotest.toml:3 is too small"), "{ended:#?}");
    for (mode, code) in [("report", 0), ("off", 0)] {
        let (_place, call) = configured(memory);
        call.arguments(["has_no_budget", "--budgets", mode]).run().with_code(code);
    }
    let (_place, call) = configured(memory);
    let ended = call.arguments(["has_no_budget", "--off", "memory"]).run().with_code(2);
    assert!(ended.stderr.contains("cannot hold tests to their budgets"), "{ended:#?}");
    let hard =
        memory.replace("no_budget", "takes_256_mib_and_fails").replace("4 KiB\"", "64 MiB\", hard = true");
    let (_place, call) = configured(&hard);
    let (_, lines) = judged(call.arguments(["takes_256_mib_and_fails"])).unwrap();
    let attempt = lines.attempt("budgets", "tests::takes_256_mib_and_fails");
    assert_eq!(check(attempt, "memory")["killed"], json!(true), "{attempt}");
}

#[test]
fn the_stricter_of_a_test_s_own_limit_and_its_budget_is_the_kernel_s() {
    let name = "tests::takes_256_mib";
    let of = |limit: &str| {
        let text =
            format!("[[profile.default.overrides]]\nfilter = 'test(={name})'\nmemory-limit = \"{limit}\"\n");
        let (_place, call) = configured(&text);
        judged(call.arguments(["--exact", name])).map(|(_, lines)| lines)
    };
    let Some(lines) = of("128MiB") else { return };
    assert_eq!(lines.outcome("budgets", name), "oom-killed", "the limit is the stricter one");
    let lines = of("4GiB").unwrap();
    assert_eq!(lines.outcome("budgets", name), "over-budget", "the limit leaves room for the budget's own");
    assert_eq!(check(&lines.attempts[0], "memory")["killed"], json!(false));
}

#[test]
fn the_settings_of_a_test_hold_the_budget_that_stands_beside_it() {
    let shown = |arguments: &[&str]| {
        let call =
            budgets().arguments(["show-config", "takes_256_mib_of_a_hard_budget"]).arguments(arguments);
        let text = call.run().with_code(0).stdout;
        let from = text.find("  budget ").unwrap();
        text[from..].split_whitespace().take(11).collect::<Vec<_>>().join(" ")
    };
    assert!(
        shown(&[]).starts_with("budget { hard = true, memory = \"64 MiB\" } src/lib.rs:37"),
        "{}",
        shown(&[])
    );
    assert!(shown(&["--budgets", "off"]).starts_with("budget - default"), "{}", shown(&["--budgets", "off"]));
}
