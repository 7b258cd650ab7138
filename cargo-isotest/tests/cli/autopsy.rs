//! What was running, and what it waited for, when a test was killed.

use crate::call::{Lines, isotest};
use crate::project::Project;
use nix::unistd::geteuid;
use serde_json::{Value, json};

/// A test of the fixture, the thread or the command that waits, what for, and how that is said.
const WAITS: [(&str, &str, &str, &str); 9] = [
    ("connection_to_a_socket", "connection_to_a", "descriptors", "accept4(3): tcp 127.0.0.1:4711, listen"),
    (
        "word_from_a_socket",
        "word_from_a_soc",
        "descriptors",
        " to 127.0.0.1:4711, established, other end pid 3",
    ),
    ("pipe_of_a_child", "pipe_of_a_child", "descriptors", "read(3): a pipe, other end pid 5"),
    (
        "output_of_a_child",
        "output_of_a_chi",
        "descriptors",
        ": a pipe, other end pid 5; a pipe, other end pid 5",
    ),
    ("end_of_a_child", "end_of_a_child", "child", ": the end of pid 5"),
    ("end_of_a_thread", "end_of_a_thread", "futex", "futex: the end of thread sleeping (5)"),
    ("lock_held_by_another", "other", "futex", "): a lock or a message"),
    ("time", "time", "time", "_nanosleep: time"),
    ("three_hundred_threads", "three_hundred_t", "futex", "futex: the end of thread three_hundred_t (5)"),
];

fn hangs() -> (String, Lines) {
    let call = isotest(&Project::fixture("hangs")).arguments(["-j", "10", "--timeout", "3s"]);
    let (ended, lines) = call.lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    (ended.stderr, lines)
}

fn members<'a>(object: &'a Value, name: &str) -> &'a Vec<Value> {
    object[name].as_array().unwrap_or_else(|| panic!("no {name} in {object}"))
}

/// The lines of the text that are indented below the line of a test.
fn below<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.ends_with(&format!("  {name}")));
    lines.next().unwrap_or_else(|| panic!("no line for {name} in\n{text}"));
    lines.take_while(|line| line.starts_with("             ")).map(str::trim).collect()
}

#[test]
fn a_test_that_hangs_is_seen_waiting() {
    let (text, lines) = hangs();
    for (name, thread, kind, words) in WAITS {
        let autopsy = &lines.attempt("hangs::waits", name)["autopsy"];
        assert_eq!(autopsy["moment"], "time-out");
        let process = &members(autopsy, "processes")[0];
        assert_eq!(process["inside"], 3);
        let waits = members(process, "threads").iter().find(|one| {
            one["name"] == thread && one["wait"]["waits_for"]["on"] == kind && one["state"] == "sleeping"
        });
        let waits = waits.unwrap_or_else(|| panic!("no {thread} waits for {kind}: {autopsy:#}"));
        let below = below(&text, name);
        let said = below.iter().find(|line| line.contains(&format!("{thread} ({})", waits["inside"])));
        assert!(said.is_some_and(|line| line.contains(words)), "{name}: {below:#?}");
        let channel = waits["wait"]["channel"].as_str().unwrap();
        assert!(said.unwrap().ends_with(&format!("[{channel}]")), "{name}: {channel} in {said:?}");
    }
    check_three_hundred(lines.attempt("hangs::waits", "three_hundred_threads"));
    check_rights(lines.attempt("hangs::waits", "end_of_a_child"));
    check_leftovers(&text, &lines);
}

fn check_three_hundred(attempt: &Value) {
    let [process] = members(&attempt["autopsy"], "processes").as_slice() else { panic!("{attempt}") };
    let asleep =
        members(process, "threads").iter().filter(|one| one["wait"]["waits_for"] == json!({"on": "time"}));
    assert_eq!((asleep.count(), members(process, "threads").len()), (300, 302));
}

/// An ordinary user may read everything of what it executes but kernel stacks, and that is said.
fn check_rights(attempt: &Value) {
    let unseen = members(&attempt["autopsy"], "unseen");
    for process in members(&attempt["autopsy"], "processes") {
        let details = process["details"].as_object().unwrap();
        let missing: Vec<_> = details.iter().filter(|(_, value)| value.is_null()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(details["environ"]["ISOTEST"], "1");
        let stack = &members(process, "threads")[0]["wait"]["stack"];
        assert_eq!(stack.is_array(), geteuid().is_root(), "{stack}");
    }
    let said = unseen.iter().any(|gap| gap["what"] == "stack" && gap["why"] == "permission denied");
    assert_eq!(said, !geteuid().is_root(), "{unseen:?}");
    assert!(unseen.len() <= 1, "{unseen:?}");
}

fn check_leftovers(text: &str, lines: &Lines) {
    let attempt = lines.attempt("hangs::leaves", "two_ends_of_a_pipe");
    assert_eq!(
        (&attempt["outcome"], &attempt["autopsy"]["moment"]),
        (&json!("leaked"), &json!("left-running"))
    );
    let [cat, sleep] = members(&attempt["autopsy"], "processes").as_slice() else { panic!("{attempt}") };
    let named: Vec<_> = members(attempt, "leaked").iter().map(|left| left["pid"].clone()).collect();
    assert_eq!(named, [cat["inside"].clone(), sleep["inside"].clone()]);
    assert_eq!(cat["command"], json!(["cat"]));
    let input = &members(&cat["details"], "descriptors")[0];
    assert_eq!(input["peers"], json!([{"pid": sleep["pid"], "fd": 1}]));
    let words = format!("read(0): a pipe, other end pid {}", sleep["inside"]);
    assert!(below(text, "two_ends_of_a_pipe").iter().any(|line| line.starts_with(&words)), "{text}");
}

#[test]
fn a_test_that_ends_is_not_looked_at() {
    let call = isotest(&Project::fixture("tour")).arguments(["--test", "parser", "--timeout", "60s"]);
    let (_, lines) = call.lines();
    assert!(lines.attempts.iter().all(|attempt| attempt.get("autopsy").is_none()));
}
