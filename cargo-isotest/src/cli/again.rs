//! The arguments of a run that are typed again with the name of one test.

use clap::{Arg, Command};
use std::ffi::OsString;

/// Ids of the flags that select tests, that have no meaning for a single one, or that say what of the results is shown or written.
const LEFT_OUT: [&str; 21] = [
    "exact",
    "skip",
    "expressions",
    "run_ignored",
    "partition",
    "no_run",
    "shuffle",
    "no_tests",
    "rerun_failed",
    "self_profile",
    "save_baseline",
    "fail_fast",
    "report",
    "message_format",
    "status_level",
    "success_output",
    "failure_output",
    "hide_progress_bar",
    "show_progress",
    "final_status_level",
    "top",
];

/// Returns the flags that hold for each test, with their values. What follows `--` selects tests, too.
pub(super) fn without_selection(definition: &Command, arguments: &[OsString]) -> Vec<OsString> {
    kept(definition, arguments, |flag, argument| {
        let is_left_out = argument.is_some_and(|argument| LEFT_OUT.contains(&argument.get_id().as_str()));
        (!is_left_out).then(|| flag.into())
    })
}

/// Returns the flags that another subcommand takes, too, with their values.
pub(super) fn taken_by(other: &Command, definition: &Command, arguments: &[OsString]) -> Vec<OsString> {
    let is_taken = |argument: &Arg| other.get_arguments().any(|known| known.get_id() == argument.get_id());
    kept(definition, arguments, |flag, argument| {
        let argument = argument.filter(|argument| is_taken(argument))?;
        // Of a group of short flags such as `-vj4`, only the part from this flag on is kept.
        let from =
            argument.get_short().filter(|_| !flag.starts_with("--")).and_then(|short| flag.find(short));
        Some(from.map_or_else(|| flag.into(), |from| format!("-{}", &flag[from..]).into()))
    })
}

fn kept(
    definition: &Command,
    arguments: &[OsString],
    as_kept: impl Fn(&str, Option<&Arg>) -> Option<OsString>,
) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut words = arguments.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let Some(flag) = word.to_str().filter(|text| text.starts_with('-') && *text != "-") else { continue };
        let (argument, has_value) = find(definition, flag);
        let wants_value = argument.is_some_and(|argument| {
            argument.get_action().takes_values() && !argument.is_require_equals_set()
        });
        let value = if wants_value && !has_value { words.next() } else { None };
        if let Some(flag) = as_kept(flag, argument) {
            kept.push(flag);
            kept.extend(value.cloned());
        }
    }
    kept
}

/// Returns the definition of a flag as typed, of several short ones the first that takes a value or else the last, and
/// whether a value is written in the same word.
fn find<'a>(definition: &'a Command, flag: &str) -> (Option<&'a Arg>, bool) {
    let mut arguments = definition.get_arguments();
    if let Some(long) = flag.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let is_it = |argument: &&Arg| {
            argument.get_long() == Some(name)
                || argument.get_all_aliases().is_some_and(|all| all.contains(&name))
        };
        return (arguments.find(is_it), value.is_some());
    }
    let mut found = (None, false);
    for (at, short) in flag.char_indices().skip(1) {
        let argument = definition.get_arguments().find(|argument| argument.get_short() == Some(short));
        found = (argument, at + short.len_utf8() < flag.len());
        if argument.is_some_and(|argument| argument.get_action().takes_values()) {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;
    use std::ffi::OsString;

    #[track_caller]
    fn check(typed: &str, expected: &str) {
        let words = ["cargo-isotest", "isotest"].into_iter().chain(typed.split_whitespace());
        let again = Cli::read(words.map(OsString::from), &["net"]).unwrap().again;
        let again: Vec<_> = again.into_iter().map(|word| word.into_string().unwrap()).collect();
        assert_eq!(again.join(" "), expected, "{typed}");
    }

    #[test]
    fn what_selects_tests_is_left_out_with_its_values() {
        check("", "");
        check("parser reads", "");
        check("--skip a --skip=b -E all() -Enone() --filterset none() --exact x", "");
        check("--partition slice:1/2 --shuffle x --run-ignored all --no-tests pass", "");
        check("--rerun-failed --report junit=a.xml --message-format json -r", "-r");
        check("--release -- a --skip b --nocapture", "--release");
    }

    #[test]
    fn every_other_flag_is_kept_as_typed() {
        for kept in [
            "--release -p tour --test parser --features=a,b -j4",
            "-j 4 --memory-limit 64MiB --network none --rlimit nofile=9",
            "-vv --color always --no-capture --off net",
        ] {
            check(kept, kept);
            check(&format!("word {kept} word -E all()"), kept);
        }
        check("-rj 2 -E all() -q", "-rj 2 -q");
        check("-qE all() -r", "-r");
    }
}
