//! Errors of settings.

mod config;

pub(super) use config::{ConfigError, Fault};

use super::setting::{Origin, Setting};
use crate::cli::UnknownWord;
use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::select::filterset::FiltersetError;
use crate::text::units;
use crate::values::Partition;
use isotest_core::policy::{Capability, Level, PolicyError};
use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Error of a setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// An argument after `--` is unsupported.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// A filterset cannot be parsed.
    #[error(transparent)]
    Filterset(#[from] FiltersetError),
    /// The policy is inconsistent.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A capability has two levels.
    #[error(
        "`{capability}` cannot be both `{}` ({}) and `{}` ({})",
        first.value, first.origin, second.value, second.origin
    )]
    TwoLevels {
        /// Capability that has two levels.
        capability: Capability,
        /// Level that was set first.
        first: Setting<Level>,
        /// Level that was set second.
        second: Setting<Level>,
    },
    /// A duration of zero.
    #[error("{}: the time limit of a {whose} must be greater than 0", origin.written("0s"))]
    NoTime {
        /// Origin of the duration.
        origin: Origin,
        /// Name of the thing whose time limit it is.
        whose: &'static str,
    },
    /// The package is to be hidden without a minimal root.
    #[error("{}", hides_package(origin))]
    HidesPackage {
        /// Origin of the setting.
        origin: Origin,
    },
    /// A period of zero.
    #[error("{origin}: the period must be greater than 0")]
    NoPeriod {
        /// Origin of the period.
        origin: Origin,
    },
    /// A swap limit is given without a memory limit.
    #[error(
        "{} has no effect without a memory limit; add `{}`",
        origin.written(written(*bytes)),
        beside(origin, "--memory-limit", "memory-limit")
    )]
    SwapAlone {
        /// Origin of the swap limit.
        origin: Origin,
        /// Swap limit in bytes.
        bytes: u64,
    },
    /// A memory limit is less than a test needs to start.
    #[error(
        "{} is too small: a test needs {} to start",
        origin.written(written(*.bytes)), units::limit(*.least)
    )]
    SmallLimit {
        /// Origin of the memory limit.
        origin: Origin,
        /// Memory limit in bytes.
        bytes: u64,
        /// Least memory limit in bytes.
        least: u64,
    },
    /// The resource of an rlimit is unknown.
    #[error("{}: unknown resource `{name}`; known: {}", origin.written(name), known.join(", "))]
    NoSuchRlimit {
        /// Origin of the rlimit.
        origin: Origin,
        /// Name of the resource.
        name: String,
        /// Names of all resources.
        known: Vec<&'static str>,
    },
    /// A capability is unknown.
    #[error("{}: unknown capability; known: {}", origin.written(name), known.join(", "))]
    NoSuchCapability {
        /// Origin of the level.
        origin: Origin,
        /// Name of the capability.
        name: String,
        /// Names of all capabilities.
        known: Vec<&'static str>,
    },
    /// Two flags about ignored tests contradict each other, such as `--ignored` and `--include-ignored`.
    #[error("`{first}` and `{second}` contradict each other")]
    Contradiction {
        /// First of the flags.
        first: &'static str,
        /// Second of the flags.
        second: &'static str,
    },
    /// A path that is to be shown or kept is `/` or `/dev`, which each test has of its own.
    #[error("{}: each test has a `/dev` of its own, with `/dev/pts` and `/dev/shm`", origin.written(path.display()))]
    OwnPlace {
        /// Origin of the path.
        origin: Origin,
        /// Absolute path.
        path: PathBuf,
    },
    /// A path that is to be shown, kept or made `/` does not exist.
    #[error("{} does not exist", origin.written(path.display()))]
    NoSuchPath {
        /// Origin of the path.
        origin: Origin,
        /// Absolute path.
        path: PathBuf,
    },
    /// The value of an environment variable is invalid.
    #[error("the environment variable `{name}` is `{}`, which is not {expected}", value.display())]
    Variable {
        /// Name of the variable.
        name: &'static str,
        /// Value of the variable.
        value: OsString,
        /// Description of the values that the variable allows.
        expected: String,
    },
    /// The configuration file is unreadable.
    #[error("cannot read the configuration file `{}`", path.display())]
    UnreadableConfig {
        /// Path of the configuration file.
        path: PathBuf,
        /// Way to do without the file, if there is one.
        hint: Option<&'static str>,
        /// Error of the system.
        source: io::Error,
    },
    /// The environment names no shard.
    #[error("`--partition auto` takes the shard of this machine from the environment, which names no shard")]
    NoShard,
    /// The environment names a shard, but not the number of shards or another variable that belongs to it.
    #[error("`{index}` names a shard, but `{missing}` is not set")]
    HalfAShard {
        /// Name of the variable with the index of the shard.
        index: &'static str,
        /// Name of the variable that is missing.
        missing: &'static str,
    },
    /// The environment names two different shards.
    #[error(
        "`--partition auto` finds two shards in the environment: {} and {}",
        shard(&.0[0]), shard(&.0[1])
    )]
    TwoShards(Box<[Setting<Partition>; 2]>),
    /// The configuration file is invalid.
    #[error(transparent)]
    Config(Box<ConfigError>),
    /// The profile is unknown.
    #[error("{}: unknown profile; {suggestion}", origin.written(name))]
    NoSuchProfile {
        /// Origin of the name.
        origin: Origin,
        /// Name of the profile.
        name: String,
        /// Suggestion of a known profile.
        suggestion: String,
    },
}

