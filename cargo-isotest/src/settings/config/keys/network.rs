//! Key `network`: network of a test.

use crate::cli::Network;
use crate::settings::config::form;
use crate::settings::config::key::Key;
use crate::settings::config::written;
use crate::settings::setting::Setting;
use clap::ValueEnum;
use isotest_core::policy::{Capability, Level};

pub(super) const NETWORK: Key = Key {
    name: "network",
    variable: Some("ISOTEST_NETWORK"),
    about: "The network of a test",
    form: form::words::<Network>,
    example: "\"own\"",
    default: Some("\"loopback\""),
    read: |value, layer| {
        let network = value.text().and_then(|text| Network::from_str(text, false).ok());
        let expected = "\"loopback\", \"own\", \"host\" or \"none\"";
        layer.test.network = Some(value.expect(network, expected)?);
        Ok(())
    },
    said: |layer| {
        let is_off = |level: &&Setting<(Capability, Level)>| level.value == (Capability::Net, Level::Off);
        let off = layer.levels.iter().find(is_off).map(|level| level.map(|_| Network::Host));
        written::one(layer.test.network.or(off).as_ref(), |network| written::word(&network))
    },
};
