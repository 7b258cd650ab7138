//! Any process of a run, killed at any moment: no verdict is false, and the next run finds the host as it was.

use crate::call::{Call, isotest};
use crate::host;
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How many processes are killed, unless this variable of the environment says otherwise.
const VARIABLE: &str = "CLI_KILLS";
const KILLS: u64 = 12;

/// Tests of which two pass, one fails and one leaves a process running.
const BINARIES: [&str; 3] = ["neighbours", "panics", "daemonises"];

fn call(place: &Path) -> Call {
    let call = isotest(&Project::fixture("bad_days")).variable("TMPDIR", place.join("temporary"));
    let call = call.variable("XDG_RUNTIME_DIR", place.join("runtime"));
    BINARIES.iter().fold(call, |call, name| call.arguments(["--test", name]))
}

/// Whether a test of this name may have this verdict where a process of this name was killed.
fn is_right(line: &Value, killed: &str) -> bool {
    let outcome = line["outcome"].as_str().unwrap_or_default();
    let expected = match line["name"].as_str() {
        Some("panics") => outcome == "failed" && line["exit_code"] == 101,
        // What it would have left may be what was killed.
        Some("daemonises") => outcome == "leaked" || outcome == "passed" && killed.starts_with("daemonises"),
        _ => outcome == "passed",
    };
    expected || outcome == "not-isolated" || outcome == "signaled" && line["signal"] == "SIGKILL"
}

/// What stands in a line of a verdict.
fn told(line: &Value) -> Vec<String> {
    ["name", "outcome", "exit_code", "signal", "cause", "leaked", "stdout"]
        .iter()
        .map(|key| line[key].to_string())
        .collect()
}

/// The files below a directory.
fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let below = |path: &Path| if path.is_dir() { files(path) } else { vec![path.display().to_string()] };
    entries.flat_map(|entry| below(&entry.path())).collect()
}

/// Kills one of the processes of a run, and returns what it was.
fn kill_one(mark: &str, random: u64) -> String {
    let all = host::pids_marked(mark);
    let Some(index) = random.checked_rem(all.len().try_into().unwrap()) else { return "nobody".to_owned() };
    let pid = all[usize::try_from(index).unwrap()];
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    // It may have gone just now.
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    let name = line.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).rsplit('/').next().unwrap_or_default().to_owned()
}

#[test]
fn whoever_of_a_run_is_killed_no_verdict_is_false_and_nothing_is_left() {
    let kills = env::var(VARIABLE).map_or(KILLS, |text| text.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    for name in ["temporary", "runtime"] {
        fs::create_dir(place.path().join(name)).unwrap();
        fs::set_permissions(place.path().join(name), Permissions::from_mode(0o700)).unwrap();
    }
    let whole = || {
        let began = Instant::now();
        let lines = call(place.path()).lines().1;
        assert!(
            lines.attempts.len() == 4 && lines.attempts.iter().all(|line| is_right(line, "")),
            "{:#?}",
            lines.attempts
        );
        (began.elapsed(), host::mounts(), files(&place.path().join("temporary")))
    };
    whole();
    let (longest, mounts, temporary) = whole();
    let mut killed = BTreeMap::<String, usize>::new();
    for round in 0..kills {
        let random = RandomState::new().hash_one(round);
        let running = call(place.path()).arguments(["--message-format", "json"]).start();
        let (pid, mark) = (running.child.id(), running.mark.clone());
        sleep(Duration::from_millis(random % u64::try_from(longest.as_millis()).unwrap()));
        let name = kill_one(&mark, random >> 32);
        let ended = running.end();
        host::wait_until("the end of all processes", || host::processes_marked(&mark).is_empty());
        let lines = ended.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let attempts: Vec<_> = lines.filter(|line| line["type"] == "attempt-finished").collect();
        let verdicts: Vec<_> = attempts.iter().map(told).collect();
        assert!(attempts.iter().all(|line| is_right(line, &name)), "{name}: {verdicts:?}");
        let others = attempts
            .iter()
            .filter(|line| matches!(line["outcome"].as_str(), Some("not-isolated" | "signaled")));
        assert!(others.count() <= 1, "{name} cost more than one verdict: {verdicts:?}");
        match ended.status.code() {
            // A failure that was to be, and whatever was killed.
            Some(100) => assert_eq!(attempts.len(), 4, "{name}: {ended:#?}"),
            Some(0) => panic!("{name}: it fails: {ended:#?}"),
            Some(_) => assert!(!ended.stderr.is_empty(), "{name}: {ended:#?}"),
            None => assert_eq!(name, "cargo-isotest", "{ended:#?}"),
        }
        *killed.entry(name).or_default() += 1;
        whole();
        assert_eq!(host::cgroups_of(pid), [""; 0].map(std::path::PathBuf::from), "{killed:?}");
        assert_eq!(host::mounts(), mounts, "{killed:?}");
        assert_eq!(files(&place.path().join("temporary")), temporary, "{killed:?}");
        assert!(files(&place.path().join("runtime")).is_empty(), "{killed:?}");
    }
    assert!(killed.len() > 1 || kills < KILLS, "control: {killed:?}");
}
