//! Quantities with units, and names of signals. Pure.

use nix::libc;
use nix::sys::signal::Signal;
use std::time::Duration;

const MEBIBYTE: u64 = 1 << 20;

/// Formats bytes in MiB with one decimal, or in GiB where MiB would need more than ten columns.
pub(crate) fn memory(bytes: u64) -> String {
    let (unit, name) = if bytes < 9_999 * MEBIBYTE { (MEBIBYTE, "MiB") } else { (1024 * MEBIBYTE, "GiB") };
    let tenths = (u128::from(bytes) * 10 + u128::from(unit / 2)) / u128::from(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Formats bytes like [`memory`], and what is less than 1 MiB in KiB, rounded up: nothing is shown as 0 that is not.
pub(crate) fn fine_memory(bytes: u64) -> String {
    if bytes < MEBIBYTE { format!("{} KiB", bytes.div_ceil(1024)) } else { memory(bytes) }
}

/// Formats microseconds of a time that may be short like [`cpu`], and what is less than a millisecond as what it is.
pub(crate) fn fine_time(microseconds: u64) -> String {
    match microseconds {
        1..1000 => format!("{microseconds} us"),
        _ => cpu(Duration::from_micros(microseconds)),
    }
}

/// Formats bytes like [`memory`], without the decimal from 100 MiB on.
pub(crate) fn round_memory(bytes: u64) -> String {
    if (100 * MEBIBYTE..9_999 * MEBIBYTE).contains(&bytes) {
        return format!("{} MiB", (bytes + MEBIBYTE / 2) / MEBIBYTE);
    }
    memory(bytes)
}

/// Formats bytes as a limit is written: in the largest unit of which they are a whole number, or else as [`memory`].
pub(crate) fn limit(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (MEBIBYTE, "MiB"), (1 << 10, "KiB")];
    let whole = UNITS.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None if bytes < MEBIBYTE => format!("{bytes} B"),
        None => memory(bytes),
    }
}

/// Marks an approximate value with `~`.
pub(crate) fn marked(text: String, approximate: bool) -> String {
    if approximate { format!("~{text}") } else { text }
}

/// Formats the CPU time of one attempt: in milliseconds below ten seconds.
pub(crate) fn cpu(time: Duration) -> String {
    let milliseconds = (time.as_micros() + 500) / 1000;
    if milliseconds < 10_000 { format!("{milliseconds} ms") } else { seconds(time) }
}

/// Formats the CPU time of a run: in milliseconds below one second.
pub(crate) fn total_cpu(time: Duration) -> String {
    if time < Duration::from_secs(1) { cpu(time) } else { seconds(time) }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Formats a count with a regular noun: `1 test`, `2 tests`, `2 processes`, `2 binaries`.
pub(crate) fn plural(count: usize, word: &str) -> String {
    match word.strip_suffix('y') {
        _ if count == 1 => format!("1 {word}"),
        Some(stem) => format!("{count} {stem}ies"),
        None if word.ends_with('s') => format!("{count} {word}es"),
        None => format!("{count} {word}s"),
    }
}

/// Returns the name of a signal, such as `SIGSEGV` or `SIGRTMIN+3`.
pub(crate) fn signal(number: i32) -> String {
    let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) if number == *real_time.start() => "SIGRTMIN".to_owned(),
        Err(_) if real_time.contains(&number) => format!("SIGRTMIN+{}", number - real_time.start()),
        Err(_) => format!("SIG{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_to_a_tenth_of_a_mebibyte() {
        for (bytes, text) in [
            (0, "0.0 MiB"),
            (734_003, "0.7 MiB"),
            (MEBIBYTE - 1, "1.0 MiB"),
            (640_679_117, "611.0 MiB"),
            (10_000 * MEBIBYTE, "9.8 GiB"),
            (u64::MAX, "17179869184.0 GiB"),
        ] {
            assert_eq!(memory(bytes), text);
        }
        assert_eq!(round_memory(640_679_117), "611 MiB");
        assert_eq!(round_memory(734_003), "0.7 MiB");
    }

    #[test]
    fn nothing_that_is_little_is_shown_as_nothing() {
        for (bytes, text) in
            [(0, "0 KiB"), (1, "1 KiB"), (8 << 10, "8 KiB"), (MEBIBYTE, "1.0 MiB"), (3 * MEBIBYTE, "3.0 MiB")]
        {
            assert_eq!(fine_memory(bytes), text);
        }
        for (microseconds, text) in [(0, "0 ms"), (1, "1 us"), (999, "999 us"), (1000, "1 ms")] {
            assert_eq!(fine_time(microseconds), text);
        }
    }

    #[test]
    fn a_limit_is_shown_as_it_is_written() {
        for (bytes, text) in [
            (1, "1 B"),
            (1536, "1536 B"),
            (512 << 10, "512 KiB"),
            (64 * MEBIBYTE, "64 MiB"),
            (1 << 30, "1 GiB"),
            (3 * MEBIBYTE / 2, "1536 KiB"),
            (MEBIBYTE + 1, "1.0 MiB"),
        ] {
            assert_eq!(limit(bytes), text);
        }
    }

    #[test]
    fn processor_time_keeps_to_seven_columns_for_a_day() {
        for (milliseconds, text) in
            [(0, "0 ms"), (9999, "9999 ms"), (10_000, "10.0 s"), (86_400_000, "86400.0 s")]
        {
            assert_eq!(cpu(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn signals_are_named() {
        let minimum = libc::SIGRTMIN();
        assert_eq!(signal(11), "SIGSEGV");
        assert_eq!(signal(6), "SIGABRT");
        assert_eq!(signal(minimum), "SIGRTMIN");
        assert_eq!(signal(minimum + 3), "SIGRTMIN+3");
        assert_eq!(signal(libc::SIGRTMAX() + 1), format!("SIG{}", libc::SIGRTMAX() + 1));
    }
}
