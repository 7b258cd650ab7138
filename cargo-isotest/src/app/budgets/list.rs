//! `cargo isotest budgets list`: lists the limits of each test, and where each is written.

use crate::budget::{Limit, Unit};
use crate::cli::MessageFormat;
use crate::report;
use crate::testcase::TestCase;
use crate::text::units;
use serde::Serialize;
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
    let each = tests.iter().flat_map(|test| test.budget.limits().iter().map(move |limit| (test, limit)));
    for (test, limit) in each {
        match format {
            MessageFormat::Human => {
                let metric = limit.metric.as_str();
                writeln!(to, "{}  {metric} {}  {}", report::title(test), value(limit), limit.origin)?;
            }
            MessageFormat::Json => {
                let row = Row {
                    kind: "budget",
                    schema: 1,
                    binary_id: &test.binary.id,
                    name: &test.name,
                    metric: limit.metric.as_str(),
                    unit: match limit.metric.unit() {
                        Unit::Bytes => "bytes",
                        Unit::Microseconds => "us",
                        Unit::Count => "count",
                    },
                    limit: limit.value,
                    file: &limit.origin.file,
                    line: limit.origin.line,
                };
                serde_json::to_writer(&mut to, &row)?;
                writeln!(to)?;
            }
        }
    }
    to.flush()
}

fn value(limit: &Limit) -> String {
    match limit.metric.unit() {
        Unit::Bytes => units::limit(limit.value),
        Unit::Microseconds => format!("{:?}", Duration::from_micros(limit.value)),
        Unit::Count => limit.value.to_string(),
    }
}
