//! What a workload finds of others in what attempts have in common. It is no doing of its own.

use super::changes::{self, Written};
use super::layers::Views;
use super::network_failures;
use super::own_proc::OwnProc;
use super::sampler::Files;
use crate::outcome::NetworkFailures;
use crate::plan::{Network, Template};

/// State of the sandbox before the workload.
#[derive(Debug)]
pub(super) struct Before {
    /// Paths in the upper layers.
    pub(super) written: Written,
    /// Failures in the network that were others'.
    pub(super) network: NetworkFailures,
}

impl Before {
    /// Looks, and has `files` count from here on. Where nothing is in common there is nothing but the vain looks for a way out that
    /// a network has counted which is handed on from attempts that had sent nothing.
    pub(super) fn look(
        template: &Template,
        unreachable_before: u64,
        views: &Views,
        files: &mut Option<Files>,
        proc: &OwnProc,
    ) -> Self {
        if !template.common {
            let network = NetworkFailures { unreachable: unreachable_before, ..NetworkFailures::default() };
            return Self { written: Written::default(), network };
        }
        *files = files.take().and_then(|files| files.restarted().ok());
        let network = match template.network {
            Network::Host => NetworkFailures::default(),
            Network::Loopback | Network::Own | Network::Down => network_failures::read(proc),
        };
        Self { written: changes::written(views), network }
    }
}
