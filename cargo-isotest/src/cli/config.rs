//! Flags of the heading "Configuration".

use clap::Args;
use std::path::PathBuf;

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
}
