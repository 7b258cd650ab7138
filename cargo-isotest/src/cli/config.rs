//! Flags of the heading "Configuration".

use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Flags on the configuration file.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// Configuration profile, e.g. `ci` [env: ISOTEST_PROFILE]
    #[arg(short = 'P', long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Configuration file [default: .config/isotest.toml of the workspace] [env: ISOTEST_CONFIG_FILE]
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(crate) config_file: Option<PathBuf>,
    /// Take over the configuration of cargo-nextest where ours is silent [default file: .config/nextest.toml of the workspace] [env:
    /// ISOTEST_NEXTEST_CONFIG]
    #[arg(
        long,
        value_name = "PATH",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = OF_WORKSPACE,
        hide_short_help = true
    )]
    pub(crate) nextest_config: Option<OsString>,
}

/// Value of `--nextest-config` for the file of the workspace.
const OF_WORKSPACE: &str = "";

impl ConfigArgs {
    /// Whether a configuration of cargo-nextest is taken over.
    pub(crate) const fn takes_over(&self) -> bool {
        self.nextest_config.is_some()
    }

    /// Returns which, if it is not that of the workspace.
    pub(crate) fn nextest(&self) -> Option<&Path> {
        self.nextest_config.as_deref().filter(|named| *named != OF_WORKSPACE).map(Path::new)
    }
}
