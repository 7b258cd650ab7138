//! What another terminal sees of a run.

use crate::call::{Call, PublicCopy, Running, bare, isotest};
use crate::host;
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Somebody who is neither root nor the caller.
const STRANGER: u32 = 61_235;

/// A run in which nine tests hang until it is ended.
fn hanging() -> Running {
    isotest(&Project::fixture("hangs")).arguments(["-j", "9", "--test", "waits"]).start()
}

fn ps(arguments: &[&str]) -> Call {
    bare().arguments(["ps"]).arguments(arguments)
}

/// What `ps` says as JSON of the run, if it sees it. Other tests have runs of their own at the same time.
fn seen(running: &Running, arguments: &[&str]) -> Option<Value> {
    let ended = ps(arguments).arguments(["--message-format", "json"]).run().with_code(0);
    let line: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&line["type"], &line["schema"]), (&json!("runs"), &json!(1)));
    let runs = line["runs"].as_array().unwrap();
    runs.iter().find(|run| run["pid"] == running.child.id()).cloned()
}

fn list<'a>(object: &'a Value, name: &str) -> &'a Vec<Value> {
    object[name].as_array().unwrap_or_else(|| panic!("no {name} in {object}"))
}

fn threads(attempt: &Value) -> usize {
    let processes = attempt["picture"]["processes"].as_array();
    processes.into_iter().flatten().map(|process| list(process, "threads").len()).sum()
}

/// The run as it is seen once all its tests hang.
fn wait_for(running: &Running) -> Value {
    let mut last = None;
    host::wait_until("nine tests that hang, 300 threads in one", || {
        last = seen(running, &[]);
        let attempts = last.as_ref().map(|run| list(run, "attempts").as_slice()).unwrap_or_default();
        attempts.len() == 9
            && attempts.iter().all(|attempt| threads(attempt) > 1)
            && attempts.iter().any(|attempt| threads(attempt) == 302)
    });
    last.unwrap()
}

fn attempt<'a>(run: &'a Value, name: &str) -> &'a Value {
    list(run, "attempts").iter().find(|attempt| attempt["name"] == name).unwrap()
}

/// The first column of the rows of a process or thread, and the second.
fn ids_in(text: &str) -> BTreeSet<(i64, i64)> {
    let ids = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().map(|word| word.parse().ok());
        Some((words.next()??, words.next()??))
    });
    ids.collect()
}

fn ids_of(attempt: &Value) -> BTreeSet<(i64, i64)> {
    let threads = list(&attempt["picture"], "processes").iter().flat_map(|process| list(process, "threads"));
    threads.map(|thread| (thread["tid"].as_i64().unwrap(), thread["inside"].as_i64().unwrap())).collect()
}

#[test]
fn runs_and_attempts_and_their_processes_are_seen_from_elsewhere() {
    let running = hanging();
    let run = wait_for(&running);
    assert_eq!((&run["jobs"], &run["tests"], &run["ended"]), (&json!(9), &json!(9), &json!(0)));
    assert_eq!(run["uid"], geteuid().as_raw());
    for attempt in list(&run, "attempts") {
        let id = attempt["id"].as_str().unwrap();
        assert!(id.starts_with(&format!("{}.", running.child.id())), "{id}");
        assert_eq!(attempt["binary_id"], "hangs::waits");
        let name = attempt["name"].as_str().unwrap();
        let first = &list(&attempt["picture"], "processes")[0];
        assert_eq!((&first["inside"], &first["parent"]), (&json!(3), &attempt["init"]));
        assert!(list(first, "command").contains(&json!(name)), "{first}");
        // The text says the same, if the test does nothing but hang.
        let text = ps(&[id]).run().with_code(0).stdout;
        assert!(text.contains(&format!("  Attempt {id}  hangs::waits {name}\n")), "{text}");
        if name == "three_hundred_threads" {
            assert!(text.contains("    and 281 more threads\n"), "{text}");
            assert!(ids_in(&text).is_subset(&ids_of(attempt)), "{text}");
        } else {
            assert_eq!(ids_in(&text), ids_of(attempt), "{text}");
        }
    }
    let child = &list(&attempt(&run, "end_of_a_child")["picture"], "processes")[1];
    assert_eq!(child["command"], json!(["sleep", "60"]));
}

#[test]
fn a_command_is_seen_like_a_test() {
    let running = bare().arguments(["exec", "--", "sleep", "60"]).start();
    host::wait_until("a command that sleeps", || {
        seen(&running, &[]).is_some_and(|run| {
            list(&run, "attempts").iter().any(|attempt| {
                let processes = attempt["picture"]["processes"].as_array();
                let sleeps = processes.is_some_and(|all| all[0]["command"] == json!(["sleep", "60"]));
                attempt["name"] == "sleep 60" && sleeps
            })
        })
    });
}

