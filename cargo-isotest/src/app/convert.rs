//! `cargo isotest report`: makes documents from the JSON lines of ended runs.

use crate::app::history::History;
use crate::cli::ReportArgs;
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::history::TestResult;
use crate::invocation::Invocation;
use crate::report::{
    self, Changes, ConversionError, DocumentFormat, OutputError, Reading, Target, github, is_one_file,
};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Reads the files and writes the requested documents, or a summary to standard output if none is requested.
///
/// # Errors
/// When a file cannot be read or written, or parts of the runs are missing; the rest is written all the same.
pub(crate) fn convert(args: &ReportArgs, invocation: &Invocation) -> Result<End, Error> {
    let mut reading = read_runs(args, invocation);
    let base = args.diff.as_ref().map(|path| (path, read([path], invocation)));
    let since = base
        .as_ref()
        .map(|(path, base)| Changes::between(&path.to_string_lossy(), &base.account, &reading.account));
    let different = reading.different().or_else(|| base.as_ref().and_then(|(_, base)| base.different()));
    if let Some([first, second]) = different.filter(|_| !args.merge) {
        return Err(ConversionError::TwoRuns { first: first.to_owned(), second: second.to_owned() }.into());
    }
    let wanted = [
        (DocumentFormat::Junit, &args.junit),
        (DocumentFormat::Ctrf, &args.ctrf),
        (DocumentFormat::Markdown, &args.markdown),
        (DocumentFormat::Openmetrics, &args.openmetrics),
        (DocumentFormat::Html, &args.html),
        (DocumentFormat::Trace, &args.trace),
    ];
    let named: Vec<_> = wanted.iter().filter_map(|(format, path)| Some((*format, path.as_ref()?))).collect();
    let inputs = args.files.iter().chain(&args.diff).map(|path| invocation.absolute(path));
    let mut taken: Vec<_> = inputs.collect();
    for (_, path) in &named {
        let path = invocation.absolute(path);
        if taken.iter().any(|taken| is_one_file(taken, &path)) {
            return Err(OutputError::Twice(path).into());
        }
        taken.push(path);
    }
    if reading.is_empty() && !args.github {
        // The error keeps an empty report from replacing one with content.
        return Err(ConversionError::Nothing(reading.lacks).into());
    }
    for (format, path) in &named {
        write(&Target::File(invocation.absolute(path)), &reading, since.as_ref(), *format)?;
    }
    if args.github {
        let touched = touched(args, invocation)?;
        for_runner(&reading, since.as_ref(), &touched, invocation)?;
    } else if named.is_empty() && since.is_none() {
        write(&Target::Stdout, &reading, None, DocumentFormat::Markdown)?;
    }
    // With `--github` or `--markdown`, the comparison is part of that document.
    if let Some(since) = since.as_ref().filter(|_| !args.github && args.markdown.is_none()) {
        io::stdout().write_all(since.human().as_bytes()).map_err(OutputError::Stream)?;
    }
    reading.lacks.extend(base.into_iter().flat_map(|(_, base)| base.lacks));
    if !reading.lacks.is_empty() {
        return Err(ConversionError::Lacking(reading.lacks).into());
    }
    if args.merge {
        remember(&reading, invocation);
    }
    Ok(End::Exit(Exit::Ok))
}

/// Reads the runs of the command line, as far as they can be parsed.
fn read_runs(args: &ReportArgs, invocation: &Invocation) -> Reading {
    let mut reading = read(args.files.iter(), invocation);
    if args.merge {
        reading.check_parts();
    }
    reading
}

/// Adds the results of shards to the history of their workspace, once. Later shards are cut by the history.
fn remember(reading: &Reading, invocation: &Invocation) {
    let Some((workspace, results)) = reading.results() else { return };
    let history = History::open(&workspace, invocation);
    let is_new = |(binary_id, name, result): &(String, String, TestResult)| {
        history.past.results(binary_id, name).iter().all(|known| known.at != result.at)
    };
    history.add(&results.into_iter().filter(is_new).collect::<Vec<_>>());
}

/// Reads the runs of these files, as far as they can be parsed.
pub(super) fn read<'a>(paths: impl IntoIterator<Item = &'a PathBuf>, invocation: &Invocation) -> Reading {
    let mut reading = Reading::default();
    for path in paths {
        let path = invocation.absolute(path);
        let name = path.to_string_lossy();
        match std::fs::read(&path) {
            Ok(bytes) => reading.add(&name, &String::from_utf8_lossy(&bytes)),
            Err(error) => reading.unreadable(&name, &error),
        }
    }
    reading
}

fn write(
    target: &Target,
    reading: &Reading,
    since: Option<&Changes>,
    format: DocumentFormat,
) -> Result<(), Error> {
    let mut to = target.open()?;
    let written = report::write(format, &reading.account, since, &mut to).and_then(|()| to.flush());
    written.map_err(|source| target.unwritten(source).into())
}

/// Reads which files failures are annotated first in.
fn touched(args: &ReportArgs, invocation: &Invocation) -> Result<HashSet<PathBuf>, Error> {
    let Some(path) = &args.touched else { return Ok(HashSet::new()) };
    let path = invocation.absolute(path);
    let names = std::fs::read(&path).map_err(|source| OutputError::File { path, source })?;
    let names = names.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect())
}

/// Writes annotations to standard output, and summary and outputs to the files that GitHub's runner names.
fn for_runner(
    reading: &Reading,
    since: Option<&Changes>,
    touched: &HashSet<PathBuf>,
    invocation: &Invocation,
) -> Result<(), Error> {
    let repository = invocation.variable("GITHUB_WORKSPACE").map(Path::new);
    let annotations = github::annotations(&reading.account, repository, touched);
    io::stdout().write_all(annotations.as_bytes()).map_err(OutputError::Stream)?;
    let path = |name| invocation.variable(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = path("GITHUB_STEP_SUMMARY") {
        let target = Target::File(path.clone());
        let mut text = Vec::new();
        let written = report::write(DocumentFormat::Markdown, &reading.account, since, &mut text);
        written.map_err(|source| target.unwritten(source))?;
        append(&path, &text)?;
    }
    if let Some(path) = path("GITHUB_OUTPUT") {
        append(&path, github::outputs(&reading.account).as_bytes())?;
    }
    Ok(())
}

fn append(path: &Path, text: &[u8]) -> Result<(), Error> {
    let file = File::options().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text))
        .map_err(|source| OutputError::File { path: path.to_owned(), source }.into())
}
