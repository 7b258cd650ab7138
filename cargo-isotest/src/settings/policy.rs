//! Policy of capabilities that settings imply; pure.

use super::error::SettingsError;
use super::limits::LimitSettings;
use super::setting::Setting;
use crate::cli::Network;
use isotest_core::policy::{Capability, Level, Policy};

/// Returns the levels of capabilities: a limit requires the metric that it limits, and the host's network switches
/// off the network namespace.
pub(super) fn policy(
    said: &[Setting<(Capability, Level)>],
    limits: &LimitSettings,
    network: Setting<Network>,
) -> Result<Policy, SettingsError> {
    let implied = [
        limits.memory.map(|limit| limit.map(|_| (Capability::Memory, Level::Require))),
        limits.pids.map(|limit| limit.map(|_| (Capability::Pids, Level::Require))),
        network_wish(network),
    ];
    let wishes: Vec<_> = said.iter().copied().chain(implied.into_iter().flatten()).collect();
    let values: Vec<_> = wishes.iter().map(|wish| wish.value).collect();
    Policy::new(&values).map_err(|error| contradiction(&wishes).unwrap_or(error.into()))
}

/// Returns the error of the first two levels of one capability that differ.
fn contradiction(wishes: &[Setting<(Capability, Level)>]) -> Option<SettingsError> {
    wishes.iter().enumerate().find_map(|(index, second)| {
        let (capability, level) = second.value;
        let first = wishes[..index].iter().find(|first| first.value.0 == capability)?;
        let [first, second] = [first, second].map(|wish| wish.map(|(_, level)| level));
        (first.value != level).then_some(SettingsError::TwoLevels { capability, first, second })
    })
}

fn network_wish(network: Setting<Network>) -> Option<Setting<(Capability, Level)>> {
    let level = match network.value {
        Network::Loopback => return None,
        Network::Own | Network::None => Level::Require,
        Network::Host => Level::Off,
    };
    Some(network.map(|_| (Capability::Net, level)))
}
