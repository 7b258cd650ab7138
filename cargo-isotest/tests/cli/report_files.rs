//! Files of results: written beside what is shown, and the run goes on without one that cannot be.

use crate::call::{bare, isotest};
use crate::project::Project;
use serde_json::Value;
use std::fs;

#[test]
fn every_format_is_written_and_tells_of_the_same_run() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name);
    let mut call = isotest(&Project::fixture("tour")).arguments(["--test", "parser"]);
    for format in ["junit", "ctrf", "json", "markdown", "openmetrics", "html", "trace"] {
        call = call.arguments(["--report", &format!("{format}={}", file(format).display())]);
    }
    let ended = call.run().with_code(100);
    assert!(ended.stdout.contains("     Summary "), "{ended:?}");
    let text = |name: &str| fs::read_to_string(file(name)).unwrap();
    let json = text("json");
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed = lines.iter().filter(|line| line["effect"] == "fails").count();
    assert!(failed > 0 && lines[0]["type"] == "run-started", "{json}");
    let junit = text("junit");
    assert_eq!(junit.matches("<failure ").count(), failed, "{junit}");
    assert!(junit.contains(lines[0]["run_id"].as_str().unwrap()), "{junit}");
    let ctrf: Value = serde_json::from_str(&text("ctrf")).unwrap();
    assert_eq!(ctrf["results"]["summary"]["failed"], failed);
    let markdown = text("markdown");
    assert_eq!(markdown.matches(" --test parser &#39;tour&#58;&#58;parser ").count(), failed, "{markdown}");
    let trace: Value = serde_json::from_str(&text("trace")).unwrap();
    let slices = trace["traceEvents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["ph"] == "X" && event["cat"] != "sandbox");
    assert_eq!(slices.count(), lines.iter().filter(|line| line["type"] == "attempt-finished").count());
    let html = text("html");
    assert_eq!(html.matches(" --test parser &#x27;tour::parser ").count(), failed, "{html}");
}

#[test]
fn every_format_has_the_same_counts() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name);
    let mut call =
        isotest(&Project::fixture("tour")).arguments(["--fail-on-leak", "leaves_a", "nul", "novel", "empty"]);
    for format in ["junit", "ctrf", "markdown", "json"] {
        call = call.arguments(["--report", &format!("{format}={}", file(format).display())]);
    }
    let ended = call.run().with_code(100);
    let counts = "4 run: 2 passed, 2 failed (1 leaked), 1 ignored";
    assert!(ended.stdout.contains(counts), "{}", ended.stdout);
    let text = |name: &str| fs::read_to_string(file(name)).unwrap();
    let markdown = text("markdown");
    assert!(markdown.contains(&counts.replace("4 run", "4 tests run")), "{markdown}");
    let junit = text("junit");
    let of_root = r#"tests="5" skipped="1" failures="2" errors="0""#;
    let has =
        |word: &str| junit.lines().find(|line| line.starts_with("<testsuites ")).unwrap().contains(word);
    assert!(of_root.split(' ').filter(|word| !word.starts_with("skipped")).all(has), "{junit}");
    assert_eq!((junit.matches("<skipped ").count(), junit.matches("<failure ").count()), (1, 2), "{junit}");
    assert!(
        junit.contains(r#"<testcase name="reads_a_very_long_novel" classname="tour::parser""#),
        "{junit}"
    );
    let ctrf: Value = serde_json::from_str(&text("ctrf")).unwrap();
    let summary = &ctrf["results"]["summary"];
    let of = ["tests", "passed", "failed", "skipped", "other"].map(|word| summary[word].as_u64().unwrap());
    assert_eq!(of, [5, 2, 2, 1, 0], "{summary}");
    // The parts of a run leave out the same tests, which are counted once.
    let parts = ["slice:1/2", "slice:2/2"].map(|part| {
        let json = file(&part.replace('/', "-")).display().to_string();
        let call = isotest(&Project::fixture("tour")).arguments(["--test", "parser", "--partition", part]);
        call.arguments(["--report", &format!("json={json}")]).run();
        json
    });
    let merged = bare().arguments(["report", "--merge"]).arguments(parts).run().with_code(0);
    assert!(merged.stdout.contains("5 tests run: 4 passed, 1 failed, 1 ignored"), "{}", merged.stdout);
}

