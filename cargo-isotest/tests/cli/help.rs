//! The help pages, and what is said of flags that a subcommand does not support, at 80 columns.

use crate::call::{Ended, bare};
use snapbox::{Assert, Data, assert::DEFAULT_ACTION_ENV};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const SUBCOMMANDS: [&str; 19] = [
    "list",
    "archive",
    "closure",
    "exec",
    "doctests",
    "runner",
    "shell",
    "explain",
    "show-config",
    "init",
    "budgets",
    "report",
    "fit",
    "evidence",
    "ps",
    "doctor",
    "help",
    "man",
    "completions",
];

/// More than most terminals show at once, and less than a page with flags that have no meaning there.
const MOST_LINES: usize = 120;

fn at_columns(columns: &str, arguments: &[&str]) -> Ended {
    bare().variable("COLUMNS", columns).arguments(arguments).run()
}

fn at_80_columns(arguments: &[&str]) -> Ended {
    at_columns("80", arguments)
}

pub(crate) fn is_as_kept(name: &str, text: String) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/help");
    let kept = Data::read_from(&place.join(name), None).raw();
    Assert::new().action_env(DEFAULT_ACTION_ENV).eq(text, kept);
}

#[test]
fn each_command_has_a_short_page_and_a_long_one() {
    is_as_kept("short.txt", at_80_columns(&["-h"]).with_code(0).stdout);
    is_as_kept("long.txt", at_80_columns(&["--help"]).with_code(0).stdout);
    for name in SUBCOMMANDS {
        let short = at_80_columns(&[name, "-h"]).with_code(0).stdout;
        assert!(short.lines().count() < MOST_LINES, "{short}");
        is_as_kept(&format!("{name}-short.txt"), short);
        is_as_kept(&format!("{name}-long.txt"), at_80_columns(&[name, "--help"]).with_code(0).stdout);
    }
}

#[test]
fn each_page_fits_a_wide_terminal() {
    let mut pages = at_columns("120", &["--help"]).with_code(0).stdout;
    for name in SUBCOMMANDS {
        let page = at_columns("120", &[name, "--help"]).with_code(0).stdout;
        write!(pages, "\n$ cargo isotest {name} --help\n{page}").unwrap();
    }
    assert!(pages.lines().all(|line| line.chars().count() <= 120), "{pages}");
    is_as_kept("long-at-120-columns.txt", pages);
}

#[test]
fn no_subcommand_is_without_a_page() {
    let text = at_80_columns(&["-h"]).with_code(0).stdout;
    let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names: Vec<_> = names
        .filter_map(|line| line.split_whitespace().next().map(|name| name.trim_end_matches(',')))
        .collect();
    assert_eq!(names, [&["run"], &SUBCOMMANDS[..]].concat());
}

#[test]
fn the_page_of_a_run_is_that_of_the_command() {
    for flag in ["-h", "--help"] {
        let [whole, of_run] =
            [&[flag][..], &["run", flag]].map(|arguments| at_80_columns(arguments).with_code(0).stdout);
        let of_flags =
            |page: &str| page.split_once("\n\nTests:\n").map(|(_, flags)| flags.to_owned()).unwrap();
        assert_eq!(of_flags(&whole), of_flags(&of_run));
        assert!(
            of_run.contains("\nUsage: cargo isotest run [OPTIONS] [FILTER]... [-- <ARGS>...]\n"),
            "{of_run}"
        );
    }
}

#[test]
fn help_prints_a_page_or_else_the_help_of_a_subcommand() {
    let contents = at_80_columns(&["help"]).with_code(0).stdout;
    let pages =
        contents.lines().skip_while(|line| *line != "Pages:").skip(1).take_while(|line| !line.is_empty());
    let pages: Vec<_> = pages.map(|line| line.trim().split_once("  ").unwrap()).collect();
    assert!(contents.starts_with("Usage: cargo isotest help [TOPIC]\n") && pages.len() > 10, "{contents}");
    for (topic, title) in &pages {
        let page = at_80_columns(&["help", topic]).with_code(0).stdout;
        assert!(page.starts_with(&format!("{}\n\nThis page ", title.trim())), "{page}");
        let is_code = |line: &str| line.starts_with("    ") || line.starts_with("      ");
        let wide =
            page.lines().find(|line| line.chars().count() > 80 && !is_code(line) && line.contains(' '));
        assert_eq!(wide, None);
    }
    for name in SUBCOMMANDS.iter().filter(|name| pages.iter().all(|(topic, _)| topic != *name)) {
        assert_eq!(
            at_80_columns(&["help", name]).with_code(0).stdout,
            at_80_columns(&[name, "--help"]).stdout
        );
    }
}

