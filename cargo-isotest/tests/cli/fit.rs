//! How long a run takes and how much memory it needs elsewhere, foretold and then seen.

use crate::call::{Call, bare, isotest};
use crate::project::Project;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// How far from what happens a foretold time may be: a part of it in a hundred.
const PERCENT: u128 = 15;
/// On a busy machine one run says little.
const TRIES: usize = 4;

/// What `fit` says of each of these machines, by the lines of a run.
#[track_caller]
pub(crate) fn fit(lines: &Path, arguments: &[&str]) -> Vec<Value> {
    let call = bare().arguments(["fit", "--message-format", "json"]).arguments(arguments).arguments([lines]);
    let ended = call.run().with_code(0);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asserts that of a few runs of a call one takes as long as is foretold. Where others keep the machine busy, all tests take longer
/// than on the idle one that is foretold: the time of a run is measured in that of its tests.
#[track_caller]
pub(crate) fn comes_true(foretold: &Value, call: impl Fn() -> Call) {
    let number = |value: &Value| u128::from(value.as_u64().unwrap());
    let (wall, tests) = (number(&foretold["wall_us"]), number(&foretold["tests_us"]));
    let mut seen = Vec::new();
    for _ in 0..TRIES {
        let lines = call().lines().1;
        let is = number(&lines.finished["wall_us"]);
        let should =
            wall * lines.attempts.iter().map(|attempt| number(&attempt["wall_us"])).sum::<u128>() / tests;
        if should.abs_diff(is) * 100 <= is * PERCENT {
            return;
        }
        seen.push(format!("{is} us instead of {should} us"));
    }
    panic!("{foretold} was foretold, and {seen:?} came");
}

#[test]
fn a_run_takes_as_long_with_other_jobs_as_was_foretold() {
    let place = tempfile::tempdir().unwrap();
    let call = |jobs: &str| {
        let call = isotest(&Project::fixture("remembered")).arguments(["-j", jobs]);
        let call = call.variable("ISOTEST_HISTORY", "true").variable("XDG_STATE_HOME", place.path());
        call.variable("MILLIS", "a=200,b=300,c=200,d=100,e=400,f=100,g=300,h=1000").variable("MIB", "4")
    };
    let run = |jobs: &str| {
        let path = place.path().join(jobs);
        let report = format!("json={}", path.display());
        call(jobs).arguments(["--report", &report]).run().with_code(0);
        path
    };
    let (one, two) = (run("1"), run("2"));
    let machines = ["--machine", "1", "--machine", "2"];
    let by_one = fit(&one, &machines);
    comes_true(&by_one[1], || call("2"));
    let by_two = fit(&two, &machines);
    comes_true(&by_two[0], || call("1"));
    // Control: what is foretold of one machine is not what the other does.
    let wall = |line: &Value| line["wall_us"].as_u64().unwrap();
    assert!(wall(&by_one[0]) > wall(&by_one[1]) * 3 / 2, "{by_one:?}");
    let peaks: Vec<_> = by_one.iter().map(|line| line["memory_peak_bytes"].as_u64().unwrap() >> 20).collect();
    assert!((4..8).contains(&peaks[0]) && (8..16).contains(&peaks[1]), "{by_one:?}");
}

#[test]
fn people_are_told_what_does_not_fit_and_what_is_not_known() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run.jsonl");
    let report = format!("json={}", path.display());
    let call = isotest(&Project::fixture("remembered")).arguments(["-j", "2", "--report", &report]);
    call.variable("MIB", "40").run().with_code(0);
    let told = |arguments: &[&str]| bare().arguments(["fit"]).arguments(arguments).run();
    let file = path.to_str().unwrap();
    let ended = told(&["--machine", "2:32MiB", "--machine", "2:60MiB", file]).with_code(0);
    assert!(
        ended.stdout.contains("too much for remembered tests::") && ended.stdout.contains(" and 5 more"),
        "{ended:#?}"
    );
    assert!(ended.stdout.contains(", for which "), "{ended:#?}");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let ended = told(&[file]).with_code(2);
    assert!(ended.stdout.contains("note: the end of the run is missing"), "{ended:#?}");
    assert!(ended.stderr.contains("ends in the middle of line"), "{ended:#?}");
    fs::write(&path, "").unwrap();
    let ended = told(&[file]).with_code(2);
    assert!(ended.stdout.is_empty() && ended.stderr.contains("no test has a time"), "{ended:#?}");
}
