//! Key `max-fail`: number of failures after which no further test starts.

use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::values::MaxFail;

pub(super) const MAX_FAIL: Key = Key {
    name: "max-fail",
    variable: Some("ISOTEST_MAX_FAIL"),
    about: "After how many failures no further test starts; with `:immediate`, those that run are told to end",
    form: || form::either([form::from(1), form::pattern("^(all|0*[1-9][0-9]*(:(wait|immediate))?)$")]),
    example: "3",
    default: Some("\"all\""),
    read: |value, layer| {
        let most = value.as_typed().and_then(|text| MaxFail::read(&text).ok());
        let expected = "a number above 0, \"all\", or a number with a mode such as \"3:immediate\"";
        layer.max_fail = Some(value.expect(most, expected)?);
        Ok(())
    },
    said: |layer| written::one(layer.max_fail.as_ref(), written),
};

fn written(most: MaxFail) -> toml::Value {
    match most.failures {
        Some(number) if most.immediate => toml::Value::String(format!("{number}:immediate")),
        Some(number) => written::number(number.get() as u64),
        None => toml::Value::String("all".to_owned()),
    }
}
