//! `cargo isotest list`: lists the selected tests as text or as JSON lines.

use crate::cli::MessageFormat;
use crate::report;
use crate::testcase::TestCase;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ListedTest"))]
struct Line<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "test")))]
    kind: &'static str,
    schema: u32,
    binary_id: &'a str,
    name: &'a str,
    ignored: bool,
    whole_binary: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_group: Option<&'a str>,
}

/// Makes the schema of the line of a test.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Line<'static>>()
}

/// Writes one line for each test: `BINARY-ID NAME`, or a JSON object.
///
/// # Errors
/// When `to` cannot be written.
pub(crate) fn write(tests: &[TestCase], format: MessageFormat, mut to: impl Write) -> io::Result<()> {
    for test in tests {
        match format {
            MessageFormat::Human => {
                let ignored = if test.ignored { " (ignored)" } else { "" };
                writeln!(to, "{}{ignored}", report::title(test))?;
            }
            MessageFormat::Json => {
                let line = Line {
                    kind: "test",
                    schema: 1,
                    binary_id: &test.binary.id,
                    name: &test.name,
                    ignored: test.ignored,
                    whole_binary: test.whole,
                    test_group: test.group.as_deref(),
                };
                serde_json::to_writer(&mut to, &line)?;
                writeln!(to)?;
            }
        }
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;

    fn written(format: MessageFormat) -> String {
        let tests =
            [builders::test("tour", "a b"), TestCase { ignored: true, ..builders::test("tour::it", "c") }];
        let mut text = Vec::new();
        write(&tests, format, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn each_test_has_a_line() {
        assert_eq!(written(MessageFormat::Human), "tour a b\ntour::it c (ignored)\n");
        let json = written(MessageFormat::Json);
        let first = r#"{"type":"test","schema":1,"binary_id":"tour","name":"a b","ignored":false,"whole_binary":false}"#;
        assert_eq!(json.lines().next(), Some(first));
        assert_eq!(json.lines().count(), 2);
    }
}
