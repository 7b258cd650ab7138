//! `--join`: entering the sandbox of a test that is running.

use crate::call::{Call, PublicCopy, Running, bare, isotest};
use crate::exec::{RELATIONS, USUAL};
use crate::host;
use crate::project::Project;
use crate::terminal::Terminal;
use nix::unistd::geteuid;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Somebody who is neither root nor the caller.
const STRANGER: u32 = 61_235;

/// A test that makes a file of its own, and ends when it is told to.
struct Waiting {
    place: TempDir,
    running: Running,
}

impl Waiting {
    fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let body = "#[test]\nfn waits() {\n    std::fs::write(\"/tmp/mine\", \"of the test\").unwrap();\n    \
            std::fs::write(\"kept/ready\", \"\").unwrap();\n    while !std::path::Path::new(\"kept/go\").exists() {\n        \
            std::thread::sleep(std::time::Duration::from_millis(20));\n    }\n}\n";
        let manifest =
            "[package]\nname = \"waiting\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";
        let project = Project::written(place.path(), &[("Cargo.toml", manifest), ("src/lib.rs", body)]);
        let kept = place.path().join("kept");
        fs::create_dir(&kept).unwrap();
        let running = isotest(&project).arguments(["--keep", kept.to_str().unwrap()]).start();
        host::wait_until("the test", || kept.join("ready").exists());
        Self { place, running }
    }

    fn id(&self) -> String {
        format!("{}.1", self.running.child.id())
    }

    fn join(&self, flags: &[&str]) -> Call {
        bare().arguments(["exec", "--join", &self.id()]).arguments(flags)
    }

    fn script(&self, text: &str) -> Call {
        self.join(&["--", "sh", "-c", text])
    }

    fn tell(&self) {
        fs::write(self.place.path().join("kept/go"), "").unwrap();
    }

    /// Lets the test end, which must pass and leave nothing behind.
    fn end(self) {
        self.tell();
        let ended = self.running.end().with_code(0);
        assert_eq!(ended.word("waits"), "PASS", "{ended:#?}");
    }
}

#[test]
fn a_guest_is_where_the_test_is() {
    let waiting = Waiting::start();
    let look = "for n in user pid mnt net ipc uts cgroup; do readlink /proc/self/ns/$n; done";
    let of = |process: &str| {
        format!("for n in user pid mnt net ipc uts cgroup; do readlink /proc/{process}/ns/$n; done")
    };
    let inside = waiting.script(look).run().with_code(0).stdout;
    assert_eq!(inside, waiting.script(&of("3")).run().stdout, "3 is the test");
    let outside = Command::new("sh").args(["-c", &of("self")]).output().unwrap().stdout;
    let outside = String::from_utf8(outside).unwrap();
    assert!(inside.lines().all(|link| !outside.contains(link)), "control: {outside}");
    let ended = waiting.script("cat /tmp/mine; echo; pwd; echo $CARGO_PKG_NAME $ISOTEST").run();
    let place = waiting.place.path().canonicalize().unwrap();
    assert_eq!(ended.stdout, format!("of the test\n{}\nwaiting 1\n", place.display()));
    assert!(!Path::new("/tmp/mine").exists());
    waiting.script("exit 6").run().with_code(6);
    waiting.end();
}

#[test]
fn a_guest_has_a_parent_and_a_group_that_are_not_process_1() {
    let waiting = Waiting::start();
    let said = waiting.script(RELATIONS).run().with_code(0).stdout;
    assert_eq!(said.lines().collect::<Vec<_>>(), USUAL);
    waiting.end();
}

#[test]
fn a_guest_is_counted_with_the_test() {
    let waiting = Waiting::start();
    let cgroups = waiting.script("cat /proc/self/cgroup; echo; cat /proc/3/cgroup").run().with_code(0);
    let (own, tests) = cgroups.stdout.split_once("\n\n").unwrap();
    assert_eq!(own, tests.trim_end());
    let processes =
        "n=0; for file in /sys/fs/cgroup/*/cgroup.procs; do grep -qx $$ $file && n=$((n+1)); done; echo $n";
    let entered: u32 = waiting.script(processes).run().stdout.trim().parse().unwrap();
    if geteuid().is_root() {
        assert!(entered > 0);
    }
    // What stays outside is not: from inside everybody is seen who is counted.
    let counted = "cd /sys/fs/cgroup/pids && read all < pids.current && n=0 && \
        while read one; do n=$((n+1)); done < tasks && test $all = $n";
    if waiting.script("test -e /sys/fs/cgroup/pids/pids.current").run().status.success() {
        waiting.script(counted).run().with_code(0);
    }
    waiting.end();
}

