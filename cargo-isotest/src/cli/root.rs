//! `--root`: what becomes `/`.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What stands in the place of the host's root.
#[derive(Debug, Clone, Args)]
pub(crate) struct RootArgs {
    /// What becomes `/`: `host`; `minimal`, the test binary with its libraries and its package; or the root file system
    /// in `dir:PATH`, whose changes are thrown away
    #[arg(long, value_name = "ROOT", default_value = "host", value_parser = word())]
    pub(crate) root: RootWord,
    /// With `--root minimal`, do not show the package's own directory either
    #[arg(long)]
    pub(crate) hide_package: bool,
}

/// A value of `--root`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum RootWord {
    /// The host's.
    #[default]
    Host,
    /// Next to nothing.
    Minimal,
    /// A directory.
    Directory(PathBuf),
}

impl RootWord {
    fn read(text: &OsStr) -> Result<Self, String> {
        let path = |prefix: &[u8]| {
            let path = text.as_bytes().strip_prefix(prefix).filter(|path| !path.is_empty())?;
            Some(PathBuf::from(OsStr::from_bytes(path)))
        };
        if text == "host" {
            return Ok(Self::Host);
        }
        if text == "minimal" {
            return Ok(Self::Minimal);
        }
        let directory = path(b"dir:").map(Self::Directory);
        directory.ok_or_else(|| "it is one of `host`, `minimal` and `dir:PATH`".to_owned())
    }
}

fn word() -> impl TypedValueParser<Value = RootWord> {
    OsStringValueParser::new().try_map(|text: OsString| RootWord::read(&text))
}
