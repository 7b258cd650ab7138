//! `cargo isotest budgets list`: lists the limits of each test, and where each is written.

use crate::budget::{Declared, Limit, TestBudget, Unit, Written};
use crate::cli::MessageFormat;
use crate::report;
use crate::testcase::TestCase;
use crate::text::sanitize::word;
use crate::text::units;
use serde::Serialize;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "BudgetLimit"))]
struct Row<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "budget")))]
    kind: &'static str,
    schema: u32,
    binary_id: &'a str,
    name: &'a str,
    metric: &'static str,
    unit: &'static str,
    limit: u64,
    file: &'a str,
    line: u32,
}

/// Makes the schema of the line of a limit.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Row<'static>>()
}

/// Writes a line for each limit of each test.
///
/// # Errors
/// When `to` cannot be written.
pub(crate) fn write(tests: &[TestCase], format: MessageFormat, mut to: impl Write) -> io::Result<()> {
    for test in tests {
        for limit in test.budget.limits() {
            row((report::title(test), &test.binary.id, &test.name), limit, format, &mut to)?;
        }
    }
    to.flush()
}

/// Writes a line for each limit in a test binary whose tests are not known: each holds for the test of its name, and for all
/// below. The id of the binary is the name of its crate.
///
/// # Errors
/// When `to` cannot be written.
pub(crate) fn of_file(declared: &Declared, format: MessageFormat, mut to: impl Write) -> io::Result<()> {
    for entry in declared.entries.iter() {
        let written = TestBudget::new(&[Written::from(entry)], None, false);
        for limit in written.limits() {
            let title = word(&format!("{} {}", entry.crate_name, entry.name));
            row((title, &entry.crate_name, &entry.name), limit, format, &mut to)?;
        }
    }
    to.flush()
}

/// Writes the line of a limit of a test, which has a title, the id of its binary and its own name.
fn row(
    (title, binary_id, name): (impl fmt::Display, &str, &str),
    limit: &Limit,
    format: MessageFormat,
    mut to: impl Write,
) -> io::Result<()> {
    let metric = limit.metric.as_str();
    match format {
        MessageFormat::Human => {
            writeln!(to, "{title}  {metric} {}  {}", value(limit), limit.origin)
        }
        MessageFormat::Json => {
            let unit = match limit.metric.unit() {
                Unit::Bytes => "bytes",
                Unit::Microseconds => "us",
                Unit::Count => "count",
            };
            let (file, line) = (limit.origin.file.as_str(), limit.origin.line);
            let (kind, schema, limit) = ("budget", 1, limit.value);
            serde_json::to_writer(
                &mut to,
                &Row { kind, schema, binary_id, name, metric, unit, limit, file, line },
            )?;
            writeln!(to)
        }
    }
}

fn value(limit: &Limit) -> String {
    match limit.metric.unit() {
        Unit::Bytes => units::limit(limit.value),
        Unit::Microseconds => format!("{:?}", Duration::from_micros(limit.value)),
        Unit::Count => limit.value.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::budget::{Origin, TestBudget, Written};
    use crate::testing::builders;
    use isotest_core::Bytes;
    use isotest_core::budget::Budget;
    use snapbox::{assert_data_eq, str};
    use std::time::Duration;

    #[test]
    fn each_limit_is_listed_with_its_place() {
        let budget = Budget {
            memory: Some(Bytes::mib(64)),
            cpu: Some(Duration::from_millis(1500)),
            procs: Some(3),
            wall: Some(Duration::from_millis(250)),
            disk: Some(Bytes::mib(1)),
            io_write: Some(Bytes::kib(4)),
            ..Budget::default()
        };
        let origin = Origin { file: "tests/parser.rs".to_owned(), line: 7 };
        let mut budgeted = builders::test("tour::parser", "reads");
        budgeted.budget = TestBudget::new(&[Written { budget, origin }], None, true);
        let mut text = Vec::new();
        let tests = [budgeted, builders::test("tour::parser", "has_none")];
        write(&tests, MessageFormat::Human, &mut text).unwrap();
        assert_data_eq!(
            String::from_utf8(text).unwrap(),
            str![[r#"
tour::parser reads  memory 64 MiB  tests/parser.rs:7
tour::parser reads  cpu 1.5s  tests/parser.rs:7
tour::parser reads  procs 3  tests/parser.rs:7
tour::parser reads  wall 250ms  tests/parser.rs:7
tour::parser reads  disk 1 MiB  tests/parser.rs:7
tour::parser reads  io_write 4 KiB  tests/parser.rs:7

"#]]
        );
    }
}
