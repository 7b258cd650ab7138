//! `cargo isotest init`: writes a configuration file for a project, with the settings that its dependencies are known
//! to need.

use crate::app::seen::{NEXTEST, Seen};
use crate::cargo::build::Workspace;
use crate::cli::InitArgs;
use crate::error::{Error, Failure};
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::known_crates::{Help, Known};
use crate::report::OutputError;
use crate::settings::Said;
use crate::text::sanitize::word;
use crate::text::style::{GOOD, NOTE, headed};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Width of a comment's text, in columns.
const WIDTH: usize = 100;
/// Path of the file in a workspace.
const FILE: &str = ".config/isotest.toml";
const DEFAULTS: &str = "\
# How `cargo isotest` executes the tests of this workspace. `cargo isotest help configuration` explains the keys, and
# `cargo isotest show-config` says what holds and from where. What is commented out is an example.

[profile.default]
# timeout = \"60s\"            # ends a test
# memory-limit = \"2GiB\"      # of one test
";
const CI: &str = "
# For CI: `cargo isotest -P ci`.
[profile.ci]
timeout = \"10m\"              # as without this file
# retries = 2
# fail-on-leak = true        # a test that leaves processes behind fails
";

/// Error of creating the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    /// The file exists already.
    #[error("`{}` is there already, and stays as it is", .0.display())]
    Exists(PathBuf),
}

impl Failure for InitError {
    fn end(&self) -> End {
        Exit::Usage.into()
    }

    fn hint(&self) -> Option<String> {
        Some("`cargo isotest init --print` prints what a new file would hold".into())
    }
}

/// Writes the file and reports the facts of the project, or prints the text of the file.
///
/// # Errors
/// When there is no project, the file exists already, or it cannot be written.
pub(crate) fn execute(args: &InitArgs, said: &Said, invocation: &Invocation) -> Result<End, Error> {
    let workspace = Workspace::read(&said.cargo, invocation)?;
    let root = workspace.root();
    let seen = Seen::of(&workspace);
    let text = configuration(&seen);
    if args.print {
        io::stdout().write_all(text.as_bytes()).map_err(OutputError::Stream)?;
        return Ok(End::Exit(Exit::Ok));
    }
    let path = root.join(FILE);
    write(&path, &text)?;
    let told = told(&seen, &path);
    anstream::stdout().write_all(told.as_bytes()).map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

/// Creates the file, and never overwrites one that was created at the same time.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| OutputError::File { path: path.to_owned(), source };
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(InitError::Exists(path.to_owned()).into());
        }
        Err(error) => return Err(failed(error).into()),
    };
    Ok(file.write_all(text.as_bytes()).map_err(failed)?)
}

/// Formats the facts of the project and the outcome in lines.
fn told(seen: &Seen, path: &Path) -> String {
    let mut told = String::new();
    for (known, names) in seen.known() {
        told += &headed(
            NOTE,
            "Saw",
            &format!("{}: {}; see `cargo isotest help {}`", seen.who(&names), known.says, known.page),
        );
    }
    if seen.has_nextest {
        let says = format!(
            "`{NEXTEST}`: `--nextest-config` lets it hold where `{FILE}` is silent; see `cargo isotest help from-nextest`"
        );
        told += &headed(NOTE, "Saw", &says);
    }
    told + &headed(GOOD, "Wrote", &word(&path.to_string_lossy()))
}

/// Returns the text of the configuration file.
fn configuration(seen: &Seen) -> String {
    let known = seen.known();
    let mut text = DEFAULTS.to_owned();
    let kept: Vec<_> = known
        .iter()
        .filter_map(|(known, names)| match known.help {
            Help::Keep(path) => Some((path, names)),
            _ => None,
        })
        .collect();
    if !kept.is_empty() {
        text += "# Tests write these directories themselves; what they write elsewhere is thrown away.\n";
        text += "keep = [\n";
        for (path, names) in kept {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    \"{path}\", # {}", seen.who(names));
        }
        text += "]\n";
    }
    text += CI;
    for (known, names) in &known {
        let Some(lines) = example(known, seen, names) else { continue };
        text += "\n";
        text +=
            &textwrap::indent(&textwrap::fill(&format!("{}: {}.", seen.who(names), known.says), WIDTH), "# ");
        text += "\n";
        text.extend(lines.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n"));
    }
    text
}

/// Returns example lines for the file, of which only the project knows whether they are needed.
fn example(known: &Known, seen: &Seen, names: &[&str]) -> Option<String> {
    match known.help {
        Help::None | Help::Keep(_) => None,
        Help::Lines(lines) => Some(lines.to_owned()),
        Help::Override(lines) => {
            let filter: Vec<_> =
                seen.packages(names).iter().map(|name| format!("package(={name})")).collect();
            Some(format!("[[profile.default.overrides]]\nfilter = '{}'\n{lines}", filter.join(" + ")))
        }
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, str};

    fn seen(crates: &[(&str, &[&str])]) -> Seen {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Seen {
            crates: crates.iter().map(|(name, of)| ((*name).to_owned(), set(of))).collect(),
            has_nextest: false,
        }
    }

    #[test]
    fn a_project_of_which_nothing_is_known_has_examples_only() {
        assert_eq!(configuration(&seen(&[("serde", &["tour"])])), DEFAULTS.to_owned() + CI);
    }

    #[test]
    fn what_was_seen_and_written_is_told() {
        let seen = Seen { has_nextest: true, ..seen(&[("sqlx", &["store"]), ("trybuild", &["macros"])]) };
        let text = told(&seen, Path::new("/code/.config/isotest.toml"));
        assert_data_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            str![[r#"
         Saw trybuild (of macros): what it builds in `target/tests` would be built anew by each test: let tests write there themselves; see `cargo isotest help keeping-writes`
         Saw sqlx (of store): a server on the host's `127.0.0.1` is not reached: give these tests the host's network, or let a script start a server for each; see `cargo isotest help scripts`
         Saw `.config/nextest.toml`: `--nextest-config` lets it hold where `.config/isotest.toml` is silent; see `cargo isotest help from-nextest`
       Wrote /code/.config/isotest.toml

"#]]
        );
    }

    #[test]
    fn what_is_known_to_help_is_in_force_and_what_only_the_project_knows_is_an_example() {
        let text = configuration(&seen(&[("sqlx", &["store", "api"]), ("trybuild", &["macros"])]));
        let ours = text.split_once("of one test\n").unwrap().1.replace(CI, "");
        assert_data_eq!(
            ours,
            str![[r#"
# Tests write these directories themselves; what they write elsewhere is thrown away.
keep = [
    "target/tests", # trybuild (of macros)
]

# sqlx (of api, store): a server on the host's `127.0.0.1` is not reached: give these tests the host's
# network, or let a script start a server for each.
# [[profile.default.overrides]]
# filter = 'package(=api) + package(=store)'
# network = "host"

"#]]
        );
    }
}
