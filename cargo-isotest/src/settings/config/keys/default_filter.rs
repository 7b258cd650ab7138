//! Key `default-filter`: tests that run by default.

use crate::select::filterset::Filterset;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::settings::error::{ConfigError, Fault};
use crate::settings::setting::Origin;

pub(crate) const DEFAULT_FILTER: Key = Key {
    name: "default-filter",
    variable: None,
    about: "Which tests run if nobody says otherwise, as a filterset",
    form: form::text,
    example: "\"not test(/^slow_/)\"",
    default: None,
    read: |value, layer| {
        let text =
            value.text().ok_or_else(|| value.unexpected("a filterset, such as 'not test(/^slow_/)'"))?;
        let filter = Filterset::parse(text).and_then(Filterset::for_default).map_err(|error| match value
            .origin()
        {
            Origin::File(key, place) => ConfigError { place, fault: Fault::Filter { key, error } }.into(),
            _ => value.unexpected("a filterset"),
        })?;
        layer.default_filter = Some(value.setting(filter));
        Ok(())
    },
    said: |layer| {
        written::one(layer.default_filter.as_ref(), |filter| toml::Value::String(filter.to_string()))
    },
};
