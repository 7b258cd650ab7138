//! Budgets: what a test may use at most, written beside it with the attribute [`budget`](macro@crate::budget). Pure.
//!
//! ```ignore
//! #[isotest_core::budget(memory = "64 MiB", cpu = "2 s")]
//! #[test]
//! fn parses_a_large_file() {
//!     // …
//! }
//! ```
//!
//! `cargo isotest` fails the test if it used more; `cargo test` executes it as if the attribute were not there. A test
//! binary with budgets behaves like one without: a budget is a few bytes in a section that the program never reads.
//!
//! # Dependency
//!
//! ```toml
//! [dev-dependencies]
//! isotest-core = { version = "0.1", default-features = false }
//! ```
//!
//! Without its default feature `sandbox` this crate has no dependency but the one with the attribute, which has none. No
//! `unsafe` is needed: the attribute compiles below `#![forbid(unsafe_code)]`. Crates of edition 2018 and later can use it.
//!
//! # Keys
//!
//! | key | holds | value |
//! |---|---|---|
//! | `memory` | the peak of the memory of all its processes | `"64 MiB"` |
//! | `cpu` | the processor time of all its processes | `"2 s"` |
//! | `procs` | most processes and threads at once | `8` |
//! | `wall` | the time from its start to its end | `"5 s"` |
//! | `disk` | the peak of what lies in directories that are thrown away | `"10 MiB"` |
//! | `io_write` | what it wrote to block devices | `"10 MiB"` |
//! | `hard` | whether the kernel's limit is the memory budget itself | `true` |
//!
//! Sizes have one of the units `B`, `KiB`, `MiB`, `GiB`, `TiB`, `kB`, `MB`, `GB`, `TB`, times one of `us`, `ms`, `s`, `min`, `h`;
//! fractions are allowed. A wrong unit, an unknown key, a limit of zero and a second budget on one function do not compile.
//!
//! # Placement
//!
//! In a library, outside of a module with `#[cfg(test)]`, the attribute stands below `#[test]`: what stands above is
//! looked for, too, when the library is built without its dev-dependencies. Elsewhere it stands above or below
//! `#[test]`, `#[tokio::test]`, `#[rstest]` and `#[test_case]`, and inside `macro_rules!` and `proptest!`. The budget
//! holds for the test of its function's name and for every test below that name: on a function of which a macro makes
//! several tests, for each of them. If several budgets hold for a test, the least limit of each key does.
//!
//! # Format of the section
//!
//! The test binary, if it is an ELF file, has a section [`SECTION`] with the budgets of all its tests. Its format is public:
//! other tools may read it, too, and need not execute the binary.
//!
//! The section is a sequence of records in any order. A record is text that is ended by a NUL byte; further NUL bytes
//! between records mean nothing. It begins with the [`VERSION`] of the format, in decimal digits. A reader that meets another
//! version cannot tell what the record says, but where it ends. In this version there follow, each after a blank, fields `KEY=VALUE`:
//!
//! - `memory`, `disk`, `io_write` in bytes, `cpu_us` and `wall_us` in microseconds, `procs` in numbers, `hard=1`: what is
//!   budgeted, at least one of them, each once;
//! - `line`, the line of the attribute;
//! - `name`, the path of the function from the crate's name on; without the crate's name, it is the test's in the harness;
//! - `file`, the source file as the compiler knows it, always last: everything to the end of the record, blanks included.
//!
//! Numbers are decimal. The section is aligned to one byte and needs no relocation. `readelf -p isotest_budget BINARY` prints it:
//!
//! ```text
//! 1 memory=67108864 cpu_us=2000000 line=3 name=tour::parser::parses_a_large_file file=tests/parser.rs
//! ```

use crate::units::Bytes;
use std::fmt;
use std::time::Duration;

/// Name of the section.
pub const SECTION: &str = "isotest_budget";

/// Version of the records that this crate writes and reads.
pub const VERSION: u32 = 1;

/// Limits that a test is held to. What is absent is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Peak of memory.
    pub memory: Option<Bytes>,
    /// Processor time, of user and system together.
    pub cpu: Option<Duration>,
    /// Processes and threads at once.
    pub procs: Option<u64>,
    /// Time from start to end.
    pub wall: Option<Duration>,
    /// Peak of the directories that are thrown away.
    pub disk: Option<Bytes>,
    /// Size of what is written to block devices.
    pub io_write: Option<Bytes>,
    /// Whether the kernel's limit of memory is the budget itself.
    pub hard: bool,
}

/// Record of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name of the crate that the function is in.
    pub crate_name: String,
    /// Path of the function below the crate: name of its test, or what the names of its tests begin with.
    pub name: String,
    /// Source file as the compiler was given it.
    pub file: String,
    /// Line of the attribute.
    pub line: u32,
    /// Limits that the attribute states.
    pub budget: Budget,
}