impl Failure for SettingsError {
    fn end(&self) -> End {
        match self {
            Self::Filterset(error) => error.end(),
            error if error.is_of_configuration() => Exit::Configuration.into(),
            _ => Exit::Usage.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Filterset(error) => return error.hint(),
            Self::TwoLevels { capability, first, second } => {
                return Some(drop_one(*capability, first, second));
            }
            Self::NoSuchPath { origin: Origin::Flag("--keep") | Origin::File("keep", _), path } => {
                return Some(made_before(path));
            }
            Self::NoSuchPath { origin: Origin::Flag("--bind") | Origin::File("bind", _), .. } => {
                "create it before the run, or leave it out"
            }
            Self::OwnPlace { .. } => "name a device in it: `--bind /dev/fuse:rw` lets a test open that one",
            Self::NoSuchProfile { .. } => {
                "add `[profile.NAME]` to `.config/isotest.toml`; `--cargo-profile` chooses cargo's build profile"
            }
            Self::NoShard | Self::TwoShards(_) => {
                "say which of how many it is, `ISOTEST_SHARD=2/8`, or name a part, `--partition slice:2/8`"
            }
            Self::HalfAShard { missing: "ISOTEST_SHARDS", .. } => {
                "set it to the number of shards: Kubernetes does not tell the completions of a job"
            }
            Self::HalfAShard { .. } => "say which of how many it is: `ISOTEST_SHARD=2/8`",
            Self::UnreadableConfig { hint, .. } => return hint.map(str::to_owned),
            Self::Config(error) => return error.hint(),
            error if error.is_of_configuration() => return None,
            _ => "`cargo isotest --help` names all flags",
        };
        Some(hint.into())
    }
}

impl From<ConfigError> for SettingsError {
    fn from(error: ConfigError) -> Self {
        Self::Config(Box::new(error))
    }
}

impl SettingsError {
    /// Returns whether the error is to be corrected in the project's configuration, or by the choice of its profile.
    pub(crate) fn is_of_configuration(&self) -> bool {
        match self {
            Self::UnreadableConfig { .. } | Self::Config(_) | Self::NoSuchProfile { .. } => true,
            Self::TwoLevels { first, second, .. } => first.origin.is_of_file() || second.origin.is_of_file(),
            Self::HidesPackage { origin }
            | Self::NoTime { origin, .. }
            | Self::NoPeriod { origin }
            | Self::SwapAlone { origin, .. }
            | Self::NoSuchRlimit { origin, .. }
            | Self::NoSuchCapability { origin, .. }
            | Self::SmallLimit { origin, .. }
            | Self::OwnPlace { origin, .. }
            | Self::NoSuchPath { origin, .. } => origin.is_of_file(),
            Self::Word(_)
            | Self::Filterset(_)
            | Self::Policy(_)
            | Self::Contradiction { .. }
            | Self::NoShard
            | Self::HalfAShard { .. }
            | Self::TwoShards(_)
            | Self::Variable { .. } => false,
        }
    }
}

