//! Traces of other attempts that a workload finds in the namespaces and directories in common. They are not its own
//! doing.

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
    /// Failures in the network that were those of other attempts.
    pub(super) network: NetworkFailures,
}

impl Before {
    /// Reads the state before the workload, and has `files` count from here on. Where nothing is in common, the only
    /// traces are the packets without a route that earlier users of the same network namespace tried to send.
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