/// Record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Record of another version, or of none.
    Version(String),
    /// Record that does not have the form of its version.
    Form(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(record) => {
                write!(f, "the budget record `{record}` is not of version {VERSION}")
            }
            Self::Form(record) => write!(f, "the budget record `{record}` is malformed"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl Entry {
    /// Returns whether the entry holds for the test of that name.
    pub fn covers(&self, test: &str) -> bool {
        test.strip_prefix(&self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }
}

/// Reads a section, record by record.
pub fn entries(section: &[u8]) -> impl Iterator<Item = Result<Entry, Unreadable>> {
    section.split(|byte| *byte == 0).filter(|record| !record.is_empty()).map(|record| {
        let text = String::from_utf8_lossy(record);
        let (version, fields) = text.split_once(' ').unwrap_or((&text, ""));
        if version.parse() != Ok(VERSION) {
            return Err(Unreadable::Version(text.into_owned()));
        }
        entry(fields).ok_or_else(|| Unreadable::Form(text.into_owned()))
    })
}

fn entry(mut fields: &str) -> Option<Entry> {
    let mut budget = Budget::default();
    let (mut line, mut path) = (None, None);
    loop {
        if let Some(file) = fields.strip_prefix("file=") {
            let (crate_name, name) = path.and_then(|path: &str| path.split_once("::"))?;
            let has_limit = budget != Budget { hard: budget.hard, ..Budget::default() };
            return has_limit.then_some(Entry {
                crate_name: crate_name.to_owned(),
                name: name.to_owned(),
                file: file.to_owned(),
                line: line?,
                budget,
            });
        }
        let (field, rest) = fields.split_once(' ')?;
        let (key, value) = field.split_once('=')?;
        let number = || value.parse().ok();
        let (size, time) = (|| number().map(Bytes::new), || number().map(Duration::from_micros));
        let is_first = match key {
            "memory" => budget.memory.replace(size()?).is_none(),
            "cpu_us" => budget.cpu.replace(time()?).is_none(),
            "procs" => budget.procs.replace(number()?).is_none(),
            "wall_us" => budget.wall.replace(time()?).is_none(),
            "disk" => budget.disk.replace(size()?).is_none(),
            "io_write" => budget.io_write.replace(size()?).is_none(),
            "line" => line.replace(value.parse().ok()?).is_none(),
            "name" => path.replace(value).is_none(),
            "hard" if value == "1" => !std::mem::replace(&mut budget.hard, true),
            _ => false,
        };
        if !is_first {
            return None;
        }
        fields = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_in_any_order_and_with_padding() {
        let section = b"\0\x001 memory=5 hard=1 line=7 name=krate::deep::test file=a dir/b=c.rs\0\0\
            1 line=1 cpu_us=9 procs=8 wall_us=7 disk=6 io_write=4 name=krate::r#fn file=x.rs\0";
        let read: Vec<_> = entries(section).collect::<Result<_, _>>().unwrap();
        let first = Entry {
            crate_name: "krate".to_owned(),
            name: "deep::test".to_owned(),
            file: "a dir/b=c.rs".to_owned(),
            line: 7,
            budget: Budget { memory: Some(Bytes::new(5)), hard: true, ..Budget::default() },
        };
        assert_eq!(read[0], first);
        let all = Budget {
            cpu: Some(Duration::from_micros(9)),
            procs: Some(8),
            wall: Some(Duration::from_micros(7)),
            disk: Some(Bytes::new(6)),
            io_write: Some(Bytes::new(4)),
            ..Budget::default()
        };
        assert_eq!((read[1].name.as_str(), read[1].budget, read.len()), ("r#fn", all, 2));
    }

    #[test]
    fn what_is_no_record_hides_no_other() {
        let good = "1 memory=5 line=7 name=krate::test file=x.rs";
        assert!(entries(good.as_bytes()).all(|entry| entry.is_ok()), "control");
        for (bad, is_version) in [
            ("2 whatever", true),
            ("memory=5", true),
            ("1", false),
            ("1 memory=5 line=7 name=krate::test", false),
            ("1 memory=5 line=7 name=test file=x.rs", false),
            ("1 memory=5 name=krate::test file=x.rs", false),
            ("1 memory=-5 line=7 name=krate::test file=x.rs", false),
            ("1 memory=5 memory=6 line=7 name=krate::test file=x.rs", false),
            ("1 hard=1 line=7 name=krate::test file=x.rs", false),
            ("1 memory=5 hard=2 line=7 name=krate::test file=x.rs", false),
            ("1 memory=5 colour=6 line=7 name=krate::test file=x.rs", false),
        ] {
            let read: Vec<_> = entries(format!("{bad}\0{good}\0").as_bytes()).collect();
            assert_eq!(read.len(), 2);
            assert_eq!(matches!(read[0], Err(Unreadable::Version(_))), is_version, "{bad}");
            assert_eq!(matches!(read[0], Err(Unreadable::Form(_))), !is_version, "{bad}");
            assert!(read[1].is_ok());
        }
    }

    #[test]
    fn an_entry_covers_its_test_and_what_is_below() {
        let entry = entries(b"1 procs=5 line=7 name=krate::a::b file=x.rs").next().unwrap().unwrap();
        let covered = ["a::b", "a::b::case_1", "a::bc", "a", "x::a::b"].map(|test| entry.covers(test));
        assert_eq!(covered, [true, true, false, false, false]);
    }
}
