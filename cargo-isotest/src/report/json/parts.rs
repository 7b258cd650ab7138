//! Schemas of the parts of lines that are written from tables, made from the same tables; pure.

use super::StateFields;
use crate::budget::Metric;
use crate::verdict::Kind;
use isotest_core::metric::METRICS;
use isotest_core::policy::Capability;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// Number above 0, or a word that stands for one.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum NumberOrWord {
    /// Number.
    Number(std::num::NonZeroUsize),
    /// Word.
    Word(#[schemars(extend("enum" = ["num-cpus", "num-test-threads"]))] String),
}

/// Makes the schema of an object with these members and perhaps others.
fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Schema {
    let members: Map<String, Value> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let names: Vec<_> = members.keys().collect();
    json_schema!({"type": "object", "required": names, "properties": members})
}

/// Makes the schema of the figures of every metric, with their sources.
pub(super) fn usage(_: &mut SchemaGenerator) -> Schema {
    let figure = || json!({"type": ["integer", "null"], "minimum": 0});
    object(METRICS.iter().flat_map(|metric| {
        let figures = metric.figures.iter().map(move |row| (row.key, figure()));
        let source = (metric.source_key, json!({"type": ["string", "null"]}));
        let approximate = metric.approximate_key.map(|key| (key, json!({"type": ["boolean", "null"]})));
        figures.chain([source]).chain(approximate)
    }))
}

/// Makes the schema of the state of each capability.
pub(super) fn states(generator: &mut SchemaGenerator) -> Schema {
    let state = generator.subschema_for::<StateFields<'static>>().to_value();
    object(Capability::ALL.map(|capability| (capability.as_str(), state.clone())))
}

/// Makes the schema of the number of tests of each verdict, and of those that were skipped.
pub(super) fn counts(_: &mut SchemaGenerator) -> Schema {
    let words = Kind::ALL.into_iter().map(Kind::as_str).chain(["skipped"]);
    object(words.map(|word| (word, json!({"type": "integer", "minimum": 0}))))
}

/// Makes the schema of the words for verdicts.
pub(super) fn outcome(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": Kind::ALL.map(Kind::as_str)})
}

/// Makes the schema of the names of metrics that have budgets.
pub(super) fn metric(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": Metric::ALL.map(Metric::as_str)})
}

/// Makes the schema of the units of budgets.
pub(super) fn unit(_: &mut SchemaGenerator) -> Schema {
    let mut units: Vec<_> = Metric::ALL.map(|metric| super::attempt::unit(metric.unit())).into();
    units.sort_unstable();
    units.dedup();
    json_schema!({"type": "string", "enum": units})
}
