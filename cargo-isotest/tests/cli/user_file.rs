//! The file of one person: what it holds, and what holds before it.

use crate::call::{Call, isotest};
use crate::project::Project;
use std::fs;
use tempfile::TempDir;

/// A call by somebody whose file says this.
fn with(text: &str) -> (TempDir, Call) {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("isotest")).unwrap();
    fs::write(home.path().join("isotest/config.toml"), text).unwrap();
    let call = isotest(&Project::fixture("passing")).variable("XDG_CONFIG_HOME", home.path());
    (home, call)
}

#[test]
fn what_the_file_says_is_shown_and_what_the_project_and_the_caller_say_holds_before_it() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("isotest.toml"), "[profile.default]\nstatus-level = \"leak\"\n").unwrap();
    let project = ["--config-file", "isotest.toml"];
    let row = |arguments: &[&str], variables: &[(&str, &str)]| {
        let (home, call) = with("# Mine.\nstatus-level = \"fail\"\nsuccess-output = \"final\"\n");
        let call = variables.iter().fold(call, |call, (name, value)| call.variable(name, value));
        let text = call
            .within(place.path())
            .arguments(["show-config"])
            .arguments(arguments)
            .run()
            .with_code(0)
            .stdout;
        let row = text
            .lines()
            .find(|line| line.contains("status-level "))
            .unwrap()
            .replace(home.path().to_str().unwrap(), "~");
        row.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row(&[], &[]), "\"fail\" ~/isotest/config.toml:2");
    assert_eq!(row(&project, &[]), "\"leak\" profile default, isotest.toml:2");
    let variable = [("ISOTEST_STATUS_LEVEL", "slow")];
    assert_eq!(row(&project, &variable), "\"slow\" ISOTEST_STATUS_LEVEL");
    assert_eq!(row(&["--status-level", "all"], &variable), "\"all\" --status-level");
    assert_eq!(row(&["-q"], &variable), "\"fail\" --quiet");
}

#[test]
fn a_run_shows_what_the_file_wants() {
    let (_home, call) = with("status-level = \"none\"\ncolor = \"always\"\n");
    let stdout = call.run().with_code(0).stdout;
    assert!(stdout.contains('\x1b') && stdout.contains("Summary") && !stdout.contains("PASS"), "{stdout}");
    let (_home, call) = with("color = \"always\"\n");
    let stdout = call.variable("CARGO_TERM_COLOR", "never").run().with_code(0).stdout;
    assert!(!stdout.contains('\x1b') && stdout.contains("PASS"), "{stdout}");
}

#[test]
fn a_wrong_file_is_an_error_with_its_line() {
    for (text, expected) in [
        (
            "\ntimeout = \"1s\"\n",
            "2: `timeout` changes more than what is shown; set it in the project's `.config/isotest.toml`",
        ),
        (
            "statuslevel = \"fail\"\n",
            "1: unknown key `statuslevel` in this file; did you mean `status-level`?",
        ),
        ("color = \"red\"\n", "1: `color = \"red\"`: expected \"auto\", \"always\" or \"never\""),
        ("color = \n", "1: not valid TOML: "),
    ] {
        let (home, call) = with(text);
        let said = call.run().with_code(96).stderr;
        let expected = format!("error: {}/isotest/config.toml:{expected}", home.path().display());
        assert!(said.starts_with(&expected), "{said}");
    }
    let (home, call) = with("");
    fs::remove_dir_all(home.path().join("isotest")).unwrap();
    fs::write(home.path().join("isotest"), "no directory").unwrap();
    call.run().with_code(0);
}
