//! Reads and writes the file of recorded budgets: a table for each test binary, a line for each test. Pure.

use super::metric::{Metric, Unit};
use crate::text::units::limit;
use bytesize::ByteSize;
use isotest_core::Bytes;
use isotest_core::budget::{Budget, Entry};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use toml_edit::{Document, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, Value};

/// Path of the file below the workspace.
pub(crate) const RECORDED: &str = ".config/isotest-budgets.toml";

/// First lines of a new file.
const HEAD: &str = "\
# Most that each test may use, beside the budgets in its source: the stricter holds. `cargo isotest budgets init` adds
# the tests that are new, `cargo isotest budgets accept` raises what was measured to be more.
";

/// Byte order mark, with which some editors begin files.
const MARK: char = '\u{feff}';

/// Name of a test: the id of its binary, and its own name.
pub(crate) type TestName = (String, String);

/// Recorded budgets, by the id of the test binary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Recorded(BTreeMap<String, Vec<Entry>>);

/// Error in a file of recorded budgets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{RECORDED}:{line}: {what}")]
pub(crate) struct RecordedError {
    /// Number of the line, from 1.
    line: usize,
    what: String,
}

impl Recorded {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// When the text is not TOML, or contains something else than budgets.
    pub(crate) fn parse(text: &str) -> Result<Self, RecordedError> {
        let document = Document::parse(text).map_err(|error| of_toml(&error, text))?;
        let at = |span: Option<Range<usize>>| line_of(text, span);
        let mut recorded = BTreeMap::new();
        for (binary, table) in document.as_table() {
            let of_binary = document.as_table().get_key_value(binary);
            let place = at(of_binary.and_then(|(key, _)| key.span()));
            let table = table.as_table().ok_or_else(|| RecordedError {
                line: place,
                what: format!("`{binary}` is no table of tests: write `[\"{binary}\"]`"),
            })?;
            let mut entries = Vec::new();
            for (test, item) in table {
                let line = at(table.get_key_value(test).and_then(|(key, _)| key.span()));
                let failed = |what| RecordedError { line, what };
                let budget = item.as_table_like().map_or_else(
                    || Err(format!("`{test}` is no budget: write `{{ memory = \"64 MiB\" }}`")),
                    read,
                );
                entries.push(Entry {
                    crate_name: String::new(),
                    name: test.to_owned(),
                    file: RECORDED.to_owned(),
                    line: u32::try_from(line).unwrap_or(u32::MAX),
                    budget: budget.map_err(failed)?,
                });
            }
            recorded.insert(binary.to_owned(), entries);
        }
        Ok(Self(recorded))
    }

    /// Returns the budgets of a test binary.
    pub(crate) fn of_binary(&self, id: &str) -> &[Entry] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }

    /// Returns the ids of all test binaries that have budgets.
    pub(crate) fn binaries(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Reads the budget of one line.
fn read(table: &dyn TableLike) -> Result<Budget, String> {
    let mut budget = Budget::default();
    for (key, item) in table.iter() {
        let text = || item.as_str().ok_or_else(|| format!("`{key}` is text with a unit"));
        let bytes = || text().and_then(|text| size(key, text)).map(Bytes::new);
        let time = || text().and_then(|text| microseconds(key, text)).map(Duration::from_micros);
        match key {
            "memory" => budget.memory = Some(bytes()?),
            "cpu" => budget.cpu = Some(time()?),
            "procs" => {
                let number = item.as_integer().and_then(|number| u64::try_from(number).ok());
                let number = number.filter(|number| *number > 0);
                budget.procs = Some(number.ok_or("`procs` is a number without a unit, from 1")?);
            }
            "wall" => budget.wall = Some(time()?),
            "disk" => budget.disk = Some(bytes()?),
            "io_write" => budget.io_write = Some(bytes()?),
            "hard" => budget.hard = item.as_bool().ok_or("`hard` is `true` or `false`")?,
            other => {
                return Err(format!(
                    "`{other}` cannot be budgeted: expected `memory`, `cpu`, `procs`, `wall`, `disk`, `io_write` or `hard`"
                ));
            }
        }
    }
    if budget == (Budget { hard: budget.hard, ..Budget::default() }) {
        return Err("it states no limit".to_owned());
    }
    Ok(budget)
}

fn size(key: &str, text: &str) -> Result<u64, String> {
    // A size needs a unit that ends with `B`, as in the attribute: `64` and `64 M` are ambiguous.
    let parsed = text.parse::<ByteSize>().ok().filter(|_| text.trim_end().ends_with('B'));
    let bytes = parsed.map(|size| size.as_u64()).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| format!("`{key}`: `{text}` is no size that can be a limit, such as `64 MiB`"))
}

