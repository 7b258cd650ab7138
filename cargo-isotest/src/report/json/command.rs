//! Object of a command that is no test.

use super::attempt::Facts;
use super::schema::SCHEMA;
use crate::verdict::Verdict;
use isotest_core::record::Record;
use serde::Serialize;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CommandFinished<'a> {
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("const" = "command-finished")))]
    kind: &'static str,
    schema: u32,
    #[serde(flatten)]
    facts: Facts<'a>,
}

/// Makes the schema of the line of a command.
#[cfg(test)]
pub(crate) fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<CommandFinished<'static>>()
}

/// Makes the result of a command, as one line.
///
/// # Errors
/// When serde cannot write the object, which could not be provoked.
pub(crate) fn command(verdict: &Verdict, record: &Record) -> serde_json::Result<String> {
    let facts = Facts::new(verdict, record);
    let object = CommandFinished { kind: "command-finished", schema: SCHEMA, facts };
    serde_json::to_string(&object).map(|line| line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;
    use isotest_core::outcome::Outcome;
    use serde_json::Value;

    #[test]
    fn a_command_has_the_fields_of_an_attempt_without_its_name_and_output() {
        let record = builders::record(Outcome::Failed { code: 3 });
        let line = command(&builders::verdict(&record), &record).unwrap();
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&object["type"], &object["schema"]), (&"command-finished".into(), &1.into()));
        assert_eq!((&object["exit_code"], &object["usage"]["pids_peak"]), (&3.into(), &1.into()));
        assert!(object.get("name").is_none() && object.get("stdout").is_none(), "{line}");
    }
}
