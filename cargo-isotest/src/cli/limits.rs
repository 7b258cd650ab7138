//! The flags that say how much a test may use at most.

use bytesize::ByteSize;
use clap::Args;

/// How much a test may use.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Kill a test that uses more memory, e.g. `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory_limit: Option<u64>,
    /// Let a test with a memory limit use so much swap besides [default: none]
    #[arg(long, value_name = "SIZE", value_parser = size_or_zero)]
    pub(crate) swap_limit: Option<u64>,
    /// Give a test no more processor time than so many processors have, e.g. `1.5`
    #[arg(long, value_name = "N", value_parser = thousandths)]
    pub(crate) cpu_limit: Option<u32>,
    /// Its share of processor time where there is not enough, from 1 to 10000; 100 is usual
    #[arg(long, value_name = "WEIGHT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) cpu_weight: Option<u32>,
    /// The processors it runs on, e.g. `0-2,4`
    #[arg(long, value_name = "LIST", value_parser = cpus)]
    pub(crate) cpus: Option<Processors>,
    /// Refuse a test more processes and threads than this
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) pids_limit: Option<u64>,
    /// Let a test read no more than this each second from each block device, and write no more
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) io_limit: Option<u64>,
    /// A limit of setrlimit(2) for each process, e.g. `nofile=64`, or `nofile=64:128` for the soft and the hard one
    #[arg(long, value_name = "NAME=N", value_parser = rlimit)]
    pub(crate) rlimit: Vec<RlimitWords>,
}

/// A value of `--rlimit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RlimitWords {
    /// The name of the resource, as it was typed.
    pub(crate) name: String,
    /// The soft limit.
    pub(crate) soft: u64,
    /// The hard limit.
    pub(crate) hard: u64,
}

/// The numbers of processors, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Processors(pub(crate) Vec<usize>);

/// More than the kernel can be asked about.
const PROCESSORS_MOST: usize = 1024;

fn size_or_zero(text: &str) -> Result<u64, String> {
    text.parse::<ByteSize>().map(|size| size.as_u64())
}

fn size(text: &str) -> Result<u64, String> {
    match size_or_zero(text)? {
        0 => Err("that leaves nothing to use".to_owned()),
        size => Ok(size),
    }
}

/// The kernel measures out no less than a hundredth of a processor.
fn thousandths(text: &str) -> Result<u32, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if !(0.01..=100_000.0).contains(&number) {
        return Err("not between 0.01 and 100000 processors".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within these bounds")]
    Ok((number * 1000.0).round() as u32)
}

fn cpus(text: &str) -> Result<Processors, String> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number =
            |text: &str| text.parse::<usize>().map_err(|_| format!("`{part}` is no number and no range"));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("`{part}` ends before it begins"));
        }
        if last >= PROCESSORS_MOST {
            return Err(format!("there is no processor {last}"));
        }
        numbers.extend(first..=last);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Processors(numbers))
}

fn rlimit(text: &str) -> Result<RlimitWords, String> {
    let (name, values) = text.split_once('=').ok_or("write NAME=N")?;
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let (soft, hard) = (value(soft)?, value(hard)?);
    if soft > hard {
        return Err("the soft limit is above the hard one".to_owned());
    }
    Ok(RlimitWords { name: name.to_owned(), soft, hard })
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
            ("--memory-limit=0", "nothing to use"),
            ("--cpu-limit=0", "0.01"),
            ("--cpu-limit=NaN", "0.01"),
            ("--cpu-weight=0", "1..=10000"),
            ("--cpus=", "no number"),
            ("--cpus=2-1", "ends before it begins"),
            ("--cpus=5000", "no processor 5000"),
            ("--pids-limit=0", "1.."),
            ("--rlimit=nofile", "NAME=N"),
            ("--rlimit=nofile=9:3", "above the hard one"),
            ("--rlimit=nofile=many", "neither a number nor"),
        ] {
            let error = read(&[argument]).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