#[test]
fn a_file_that_cannot_be_written_to_its_end_is_named_after_the_summary() {
    let call = isotest(&Project::fixture("passing")).arguments(["--report", "junit=/dev/full"]);
    let ended = call.run().with_code(70);
    assert!(ended.stdout.contains("     Summary "), "{}", ended.stdout);
    assert!(
        ended.stderr.ends_with("error: cannot write `/dev/full`: No space left on device (os error 28)\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn no_report_is_written_over_another_nor_waits_for_a_reader() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name).display().to_string();
    let passing = || isotest(&Project::fixture("passing"));
    let twice = [format!("junit={}", file("a")), format!("html={}/./a", place.path().display())];
    let ended = passing().arguments(["--report", &twice[0], "--report", &twice[1]]).run().with_code(2);
    assert!(ended.stderr.contains("is named twice"), "{ended:?}");
    passing().arguments(["--report", &format!("json={}", file("lines"))]).run().with_code(0);
    let lines = fs::read_to_string(file("lines")).unwrap();
    bare().arguments(["report", "--html", &file("lines"), &file("lines")]).run().with_code(2);
    bare()
        .arguments(["report", "--html", &file("b"), "--junit", &file("b"), &file("lines")])
        .run()
        .with_code(2);
    assert_eq!(fs::read_to_string(file("lines")).unwrap(), lines);
    nix::unistd::mkfifo(&place.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let ended = passing().arguments(["--report", &format!("junit={}", file("pipe"))]).run().with_code(70);
    assert!(ended.stderr.contains("pipe`"), "{ended:?}");
}

#[test]
fn a_file_without_format_is_refused_with_an_example() {
    for wrong in ["junit.xml", "junit=", "html5=x", "=x"] {
        let call = isotest(&Project::fixture("passing")).arguments(["--report", wrong]);
        let ended = call.run().with_code(2);
        let said =
            format!("error: `--report {wrong}` is not FORMAT=FILE, with one of the formats junit, ctrf, ");
        assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);
    }
}

#[test]
fn reports_made_later_are_those_of_the_run() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().join(name).display().to_string();
    let mut call = isotest(&Project::fixture("tour")).arguments(["--test", "parser"]);
    for format in ["junit", "ctrf", "json", "markdown", "openmetrics", "html"] {
        call = call.arguments(["--report", &format!("{format}={}", file(format))]);
    }
    call.run().with_code(100);
    let later = |format: &str| file(&format!("later-{format}"));
    let made =
        bare().arguments(["report", "--junit", &later("junit"), "--ctrf", &later("ctrf"), &file("json")]);
    made.run().with_code(0);
    let text = |path: &str| fs::read_to_string(path).unwrap();
    let without_times = |text: String| {
        let lines: Vec<_> =
            text.lines().filter(|line| !line.contains("timestamp=")).map(str::to_owned).collect();
        lines.join("\n")
    };
    assert_eq!(without_times(text(&later("junit"))), without_times(text(&file("junit"))));
    bare().arguments(["report", "--html", &later("html"), &file("json")]).run().with_code(0);
    let untimed =
        |text: String| text.lines().filter(|line| !line.contains("<dt>Started</dt>")).collect::<String>();
    assert_eq!(untimed(text(&later("html"))), untimed(text(&file("html"))));
    let shown = bare().arguments(["report", &file("json")]).run().with_code(0);
    assert_eq!(shown.stdout, text(&file("markdown")));
    let summary =
        |path: &str| serde_json::from_str::<Value>(&text(path)).unwrap()["results"]["summary"].clone();
    assert_eq!(summary(&later("ctrf"))["failed"], summary(&file("ctrf"))["failed"]);
}

#[test]
fn what_is_missing_of_a_run_is_said_and_the_rest_is_reported() {
    let place = tempfile::tempdir().unwrap();
    let [json, cut, other] =
        ["json", "cut", "other"].map(|name| place.path().join(name).display().to_string());
    for path in [&json, &other] {
        let call = isotest(&Project::fixture("passing")).arguments(["--report", &format!("json={path}")]);
        call.run().with_code(0);
    }
    let whole = fs::read_to_string(&json).unwrap();
    fs::write(&cut, &whole[..whole.len() - 10]).unwrap();
    let ended = bare().arguments(["report", &cut]).run().with_code(2);
    let said = format!("error: not everything could be reported: `{cut}` ends in the middle of line ");
    assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("**Incomplete:** the end of the run is missing&#58; 0 of "),
        "{}",
        ended.stdout
    );
    let ended = bare().arguments(["report", &json, &other]).run().with_code(2);
    assert!(
        ended.stderr.contains("are of different runs\n hint: to report on them as one run, add `--merge`"),
        "{}",
        ended.stderr
    );
    bare().arguments(["report", "--merge", &json, &other]).run().with_code(0);
}

