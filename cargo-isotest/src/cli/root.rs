//! `--root`: what becomes `/`.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What stands in the place of the host's root.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct RootArgs {
    /// What becomes `/`: `host`; `minimal`, the test binary with its libraries and its package; or a root file system,
    /// changes of which are thrown away, in a directory (`dir:PATH`), an archive (`tar:PATH`) or an image of containers
    /// (`oci:PATH`, a layout or what `docker save` writes) [default: host]
    #[arg(long, value_name = "ROOT", value_parser = word())]
    pub(crate) root: Option<RootWord>,
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
    /// A root file system.
    At(RootPath),
}

/// A root file system of the host's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RootPath {
    /// What it is.
    pub(crate) kind: RootKind,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// What a root file system is before it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RootKind {
    /// A directory.
    Directory,
    /// An archive.
    Tar,
    /// An image of containers, as a directory or as an archive.
    Oci,
}

impl RootWord {
    fn read(text: &OsStr) -> Result<Self, String> {
        let at = |prefix: &[u8], kind| {
            let path = text.as_bytes().strip_prefix(prefix).filter(|path| !path.is_empty())?;
            Some(Self::At(RootPath { kind, path: OsStr::from_bytes(path).into() }))
        };
        if text == "host" {
            return Ok(Self::Host);
        }
        if text == "minimal" {
            return Ok(Self::Minimal);
        }
        let kinds: [(&[u8], _); 3] =
            [(b"dir:", RootKind::Directory), (b"tar:", RootKind::Tar), (b"oci:", RootKind::Oci)];
        let known = "it is one of `host`, `minimal`, `dir:PATH`, `tar:PATH` and `oci:PATH`";
        kinds.into_iter().find_map(|(prefix, kind)| at(prefix, kind)).ok_or_else(|| known.to_owned())
    }
}

fn word() -> impl TypedValueParser<Value = RootWord> {
    OsStringValueParser::new().try_map(|text: OsString| RootWord::read(&text))
}
