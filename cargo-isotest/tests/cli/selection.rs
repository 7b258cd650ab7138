//! Which tests are executed, and how many at once.

use crate::call::{Lines, bare, isotest};
use crate::project::Project;

fn names(lines: &Lines) -> Vec<&str> {
    let mut names: Vec<_> = lines.attempts.iter().map(|attempt| attempt["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn selects(arguments: &[&str], expected: &[&str]) {
    let (_, lines) = isotest(&Project::fixture("tour")).arguments(arguments).lines();
    assert_eq!(names(&lines), expected, "{arguments:?}");
}

#[test]
fn filters_choose_by_a_part_of_the_name_or_the_whole() {
    selects(&["empty"], &["accepts_empty_input", "tests::index_of_an_empty_text_is_empty"]);
    selects(&["--exact", "rejects_nul", "rejects"], &["rejects_nul"]);
    selects(&["empty", "--skip", "tests::"], &["accepts_empty_input"]);
    selects(&["--", "empty", "--skip", "input"], &["tests::index_of_an_empty_text_is_empty"]);
    selects(&["--lib", "columns"], &["tests::aligns_columns"]);
}

#[test]
fn expressions_choose_by_everything_that_is_known_of_a_test() {
    selects(&["-E", "binary(parser) and test(/^re.*nul$/)"], &["rejects_nul"]);
    selects(
        &["-E", "test(=rejects_nul)", "--filterset", "kind(lib) & test(columns)"],
        &["rejects_nul", "tests::aligns_columns"],
    );
    selects(&["-E", "test(empty)", "input"], &["accepts_empty_input"]);
    selects(&["-E", "binary_id(tour::parser) - test(~a) | rdeps(tour) & test(#*nul)"], &["rejects_nul"]);
    let ended = isotest(&Project::fixture("tour")).arguments(["-E", "none()"]).run().with_code(4);
    assert!(ended.stderr.contains("no tests to run"), "{}", ended.stderr);
}

#[test]
fn names_in_expressions_are_those_of_the_project() {
    for (expression, says) in [
        ("kind(foo)", "no kind of test binary matches\n    kind(foo)\n    ^^^^^^^^^"),
        ("package(tuor)", "no package of the project matches\n    package(tuor)\n    ^^^^^^^^^^^^^"),
        ("all() - binary(tour::parser)", "no test binary of the project"),
        ("binary_id(parser)", "no binary id of the project"),
        ("group(database)", "no test group of the project"),
    ] {
        let ended = isotest(&Project::fixture("tour")).arguments(["-E", expression]).run().with_code(94);
        assert!(ended.stderr.contains(says) && ended.stderr.contains("hint:"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("Finished"), "nothing is built: {}", ended.stderr);
    }
}

#[test]
fn tests_are_selected_as_the_report_prints_them() {
    selects(&["tour::parser rejects_nul"], &["rejects_nul"]);
    selects(&["tour::parser    rejects_nul"], &["rejects_nul"]);
    selects(
        &["tour::network", "tour tests::aligns_columns", "--skip", "tour::network"],
        &["tests::aligns_columns"],
    );
    let ended = isotest(&Project::fixture("bad_days"))
        .arguments(["-j1", "--test", "panics", "--skip=zzz", "-E", "not test(zzz)", "--", "--exact"])
        .run()
        .with_code(100);
    let repeat =
        ended.stdout.lines().find_map(|line| line.trim_start().strip_prefix("Repeat cargo isotest "));
    let words = shlex::split(repeat.unwrap_or_else(|| panic!("{}", ended.stdout))).unwrap();
    assert_eq!(words[words.len() - 4..], ["-j1", "--test", "panics", "bad_days::panics panics"]);
    let (ended, lines) = bare().arguments(words).lines();
    assert_eq!((ended.status.code(), names(&lines)), (Some(100), vec!["panics"]));
}

#[test]
fn a_failure_is_repeated_with_the_variables_that_held() {
    let tour = Project::fixture("tour");
    let ended = isotest(&tour)
        .variable("ISOTEST_MEMORY_LIMIT", "48MiB")
        .variable("ISOTEST_PROFILE", "ci")
        .variable("ISOTEST_FAIL_FAST", "true")
        .arguments(["--test", "index", "builds_big_index", "--off", "memory"])
        .run();
    assert!(ended.stderr.contains("`ISOTEST_MEMORY_LIMIT`"), "control: it matters: {}", ended.stderr);
    let ended = isotest(&tour)
        .variable("ISOTEST_PROFILE", "ci")
        .variable("ISOTEST_FAIL_FAST", "true")
        .variable("ISOTEST_PREFER", "io")
        .arguments(["--test", "parser", "nul"])
        .run()
        .with_code(100);
    let says = |start: &str| ended.stdout.lines().any(|line| line.trim_start().starts_with(start));
    assert!(
        says("Repeat ISOTEST_PROFILE=ci ISOTEST_PREFER=io cargo isotest --manifest-path "),
        "{}",
        ended.stdout
    );
    let ended = isotest(&tour)
        .variable("ISOTEST_PROFILE", "nowhere")
        .arguments(["-P", "default", "--test", "parser", "nul"])
        .run()
        .with_code(100);
    assert!(
        ended.stdout.contains("Repeat cargo isotest "),
        "what a flag overrides holds nothing: {}",
        ended.stdout
    );
}

#[test]
fn words_of_other_runners_mean_what_they_mean_there() {
    selects(&["--test-threads", "1", "--run-ignored", "ignored-only"], &["reads_a_very_long_novel"]);
    selects(&["--nff", "--test", "parser", "nul"], &["rejects_nul"]);
    selects(&["--ff", "--filter-expr", "test(nul)"], &["rejects_nul"]);
}

#[test]
fn run_and_test_are_words_for_the_run() {
    let tour = Project::fixture("tour");
    let arguments = ["-E", "test(=rejects_nul)"];
    let expected = vec!["rejects_nul"];
    for word in ["run", "test"] {
        let (ended, lines) = isotest(&tour).arguments([word]).arguments(arguments).lines();
        assert_eq!((ended.status.code(), names(&lines)), (Some(100), expected.clone()), "{word}");
        let (_, lines) =
            bare().arguments([word]).arguments(isotest(&tour).typed()).arguments(arguments).lines();
        assert_eq!(names(&lines), expected, "{word}");
        let filtered = isotest(&tour).arguments(["list", "--", word]).run();
        let is_of_it = |line: &str| line.split_once(' ').is_some_and(|(_, name)| name.contains(word));
        assert!(filtered.stdout.lines().all(is_of_it), "{}", filtered.stdout);
    }
    let ended = isotest(&tour).arguments(["run", "list"]).run().with_code(4);
    assert!(ended.stderr.contains("no tests to run"), "{}", ended.stderr);
}

#[test]
fn a_mistyped_subcommand_is_told_from_a_filter() {
    let tour = Project::fixture("tour");
    let ended = isotest(&tour).arguments(["shel", "--test", "parser"]).run().with_code(4);
    assert!(ended.stderr.contains("did you mean `cargo isotest shell`?"), "{}", ended.stderr);
    let ended = isotest(&tour).arguments(["shel", "--test", "parser", "empty"]).run().with_code(0);
    assert!(ended.stdout.contains("Note the filter `shel` is in no test's name\n"), "{}", ended.stdout);
}

#[test]
fn parts_of_the_tests_are_together_all_of_them() {
    let part = |part: &str| {
        let ended = isotest(&Project::fixture("tour")).arguments(["list", "--partition", part]).run();
        ended.with_code(0).stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = part("slice:1/1");
    for by in ["slice", "hash", "count"] {
        let parts = [1, 2, 3].map(|number| part(&format!("{by}:{number}/3")));
        let mut joined = parts.concat();
        joined.sort_unstable();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(joined, sorted, "{by}");
        let sizes = parts.map(|part| part.len());
        assert!(by != "slice" || sizes.iter().max() <= sizes.iter().min().map(|least| least + 1).as_ref());
    }
}

#[test]
fn a_random_order_is_repeated_by_its_number() {
    let order = |flag: &str| {
        let arguments = ["-j1", "--test", "parser", "--lib", flag];
        let (_, lines) = isotest(&Project::fixture("tour")).arguments(arguments).lines();
        let names = lines.attempts.iter().map(|attempt| attempt["name"].as_str().unwrap().to_owned());
        (lines.started["shuffle_seed"].as_u64().unwrap(), names.collect::<Vec<_>>())
    };
    let (seed, drawn) = order("--shuffle");
    assert_eq!(order(&format!("--shuffle={seed}")), (seed, drawn.clone()));
    let orders = [1, 2, 3].map(|seed| order(&format!("--shuffle={seed}")).1);
    assert!(orders.iter().any(|order| *order != orders[0]), "{orders:?}");
    for mut order in orders {
        let mut drawn = drawn.clone();
        drawn.sort_unstable();
        order.sort_unstable();
        assert_eq!(order, drawn);
    }
    let ended =
        isotest(&Project::fixture("tour")).arguments(["--shuffle=5", "rejects_nul"]).run().with_code(100);
    assert!(ended.stdout.contains("`--shuffle=5` repeats it"), "{}", ended.stdout);
}

#[test]
fn a_run_without_tests_ends_as_it_is_told_to() {
    let run =
        |flags: &[&str]| isotest(&Project::fixture("passing")).arguments(flags).arguments(["zzz"]).run();
    for flags in [&[][..], &["--no-tests=auto"], &["--no-tests", "fail"]] {
        assert!(run(flags).with_code(4).stderr.contains("error: no tests to run"), "{flags:?}");
    }
    let warned = run(&["--no-tests=warn"]).with_code(0);
    assert!(warned.stderr.contains("warning: no tests to run") && warned.stdout.contains("0 run: 0 passed"));
    let passed = run(&["--no-tests=pass"]).with_code(0);
    assert!(
        !passed.stderr.contains("no tests to run") && passed.stdout.contains("0 run: 0 passed"),
        "{passed:#?}"
    );
}

#[test]
fn tests_can_be_built_without_being_executed() {
    let place = tempfile::tempdir().unwrap();
    let ended = isotest(&Project::copied("passing", place.path())).arguments(["--no-run"]).run().with_code(0);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("Finished"), "{}", ended.stderr);
    isotest(&Project::copied("does_not_build", place.path())).arguments(["--no-run"]).run().with_code(101);
}

#[test]
fn a_newer_rust_can_be_ignored() {
    let place = tempfile::tempdir().unwrap();
    let manifest =
        "[package]\nname = \"newer\"\nversion = \"0.1.0\"\nedition = \"2024\"\nrust-version = \"1.999\"\n";
    let project = Project::written(
        place.path(),
        &[("Cargo.toml", manifest), ("src/lib.rs", "#[test]\nfn passes() {}\n")],
    );
    let ended = isotest(&project).run().with_code(101);
    assert!(ended.stderr.contains("1.999"), "{}", ended.stderr);
    isotest(&project).arguments(["--ignore-rust-version"]).run().with_code(0);
}

#[test]
fn ignored_tests_are_executed_on_request() {
    selects(&["--run-ignored", "only"], &["reads_a_very_long_novel"]);
    selects(&["--", "--ignored"], &["reads_a_very_long_novel"]);
    selects(&["--run-ignored", "all", "novel", "nul"], &["reads_a_very_long_novel", "rejects_nul"]);
}

#[test]
fn one_job_executes_tests_in_their_order() {
    let (_, lines) = isotest(&Project::fixture("tour")).arguments(["-j", "1", "--test", "parser"]).lines();
    assert_eq!(lines.started["jobs"], 1);
    let order: Vec<_> = lines.attempts.iter().map(|attempt| attempt["name"].as_str().unwrap()).collect();
    assert_eq!(
        order,
        [
            "a_column_without_width_panics",
            "accepts_empty_input",
            "ignores_white_space_around",
            "keeps_letters_of_any_script",
            "rejects_nul"
        ]
    );
}

#[test]
fn the_first_failure_ends_the_run_if_it_is_to() {
    let call = isotest(&Project::fixture("bad_days")).arguments(["-j", "1", "--fail-fast"]);
    let (ended, lines) = call.arguments(["--test", "panics", "--test", "prints_invalid_utf8"]).lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(names(&lines), ["panics"]);
    assert_eq!(lines.finished["not_run"], 2);
    assert!(ended.stderr.contains("after a failure"), "{}", ended.stderr);
}

#[test]
fn tests_can_be_listed_without_being_executed() {
    let tour = Project::fixture("tour");
    let ended =
        isotest(&tour).arguments(["list", "--test", "parser", "--run-ignored", "all", "nul", "novel"]);
    let ended = ended.run().with_code(0);
    assert_eq!(ended.stdout, "tour::parser reads_a_very_long_novel (ignored)\ntour::parser rejects_nul\n");
    let ended = isotest(&tour).arguments(["list", "--message-format", "json", "nul"]).run().with_code(0);
    let object: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&object["binary_id"], &object["name"]), (&"tour::parser".into(), &"rejects_nul".into()));
}
