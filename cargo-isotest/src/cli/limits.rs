//! Flags of the heading "Limits": resource limits of a test.

use super::numbers::{processes, size, size_or_zero, weight};
use clap::Args;

/// Resource limits of a test.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Kill a test that uses more memory than SIZE, e.g. `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory_limit: Option<u64>,
    /// Swap that a test may use on top of `--memory-limit` [default: 0]
    #[arg(long, value_name = "SIZE", value_parser = size_or_zero)]
    pub(crate) swap_limit: Option<u64>,
    /// Throttle a test to the CPU time of N CPUs, e.g. `1.5`
    #[arg(long, value_name = "N", value_parser = thousandths_of)]
    pub(crate) cpu_limit: Option<u32>,
    /// Share of CPU time when CPUs are busy, from 1 to 10000; the kernel's default is 100
    #[arg(long, value_name = "WEIGHT", value_parser = weight)]
    pub(crate) cpu_weight: Option<u32>,
    /// Pin a test to these CPUs, e.g. `0-2,4`
    #[arg(long, value_name = "LIST", value_parser = cpus)]
    pub(crate) cpus: Option<Processors>,
    /// Maximum number of processes and threads of a test
    #[arg(long, value_name = "N", value_parser = processes)]
    pub(crate) pids_limit: Option<u64>,
    /// Throttle the reads and the writes of a test to SIZE per second and block device
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) io_limit: Option<u64>,
    /// Limit of each process as in setrlimit(2), e.g. `nofile=64`, or `nofile=64:128` (soft:hard)
    #[arg(long, value_name = "NAME=N", value_parser = rlimit)]
    pub(crate) rlimit: Vec<RlimitWords>,
}

/// A value of `--rlimit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RlimitWords {
    /// Name of the resource, as typed.
    pub(crate) name: String,
    /// Soft limit.
    pub(crate) soft: u64,
    /// Hard limit.
    pub(crate) hard: u64,
}

/// CPU numbers, sorted, without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Processors(pub(crate) Vec<usize>);

/// Number of CPUs that a `cpu_set_t` can hold.
const MAX_CPUS: usize = 1024;

/// Parses a number of CPUs into thousandths.
fn thousandths_of(text: &str) -> Result<u32, String> {
    let number = text.parse().map_err(|_| "must be a number from 0.01 to 100000, e.g. `1.5`".to_owned())?;
    thousandths(number)
}

/// Turns a number of CPUs into thousandths. The kernel refuses a quota below a hundredth of a CPU.
pub(crate) fn thousandths(number: f64) -> Result<u32, String> {
    if !(0.01..=100_000.0).contains(&number) {
        return Err("must be a number from 0.01 to 100000, e.g. `1.5`".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within these bounds")]
    Ok((number * 1000.0).round() as u32)
}

/// Parses a list of CPUs.
pub(crate) fn cpus(text: &str) -> Result<Processors, String> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            text.parse::<usize>()
                .map_err(|_| format!("`{part}` is neither a CPU number nor a range such as `0-2`"))
        };
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("`{part}` ends before it begins"));
        }
        if last >= MAX_CPUS {
            return Err(format!("CPU {last} is out of range: the highest is {}", MAX_CPUS - 1));
        }
        numbers.extend(first..=last);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Processors(numbers))
}

fn rlimit(text: &str) -> Result<RlimitWords, String> {
    let (name, values) = text.split_once('=').ok_or("expected NAME=N, e.g. `nofile=64`")?;
    let (soft, hard) = rlimit_values(values)?;
    Ok(RlimitWords { name: name.to_owned(), soft, hard })
}

/// Parses `N` or `SOFT:HARD`.
pub(crate) fn rlimit_values(text: &str) -> Result<(u64, u64), String> {
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    let (soft, hard) = (value(soft)?, value(hard)?);
    if soft > hard {
        return Err("the soft limit is above the hard limit".to_owned());
    }
    Ok((soft, hard))
}

fn value(text: &str) -> Result<u64, String> {
    match text {
        // RLIM_INFINITY.
        "unlimited" => Ok(u64::MAX),
        number => number.parse().map_err(|_| format!("`{number}` is neither a number nor `unlimited`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn read(arguments: &[&str]) -> Result<LimitArgs, clap::Error> {
        let arguments = std::iter::once("command").chain(arguments.iter().copied());
        Command::try_parse_from(arguments).map(|command| command.limits)
    }

    #[test]
    fn sizes_shares_and_lists_are_numbers() {
        let typed = read(&["--memory-limit=1MiB", "--cpu-limit=1.5", "--cpus=4,0-2,1"]).unwrap();
        assert_eq!((typed.memory_limit, typed.cpu_limit), (Some(1 << 20), Some(1500)));
        assert_eq!(typed.cpus, Some(Processors(vec![0, 1, 2, 4])));
        let typed = read(&["--rlimit=nofile=64", "--rlimit=core=0:unlimited"]).unwrap().rlimit;
        let words = |name: &str, soft, hard| RlimitWords { name: name.to_owned(), soft, hard };
        assert_eq!(typed, [words("nofile", 64, 64), words("core", 0, u64::MAX)]);
    }

    #[test]
    fn nonsense_says_what_is_wrong() {
        for (argument, complaint) in [
            ("--memory-limit=0", "greater than 0"),
            ("--cpu-limit=0", "0.01"),
            ("--cpu-limit=NaN", "0.01"),
            ("--cpu-weight=0", "from 1 to 10000"),
            ("--cpus=", "neither a CPU number"),
            ("--cpus=2-1", "ends before it begins"),
            ("--cpus=5000", "CPU 5000 is out of range"),
            ("--pids-limit=0", "from 1 to 4194304"),
            ("--pids-limit=4194305", "from 1 to 4194304"),
            ("--rlimit=nofile", "NAME=N"),
            ("--rlimit=nofile=9:3", "above the hard limit"),
            ("--rlimit=nofile=many", "neither a number nor"),
        ] {
            let error = read(&[argument]).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
