//! Limits of a test, with their origins; pure.

use super::error::SettingsError;
use super::setting::{Origin, Setting};
use crate::cli::{LimitArgs, Processors, RlimitWords};
use isotest_core::Bytes;
use isotest_core::MilliCpu;
use isotest_core::limits::{Limits, ProcessLimits, Rlimit};

/// Least memory limit: with less, the kernel makes no cgroup, or the loader of a program fails without a clear
/// message.
const LEAST_MEMORY: u64 = 512 << 10;

/// Limits of a test. Resources whose limits are absent are not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    pub(crate) memory: Option<Setting<u64>>,
    pub(crate) swap: Option<Setting<u64>>,
    pub(crate) pids: Option<Setting<u64>>,
    pub(crate) cpu: Option<Setting<u32>>,
    pub(crate) cpu_weight: Option<Setting<u32>>,
    pub(crate) io: Option<Setting<u64>>,
    pub(crate) cpus: Option<Setting<Vec<usize>>>,
    pub(crate) rlimits: Vec<Setting<(Rlimit, u64, u64)>>,
}

impl LimitSettings {
    /// Returns the limits of the flags.
    pub(super) fn typed(typed: LimitArgs) -> Result<Self, SettingsError> {
        let LimitArgs {
            memory_limit,
            swap_limit,
            cpu_limit,
            cpu_weight,
            cpus,
            pids_limit,
            io_limit,
            rlimit: rlimits,
        } = typed;
        let cpus = cpus.map(|Processors(numbers)| Setting::flag("--cpus", numbers));
        Ok(Self {
            memory: memory_limit.map(|bytes| Setting::flag("--memory-limit", bytes)),
            swap: swap_limit.map(|bytes| Setting::flag("--swap-limit", bytes)),
            pids: pids_limit.map(|number| Setting::flag("--pids-limit", number)),
            cpu: cpu_limit.map(|thousandths| Setting::flag("--cpu-limit", thousandths)),
            cpu_weight: cpu_weight.map(|weight| Setting::flag("--cpu-weight", weight)),
            io: io_limit.map(|bytes| Setting::flag("--io-limit", bytes)),
            cpus,
            rlimits: rlimits
                .into_iter()
                .map(|words| rlimit(Origin::Flag("--rlimit"), words))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns these limits, and those of a lower layer where these are absent.
    pub(super) fn or(self, lower: Self) -> Self {
        let is_silent =
            |limit: &Setting<(Rlimit, u64, u64)>| self.rlimits.iter().all(|own| own.value.0 != limit.value.0);
        let others: Vec<_> = lower.rlimits.into_iter().filter(is_silent).collect();
        Self {
            memory: self.memory.or(lower.memory),
            swap: self.swap.or(lower.swap),
            pids: self.pids.or(lower.pids),
            cpu: self.cpu.or(lower.cpu),
            cpu_weight: self.cpu_weight.or(lower.cpu_weight),
            io: self.io.or(lower.io),
            cpus: self.cpus.or(lower.cpus),
            rlimits: others.into_iter().chain(self.rlimits).collect(),
        }
    }

    /// Checks that a test can start within the limits.
    pub(super) fn leaves_room(&self) -> Result<(), SettingsError> {
        match &self.memory {
            Some(Setting { value, origin }) if *value < LEAST_MEMORY => {
                Err(SettingsError::SmallLimit { origin: *origin, bytes: *value, least: LEAST_MEMORY })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the limits, unless a test cannot start within them, or swap is limited without memory.
    pub(super) fn checked(self) -> Result<Self, SettingsError> {
        self.leaves_room()?;
        match (&self.memory, &self.swap) {
            (None, Some(Setting { value, origin })) => {
                Err(SettingsError::SwapAlone { origin: *origin, bytes: *value })
            }
            _ => Ok(self),
        }
    }

    /// Returns the values of the limits, without their origins.
    pub(crate) fn limits(&self) -> Limits {
        let size = |limit: &Option<Setting<u64>>| limit.as_ref().map(|limit| Bytes::new(limit.value));
        Limits {
            memory: size(&self.memory),
            swap: size(&self.swap),
            pids: self.pids.as_ref().map(|limit| limit.value),
            cpu: self.cpu.map(|limit| MilliCpu::new(limit.value)),
            cpu_weight: self.cpu_weight.map(|limit| limit.value),
            io: size(&self.io),
            process: ProcessLimits {
                cpus: self.cpus.as_ref().map(|cpus| cpus.value.clone()).unwrap_or_default(),
                rlimits: self.rlimits.iter().map(|limit| limit.value).collect(),
            },
        }
    }
}

/// Returns the limit of the resource of a name.
pub(super) fn rlimit(
    origin: Origin,
    typed: RlimitWords,
) -> Result<Setting<(Rlimit, u64, u64)>, SettingsError> {
    let RlimitWords { name, soft, hard } = typed;
    let limit = Rlimit::ALL.into_iter().find(|limit| limit.as_str() == name);
    let known = || Rlimit::ALL.map(Rlimit::as_str).to_vec();
    let limit = limit.ok_or_else(|| SettingsError::NoSuchRlimit { origin, name, known: known() })?;
    Ok(Setting { value: (limit, soft, hard), origin })
}
