//! `cargo isotest budgets check`: compares recorded budgets with the existing tests.

use crate::budget::{RECORDED, Recorded, grain};
use crate::cli::MessageFormat;
use crate::exit::Exit;
use crate::testcase::TestCase;
use crate::text::units::limit;
use isotest_core::budget::Entry;
use isotest_core::cgroup;
use serde::Serialize;
use std::io::{self, Write};

/// Problem of a recorded budget.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "BudgetProblem"))]
struct Finding<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "budget-problem")))]
    kind: &'static str,
    schema: u32,
    /// Kind of the problem: `stale`, `small` or `none`.
    problem: &'static str,
    binary_id: &'a str,
    name: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
}

/// Makes the schema of the line of a problem.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Finding<'static>>()
}

/// Writes the findings about the selected tests, and returns how the process ends: wrong entries are errors of the
/// file, tests without an entry are not.
///
/// # Errors
/// When `to` cannot be written.
pub(crate) fn write(
    recorded: &Recorded,
    all: &[TestCase],
    selected: &[TestCase],
    format: MessageFormat,
    mut to: impl Write,
) -> io::Result<Exit> {
    let grain = grain(cgroup::processors());
    let found = find(recorded, all, selected, grain);
    for finding in &found {
        match format {
            MessageFormat::Human => writeln!(to, "{}", line(finding, grain))?,
            MessageFormat::Json => {
                serde_json::to_writer(&mut to, finding)?;
                writeln!(to)?;
            }
        }
    }
    to.flush()?;
    let is_wrong = found.iter().any(|finding| finding.problem != "none");
    Ok(if is_wrong { Exit::Configuration } else { Exit::Ok })
}

fn find<'a>(
    recorded: &'a Recorded,
    all: &'a [TestCase],
    selected: &'a [TestCase],
    grain: u64,
) -> Vec<Finding<'a>> {
    let of_entry = |problem, binary_id, entry: &'a Entry| Finding {
        kind: "budget-problem",
        schema: 1,
        problem,
        binary_id,
        name: &entry.name,
        file: Some(&entry.file),
        line: Some(entry.line),
    };
    let mut found = Vec::new();
    for binary in recorded.binaries() {
        let own: Vec<_> = all.iter().filter(|test| test.binary.id == binary).collect();
        for entry in recorded.of_binary(binary) {
            // The tests of a binary that was not built are unknown.
            if !own.is_empty() && !own.iter().any(|test| entry.covers(&test.name)) {
                found.push(of_entry("stale", binary, entry));
            } else if entry.budget.memory.is_some_and(|memory| memory.get() < grain) {
                found.push(of_entry("small", binary, entry));
            }
        }
    }
    let has_none = |test: &&TestCase| {
        let entries = recorded.of_binary(&test.binary.id);
        !test.whole && !entries.iter().any(|entry| entry.covers(&test.name))
    };
    found.extend(selected.iter().filter(has_none).map(|test| Finding {
        kind: "budget-problem",
        schema: 1,
        problem: "none",
        binary_id: &test.binary.id,
        name: &test.name,
        file: None,
        line: None,
    }));
    found
}

fn line(Finding { problem, binary_id, name, line, .. }: &Finding<'_>, grain: u64) -> String {
    let place = line.map_or_else(|| RECORDED.to_owned(), |line| format!("{RECORDED}:{line}"));
    match *problem {
        "stale" => format!("{place}: `{binary_id}` has no test `{name}`"),
        "small" => {
            let grain = limit(grain);
            format!(
                "{place}: the memory budget of `{name}` is less than {grain}, to which a peak is measured here"
            )
        }
        _ => format!("{binary_id} {name}: no recorded budget"),
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::testing::builders;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn entries_without_a_test_and_tests_without_an_entry_are_found() {
        let text = "[other]\nx = { procs = 5 }\n[tour]\na = { memory = \"1 MiB\" }\nb = { memory = \"1 KiB\" }\n\
            gone = { memory = \"1 MiB\" }\n";
        let recorded = Recorded::parse(text).unwrap();
        let tests = ["a::case_1", "b", "c"].map(|name| builders::test("tour", name));
        let found = find(&recorded, &tests, &tests, 2 << 10);
        let told: Vec<_> = found.iter().map(|finding| (finding.problem, finding.name)).collect();
        assert_eq!(told, [("small", "b"), ("stale", "gone"), ("none", "c")]);
        let lines = found.iter().map(|finding| line(finding, 2 << 10) + "\n");
        assert_data_eq!(
            lines.collect::<String>(),
            str![[r#"
.config/isotest-budgets.toml:5: the memory budget of `b` is less than 2 KiB, to which a peak is measured here
.config/isotest-budgets.toml:6: `tour` has no test `gone`
tour c: no recorded budget

"#]]
        );
        let mut json = Vec::new();
        let exit = write(&recorded, &tests, &tests, MessageFormat::Json, &mut json).unwrap();
        assert_eq!(exit, Exit::Configuration);
        assert!(String::from_utf8(json).unwrap().contains("\"problem\":\"stale\""));
        let kept = Recorded::parse("[tour]\na = { memory = \"1 GiB\" }\n").unwrap();
        assert_eq!(write(&kept, &tests, &tests, MessageFormat::Human, Vec::new()).unwrap(), Exit::Ok);
    }
}
