//! `cargo isotest fit`: estimates what the tests of a run would need on other machines.

use super::convert::read;
use crate::cli::{FitArgs, FitMachine, MessageFormat};
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::report::{ConversionError, Fit, OutputError};
use crate::schedule::replay::Machine;
use std::io::{self, Write};
use std::num::NonZeroUsize;

/// Numbers of processors of the machines that are shown if none is named, each with as many times [`MEMORY_OF_EACH`].
const CPUS: [NonZeroUsize; 4] = [
    NonZeroUsize::MIN,
    NonZeroUsize::MIN.saturating_add(1),
    NonZeroUsize::MIN.saturating_add(3),
    NonZeroUsize::MIN.saturating_add(7),
];
const MEMORY_OF_EACH: u64 = 2 << 30;

/// Reads the files and writes the estimate for a run of the same tests.
///
/// # Errors
/// When a file cannot be read, or not be parsed as a whole; the rest is used all the same.
pub(crate) fn show(args: &FitArgs, format: MessageFormat, invocation: &Invocation) -> Result<End, Error> {
    let mut reading = read(args.files.iter(), invocation);
    if args.files.len() > 1 || reading.different().is_some() {
        reading.check_parts();
    }
    let Some(fit) = Fit::of(&reading.account) else {
        return Err(ConversionError::NoTimes(reading.lacks).into());
    };
    let machines = machines(args);
    let text = match format {
        MessageFormat::Human => Ok(fit.human(&machines)),
        MessageFormat::Json => fit.json(&machines),
    };
    let text = text.map_err(io::Error::from).map_err(OutputError::Stream)?;
    io::stdout().write_all(text.as_bytes()).map_err(OutputError::Stream)?;
    if reading.lacks.is_empty() {
        Ok(End::Exit(Exit::Ok))
    } else {
        Err(ConversionError::Lacking(reading.lacks).into())
    }
}

fn machines(args: &FitArgs) -> Vec<Machine> {
    let usual = CPUS.map(|cpus| FitMachine {
        cpus,
        memory: Some(MEMORY_OF_EACH.saturating_mul(u64::try_from(cpus.get()).unwrap_or(u64::MAX))),
    });
    let chosen = if args.machine.is_empty() { &usual[..] } else { &args.machine };
    let machine = |&FitMachine { cpus, memory }: &FitMachine| {
        let jobs = args.jobs.map_or(cpus, |jobs| jobs.on(cpus));
        Machine { cpus, memory, jobs }
    };
    chosen.iter().map(machine).collect()
}