#[test]
fn a_guest_ends_with_the_test_and_does_not_count_as_left_behind() {
    let waiting = Waiting::start();
    let guest = waiting.script("echo entered > /tmp/guest; exec sleep 60").start();
    host::wait_until("the guest", || waiting.script("cat /tmp/guest").run().stdout == "entered\n");
    let id = waiting.id();
    waiting.end();
    let ended = guest.end().with_code(4);
    assert!(
        ended.stderr.contains(&format!("error: the attempt `{id}` has ended, and its sandbox is gone\n")),
        "{}",
        ended.stderr
    );
    let late = bare().arguments(["exec", "--join", &id, "--", "true"]).run().with_code(4);
    assert!(
        late.stderr.contains(&format!("error: no attempt `{id}` of yours is running\n")),
        "{}",
        late.stderr
    );
}

/// The processes inside that sleep for so many seconds.
fn sleeping(waiting: &Waiting, seconds: &[&str]) -> usize {
    let marked = host::processes_marked(&waiting.running.mark);
    marked.iter().filter(|line| seconds.iter().any(|time| **line == format!("sleep {time} "))).count()
}

#[test]
fn what_a_guest_started_ends_with_it() {
    let waiting = Waiting::start();
    // A child, one in a session of its own, and a grandchild whose parent has ended.
    let script = "exec >/dev/null 2>&1; sleep 311 & setsid sleep 312 & (sleep 313 &); sleep 0.2";
    waiting.script(script).run().with_code(0);
    assert_eq!(sleeping(&waiting, &["311", "312", "313"]), 0);
    waiting.end();
}

#[test]
fn what_a_guest_started_ends_with_a_caller_that_is_killed() {
    let waiting = Waiting::start();
    let script = "exec >/dev/null 2>&1; setsid sleep 321 & (sleep 322 &); exec sleep 323";
    let mut guest = waiting.script(script).start();
    let count = || sleeping(&waiting, &["321", "322", "323"]);
    host::wait_until("the guest", || count() == 3);
    guest.child.kill().unwrap();
    guest.child.wait().unwrap();
    host::wait_until("its end", || count() == 0);
    waiting.end();
}

#[test]
fn a_test_cannot_look_into_what_makes_the_guest() {
    let waiting = Waiting::start();
    let look = "test $PPID -gt 1 && test -d /proc/$PPID && \
        for file in environ exe cwd; do ls -l /proc/$1/$file >/dev/null && cat /proc/$1/environ; done | wc -c";
    let seen = |of: &str| {
        let text = look.replace("$1", of);
        waiting.script(&text).run().with_code(0).stdout.trim().parse::<usize>().unwrap()
    };
    assert!(seen("$$") > 0, "control");
    assert_eq!(seen("$PPID"), 0);
    waiting.end();
}

#[test]
fn root_does_not_enter_the_sandbox_of_another_user() {
    if !geteuid().is_root() {
        return;
    }
    let copy = PublicCopy::new();
    let mut command = Command::new(copy.program());
    command.args(["isotest", "exec", "--", "sleep", "60"]).current_dir("/").uid(STRANGER).gid(STRANGER);
    command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).stderr(Stdio::null());
    let mut run = command.spawn().unwrap();
    let id = format!("{}.1", run.id());
    let sleeps = |text: &str| text.contains(&id) && text.contains("sleep");
    host::wait_until("the command", || sleeps(&bare().arguments(["ps"]).run().stdout));
    let joined = bare().arguments(["exec", "--join", &id, "--", "true"]).run();
    run.kill().unwrap();
    run.wait().unwrap();
    let joined = joined.with_code(4);
    let expected = format!("error: `{id}` belongs to user {STRANGER}: ");
    assert!(joined.stderr.contains(&expected), "{}", joined.stderr);
}

#[test]
fn a_shell_may_be_opened_in_a_running_test_on_a_terminal_of_its_own() {
    let waiting = Waiting::start();
    let mut terminal = Terminal::new();
    let before = terminal.settings();
    let call = bare().arguments(["shell", "--join", &waiting.id()]).variable("SHELL", "/bin/sh");
    let shell = call.on(&terminal, "\"$@\"; echo status $?").start();
    terminal.wait_for("which is running");
    terminal.keys(b"tty; cat /tmp/mine; exit 5\n");
    terminal.wait_for("/dev/pts/0\r\nof the test");
    terminal.wait_for("status 5");
    assert_eq!(terminal.settings(), before);
    shell.end();
    waiting.end();
}

#[test]
fn what_is_decided_when_a_sandbox_is_made_cannot_be_asked_of_one_that_runs() {
    for flags in [
        &["--memory-limit", "1GiB"][..],
        &["--network", "host"],
        &["--timeout", "1s"],
        &["--cpus", "0"],
        &["--root", "minimal"],
    ] {
        let mut call = bare().arguments(["exec", "--join", "1.1"]).arguments(flags).arguments(["--", "true"]);
        call.command.stdin(Stdio::null());
        call.run().with_code(2);
    }
}
