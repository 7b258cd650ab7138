//! `cargo isotest ps`: shows the runs in progress from another terminal.

mod details;
mod error;
pub(crate) mod look;
mod text;

pub(crate) use error::AttemptError;

use crate::cli::{MessageFormat, PsArgs};
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::report::OutputError;
use crate::text::sanitize::word;
use crate::text::style;
use console::Term;
use isotest_core::snapshot::Extent;
use look::Run;
use nix::unistd::geteuid;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::thread::sleep;
use std::time::Duration;

/// Schema version of the JSON. Fields may be added without a new version.
const SCHEMA: u32 = 1;
/// Interval of `--watch`.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Runs"))]
struct Line<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "runs")))]
    kind: &'static str,
    schema: u32,
    runs: &'a [Run],
}

/// Makes the schema of the line of a look.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Line<'static>>()
}

/// Returns the host process id of PID 1 of the running attempt `wanted`.
///
/// # Errors
/// When there is not exactly one such attempt, or the attempt belongs to another user.
pub(crate) fn init_of(wanted: &str) -> Result<i32, Error> {
    let look::Seen { runs, remarks } = look::runs(Extent::Tree, Some(wanted))?;
    say(&remarks);
    // The sandbox belongs to another user: its processes could make root, who enters it, do anything.
    if let Some(run) = runs.iter().find(|run| run.uid != geteuid().as_raw()) {
        return Err(AttemptError::NotOurs { wanted: wanted.to_owned(), uid: run.uid }.into());
    }
    let init = runs.iter().flat_map(|run| &run.attempts).find_map(|attempt| attempt.init);
    init.ok_or_else(|| AttemptError::NotRunning { wanted: wanted.to_owned() }.into())
}

/// Shows the runs in progress, once or repeatedly.
///
/// # Errors
/// When the requested attempt is not running, or standard output cannot be written.
pub(crate) fn show(args: &PsArgs, format: MessageFormat) -> Result<End, Error> {
    let extent = if args.full { Extent::Full } else { Extent::Tree };
    let mut seen = false;
    let mut said = Vec::new();
    loop {
        let look::Seen { runs, remarks } = match look::runs(extent, args.attempt.as_deref()) {
            // The watched attempt has ended.
            Err(error) if seen && is_of_ended(&error) => return Ok(End::Exit(Exit::Ok)),
            runs => runs?,
        };
        // A warning is printed once, not every second.
        if said != remarks {
            say(&remarks);
            said = remarks;
        }
        write(&runs, args, format, seen).map_err(OutputError::Stream)?;
        if !args.watch {
            return Ok(End::Exit(Exit::Ok));
        }
        seen = true;
        sleep(PAUSE);
    }
}

fn is_of_ended(error: &Error) -> bool {
    matches!(error.of_area(), Some(AttemptError::NotRunning { .. }))
}

fn say(remarks: &[String]) {
    let style = style::WARNING;
    for remark in remarks {
        // A closed standard error is no reason to fail.
        let _ = writeln!(anstream::stderr(), "{style}warning{style:#}: {}", word(remark));
    }
}

fn write(runs: &[Run], args: &PsArgs, format: MessageFormat, again: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        MessageFormat::Json => {
            serde_json::to_writer(&mut out, &Line { kind: "runs", schema: SCHEMA, runs })?;
            writeln!(out)?;
        }
        MessageFormat::Human => {
            if args.watch && out.is_terminal() {
                Term::stdout().clear_screen()?;
            } else if again {
                writeln!(out)?;
            }
            out.write_all(text::render(runs).as_bytes())?;
        }
    }
    out.flush()
}
