//! `--root`: what becomes `/`.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What stands in the place of the host's root.
#[derive(Debug, Clone, Args)]
pub(crate) struct RootArgs {
    /// What becomes `/`: `host`; `minimal`, the test binary with its libraries and its package; or a root file system,
    /// changes of which are thrown away, in a directory (`dir:PATH`), an archive (`tar:PATH`) or an image of containers
    /// (`oci:PATH`, a layout or what `docker save` writes)
    #[arg(long, value_name = "ROOT", default_value = "host", value_parser = word())]
    pub(crate) root: RootWord,
    /// With `--root minimal`, do not show the package's own directory either
    #[arg(long)]
    pub(crate) hide_package: bool,
    /// Name the paths that a test looked for, that are not there, and that the host has; slows every test down
    #[arg(long)]
    pub(crate) trace_missing: bool,
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
    /// An archive.
    Tar(PathBuf),
    /// An image of containers, as a directory or as an archive.
    Oci(PathBuf),
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
        let archive = path(b"tar:").map(Self::Tar).or_else(|| path(b"oci:").map(Self::Oci));
        let known = "it is one of `host`, `minimal`, `dir:PATH`, `tar:PATH` and `oci:PATH`";
        directory.or(archive).ok_or_else(|| known.to_owned())
    }
}

fn word() -> impl TypedValueParser<Value = RootWord> {
    OsStringValueParser::new().try_map(|text: OsString| RootWord::read(&text))
}
