//! Queries git about the repository of a workspace.

use crate::app::budgets::error::BudgetError;
use std::path::Path;
use std::process::{Command, Output};

/// Variables that name another repository, work tree or index than those of the directory, as git sets them for its
/// hooks: the list of `git rev-parse --local-env-vars` without the namespace. Variables that hold configuration name
/// no repository, and stay.
const OF_A_REPOSITORY: [&str; 14] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Makes a command find the repository by its working directory alone.
pub(super) fn forget_repository(command: &mut Command) {
    for name in OF_A_REPOSITORY {
        command.env_remove(name);
    }
}

/// Runs git in a directory, and returns its output and exit status. No hook of the repository is executed.
///
/// # Errors
/// When git cannot be started.
pub(super) fn ask(directory: &Path, revision: &str, arguments: &[&str]) -> Result<Output, BudgetError> {
    let mut command = Command::new("git");
    command.args(["-c", "core.hooksPath=/dev/null"]).args(arguments).current_dir(directory);
    forget_repository(&mut command);
    command
        .output()
        .map_err(|error| BudgetError::Revision { revision: revision.to_owned(), why: error.to_string() })
}

/// Runs git in a directory, and returns its standard output as text.
///
/// # Errors
/// When git cannot be started, or fails.
pub(super) fn answer(directory: &Path, revision: &str, arguments: &[&str]) -> Result<String, BudgetError> {
    let output = ask(directory, revision, arguments)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(BudgetError::Revision { revision: revision.to_owned(), why: last_line(&output.stderr) })
    }
}

/// Returns the commit of a revision; `None` if git knows no such revision.
///
/// # Errors
/// When git cannot be started.
pub(super) fn commit(directory: &Path, revision: &str) -> Result<Option<String>, BudgetError> {
    let name = format!("{revision}^{{commit}}");
    let known = ask(directory, revision, &["rev-parse", "--quiet", "--verify", "--end-of-options", &name])?;
    Ok(known.status.success().then(|| String::from_utf8_lossy(&known.stdout).trim().to_owned()))
}

/// Returns the last line of git's standard error, which tells why it failed.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("git does not say why");
    line.to_owned()
}