#[test]
fn no_end_of_a_run_is_believed_without_its_lines() {
    let place = tempfile::tempdir().unwrap();
    let json = place.path().join("json").display().to_string();
    let tour = isotest(&Project::fixture("tour")).arguments(["--test", "parser"]);
    tour.arguments(["--report", &format!("json={json}")]).run().with_code(100);
    let whole = fs::read_to_string(&json).unwrap();
    bare().arguments(["report", &json]).run().with_code(0);
    let without: String =
        whole.split_inclusive('\n').filter(|line| !line.contains(r#""effect":"fails""#)).collect();
    assert!(without.len() < whole.len());
    fs::write(&json, without).unwrap();
    let ended = bare().arguments(["report", &json]).run().with_code(2);
    let said = format!(
        "error: not everything could be reported: `{json}` is not whole: the lines of 1 test are missing, which its \
         end counts as 1 failed\n"
    );
    assert_eq!(ended.stderr, said);
    assert!(ended.stdout.contains("**Incomplete:** "), "{}", ended.stdout);
}

#[test]
fn runs_that_were_written_to_one_file_are_told_apart() {
    let place = tempfile::tempdir().unwrap();
    let [json, base] = ["json", "base"].map(|name| place.path().join(name).display().to_string());
    let call = isotest(&Project::fixture("passing")).arguments(["--report", &format!("json={base}")]);
    call.run().with_code(0);
    let one = fs::read_to_string(&base).unwrap();
    let other = one.replace("\"run_id\":\"", "\"run_id\":\"f");
    fs::write(&json, one.clone() + &other).unwrap();
    let second = format!("{json}:{}", one.lines().count() + 1);
    for arguments in [&["report", &*json][..], &["report", "--diff", &json, &base]] {
        let ended = bare().arguments(arguments.iter().copied()).run().with_code(2);
        let said =
            format!("error: `{json}` and `{second}` are of different runs\n hint: to report on them as one ");
        assert!(ended.stderr.starts_with(&said), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    let merged = bare().arguments(["report", "--merge", &json]).run().with_code(0);
    let tests = one.matches("\"type\":\"attempt-finished\"").count();
    assert!(merged.stdout.contains(&format!("{tests} tests run: {tests} passed")), "{}", merged.stdout);
}

#[test]
fn a_github_runner_is_told_by_its_files_and_by_standard_output() {
    let place = tempfile::tempdir().unwrap();
    let [json, summary, outputs] =
        ["json", "summary", "outputs"].map(|name| place.path().join(name).display().to_string());
    let project = Project::fixture("tour");
    isotest(&project)
        .arguments(["--test", "parser", "--report", &format!("json={json}")])
        .run()
        .with_code(100);
    let above = project.directory.parent().unwrap().display().to_string();
    fs::write(&outputs, "of=another\n").unwrap();
    let call = bare().variable("GITHUB_STEP_SUMMARY", &summary).variable("GITHUB_OUTPUT", &outputs);
    let ended =
        call.variable("GITHUB_WORKSPACE", &above).arguments(["report", "--github", &json]).run().with_code(0);
    assert!(ended.stdout.contains("::error file=tour/tests/parser.rs,line="), "{}", ended.stdout);
    assert!(fs::read_to_string(&summary).unwrap().starts_with("## Tests did not pass\n"));
    let outputs = fs::read_to_string(&outputs).unwrap();
    assert!(
        outputs.starts_with("of=another\npassed=") && outputs.contains("\nover-budget=0\npeak="),
        "{outputs}"
    );
}

#[test]
fn what_changed_since_a_base_is_printed_or_stands_in_the_summary() {
    let place = tempfile::tempdir().unwrap();
    let [base, json, summary] =
        ["base", "json", "summary"].map(|name| place.path().join(name).display().to_string());
    isotest(&Project::fixture("passing")).arguments(["--report", &format!("json={base}")]).run().with_code(0);
    let text = fs::read_to_string(&base).unwrap();
    let name = |line: &Value| line["name"].as_str().map(str::to_owned);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["machine"]["cpus"].as_u64().is_some_and(|cpus| 0 < cpus), "{}", lines[0]);
    let first = lines.iter().find_map(name).unwrap();
    let breaks = |line: &Value| {
        let mut line = line.clone();
        if name(&line).as_ref() == Some(&first) {
            line["effect"] = "fails".into();
            line["outcome"] = "failed".into();
            line["usage"]["memory_peak_bytes"] = (1_u64 << 40).into();
        }
        if line["type"] == "run-finished" {
            for (verdict, by) in [("passed", -1), ("failed", 1)] {
                line["counts"][verdict] = (line["counts"][verdict].as_i64().unwrap() + by).into();
            }
        }
        line.to_string() + "\n"
    };
    fs::write(&json, lines.iter().map(breaks).collect::<String>()).unwrap();
    let ended = bare().arguments(["report", "--diff", &base, &json]).run().with_code(0);
    assert!(
        ended.stdout.starts_with(&format!("Changes since {base}:\n\n  Newly failing: 1 test\n")),
        "{ended:?}"
    );
    let measured = lines.iter().any(|line| line["usage"]["memory_approximate"] == false);
    assert_eq!(ended.stdout.contains("Peak of memory grown by more than "), measured, "{ended:?}");
    let ended = bare().arguments(["report", "--diff", &json, &base]).run().with_code(0);
    assert!(ended.stdout.contains("\n  Fixed: 1 test\n"), "{ended:?}");
    let ended = bare().arguments(["report", "--diff", &base, &base]).run().with_code(0);
    assert_eq!(ended.stdout, format!("Changes since {base}:\n  none\n"));
    bare().arguments(["report", "--diff", &base, "--markdown", &summary, &json]).run().with_code(0);
    let written = fs::read_to_string(&summary).unwrap();
    assert!(written.contains("### Changed since <code>"), "{written}");
    let page = place.path().join("page").display().to_string();
    let ended = bare().arguments(["report", "--diff", &base, "--html", &page, &json]).run().with_code(0);
    assert!(ended.stdout.contains("  Newly failing: 1 test\n"), "where no summary carries it: {ended:?}");
    let nowhere = place.path().join("nowhere").display().to_string();
    let ended =
        bare().arguments(["report", "--diff", &nowhere, "--markdown", &summary, &json]).run().with_code(2);
    assert!(ended.stderr.contains("nowhere` cannot be read"), "{ended:?}");
    let written = fs::read_to_string(&summary).unwrap();
    assert!(written.contains("nothing that could be seen") && !written.contains("New&#58;"), "{written}");
}

#[test]
fn no_report_has_the_value_of_a_variable_that_is_redacted() {
    let place = tempfile::tempdir().unwrap();
    let source =
        "#[test]\nfn tells() {\n    panic!(\"token {}\", std::env::var(\"API_TOKEN\").unwrap());\n}\n";
    let manifest = "[package]\nname = \"secretive\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    let project = Project::written(place.path(), &[("Cargo.toml", manifest), ("src/lib.rs", source)]);
    let formats = ["junit", "ctrf", "json", "markdown", "openmetrics", "html", "trace"];
    let told = |redact: &str| {
        let file = |format: &str| place.path().join(format).display().to_string();
        let reports = formats.map(|format| format!("{format}={}", file(format)));
        let reports = reports.iter().flat_map(|report| ["--report", report]);
        let call =
            isotest(&project).variable("API_TOKEN", "hunter2 & <hunter3>").variable("ISOTEST_REDACT", redact);
        call.arguments(reports).run().with_code(100);
        formats.map(|format| fs::read_to_string(file(format)).unwrap().matches("hunter").count())
    };
    assert_eq!(told("API_TOKEN,ABSENT"), [0; 7]);
    let [junit, ctrf, json, markdown, _, html, _] = told("ABSENT");
    assert!([junit, ctrf, json, markdown, html].iter().all(|count| *count > 0), "the control tells it");
    let short = isotest(&project).variable("API_TOKEN", "abc").variable("ISOTEST_REDACT", "API_TOKEN");
    let ended = short.run().with_code(100);
    assert!(ended.stdout.contains("`redact` leaves the value of `API_TOKEN` in reports"), "{ended:?}");
}

#[test]
fn a_report_of_nothing_replaces_none() {
    let place = tempfile::tempdir().unwrap();
    let [html, absent] = ["html", "absent"].map(|name| place.path().join(name).display().to_string());
    fs::write(&html, "a good one").unwrap();
    let ended = bare().arguments(["report", "--html", &html, &absent]).run().with_code(2);
    assert!(ended.stderr.starts_with("error: there is no run to report: `"), "{ended:?}");
    assert_eq!(fs::read_to_string(&html).unwrap(), "a good one");
}