#[test]
fn one_attempt_is_seen_in_full() {
    let running = hanging();
    let run = wait_for(&running);
    let id = attempt(&run, "pipe_of_a_child")["id"].as_str().unwrap();
    let run = seen(&running, &[id, "--full"]).unwrap();
    let [attempt] = list(&run, "attempts").as_slice() else { panic!("{run}") };
    let [tested, sleep] = list(&attempt["picture"], "processes").as_slice() else { panic!("{attempt}") };
    let text = ps(&["--full", id]).run().with_code(0).stdout;
    for process in [tested, sleep] {
        let details = &process["details"];
        for (heading, line) in [
            ("exe", details["exe"].as_str().unwrap().to_owned()),
            ("cwd", details["cwd"].as_str().unwrap().to_owned()),
            ("environ", "ISOTEST=1".to_owned()),
            ("namespaces", format!("net:[{}]", details["namespaces"]["net"])),
            ("capabilities", format!("effective {}", details["capabilities"]["effective"].as_str().unwrap())),
            (
                "limits",
                format!(
                    "nofile {} of {}",
                    details["limits"]["nofile"]["soft"], details["limits"]["nofile"]["hard"]
                ),
            ),
        ] {
            assert!(text.contains(&format!("      {heading}\n")), "{heading} in {text}");
            assert!(text.contains(&format!("        {line}\n")), "{heading} {line} in {text}");
        }
    }
    let descriptor = list(&tested["details"], "descriptors").iter().find(|one| one["fd"] == 3).unwrap();
    assert_eq!(descriptor["peers"], json!([{"pid": sleep["pid"], "fd": 1}]));
    assert!(text.contains(&format!("        3 r a pipe, other end pid {}\n", sleep["pid"])), "{text}");
    let namespaces = list(&attempt["picture"], "mount_namespaces");
    assert_eq!(namespaces[0]["namespace"], tested["details"]["namespaces"]["mnt"]);
    assert!(list(&namespaces[0], "mounts").iter().any(|mount| mount["path"] == "/proc"), "{namespaces:?}");
    // Outside, it is another one.
    let own = fs::read_link("/proc/self/ns/mnt").unwrap();
    assert_ne!(own.to_str().unwrap(), format!("mnt:[{}]", namespaces[0]["namespace"]));
}

#[test]
fn an_attempt_is_found_as_by_a_filter_if_no_other_is() {
    let place = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"zebras\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
    let test = |name: &str| {
        format!("#[test] fn {name}() {{ std::thread::sleep(std::time::Duration::from_secs(600)) }}\n")
    };
    let tests = test("zebra_grazes") + &test("zebra_sleeps");
    let project = Project::written(place.path(), &[("Cargo.toml", manifest), ("src/lib.rs", &tests)]);
    let running = isotest(&project).arguments(["-j", "2"]).start();
    let present = || seen(&running, &[]).filter(|run| list(run, "attempts").len() == 2);
    host::wait_until("two tests that sleep", || present().is_some());
    let run = present().unwrap();
    let id = attempt(&run, "zebra_grazes")["id"].as_str().unwrap();
    let found = |wanted: &str| {
        let run = seen(&running, &[wanted]).unwrap();
        list(&run, "attempts").iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for wanted in [id, "zebra_grazes", "zebras zebra_grazes", "bra_gra", "zebras gra"] {
        assert_eq!(found(wanted), ["zebra_grazes"], "{wanted}");
    }
    let refused = |wanted: &str, code| ps(&[wanted]).run().with_code(code).stderr;
    assert!(refused("zebra_", 2).contains("several attempts at `zebra_` are running"));
    assert!(refused("zebras", 2).contains("several attempts"));
    assert!(refused("zebra_graze_", 4).contains("no attempt `zebra_graze_`"));
}

#[test]
fn what_is_watched_is_shown_until_it_ends() {
    let running = hanging();
    let run = wait_for(&running);
    let id = attempt(&run, "time")["id"].as_str().unwrap();
    let watching = ps(&[id, "--watch", "--message-format", "json"]).start();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let pid = Pid::from_raw(running.child.id().try_into().unwrap());
    kill(pid, Signal::SIGKILL).unwrap();
    let ended = watching.end().with_code(0);
    assert!(ended.stdout.lines().count() >= 2, "{ended:?}");
    let ended = ps(&[id]).run().with_code(4);
    assert!(ended.stderr.contains(&format!("no attempt `{id}` of yours is running")), "{}", ended.stderr);
    assert_eq!(seen(&running, &[]), None);
}

#[test]
fn a_run_that_does_not_answer_is_named() {
    let running = hanging();
    wait_for(&running);
    let pid = Pid::from_raw(running.child.id().try_into().unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    let run = seen(&running, &[]).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    assert_eq!(run["trouble"], "no answer; the run may be stopped");
    assert_eq!((&run["jobs"], list(&run, "attempts").len()), (&Value::Null, 0));
    assert_eq!(wait_for(&running)["trouble"], Value::Null);
}

#[test]
fn only_its_owner_and_root_see_a_run() {
    let running = hanging();
    wait_for(&running);
    let copy = PublicCopy::new();
    let said_to = |uid: u32| {
        let mut command = Command::new(copy.program());
        command.args(["isotest", "ps"]).current_dir("/").uid(uid).gid(uid);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let me = geteuid();
    assert!(said_to(me.as_raw()).contains(&format!("Run {} of user {me} ", running.child.id())));
    // Nobody else can become somebody else.
    if me.is_root() {
        assert_eq!(said_to(STRANGER), "No runs in progress.\n");
    }
}
