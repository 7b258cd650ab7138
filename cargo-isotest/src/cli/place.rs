//! Flags before a subcommand: they are moved behind its name, as if they had been typed there.

use super::elsewhere;
use crate::text::nearest::nearest;
use clap::builder::{Resettable, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};

/// A flag that is a subcommand.
const DOC: &str = "--doc";

/// The names under which tests are run.
const RUN: [&str; 2] = ["run", "test"];

/// Moves the arguments before the name of a subcommand behind it.
pub(super) fn subcommand_first(definition: &Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    let doc =
        arguments.iter().take_while(|word| *word != "--").position(|word| word == DOC).filter(|at| *at > 0);
    match (subcommand(definition, &arguments), doc) {
        // `cargo test --doc` with `isotest` in place of `test`.
        (Some(at), Some(doc)) if RUN.iter().any(|name| arguments[at] == *name) => {
            arguments.remove(at);
            arguments[1..=doc - usize::from(at < doc)].rotate_right(1);
        }
        // Behind `--doc`, the name of a subcommand is a filter.
        (Some(at), Some(doc)) if doc < at => arguments[1..=doc].rotate_right(1),
        (Some(at), _) | (None, Some(at)) => arguments[1..=at].rotate_right(1),
        (None, None) => {}
    }
    arguments
}

/// Returns the first word that is no flag and no value of one.
pub(super) fn first<'a>(definition: &Command, arguments: &'a [OsString]) -> Option<&'a str> {
    arguments.get(first_word(definition, arguments)?)?.to_str()
}

/// Returns the index of the subcommand's name.
fn subcommand(definition: &Command, arguments: &[OsString]) -> Option<usize> {
    let is_one =
        |at: &usize| arguments[*at].to_str().is_some_and(|name| definition.find_subcommand(name).is_some());
    first_word(definition, arguments).filter(is_one)
}

/// Returns the index of the first word that is no flag and no value of one. A word after `--` is none.
fn first_word(definition: &Command, arguments: &[OsString]) -> Option<usize> {
    let before = Command::new("before").args(flags(definition)).disable_help_flag(true);
    let before = before.allow_external_subcommands(true);
    let before = before.external_subcommand_value_parser(ValueParser::os_string());
    // This parse only looks for the subcommand: errors are reported by the parse with the whole definition.
    let matches = before.try_get_matches_from(arguments).ok()?;
    let (_, rest) = matches.subcommand()?;
    let rest = rest.get_many::<OsString>("").into_iter().flatten().count();
    let at = arguments.len().checked_sub(rest + 1)?;
    (arguments.get(at.checked_sub(1)?)? != "--").then_some(at)
}

/// Returns the flags of all subcommands, each once, without their conflicts.
fn flags(definition: &Command) -> Vec<Arg> {
    let commands = [definition].into_iter().chain(definition.get_subcommands());
    let mut flags: Vec<Arg> = Vec::new();
    for flag in commands.flat_map(Command::get_arguments).filter(|argument| !argument.is_positional()) {
        if flags.iter().all(|known| known.get_id() != flag.get_id()) {
            flags.push(flag.clone().conflicts_with(Resettable::Reset));
        }
    }
    flags
}

/// Turns the error about an unknown flag into one that names the subcommands that take the flag, or else what does the same.
pub(super) fn refusal(mut definition: Command, arguments: &[OsString], error: clap::Error) -> clap::Error {
    let (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    else {
        return error;
    };
    definition.build();
    let takers = takers(&definition, flag);
    let name = arguments.get(1).map(|name| if name == DOC { OsStr::new("doctests") } else { name });
    let named = name.and_then(|name| definition.find_subcommand(name)).cloned();
    let mut refusing = named.unwrap_or(definition);
    let instead = if takers.is_empty() { instead(&refusing, flag) } else { list(&takers) };
    let why = match behind(arguments, flag).filter(|_| refusing.get_name() == "exec") {
        Some(command) => format!("the command stands behind `--`: `{} -- {command}`", called(&refusing)),
        None => format!("`{}` does not support `{flag}`; {instead}", called(&refusing)),
    };
    refusing.error(ErrorKind::UnknownArgument, why)
}

/// Returns a word that is no flag, and all that follows it, as typed.
fn behind(arguments: &[OsString], word: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument == word).filter(|_| !word.starts_with('-'))?;
    let words: Vec<_> = arguments[at..].iter().map(|word| word.to_string_lossy()).collect();
    shlex::try_join(words.iter().map(|word| &**word)).ok()
}

/// Returns what to type instead of a flag that no subcommand takes.
fn instead(refusing: &Command, flag: &str) -> String {
    let known = refusing.get_arguments().filter_map(Arg::get_long).map(|long| format!("--{long}"));
    let known: Vec<_> = known.collect();
    let meant =
        || nearest(flag, known.iter().map(String::as_str)).map(|known| format!("did you mean `{known}`?"));
    let all = || format!("`{} --help` names all flags", called(refusing));
    elsewhere::instead(flag).map(str::to_owned).or_else(meant).unwrap_or_else(all)
}

fn called(command: &Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).to_owned()
}

/// Returns the subcommands that take `flag`.
fn takers(definition: &Command, flag: &str) -> Vec<String> {
    // Flags of a run are listed once, with the command that has no subcommand.
    let others = definition.get_subcommands().filter(|command| command.get_name() != "run");
    let commands = [definition].into_iter().chain(others);
    let taking = commands.filter(|command| command.get_arguments().any(|argument| is_called(argument, flag)));
    taking.map(called).collect()
}

fn is_called(argument: &Arg, flag: &str) -> bool {
    let long = argument.get_long().into_iter().chain(argument.get_all_aliases().into_iter().flatten());
    let is_long = flag.strip_prefix("--").is_some_and(|name| long.into_iter().any(|long| long == name));
    let is_short = |name: &str| argument.get_short().is_some_and(|short| name.starts_with(short));
    is_long || !flag.starts_with("--") && flag.strip_prefix('-').is_some_and(is_short)
}

/// Joins the names of subcommands to the end of a sentence.
fn list(takers: &[String]) -> String {
    let quoted: Vec<_> = takers.iter().map(|taker| format!("`{taker}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => format!("{last} does"),
        Some((last, others)) => format!("{} and {last} do", others.join(", ")),
        None => String::new(),
    }
}