fn shard(Setting { value, origin }: &Setting<Partition>) -> String {
    format!("{} of {} ({origin})", value.part, value.parts)
}

/// Formats a limit as it is typed.
fn written(bytes: u64) -> String {
    units::limit(bytes).replace(' ', "")
}

/// Suggests to drop one of the two levels of a capability.
fn drop_one(capability: Capability, first: &Setting<Level>, second: &Setting<Level>) -> String {
    const LIMITS: [&str; 6] = [
        "--memory-limit",
        "ISOTEST_MEMORY_LIMIT",
        "memory-limit",
        "--pids-limit",
        "ISOTEST_PIDS_LIMIT",
        "pids-limit",
    ];
    let name = |origin: &Origin| match origin {
        Origin::Flag(name)
        | Origin::HarnessArgument(name)
        | Origin::Environment(name)
        | Origin::File(name, _) => *name,
        Origin::Default => "",
    };
    let is_limit = |level: &&Setting<Level>| LIMITS.contains(&name(&level.origin));
    let said = |level: &Setting<Level>| {
        let implies = is_limit(&level) || name(&level.origin).ends_with("network");
        if implies { level.origin.to_string() } else { level.origin.written(capability).to_string() }
    };
    let why = if [first, second].iter().any(is_limit) {
        ": a limit requires the metric that it limits"
    } else {
        ""
    };
    format!("drop {} or {}{why}", said(first), said(second))
}

/// Returns the key for an origin in a file, or else the flag.
fn beside(origin: &Origin, flag: &'static str, key: &'static str) -> &'static str {
    if origin.is_of_file() { key } else { flag }
}

fn hides_package(origin: &Origin) -> String {
    match origin {
        Origin::File(..) => format!("{} requires `root = \"minimal\"`", origin.written(true)),
        _ => format!("{origin} requires `--root minimal`"),
    }
}

