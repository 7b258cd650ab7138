//! Scripts of the configuration file: commands that are executed once before the tests that they prepare, and commands by which
//! tests are executed; pure.

use super::paths::BindAccess;
use super::setting::Setting;
use crate::values::SlowTimeout;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Command that is executed once before the tests that it prepares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetupScript {
    /// Name of the script, and of its directory.
    pub(crate) name: String,
    /// Index of the script in the file, in the order of which scripts are executed.
    pub(crate) number: usize,
    /// Command of the script.
    pub(crate) command: ScriptCommand,
    /// Time limit of the script.
    pub(crate) timeout: Option<Setting<Duration>>,
    /// Time after which the script is slow, and number of such times after which it is ended.
    pub(crate) slow_timeout: Option<Setting<SlowTimeout>>,
    /// Treatment of changes that tests make to the directory of the script.
    pub(crate) access: BindAccess,
}

/// Command by which a test is executed. The command of the test follows the arguments of the wrapper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapper {
    /// Name of the wrapper.
    pub(crate) name: String,
    /// Command of the wrapper.
    pub(crate) command: ScriptCommand,
}

/// Program and arguments of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptCommand(Vec<String>);

impl ScriptCommand {
    /// Creates a command of words, of which the first is the program; `None` without a program.
    pub(super) fn new(words: Vec<String>) -> Option<Self> {
        words.first().is_some_and(|program| !program.is_empty()).then_some(Self(words))
    }

    /// Returns the program. A path starts at the workspace; a name without a slash is looked for in `PATH`.
    pub(crate) fn program(&self, workspace: &Path) -> PathBuf {
        let program = self.0.first().map_or("", String::as_str);
        if program.contains('/') { workspace.join(program) } else { program.into() }
    }

    /// Returns the arguments.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = OsString> {
        self.0.iter().skip(1).map(OsString::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_starts_at_the_workspace_and_a_name_is_looked_for() {
        let command =
            |words: &[&str]| ScriptCommand::new(words.iter().map(|&word| word.to_owned()).collect());
        let program = |word| command(&[word, "a b"]).unwrap().program(Path::new("/w"));
        assert_eq!(
            [program("sh"), program("ci/make"), program("/bin/sh")].map(PathBuf::from),
            [PathBuf::from("sh"), PathBuf::from("/w/ci/make"), PathBuf::from("/bin/sh")]
        );
        assert_eq!(command(&["sh", "a b"]).unwrap().arguments().collect::<Vec<_>>(), ["a b"]);
        assert_eq!((command(&[]), command(&[""])), (None, None));
    }
}
