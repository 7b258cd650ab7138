//! A test below a debugger or a tracer, in its own sandbox.

use crate::call::isotest;
use crate::project::Project;
use crate::terminal::Terminal;
use std::fs;

const ONE: [&str; 4] = ["--test", "parser", "--exact", "accepts_empty_input"];

#[test]
fn a_tool_executes_the_test_where_it_would_be_executed() {
    let project = Project::fixture("tour");
    let tool = r#"sh -c 'echo "pid $$ of $NEXTEST_TEST_NAME"; exec "$@"' sh"#;
    let ended = isotest(&project).arguments(ONE).arguments(["--tracer", tool]).run().with_code(0);
    assert!(ended.stdout.contains(" of accepts_empty_input\n"), "{}", ended.stdout);
    // Ids of processes begin anew in a sandbox.
    let pid = ended.stdout.split_once("pid ").unwrap().1.split(' ').next().unwrap();
    assert!(pid.parse::<u32>().unwrap() < 10, "{}", ended.stdout);
    assert!(ended.stdout.contains("test accepts_empty_input ... ok"), "{}", ended.stdout);
    assert!(ended.stderr.contains(" tour::parser accepts_empty_input\n"), "{}", ended.stderr);
    // It ends as the tool does.
    isotest(&project).arguments(ONE).arguments(["--tracer", "sh -c 'exit 7' sh"]).run().with_code(7);
}

#[test]
fn a_debugger_has_the_terminal_and_all_the_time() {
    let mut terminal = Terminal::new();
    let before = terminal.settings();
    let tool = r#"sh -c 'test -t 0 && test -t 1 && read -r key && sleep 2 && echo got $key && exec "$@"' sh"#;
    let call = isotest(&Project::fixture("tour")).arguments(ONE).arguments(["--debugger", tool]);
    let call = call.variable("ISOTEST_TIMEOUT", "1s").variable("TERM", "xterm");
    let running = call.on(&terminal, "\"$@\"; echo status $?").start();
    terminal.wait_for("tour::parser accepts_empty_input");
    terminal.keys(b"step\r");
    terminal.wait_for("got step");
    terminal.wait_for("status 0");
    assert_eq!(terminal.settings(), before);
    running.end();
}

#[test]
fn what_a_tool_leaves_running_fails_a_test_whose_own_settings_say_so() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("isotest.toml");
    let tool = r#"sh -c 'sleep 600 > /dev/null 2>&1 & exec "$@"' sh"#;
    let own = "[[profile.default.overrides]]\nfilter = 'test(=accepts_empty_input)'\nfail-on-leak = true\n";
    for (text, code) in [("", 0), (own, 100)] {
        fs::write(&file, text).unwrap();
        let call = isotest(&Project::fixture("tour")).arguments(ONE).arguments(["--tracer", tool]);
        call.arguments(["--config-file", file.to_str().unwrap()]).run().with_code(code);
    }
}

#[test]
fn what_cannot_be_debugged_is_said() {
    let project = Project::fixture("tour");
    for (flags, code, why) in [
        (&["--debugger", "true", "--test", "parser"][..], 2, " tests: "),
        (&["--debugger", "true", "--tracer", "true"], 2, "cannot be used with"),
        (&["--debugger", "true", "--stress-count", "2"], 2, "cannot be used with"),
        (&["--debugger", "'true"], 2, "a quote is not closed"),
        (&["--debugger", ""], 2, "a command, such as `rust-gdb --args`"),
        (
            &["--debugger", "no-such-debugger", "--test", "parser", "--exact", "accepts_empty_input"],
            127,
            "no-such-debugger",
        ),
    ] {
        let ended = isotest(&project).arguments(flags).run().with_code(code);
        assert!(ended.stderr.contains(why), "{flags:?}: {}", ended.stderr);
    }
}
