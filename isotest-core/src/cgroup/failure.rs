//! Messages for what could not be done with a cgroup. Pure.

use std::io;
use std::path::Path;

/// Counts errors of `kind` as success.
pub(super) fn unless(kind: io::ErrorKind, result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == kind { Ok(()) } else { Err(error) })
}

/// Words the message that something could not be done at a path, and why.
pub(super) fn refused(what: &str, path: &Path, error: &io::Error) -> String {
    format!("could not {what} `{}`: {error}", path.display())
}
