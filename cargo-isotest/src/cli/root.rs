//! Flags on the root file system of a test.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Flags on the root file system of a test.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct RootArgs {
    /// Root file system of a test: `host`; `minimal`, only the test binary, its libraries and its package; `dir:PATH`, a
    /// directory; `tar:PATH`, an archive; or `oci:PATH`, a container image (OCI layout or output of `docker save`).
    /// Changes are discarded [default: host]
    #[arg(long, value_name = "ROOT", value_parser = word())]
    pub(crate) root: Option<RootWord>,
    /// With `--root minimal`, hide the directory of the package too
    #[arg(long)]
    pub(crate) hide_package: bool,
}

/// Value of `--root`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum RootWord {
    /// `host`: the root of the host.
    #[default]
    Host,
    /// `minimal`: only the test binary, its libraries and its package.
    Minimal,
    /// `dir:`, `tar:` or `oci:`: a root file system in files of the host.
    At(RootPath),
}

/// Root file system in files of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RootPath {
    /// Format of the root file system.
    pub(crate) kind: RootKind,
    /// Path on the host.
    pub(crate) path: PathBuf,
}

/// Format of a root file system, before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RootKind {
    /// Directory.
    Directory,
    /// Tar archive.
    Tar,
    /// Container image, as a directory or as an archive.
    Oci,
}

impl fmt::Display for RootWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Minimal => f.write_str("minimal"),
            Self::At(RootPath { kind, path }) => {
                let kind = match kind {
                    RootKind::Directory => "dir",
                    RootKind::Tar => "tar",
                    RootKind::Oci => "oci",
                };
                write!(f, "{kind}:{}", path.display())
            }
        }
    }
}

impl RootWord {
    /// Parses a value of `--root`.
    pub(crate) fn read(text: &OsStr) -> Result<Self, String> {
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
        let known = "expected `host`, `minimal`, `dir:PATH`, `tar:PATH` or `oci:PATH`";
        kinds.into_iter().find_map(|(prefix, kind)| at(prefix, kind)).ok_or_else(|| known.to_owned())
    }
}

fn word() -> impl TypedValueParser<Value = RootWord> {
    OsStringValueParser::new().try_map(|text: OsString| RootWord::read(&text))
}
