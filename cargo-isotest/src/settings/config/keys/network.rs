//! `network`: the network of a test.

use crate::cli::Network;
use crate::settings::config::key::Key;
use clap::ValueEnum;

pub(super) const NETWORK: Key = Key {
    name: "network",
    variable: Some("ISOTEST_NETWORK"),
    read: |value, layer| {
        let network = value.text().and_then(|text| Network::from_str(text, false).ok());
        let expected = "\"loopback\", \"own\", \"host\" or \"none\"";
        layer.test.network = Some(value.expect(network, expected)?);
        Ok(())
    },
};