#[test]
fn help_names_what_may_have_been_meant() {
    let ended = at_80_columns(&["help", "budgts"]).with_code(2);
    assert_eq!(
        ended.stderr,
        "error: `budgts` is neither a page nor a subcommand; did you mean `budgets`?\n hint: `cargo isotest help` lists all \
         pages, `cargo isotest --help` all subcommands\n"
    );
}

#[test]
fn a_man_page_has_what_the_help_has() {
    for name in SUBCOMMANDS {
        let help = at_80_columns(&[name, "--help"]).with_code(0).stdout;
        let flags = help
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .filter(|word| word.starts_with("--") && *word != "--doc");
        let page = at_80_columns(&["man", name]).with_code(0).stdout.replace("\\-", "-");
        assert!(page.contains(&format!(".TH cargo-isotest-{name} 1")) && !page.contains("\n\n.TP"), "{page}");
        for flag in flags {
            assert!(page.contains(flag), "no {flag} in the man page of {name}:\n{page}");
        }
    }
    assert!(at_80_columns(&["man"]).with_code(0).stdout.contains(".TH cargo-isotest 1"));
    assert!(at_80_columns(&["man", "shel"]).with_code(2).stderr.contains("did you mean `shell`?"));
}

#[test]
fn bash_completes_what_it_is_told_of() {
    let script = at_80_columns(&["completions", "bash"]).with_code(0).stdout;
    let ask = r#"
        COMP_WORDS=(cargo-isotest "$@") COMP_CWORD=$#
        ask=$(complete -p cargo-isotest | sed "s/.* -F //; s/ .*//")
        "$ask" cargo-isotest "${@: -1}" "${@: -2:1}"
        echo "${COMPREPLY[@]}""#;
    for (words, expected) in [
        (&["ex"][..], "exec explain"),
        (&["exec", "--mem"], "--memory-limit"),
        (&["--network", "l"], "loopback"),
    ] {
        let asked = Command::new("bash")
            .args(["-c", &format!("{script}{ask}"), "bash"])
            .args(words)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&asked.stdout).trim(), expected, "{asked:?}");
    }
    at_80_columns(&["completions", "dish"]).with_code(2);
}

#[test]
fn a_flag_without_meaning_is_refused_on_either_side() {
    let mut said = String::new();
    for line in [
        "ps --memory-limit 5MiB",
        "--memory-limit 5MiB ps",
        "doctor -p foo",
        "-p foo doctor",
        "doctor --pids-limit 4",
        "doctor --root minimal",
        "closure -j 4 /bin/true",
        "closure --timeout 1s /bin/true",
        "list --fail-fast",
        "list --memory-limit 5MiB",
        "exec --message-format json -- true",
        "exec --jobs 2 -- true",
        "exec --discard-updates -- true",
        "shell --no-capture",
        "shell --run-ignored all test",
        "explain --fail-on-leak -- true",
        "--watch",
        "--usage-json f shell",
        "list --version",
        "ps --gravity",
        "exec --join 1.1 --timeout 1s -- true",
    ] {
        let ended = at_80_columns(&line.split(' ').collect::<Vec<_>>()).with_code(2);
        assert_eq!(ended.stdout, "");
        write!(said, "$ cargo isotest {line}\n{}\n", ended.stderr).unwrap();
    }
    is_as_kept("refused.txt", said);
}

#[test]
fn a_flag_with_meaning_may_stand_on_either_side() {
    let program = env!("CARGO_BIN_EXE_cargo-isotest");
    for arguments in
        [["--message-format", "json", "closure", program], ["closure", "--message-format", "json", program]]
    {
        let ended = at_80_columns(&arguments).with_code(0);
        assert!(ended.stdout.starts_with(r#"{"type":"closure","#), "{}", ended.stdout);
    }
    let found = at_80_columns(&["--color", "never", "doctor", "--off", "memory"]).with_code(0).stdout;
    assert!(found.contains("memory"), "{found}");
}
