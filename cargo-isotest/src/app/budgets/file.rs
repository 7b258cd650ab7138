//! The file of recorded budgets of a workspace.

use crate::app::budgets::error::BudgetError;
use crate::budget::{RECORDED, Recorded};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The file below the root of a workspace.
pub(crate) fn path(workspace: &Path) -> PathBuf {
    workspace.join(RECORDED)
}

/// Returns its text; none is none.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn text(workspace: &Path) -> Result<String, BudgetError> {
    let path = path(workspace);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|source| BudgetError::File { path, source }),
    }
}

/// Returns what it says.
///
/// # Errors
/// When it cannot be read, or something else than budgets is in it.
pub(crate) fn read(workspace: &Path) -> Result<Recorded, BudgetError> {
    Ok(Recorded::parse(&text(workspace)?)?)
}

/// Replaces it whole.
///
/// # Errors
/// When it cannot be written; what was there stays then.
pub(crate) fn write(workspace: &Path, text: &str) -> Result<(), BudgetError> {
    let path = path(workspace);
    let written = || -> io::Result<()> {
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
