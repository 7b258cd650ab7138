//! Numbers, sizes and times on the command line. Each parser says in its own words what to type.

use bytesize::ByteSize;
use std::ffi::OsString;
use std::num::NonZeroUsize;

/// Parses a whole number from `least` to `most`.
fn number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let parsed = text.parse().ok().filter(|number| (least..=most).contains(number));
    parsed.ok_or_else(|| match most {
        u64::MAX => format!("must be a whole number of at least {least}"),
        _ => format!("must be a whole number from {least} to {most}"),
    })
}

/// Parses a number of things, of which there must be one.
pub(super) fn count(text: &str) -> Result<NonZeroUsize, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "must be a whole number of at least 1".to_owned())
}

/// Parses a number of things, of which there may be none.
pub(super) fn count_or_none(text: &str) -> Result<usize, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "must be a whole number of at least 0".to_owned())
}

/// Parses a number of cargo's jobs, as cargo reads it: so many fewer than CPUs if it is negative.
pub(super) fn build_jobs(text: &str) -> Result<OsString, String> {
    let number = text.parse::<i32>().ok().filter(|number| *number != 0);
    let is_read = text == "default" || number.is_some();
    is_read.then(|| text.into()).ok_or_else(|| {
        "must be a number above 0, a negative number (so many fewer than CPUs) or `default`".to_owned()
    })
}

/// Parses a limit of processes, of which there must be one.
pub(super) fn processes(text: &str) -> Result<u64, String> {
    // The bound is the kernel's, `PID_MAX_LIMIT` of its linux/threads.h.
    number(text, 1, 4 << 20)
}

/// Parses a share of CPU time.
pub(super) fn weight(text: &str) -> Result<u32, String> {
    // The bounds are the kernel's, see "CPU Interface Files" in its cgroup-v2.rst.
    let weight = number(text, 1, 10_000)?;
    u32::try_from(weight).map_err(|error| error.to_string())
}

/// Parses a duration.
pub(super) fn time(text: &str) -> Result<humantime::Duration, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "must be a number with a unit, e.g. `500ms`, `90s` or `2m 30s`".to_owned())
}

/// Parses a number of bytes that may be 0.
pub(crate) fn size_or_zero(text: &str) -> Result<u64, String> {
    // `64` and `64M` are ambiguous, and budgets refuse them, too.
    let has_unit = text.trim_end().ends_with(['B', 'b']);
    let parsed = text.parse::<ByteSize>().ok().map(|size| size.as_u64());
    let parsed = parsed.filter(|bytes| *bytes == 0 || has_unit);
    parsed.ok_or_else(|| {
        "must be a number with a unit (`B`, `KiB`, `MiB`, `GiB`, `TiB`, `kB`, `MB`, `GB` or `TB`), e.g. `64MiB`".to_owned()
    })
}

/// Parses a number of bytes greater than 0.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    match size_or_zero(text)? {
        0 => Err("must be greater than 0".to_owned()),
        size => Ok(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_unless_it_is_zero() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("1.5 GiB"), Ok(3 << 29));
        assert_eq!((size("64B"), size("64 MB")), (Ok(64), Ok(64_000_000)));
        assert_eq!(size_or_zero("0"), Ok(0));
        for text in ["64", "1.5", "1048576 ", "much", "", "MiB", "-1MiB", "64M", "64 Mi", "1g"] {
            assert!(size_or_zero(text).unwrap_err().contains("`MiB`"), "{text}");
        }
    }

    #[test]
    fn numbers_keep_to_their_bounds() {
        assert_eq!((weight("1"), weight("10000")), (Ok(1), Ok(10_000)));
        assert_eq!(processes("4194304"), Ok(4 << 20));
        assert!(processes("4194305").is_err());
        for text in ["0", "10001", "1.5", "-1", "", "many"] {
            assert_eq!(weight(text).unwrap_err(), "must be a whole number from 1 to 10000");
        }
        for text in ["0", "-1", "", "many", "18446744073709551616"] {
            assert!(processes(text).is_err() && count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(time("2m 30s").unwrap().as_secs(), 150);
        for text in ["soon", "", "5", "5 parsecs", "-1s"] {
            assert!(time(text).unwrap_err().contains("`90s`"), "{text}");
        }
    }
}
