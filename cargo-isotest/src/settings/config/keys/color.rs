//! Key `color`: when to use colours, which each person decides for the own terminal.

use crate::settings::config::key::Key;
use crate::settings::config::written;
use anstream::ColorChoice;
use serde_json::json;

const WORDS: [(&str, ColorChoice); 3] =
    [("auto", ColorChoice::Auto), ("always", ColorChoice::Always), ("never", ColorChoice::Never)];

pub(super) const COLOR: Key = Key {
    name: "color",
    variable: None,
    about: "When to use colours",
    form: || json!({ "enum": WORDS.map(|(word, _)| word) }),
    example: "\"never\"",
    default: Some("\"auto\""),
    read: |value, layer| {
        let color = value.text().and_then(|text| WORDS.into_iter().find(|(word, _)| *word == text));
        layer.color = Some(value.expect(color.map(|(_, color)| color), "\"auto\", \"always\" or \"never\"")?);
        Ok(())
    },
    said: |layer| {
        let word =
            |color| WORDS.into_iter().find(|(_, choice)| *choice == color).map_or("always", |(word, _)| word);
        written::one(layer.color.as_ref(), |color| toml::Value::String(word(color).to_owned()))
    },
};
