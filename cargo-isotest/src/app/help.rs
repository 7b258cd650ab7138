//! `cargo isotest help`, `man` and `completions`: shows the pages of the manual, and the command line in several
//! forms.

use crate::cli::{self, HelpArgs, help_of_subcommand, subcommands};
use crate::error::{Error, Failure};
use crate::exit::{End, Exit};
use crate::pages::{PAGES, Page};
use crate::report::OutputError;
use crate::text::markdown::rendered;
use crate::text::nearest::nearest;
use crate::text::style;
use clap_complete::Shell;
use isotest_core::policy::Capability;
use std::io::{self, Write};

/// Maximum number of columns of a page.
const MOST_COLUMNS: u16 = 100;
/// Number of columns without a terminal.
const USUAL_COLUMNS: u16 = 80;

/// Error of an unknown topic.
#[derive(Debug, thiserror::Error)]
#[error("`{topic}` is neither a page nor a subcommand{}", meant.as_ref().map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default())]
struct NoSuchTopic {
    topic: String,
    meant: Option<String>,
}

impl NoSuchTopic {
    /// Returns the error for a topic that is neither a page nor a subcommand.
    fn among(topic: &str, pages: &[Page]) -> Self {
        let subcommands = subcommands();
        let names = pages.iter().map(|page| page.topic).chain(subcommands.iter().map(String::as_str));
        Self { topic: topic.to_owned(), meant: nearest(topic, names).map(str::to_owned) }
    }
}

impl Failure for NoSuchTopic {
    fn end(&self) -> End {
        Exit::Usage.into()
    }

    fn hint(&self) -> Option<String> {
        Some("`cargo isotest help` lists all pages, `cargo isotest --help` all subcommands".into())
    }
}

/// Writes a page, or the help of the subcommand of that name, to standard output; without a topic, the list of pages.
///
/// # Errors
/// When there is neither a page nor a subcommand of that name, or standard output cannot be written.
pub(crate) fn show(args: &HelpArgs) -> Result<End, Error> {
    let text = match &args.topic {
        None => contents(),
        Some(topic) => of(topic)?,
    };
    write!(anstream::stdout(), "{text}").map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

/// Writes a man page to standard output.
///
/// # Errors
/// When there is no subcommand of that name, or standard output cannot be written.
pub(crate) fn man(subcommand: Option<String>) -> Result<End, Error> {
    let page = cli::man_page(subcommand.as_deref(), &capabilities()).map_err(OutputError::Stream)?;
    match (page, subcommand) {
        (Some(page), _) => put(&page),
        (None, subcommand) => Err(NoSuchTopic::among(&subcommand.unwrap_or_default(), &[]).into()),
    }
}

/// Writes the script by which a shell completes the command line to standard output.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn completions(shell: Shell) -> Result<End, Error> {
    put(&cli::completions(shell, &capabilities()))
}

fn put(text: &[u8]) -> Result<End, Error> {
    io::stdout().write_all(text).map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

fn capabilities() -> [&'static str; Capability::ALL.len()] {
    Capability::ALL.map(Capability::as_str)
}

/// Returns the page about `topic`, or the help of the subcommand of that name.
fn of(topic: &str) -> Result<String, NoSuchTopic> {
    if let Some(page) = Page::about(topic) {
        return Ok(rendered(page.text, columns()));
    }
    let help = help_of_subcommand(topic, &capabilities());
    help.map(|help| help.ansi().to_string()).ok_or_else(|| NoSuchTopic::among(topic, PAGES))
}

/// Returns the width of a page in columns: that of the terminal up to [`MOST_COLUMNS`]; [`USUAL_COLUMNS`] without a
/// terminal.
fn columns() -> usize {
    let (_, columns) = console::Term::stdout().size_checked().unwrap_or((0, USUAL_COLUMNS));
    usize::from(columns.min(MOST_COLUMNS))
}

/// Returns the list of pages.
fn contents() -> String {
    let head = |text: &str| format!("{}{text}{}", style::HEAD, style::HEAD.render_reset());
    let width = PAGES.iter().map(|page| page.topic.len()).max().unwrap_or_default();
    let pages = PAGES.iter().map(|page| format!("  {:width$}  {}\n", page.topic, page.title()));
    format!(
        "{} cargo isotest help [TOPIC]\n\n{}\n{}\n`cargo isotest --help` names all subcommands and the flags of a run, and\n`cargo isotest SUBCOMMAND --help` those of a subcommand.\n",
        head("Usage:"),
        head("Pages:"),
        pages.collect::<String>()
    )
}
