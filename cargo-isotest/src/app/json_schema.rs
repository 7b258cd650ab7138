//! `cargo isotest report --schema`: shows the JSON schema of the lines that machines read.

use crate::error::Error;
use crate::exit::{End, Exit};
use crate::report::OutputError;
use std::io::{self, Write};

/// Schema of every line, which a test makes from the types of which the lines are made.
const SCHEMA: &str = include_str!("../../lines.schema.json");

/// Writes the schema to standard output.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn show() -> Result<End, Error> {
    io::stdout().lock().write_all(SCHEMA.as_bytes()).map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

#[cfg(test)]
mod tests {
    use crate::app::{budgets, closure, doctor, evidence, list, ps, show_config};
    use crate::report;
    use schemars::JsonSchema;
    use schemars::generate::SchemaSettings;
    use snapbox::assert::DEFAULT_ACTION_ENV;
    use snapbox::{Assert, Data};
    use std::path::Path;

    /// Line that `cargo isotest` writes for machines. Lines may have more members than are named here.
    #[derive(JsonSchema)]
    #[schemars(rename = "Line of cargo isotest", untagged)]
    #[expect(dead_code, reason = "only its schema is used")]
    enum Line {
        /// Line of a run: `--message-format json`, `--report json=FILE`.
        Run(#[schemars(schema_with = "report::json::schema")] ()),
        /// Result of a command: `cargo isotest exec --usage-json FILE`.
        Command(#[schemars(schema_with = "report::json::schema_of_command")] ()),
        /// Test: `cargo isotest list`.
        Listed(#[schemars(schema_with = "list::schema")] ()),
        /// Runs in progress: `cargo isotest ps`.
        Runs(#[schemars(schema_with = "ps::schema")] ()),
        /// File that a test left: `cargo isotest evidence`.
        Evidence(#[schemars(schema_with = "evidence::schema")] ()),
        /// Limit of a test: `cargo isotest budgets list`.
        Limit(#[schemars(schema_with = "budgets::list::schema")] ()),
        /// Problem of a recorded budget: `cargo isotest budgets check`.
        Problem(#[schemars(schema_with = "budgets::check::schema")] ()),
        /// Estimate for a machine: `cargo isotest fit`.
        Fit(#[schemars(schema_with = "report::fit::schema")] ()),
        /// Libraries of a program: `cargo isotest closure`.
        Closure(#[schemars(schema_with = "closure::schema")] ()),
        /// Value in force: `cargo isotest show-config`.
        Setting(#[schemars(schema_with = "show_config::schema_of_line")] ()),
        /// What this host can do: `cargo isotest doctor`.
        Doctor(#[schemars(schema_with = "doctor::text::schema")] ()),
    }

    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let generator = SchemaSettings::draft07().for_serialize().into_generator();
        let schema = generator.into_root_schema_for::<Line>();
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("lines.schema.json");
        Assert::new().action_env(DEFAULT_ACTION_ENV).eq(text, Data::read_from(&kept, None).raw());
    }
}