fn microseconds(key: &str, text: &str) -> Result<u64, String> {
    let time = humantime::parse_duration(text).ok().and_then(|time| u64::try_from(time.as_micros()).ok());
    let time = time.filter(|time| *time > 0);
    time.ok_or_else(|| format!("`{key}`: `{text}` is no time that can be a limit, such as `2 s`"))
}

fn of_toml(error: &TomlError, text: &str) -> RecordedError {
    RecordedError { line: line_of(text, error.span()), what: error.message().to_owned() }
}

/// Returns the number of the line in which a span begins, from 1.
fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Limits of tests, of one metric or several.
pub(crate) type Limits = BTreeMap<TestName, Vec<(Metric, u64)>>;

/// Returns the text of the file with these limits. The rest stays as it is, with comments, line ends and byte order
/// mark. Tables and lines are in the order of their names, so that a new test adds one line.
///
/// # Errors
/// When the text is not TOML.
pub(crate) fn with_limits(text: &str, limits: &Limits) -> Result<String, RecordedError> {
    let (mark, text) = text.strip_prefix(MARK).map_or(("", text), |rest| (&text[..MARK.len_utf8()], rest));
    let is_dos = text.contains("\r\n");
    let written = with_limits_of_unix(&text.replace("\r\n", "\n"), limits)?;
    Ok(format!("{mark}{}", if is_dos { written.replace('\n', "\r\n") } else { written }))
}

fn with_limits_of_unix(text: &str, limits: &Limits) -> Result<String, RecordedError> {
    let (head, body) = if text.trim().is_empty() { (HEAD, "") } else { split_head(text) };
    let mut document: DocumentMut = body.parse().map_err(|error| of_toml(&error, text))?;
    for ((binary, test), limits) in limits {
        let table = document.entry(binary).or_insert_with(|| Item::Table(Table::new()));
        let Some(table) = table.as_table_mut() else { continue };
        let item = table.entry(test).or_insert_with(|| Item::Value(Value::InlineTable(InlineTable::new())));
        let Some(budget) = item.as_table_like_mut() else { continue };
        let mut is_new = false;
        for (metric, limit) in limits {
            is_new |= budget.insert(metric.as_str(), written(*metric, *limit)).is_none();
        }
        if let Some(budget) = item.as_inline_table_mut().filter(|_| is_new) {
            budget.fmt();
        }
    }
    let mut binaries: Vec<String> = document.iter().map(|(binary, _)| binary.to_owned()).collect();
    binaries.sort_unstable();
    for (position, binary) in binaries.iter().enumerate() {
        if let Some(table) = document.get_mut(binary).and_then(Item::as_table_mut) {
            table.set_position(isize::try_from(position).ok());
            table.sort_values();
        }
    }
    let body = document.to_string();
    let body = body.trim_start_matches('\n');
    Ok(if head.is_empty() { body.to_owned() } else { format!("{head}\n{body}") })
}

/// Splits off a comment at the beginning that is followed by an empty line, and so belongs to no table. The second
/// part begins with the empty line.
fn split_head(text: &str) -> (&str, &str) {
    let is_comment = |head: &str| head.lines().all(|line| line.starts_with('#'));
    match text.split_once("\n\n") {
        Some((head, _)) if is_comment(head) => text.split_at(head.len() + 1),
        _ => ("", text),
    }
}

/// Formats a limit that [`readable`] has rounded as a TOML value.
fn written(metric: Metric, limit: u64) -> Item {
    match metric.unit() {
        Unit::Count => toml_edit::value(i64::try_from(limit).unwrap_or(i64::MAX)),
        Unit::Bytes | Unit::Microseconds => toml_edit::value(amount(metric, limit)),
    }
}

/// Formats a figure of a metric with a unit that budgets can be written in.
pub(crate) fn amount(metric: Metric, value: u64) -> String {
    match (metric.unit(), value >> 20) {
        (Unit::Count, _) => value.to_string(),
        (Unit::Bytes, _) => limit(value),
        (Unit::Microseconds, _) => humantime::format_duration(Duration::from_micros(value)).to_string(),
    }
}