/// Returns the hint for a path that tests are to write themselves and that does not exist: they may be who makes it.
fn made_before(path: &Path) -> String {
    let quoted = shlex::try_quote(&path.to_string_lossy()).map(Cow::into_owned);
    let path = quoted.unwrap_or_else(|_| path.display().to_string());
    format!(
        "if tests make a directory of it, make it yourself before the run: `mkdir -p {path}`; else leave it out"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::filterset::Filterset;
    use crate::settings::setting::{Part, Place, Table};
    use crate::testing::errors::{each_variant, is_as_kept};
    use crate::values::PartitionBy;
    use isotest_core::policy::Policy;
    use nix::libc;
    use std::path::Path;

    #[test]
    #[expect(clippy::too_many_lines, reason = "each variant has a row")]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let errno = io::Error::from_raw_os_error;
        let place = Place { table: Table::kept(Path::new(".config/isotest.toml"), Part::Whole), line: 3 };
        let (flag, variable) = (Origin::Flag, Origin::Environment);
        let key = |name| Origin::File(name, place);
        let two = |first, second| SettingsError::TwoLevels { capability: Capability::Memory, first, second };
        let text = each_variant!(SettingsError {
            SettingsError::Word(_) => [
                UnknownWord::Word("--report-time".to_owned()).into(),
                UnknownWord::Value("invalid value `x`".to_owned()).into(),
            ],
            SettingsError::Filterset(_) => [Filterset::parse("tset(a)").unwrap_err().into()],
            SettingsError::Policy(_) =>
                [Policy::new(&[(Capability::User, Level::Off)]).unwrap_err().into()],
            SettingsError::TwoLevels { .. } => [
                two(Setting::flag("--off", Level::Off), Setting::flag("--require", Level::Require)),
                two(Setting::flag("--off", Level::Off), Setting::flag("--memory-limit", Level::Require)),
                two(Setting { value: Level::Off, origin: key("off") }, Setting::flag("--require", Level::Require)),
            ],
            SettingsError::NoTime { .. } => [
                SettingsError::NoTime { origin: flag("--timeout"), whose: "test" },
                SettingsError::NoTime { origin: key("timeout"), whose: "test" },
                SettingsError::NoTime { origin: variable("ISOTEST_TIMEOUT"), whose: "test" },
            ],
            SettingsError::HidesPackage { .. } => [
                SettingsError::HidesPackage { origin: flag("--hide-package") },
                SettingsError::HidesPackage { origin: key("hide-package") },
            ],
            SettingsError::NoPeriod { .. } => [SettingsError::NoPeriod { origin: flag("--slow-timeout") }],
            SettingsError::SwapAlone { .. } => [
                SettingsError::SwapAlone { origin: flag("--swap-limit"), bytes: 1 << 20 },
                SettingsError::SwapAlone { origin: key("swap-limit"), bytes: 1 << 20 },
            ],
            SettingsError::SmallLimit { .. } =>
                [SettingsError::SmallLimit { origin: flag("--memory-limit"), bytes: 1 << 10, least: 512 << 10 }],
            SettingsError::NoSuchRlimit { .. } => [SettingsError::NoSuchRlimit {
                origin: flag("--rlimit"),
                name: "gravity".to_owned(),
                known: vec!["as", "core"],
            }],
            SettingsError::NoSuchCapability { .. } => [SettingsError::NoSuchCapability {
                origin: key("off"),
                name: "nat".to_owned(),
                known: vec!["net", "uts"],
            }],
            SettingsError::Contradiction { .. } =>
                [SettingsError::Contradiction { first: "--run-ignored all", second: "-- --ignored" }],
            SettingsError::OwnPlace { .. } =>
                [SettingsError::OwnPlace { origin: flag("--bind"), path: "/dev".into() }],
            SettingsError::NoSuchPath { .. } => [
                SettingsError::NoSuchPath { origin: flag("--keep"), path: "/nowhere".into() },
                SettingsError::NoSuchPath { origin: key("bind"), path: "/nowhere".into() },
                SettingsError::NoSuchPath { origin: flag("--root"), path: "/nowhere".into() },
            ],
            SettingsError::Variable { .. } => [SettingsError::Variable {
                name: "RUST_TEST_THREADS",
                value: "x".into(),
                expected: "a number above 0".to_owned(),
            }],
            SettingsError::NoShard => [SettingsError::NoShard],
            SettingsError::HalfAShard { .. } => [
                SettingsError::HalfAShard { index: "JOB_COMPLETION_INDEX", missing: "ISOTEST_SHARDS" },
                SettingsError::HalfAShard { index: "CI_NODE_INDEX", missing: "CI_NODE_TOTAL" },
            ],
            SettingsError::TwoShards(_) => [SettingsError::TwoShards(Box::new([
                Setting {
                    value: Partition { by: PartitionBy::Auto, part: 1, parts: 3 },
                    origin: variable("CI_NODE_INDEX"),
                },
                Setting {
                    value: Partition { by: PartitionBy::Auto, part: 4, parts: 8 },
                    origin: variable("SLURM_ARRAY_TASK_ID"),
                },
            ]))],
            SettingsError::UnreadableConfig { .. } =>
                [SettingsError::UnreadableConfig { path: "a.toml".into(), hint: Some("name another file"), source: errno(libc::ENOENT) }],
            SettingsError::Config(_) => [ConfigError { place, fault: Fault::DefaultInherits }.into()],
            SettingsError::NoSuchProfile { .. } => [SettingsError::NoSuchProfile {
                origin: flag("--profile"),
                name: "cii".to_owned(),
                suggestion: "did you mean `ci`?".to_owned(),
            }],
        });
        is_as_kept("settings", text);
    }
}
