//! Shards: parts of a run on several machines, cut by what earlier runs took, and merged into the report of one.

use crate::call::{Call, bare, isotest};
use crate::project::Project;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Times of the tests of the project, in milliseconds.
const TIMES: &str = "a=700,b=0,c=300,d=0,e=0,f=0,g=400,h=0";

/// A history and a place for reports.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    fn of(&self, call: Call) -> Call {
        call.variable("ISOTEST_HISTORY", "true").variable("XDG_STATE_HOME", self.file("state"))
    }

    /// A run of all tests, or of one part.
    fn run(&self, name: &str, variables: &[(&str, &str)]) -> String {
        let part: &[&str] = if variables.is_empty() { &[] } else { &["--partition", "auto"] };
        let report = format!("json={}", self.path(name));
        let call = isotest(&Project::fixture("remembered")).arguments(part).arguments(["--report", &report]);
        let mut call = self.of(call).variable("MILLIS", TIMES).variable("FAILS", "e");
        for (name, value) in variables {
            call = call.variable(name, value);
        }
        let ended = call.run();
        assert!([Some(0), Some(100)].contains(&ended.status.code()), "{ended:?}");
        ended.stdout
    }

    fn merge(&self, names: &[&str], code: i32) -> String {
        let files: Vec<_> = names.iter().map(|name| self.path(name)).collect();
        let ctrf = self.path("merged.json");
        let call = bare().arguments(["report", "--merge", "--ctrf", &ctrf]).arguments(files);
        let ended = self.of(call).run().with_code(code);
        ended.stderr
    }

    fn shard(&self, number: u64) -> String {
        let name = format!("{number}.jsonl");
        let index = (number - 1).to_string();
        self.run(&name, &[("CIRCLE_NODE_INDEX", &index), ("CIRCLE_NODE_TOTAL", "3")])
    }
}

/// Each test of a report with its verdict.
fn verdicts(path: &Path) -> BTreeSet<(String, String, String)> {
    let report: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let tests = report["results"]["tests"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    tests
        .iter()
        .map(|test| (text(&test["suite"][0]), text(&test["name"]), text(&test["rawStatus"])))
        .collect()
}

fn names(path: &Path) -> Vec<String> {
    let lines = fs::read_to_string(path).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let attempts = lines.filter(|line| line["type"] == "attempt-finished");
    attempts.map(|line| line["name"].as_str().unwrap().trim_start_matches("tests::").to_owned()).collect()
}

#[test]
fn shards_are_cut_by_recorded_times_and_merged_into_the_report_of_one_run() {
    let place = Place::new();
    let told = place.shard(1);
    assert!(
        told.contains("Shard 1 of 3: 3 of 8 tests, dealt out in turn: no time of any is recorded"),
        "{told}"
    );
    let single = place.run("single.jsonl", &[]);
    assert!(!single.contains("Shard "), "{single}");
    let told: Vec<_> = (1..=3).map(|number| place.shard(number)).collect();
    assert!(told.iter().all(|told| told.contains("which should take ")), "{told:?}");
    let parts = ["1.jsonl", "2.jsonl", "3.jsonl"].map(|name| names(&place.file(name)));
    let with = |test: &str| parts.iter().position(|part| part.contains(&test.to_owned())).unwrap();
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 8, "{parts:?}");
    assert_eq!(
        BTreeSet::from([with("a"), with("c"), with("g")]).len(),
        3,
        "the longest are apart: {parts:?}"
    );
    let history = || {
        fs::read(
            place
                .file("state/isotest")
                .read_dir()
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
                .path()
                .join("history.redb"),
        )
        .unwrap()
    };
    let before = history();
    place.shard(1);
    assert_eq!(history(), before, "a shard adds nothing to the history");
    assert_eq!(place.merge(&["3.jsonl", "1.jsonl", "2.jsonl"], 0), "");
    assert_ne!(history(), before, "the merge does");
    let merged = verdicts(&place.file("merged.json"));
    let one = place.path("one.json");
    bare().arguments(["report", "--ctrf", &one, &place.path("single.jsonl")]).run().with_code(0);
    assert_eq!(merged, verdicts(Path::new(&one)));
    assert_eq!(merged.len(), 8);
}

#[test]
fn a_merge_that_lacks_something_names_it_and_is_not_green() {
    let place = Place::new();
    (1..=3).for_each(|number| drop(place.shard(number)));
    let said = place.merge(&["1.jsonl", "3.jsonl"], 2);
    assert!(said.contains("shard 2 of 3 is missing: 3 of 8 tests have no result"), "{said}");
    let incomplete = |place: &Place| {
        verdicts(&place.file("merged.json")).iter().any(|(.., status)| status == "incomplete")
    };
    assert!(incomplete(&place), "the report says so, too");
    assert!(!place.file("state").exists(), "and nothing is remembered");
    place.run("again.jsonl", &[("ISOTEST_SHARD", "2/3")]);
    let said = place.merge(&["1.jsonl", "2.jsonl", "3.jsonl", "again.jsonl"], 2);
    assert!(said.contains("again.jsonl` are both shard 2 of 3: its tests were executed twice"), "{said}");
    place.run("other.jsonl", &[("ISOTEST_SHARD", "2/4")]);
    let said = place.merge(&["1.jsonl", "other.jsonl", "3.jsonl"], 2);
    assert!(said.contains("other.jsonl` was cut otherwise than `"), "{said}");
    let lines = fs::read_to_string(place.file("2.jsonl")).unwrap();
    let cut: String = lines.split_inclusive('\n').take(2).collect();
    fs::write(place.file("2.jsonl"), cut).unwrap();
    let said = place.merge(&["1.jsonl", "2.jsonl", "3.jsonl"], 2);
    assert!(said.contains("2.jsonl` the end of the run is missing"), "{said}");
    assert!(incomplete(&place));
    let later = lines.replace("\"started_at\":\"2026-", "\"started_at\":\"2027-");
    fs::write(place.file("2.jsonl"), later).unwrap();
    assert_eq!(place.merge(&["1.jsonl", "2.jsonl", "3.jsonl"], 0), "", "clocks are no matter of the verdict");
}

#[test]
fn a_shard_that_no_test_is_left_for_has_nothing_to_do() {
    let place = Place::new();
    let told = place.run("9.jsonl", &[("ISOTEST_SHARD", "9/9")]);
    assert!(told.contains("Shard 9 of 9: 0 of 8 tests"), "{told}");
    let call = |arguments: &[&str]| {
        isotest(&Project::fixture("remembered")).arguments(["--partition", "auto"]).arguments(arguments)
    };
    let call = |arguments: &[&str]| call(arguments).variable("ISOTEST_SHARD", "9/9");
    call(&["no_such_test"]).run().with_code(4);
    let listed = call(&["list"]).variable("TEST_SHARD_STATUS_FILE", place.file("bazel")).run().with_code(0);
    assert!(place.file("bazel").exists(), "Bazel looks for it");
    assert_eq!(listed.stdout, "");
    let refused =
        isotest(&Project::fixture("remembered")).arguments(["--partition", "auto"]).run().with_code(2);
    assert!(
        refused.stderr.contains("which names no shard") && refused.stderr.contains("ISOTEST_SHARD=2/8"),
        "{refused:?}"
    );
}
