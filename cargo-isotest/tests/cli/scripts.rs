//! Setup scripts: what they leave for which tests, what becomes of a run in which one fails, and that nothing is left.

use crate::call::{Call, Ended, Lines, Running, isotest};
use crate::host;
use crate::project::Project;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

const MANIFEST: &str =
    "[package]\nname = \"prepared\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n";

const TESTS: &str = r#"
use std::fs;
use std::path::PathBuf;

fn data() -> PathBuf {
    PathBuf::from(std::env::var("ISOTEST_SETUP_DIR").unwrap()).join("data")
}

fn has_its_own() {
    assert_eq!(std::env::var("GREETING").as_deref(), Ok("hello = world"));
    assert_eq!(fs::read_to_string(data().join("table")).unwrap(), "made\n");
    fs::write(data().join("table"), "changed").unwrap();
    fs::remove_dir_all(data().join("rows")).unwrap();
}

#[test]
fn uses_data_once() {
    has_its_own();
}

#[test]
fn uses_data_twice() {
    has_its_own();
}

#[test]
fn sees_nothing() {
    assert!(std::env::var_os("ISOTEST_SETUP_DIR").is_none() && std::env::var_os("GREETING").is_none());
    let tmp = std::env::var("TMPDIR").unwrap();
    assert_eq!(fs::read_dir(tmp).unwrap().count(), 0);
    assert!(!fs::exists("thrown_away").unwrap());
}

#[test]
fn cannot_change_it() {
    let error = fs::write(data().join("table"), "changed").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
}
"#;

/// Leaves a directory and a variable, and changes the workspace.
const SETUP: &str =
    "mkdir -p \"$ISOTEST_SETUP_DIR/data/rows\" && echo made > \"$ISOTEST_SETUP_DIR/data/table\" &&
    echo 'GREETING=hello = world' >> \"$NEXTEST_ENV\" && echo 1 > thrown_away";

/// The project with these tests, built once.
fn project() -> &'static Project {
    static PROJECT: LazyLock<(TempDir, Project)> = LazyLock::new(|| {
        let place = tempfile::tempdir().unwrap();
        let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", TESTS), ("setup.sh", SETUP)];
        let project = Project::written(place.path(), &files);
        isotest(&project).arguments(["--no-run"]).run().with_code(0);
        (place, project)
    });
    &PROJECT.1
}

/// A call with this configuration file, and a directory for temporary files.
fn with(text: &str) -> (TempDir, Call) {
    let place = tempfile::tempdir().unwrap();
    let (path, temporary) = (place.path().join("isotest.toml"), place.path().join("tmp"));
    fs::write(&path, text).unwrap();
    fs::create_dir(&temporary).unwrap();
    let call = isotest(project()).arguments(["--config-file".as_ref(), path.as_os_str()]);
    (place, call.variable("TMPDIR", temporary))
}

/// A script with these keys, before tests with `data` in their names.
fn script(keys: &str) -> String {
    format!(
        "[[profile.default.scripts]]\nfilter = 'test(data)'\nsetup = 'made'\n[scripts.setup.made]\n{keys}\n\
         [scripts.setup.unneeded]\ncommand = 'false'\n\
         [[profile.default.scripts]]\nfilter = 'test(none_such)'\nsetup = ['unneeded', 'made']\n"
    )
}

#[track_caller]
fn nothing_is_left(place: &Path) {
    let left: Vec<_> = fs::read_dir(place.join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!project().directory.join("thrown_away").exists());
}

/// Runs tests of which none fails.
fn passing(text: &str, tests: &[&str]) -> Lines {
    let (place, call) = with(text);
    let (ended, lines) = call.arguments(tests).lines();
    ended.with_code(0);
    nothing_is_left(place.path());
    lines
}

/// Runs tests whose setup fails.
fn failing(keys: &str, arguments: &[&str]) -> (TempDir, Ended) {
    let (place, call) = with(&script(keys));
    let ended = call.arguments(["data"]).arguments(arguments).run().with_code(105);
    nothing_is_left(place.path());
    (place, ended)
}