/// Returns a limit for the use of a metric: the headroom above the use, but at least the variation between figures of
/// the same test, rounded up to a readable number.
pub(crate) fn readable(metric: Metric, used: u64, headroom_percent: u32, grain: u64) -> u64 {
    const MIB: u64 = 1 << 20;
    let share = (u128::from(used) * u128::from(headroom_percent)).div_ceil(100);
    let share = u64::try_from(share).unwrap_or(u64::MAX);
    let above = share.max(match metric {
        Metric::Memory => grain.saturating_mul(2),
        // On a busy machine, the wall time of a short test varies by more than any percentage of it.
        Metric::Wall => 1_000_000,
        Metric::Cpu => 50_000,
        Metric::Procs | Metric::Disk | Metric::IoWrite => 0,
    });
    let least = used.saturating_add(above).max(1);
    let step = match metric.unit() {
        Unit::Count => 1,
        Unit::Microseconds => two_digits(least).max(10_000),
        Unit::Bytes => match least / MIB {
            0..32 => MIB,
            32..256 => 8 * MIB,
            256..2048 => 64 * MIB,
            _ => 256 * MIB,
        },
    };
    least.div_ceil(step).saturating_mul(step)
}

/// Returns the power of ten of which a number has at most two digits.
fn two_digits(number: u64) -> u64 {
    10_u64.pow(number.max(1).ilog10().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Ours.

[tour]
a = { memory = \"64 MiB\" } # large

# Slow, see its page.
\"mod::b\" = { cpu = \"2 s\", procs = 8, wall = \"1m 30s\", disk = \"1 GiB\", io_write = \"1 kB\", hard = true }

[\"tour::it\"]
c = { memory = \"1.5 GiB\" }
";

    #[test]
    fn each_line_is_a_budget_that_says_where_it_stands() {
        let recorded = Recorded::parse(TEXT).unwrap();
        assert_eq!(recorded.binaries().collect::<Vec<_>>(), ["tour", "tour::it"]);
        let [a, b] = recorded.of_binary("tour") else { panic!("{recorded:?}") };
        assert_eq!((a.name.as_str(), a.budget.memory, a.line), ("a", Some(Bytes::mib(64)), 4));
        assert_eq!((a.file.as_str(), b.name.as_str(), b.line), (RECORDED, "mod::b", 7));
        let expected = Budget {
            memory: None,
            cpu: Some(Duration::from_secs(2)),
            procs: Some(8),
            wall: Some(Duration::from_secs(90)),
            disk: Some(Bytes::gib(1)),
            io_write: Some(Bytes::new(1000)),
            hard: true,
        };
        assert_eq!(b.budget, expected);
        assert_eq!(recorded.of_binary("tour::it")[0].budget.memory, Some(Bytes::mib(1536)));
        assert!(recorded.of_binary("other").is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, what) in [
            ("[tour]\n\na = 5\n", 3, "`a` is no budget"),
            ("a = 5\n", 1, "`a` is no table of tests"),
            ("[tour]\na = { memory = \"64\" }", 2, "`64` is no size"),
            ("[tour]\na = { memory = \"0 MiB\" }", 2, "is no size that can be a limit"),
            ("[tour]\na = { memory = 64 }", 2, "`memory` is text with a unit"),
            ("[tour]\na = { cpu = \"2\" }", 2, "is no time"),
            ("[tour]\na = { procs = 0 }", 2, "`procs` is a number"),
            ("[tour]\na = { colour = 5 }", 2, "`colour` cannot be budgeted"),
            ("[tour]\na = { hard = true }", 2, "states no limit"),
            ("[tour]\na = { memory = \n", 2, ""),
        ] {
            let error = Recorded::parse(text).unwrap_err();
            assert!(error.line == line && error.what.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn limits_are_added_in_order_and_all_else_stays() {
        let name = |binary: &str, test: &str| (binary.to_owned(), test.to_owned());
        let limits = BTreeMap::from([
            (name("tour", "aa"), vec![(Metric::Memory, 8 << 20)]),
            (
                name("other", "z"),
                vec![(Metric::Memory, 2 << 30), (Metric::Procs, 3), (Metric::Cpu, 1_500_000)],
            ),
            (name("tour", "mod::b"), vec![(Metric::Memory, 96 << 20)]),
        ]);
        let written = with_limits(TEXT, &limits).unwrap();
        let expected = "\
# Ours.

[other]
z = { memory = \"2 GiB\", procs = 3, cpu = \"1s 500ms\" }

[tour]
a = { memory = \"64 MiB\" } # large
aa = { memory = \"8 MiB\" }

# Slow, see its page.
\"mod::b\" = { cpu = \"2 s\", procs = 8, wall = \"1m 30s\", disk = \"1 GiB\", io_write = \"1 kB\", hard = true, memory = \"96 MiB\" }

[\"tour::it\"]
c = { memory = \"1.5 GiB\" }
";
        assert_eq!(written, expected);
        assert_eq!(with_limits(&written, &BTreeMap::new()).unwrap(), written, "in order it stays as it is");
        let new = with_limits("", &limits).unwrap();
        assert!(new.starts_with("# Most that each test may use"), "{new}");
        assert_eq!(with_limits(&new, &limits).unwrap(), new, "control");
        assert_eq!(Recorded::parse(&new).unwrap().of_binary("tour").len(), 2);
    }

    #[test]
    fn ends_of_lines_and_the_mark_of_byte_order_stay() {
        let limits =
            BTreeMap::from([(("tour".to_owned(), "aa".to_owned()), vec![(Metric::Memory, 8 << 20)])]);
        let plain = with_limits(TEXT, &limits).unwrap();
        let dos = format!("\u{feff}{}", TEXT.replace('\n', "\r\n"));
        assert_eq!(with_limits(&dos, &limits).unwrap(), format!("\u{feff}{}", plain.replace('\n', "\r\n")));
        assert_eq!(Recorded::parse(&dos).unwrap(), Recorded::parse(TEXT).unwrap());
    }

    #[test]
    fn a_limit_leaves_room_and_can_be_read() {
        const GRAIN: u64 = 512 << 10;
        for (peak, headroom, limit) in [
            (734_003, 25, 2 << 20),
            (64 << 20, 25, 80 << 20),
            (100 << 20, 25, 128 << 20),
            (300 << 20, 10, 384 << 20),
            (8 << 30, 10, 9 << 30),
        ] {
            assert_eq!(readable(Metric::Memory, peak, headroom, GRAIN), limit, "{peak}");
        }
        for (metric, used, headroom, written) in [
            (Metric::Procs, 1, 25, "2"),
            (Metric::Procs, 8, 25, "10"),
            (Metric::Cpu, 0, 100, "50ms"),
            (Metric::Wall, 20_000, 100, "1s 100ms"),
            (Metric::Cpu, 84_321, 100, "170ms"),
            (Metric::Wall, 61_234_567, 100, "2m 10s"),
            (Metric::Disk, 0, 25, "1 MiB"),
            (Metric::IoWrite, 40 << 20, 25, "56 MiB"),
        ] {
            let limit = readable(metric, used, headroom, GRAIN);
            assert_eq!(amount(metric, limit), written, "{metric:?} {used}");
            let text = format!("[tour]\na = {{ {} = {} }}", metric.as_str(), written_as(metric, limit));
            let recorded = Recorded::parse(&text).unwrap();
            assert_eq!(metric.limit(&recorded.of_binary("tour")[0].budget), Some(limit), "{text}");
        }
    }

    #[test]
    fn mutated_budgets_are_read_or_refused() {
        let seed = "# mine\n[\"tour::it\"]\n\"a::b\" = { memory = \"64 MiB\", cpu = \"5ms\", procs = 3 } # c\nb = { wall = \"1m\" }\n";
        let limits =
            BTreeMap::from([(("tour::it".to_owned(), "a::b".to_owned()), vec![(Metric::Memory, 1 << 20)])]);
        mutations::try_all("budgets", &[seed], |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let is_read = Recorded::parse(&text).map_err(|error| error.to_string()).is_ok();
            if let (true, Ok(written)) = (is_read, with_limits(&text, &limits)) {
                assert!(Recorded::parse(&written).is_ok(), "what is written is read: {written}");
            }
        });
    }

    fn written_as(metric: Metric, limit: u64) -> String {
        written(metric, limit).to_string()
    }
}
