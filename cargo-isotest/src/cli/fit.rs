//! Arguments of `fit`.

use super::numbers;
use crate::values::Jobs;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Arguments of `fit`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct FitArgs {
    /// What `--report json=FILE` or `--message-format json` wrote; of several, the parts of one run
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Machine to fit the run to, as often as you like: its CPUs and the memory that tests can have, e.g. `4:8GiB`, or CPUs alone
    /// [default: 1:2GiB, 2:4GiB, 4:8GiB, 8:16GiB]
    #[arg(long, value_name = "CPUS[:MEMORY]", value_parser = machine)]
    pub(crate) machine: Vec<FitMachine>,
    /// Number of tests to run simultaneously on each machine [default: number of its CPUs]
    #[arg(short, long, value_name = "N", value_parser = Jobs::read, allow_negative_numbers = true)]
    pub(crate) jobs: Option<Jobs>,
}

/// A machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FitMachine {
    /// Number of its processors.
    pub(crate) cpus: NonZeroUsize,
    /// Memory of all tests together, if that is bounded.
    pub(crate) memory: Option<u64>,
}

/// Parses a machine.
fn machine(text: &str) -> Result<FitMachine, String> {
    let (cpus, memory) = match text.split_once(':') {
        Some((cpus, memory)) => (cpus, Some(memory)),
        None => (text, None),
    };
    // No machine has more processors, and the replay allocates memory for each.
    let cpus = numbers::count(cpus).ok().filter(|cpus| cpus.get() <= 4096);
    let cpus = cpus.ok_or("must begin with a number of CPUs from 1 to 4096, e.g. `4` or `4:8GiB`")?;
    let memory = memory.map(numbers::size).transpose();
    let memory = memory.map_err(|why| format!("must end with an amount of memory, which {why}"))?;
    Ok(FitMachine { cpus, memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_processors_and_perhaps_so_much_memory() {
        let read = |text| machine(text).map(|machine| (machine.cpus.get(), machine.memory));
        assert_eq!(read("4"), Ok((4, None)));
        assert_eq!(read("4:8GiB"), Ok((4, Some(8 << 30))));
        for text in ["", "0", "x", ":8GiB", "4096000"] {
            assert!(read(text).unwrap_err().starts_with("must begin with"), "{text}");
        }
        for text in ["4:", "4:8", "4:0B"] {
            assert!(read(text).unwrap_err().starts_with("must end with"), "{text}");
        }
    }
}