#[test]
fn what_a_script_leaves_each_of_its_tests_has_for_itself() {
    let lines = passing(&script("command = ['sh', 'setup.sh']"), &["uses", "sees"]);
    assert_eq!(lines.attempts.len(), 3);
    let [script] = lines.scripts.as_slice() else { panic!("{:?}", lines.scripts) };
    assert_eq!((&script["script"], &script["outcome"]), (&"made".into(), &"passed".into()));
    assert!(script["wall_us"].as_u64() > Some(0) && script["usage"]["cpu_user_us"].is_u64(), "{script}");
    if lines.holds("copy-on-write") {
        assert_eq!(script["changed_paths_count"], 1, "{script}");
    }
    let (_place, call) = with("");
    let (_, lines) = call.arguments(["uses", "sees"]).lines();
    let outcome = |name| lines.outcome("prepared", name);
    let outcomes = [outcome("uses_data_once"), outcome("uses_data_twice"), outcome("sees_nothing")];
    assert_eq!(outcomes, ["failed", "failed", "passed"], "control");
}

#[test]
fn a_script_that_no_selected_test_needs_is_not_executed() {
    let lines = passing(&script("command = 'false'"), &["sees"]);
    assert_eq!((lines.scripts.len(), lines.attempts.len()), (0, 1));
}

#[test]
fn what_a_script_leaves_can_be_read_only() {
    let text =
        script("command = 'sh setup.sh'\ndirectory = 'read-only'").replace("test(data)", "test(cannot)");
    passing(&text, &["cannot_change_it"]);
    let (_place, call) = with(&text.replace("read-only", "copy-on-write"));
    call.arguments(["cannot_change_it"]).run().with_code(100);
}

#[test]
fn a_script_that_fails_ends_the_run_before_its_first_test() {
    let keys = "command = ['sh', '-c', 'echo no rows; echo no table >&2; exit 3']";
    let (place, ended) = failing(keys, &["--no-fail-fast"]);
    let said = &ended.stdout;
    assert_eq!(ended.word("made"), "FAIL");
    for words in [
        "  --- stdout of @setup-script made ---\n    no rows\n",
        "  --- stderr of @setup-script made ---\n    no table\n",
        "  Cancelling after a setup script failed: no test starts\n",
        "   Cancelled after a setup script failed, 2 tests not run\n",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("uses_data"), "{said}");
    let report = place.path().join("junit.xml");
    let junit = format!("junit={}", report.display());
    let (_, ended) = failing(keys, &["--message-format", "json", "--report", &junit]);
    let lines = Lines::new(&ended);
    assert_eq!(
        (&lines.scripts[0]["exit_code"], &lines.scripts[0]["stderr"]),
        (&3.into(), &"no table\n".into())
    );
    assert_eq!(
        (&lines.finished["cancelled"]["by"], &lines.finished["not_run"]),
        (&"setup-failed".into(), &2.into())
    );
    let junit = fs::read_to_string(report).unwrap();
    assert!(junit.contains("<testsuite name=\"@setup-script:made\" tests=\"1\""), "{junit}");
    assert!(junit.contains("no table"), "{junit}");
}

#[test]
fn a_script_fails_by_its_time_its_variables_or_its_name() {
    for (keys, words) in [
        ("command = 'sleep 30'\ntimeout = '200ms'", "     TIMEOUT ["),
        (
            "command = 'sleep 30'\nslow-timeout = { period = '100ms', terminate-after = 2 }",
            "        Slow [>   0.1s] @setup-script made",
        ),
        ("command = 'no-such-program'", "could not execute the program"),
        (
            "command = ['sh', '-c', 'echo A >> $NEXTEST_ENV']",
            "note: it is told as failed: the file of `NEXTEST_ENV` has no `NAME=VALUE` in line 1: `A`",
        ),
    ] {
        let (_, ended) = failing(keys, &[]);
        assert!(ended.stdout.contains(words), "{keys}: {}", ended.stdout);
    }
}

