//! JSON schema of a configuration file, made from the table of keys; pure.

use super::form;
use super::groups;
use super::key::Key;
use super::keys;
use super::scripts;
use serde_json::{Map, Value, json};

/// Returns the schema, without constraints that depend on other values, on the machine or on the project.
pub(crate) fn schema() -> Value {
    let mut definitions: Map<_, _> = keys::all().map(|key| (key.name.to_owned(), definition(key))).collect();
    let inherits =
        json!({ "type": "string", "description": "The profile that holds where this one is silent" });
    let overrides = json!({
        "type": "array",
        "items": reference("override"),
        "description": "What holds for some tests only; of several that match, the first that has a key holds",
    });
    let filter = json!({ "type": "string", "description": "The tests of an override, as a filterset; all tests without it" });
    let profile =
        [("inherits", inherits), ("overrides", overrides), (scripts::SCRIPTS, scripts::form_of_rules())]
            .into_iter()
            .chain(keys::all().map(entry));
    let one_override = [("filter", filter)].into_iter().chain(keys::OF_TEST.iter().map(entry));
    definitions.insert("profile".to_owned(), form::table(profile, &[]));
    definitions.insert("override".to_owned(), form::table(one_override, &[]));
    let default = json!({ "allOf": [reference("profile"), { "not": { "required": ["inherits"] } }] });
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Settings of `cargo isotest`: .config/isotest.toml",
        "type": "object",
        "properties": {
            "profile": {
                "type": "object",
                "description": "Settings under a name. `default` holds unless another one is chosen",
                "properties": { "default": default },
                "additionalProperties": reference("profile"),
            },
            groups::GROUPS: groups::form(),
            scripts::SCRIPTS: scripts::form(),
        },
        "additionalProperties": false,
        "definitions": definitions,
    })
}

fn entry(key: &Key) -> (&'static str, Value) {
    (key.name, reference(key.name))
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn definition(key: &Key) -> Value {
    let mut form = (key.form)();
    form["description"] = json!(key.about);
    if let Some(default) = key.default.and_then(value) {
        form["default"] = default;
    }
    form["examples"] = json!(value(key.example).into_iter().collect::<Vec<_>>());
    form
}

/// Converts a value as written into JSON.
fn value(written: &str) -> Option<Value> {
    let document: toml::Table = format!("it = {written}").parse().ok()?;
    serde_json::to_value(document.get("it")?).ok()
}
