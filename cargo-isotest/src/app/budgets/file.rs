//! File of the recorded budgets of a workspace.

use crate::app::budgets::error::BudgetError;
use crate::budget::{RECORDED, Recorded};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Maximum number of symbolic links that the kernel follows.
const MAX_LINKS: usize = 40;

/// Returns the path of the file of recorded budgets of a workspace.
pub(crate) fn path(workspace: &Path) -> PathBuf {
    workspace.join(RECORDED)
}

/// Returns the text of the file of recorded budgets; empty if there is no file.
///
/// # Errors
/// When the file exists and cannot be read.
pub(crate) fn text(workspace: &Path) -> Result<String, BudgetError> {
    let path = path(workspace);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|source| BudgetError::File { path, source }),
    }
}

/// Returns the recorded budgets of a workspace.
///
/// # Errors
/// When the file cannot be read, or contains something else than budgets.
pub(crate) fn read(workspace: &Path) -> Result<Recorded, BudgetError> {
    Ok(Recorded::parse(&text(workspace)?)?)
}

/// Returns the path to which symbolic links lead, whether a file exists there or not.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or_else(|| Path::new("/")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(nix::libc::ELOOP))
}

/// Replaces the whole file of recorded budgets, behind any symbolic links.
///
/// # Errors
/// When the file cannot be written; the old content stays then.
pub(crate) fn write(workspace: &Path, text: &str) -> Result<(), BudgetError> {
    let path = path(workspace);
    let written = || -> io::Result<()> {
        let path = behind_links(&path)?;
        let directory = path.parent().unwrap_or(workspace);
        fs::create_dir_all(directory)?;
        let file = tempfile::NamedTempFile::new_in(directory)?;
        fs::write(file.path(), text)?;
        let permissions = fs::metadata(&path).or_else(|_| fs::metadata(workspace.join("Cargo.toml")))?;
        fs::set_permissions(file.path(), permissions.permissions())?;
        file.persist(&path).map(drop).map_err(|error| error.error)
    };
    written().map_err(|source| BudgetError::File { path: path.clone(), source })
}