#[test]
fn what_a_script_leaves_running_is_killed_and_named() {
    let (place, call) = with(&script(
        "command = ['sh', '-c', 'sh setup.sh; sleep 30 & until grep -q sleep /proc/$!/comm; do :; done']",
    ));
    let ended = call.arguments(["uses"]).run().with_code(0);
    assert_eq!(ended.word("made"), "LEAK");
    assert!(ended.stdout.contains("left running, and killed: sleep 30 (pid "), "{}", ended.stdout);
    nothing_is_left(place.path());
}

#[test]
fn a_script_writes_to_the_terminal_where_tests_do() {
    let (_place, call) = with(&script("command = ['sh', '-c', 'sh setup.sh; echo said by the script']"));
    let ended = call.arguments(["uses", "--no-capture"]).run().with_code(0);
    let order = [
        "       Start @setup-script made\n",
        "said by the script\n",
        "        PASS [",
        "       Start prepared uses",
    ];
    let places: Vec<_> = order.iter().map(|words| ended.stdout.find(words)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {}", ended.stdout);
}

#[test]
fn the_time_of_a_run_holds_for_its_scripts_too() {
    let (_place, call) = with(&script("command = ['sh', '-c', 'sh setup.sh; exec sleep 40']"));
    let (ended, lines) = call.arguments(["uses", "--global-timeout", "1s"]).lines();
    assert_eq!(ended.status.code(), Some(100), "{ended:#?}");
    assert_eq!(lines.finished["cancelled"]["by"], "global-timeout", "{ended:#?}");
    assert!(ended.stdout.contains(r#""type":"setup-interrupted""#), "{ended:#?}");
    assert!(lines.attempts.is_empty() && lines.scripts.is_empty(), "{ended:#?}");
    assert!(lines.finished["wall_us"].as_u64().unwrap() >= 1_000_000, "{}", lines.finished);
}

#[test]
fn the_time_of_a_run_counts_from_its_first_script() {
    let (_place, call) = with(&script("command = ['sh', '-c', 'sh setup.sh; exec sleep 1']"));
    let (ended, lines) = call.arguments(["uses"]).lines();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let wall = |line: &Value| line["wall_us"].as_u64().unwrap();
    assert!(wall(&lines.finished) > wall(&lines.scripts[0]), "{ended:#?}");
}

#[test]
fn a_run_that_is_interrupted_in_a_script_leaves_nothing() {
    let (place, call) =
        with(&script("command = ['sh', '-c', 'sh setup.sh; echo waits for it; exec sleep 300']"));
    let report = place.path().join("report.json");
    let running = call.arguments(["uses", "--report", &format!("json={}", report.display())]).start();
    let is_there = |running: &Running| {
        // The shell has the words among its own before it comes to them.
        let is_last = |line: &String| line.contains("sleep 300") && !line.contains("exec");
        host::processes_marked(&running.mark).iter().any(is_last)
    };
    host::wait_until("the script", || is_there(&running));
    assert_eq!(fs::read_dir(place.path().join("tmp")).unwrap().count(), 1, "control");
    kill(Pid::from_raw(running.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let mark = running.mark.clone();
    let ended = running.end().with_code(143);
    assert!(
        ended.stdout.contains("Cancelled by SIGTERM, 0 tests interrupted, 2 tests not run"),
        "{}",
        ended.stdout
    );
    assert!(host::processes_marked(&mark).is_empty());
    assert_eq!(ended.word("made"), "INTERRUPTED");
    assert!(ended.stdout.contains("    waits for it\n"), "{}", ended.stdout);
    let lines = fs::read_to_string(&report).unwrap();
    let line = lines.lines().find(|line| line.contains("setup-interrupted")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    for (key, value) in [("script", "made"), ("name", "made"), ("stdout", "waits for it\n")] {
        assert_eq!(line[key].as_str(), Some(value), "{key}");
    }
    fs::remove_file(report).unwrap();
    nothing_is_left(place.path());
}

#[test]
fn what_is_wrong_with_scripts_is_told_with_its_line() {
    for (text, why) in [
        (
            "[[profile.default.scripts]]\nrun-wrapper = 'made'\n[scripts.setup.made]\ncommand = 'a'\n",
            ":2: unknown script `made`; no `[scripts.wrapper.NAME]` is declared\n",
        ),
        (
            "[scripts.wrapper.a]\ncommand = 'a'\ntimeout = '1s'\n",
            ":3: unknown key `timeout` in `[scripts.wrapper.a]`",
        ),
        (
            "[[profile.default.scripts]]\nsetup = 'made'\n",
            ":2: unknown script `made`; no `[scripts.setup.NAME]` is declared\n",
        ),
        (
            "[[profile.default.scripts]]\nsetup = ['mad']\n[scripts.setup.made]\ncommand = 'a'\n",
            ":2: unknown script `mad`; did you mean `made`?\n",
        ),
        ("[scripts.setup.made]\n", ":1: the script `made` has no `command`\n"),
        ("[scripts.setup.made]\ncommand = ''\n", ":2: `command = ''`: expected a program and its arguments"),
        ("[scripts.setup.made]\ncommand = 'a \"b'\n", ":2: `command = 'a \"b'`: expected a program"),
        ("[scripts.setup.'a/b']\ncommand = 'a'\n", ":1: `a/b` is not a name for a script"),
        (
            "[scripts.setup.a]\ncommands = 'a'\n",
            ":2: unknown key `commands` in `[scripts.setup.a]`; did you mean `command`?",
        ),
        (
            "[scripts.set-up.a]\ncommand = 'a'\n",
            ":1: unknown key `set-up` in `[scripts]`; did you mean `setup`?",
        ),
        (
            "[scripts.setup.a]\ncommand = 'a'\ndirectory = 'rw'\n",
            ":3: `directory = 'rw'`: expected \"copy-on-write\"",
        ),
        (
            "[[profile.default.scripts]]\nfilters = 'all()'\n",
            ":2: unknown key `filters` in a rule for scripts",
        ),
        ("[profile.default]\nscripts = 'made'\n", ":2: `scripts = 'made'`: expected tables"),
    ] {
        let (_place, call) = with(text);
        let ended = call.run().with_code(96);
        assert!(ended.stderr.contains(why), "{text}: {}", ended.stderr);
    }
}

/// A wrapper with this command around all tests.
fn wrapper(command: &str) -> String {
    format!(
        "[scripts.wrapper.around]\ncommand = {command}\n[[profile.default.scripts]]\nrun-wrapper = 'around'\n"
    )
}

#[test]
fn a_wrapper_executes_its_test_with_what_setup_left() {
    let shell = "['sh', '-c', 'echo before; \"$@\"; status=$?; echo after; exit $status', 'sh']";
    let text = script("command = 'sh setup.sh'") + &wrapper(shell);
    passing(&text, &["uses_data_once"]);
    let (_place, call) = with(&wrapper(shell));
    let ended = call.arguments(["uses_data_once"]).run().with_code(100);
    let places: Vec<_> =
        ["before\n", "running 1 test\n", "after\n"].map(|words| ended.stdout.find(words)).to_vec();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {}", ended.stdout);
}

#[test]
fn a_wrapper_that_executes_no_test_lets_none_pass() {
    let (_place, call) = with(&wrapper("'true'"));
    let ended = call.arguments(["sees_nothing"]).run().with_code(100);
    let words = "note: its `run-wrapper` exited with 0, but no harness said that it executed a test";
    assert!(ended.stdout.contains(words), "{}", ended.stdout);
}

#[test]
fn what_only_runs_have_is_said_where_one_test_is_explained() {
    for (text, is_said) in [(script("command = 'false'"), true), (String::new(), false)] {
        let (_place, call) = with(&text);
        let ended = call.arguments(["explain", "uses_data_once"]).run().with_code(0);
        let words = "warning: setup scripts are executed in runs only: what `made` would have set up is missing here\n";
        assert_eq!(ended.stderr.contains(words), is_said, "{}", ended.stderr);
    }
}
