//! Errors in configuration files; pure.

use crate::error::Failure;
use crate::select::filterset::FiltersetError;
use crate::settings::setting::Place;

/// Error in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub(crate) struct ConfigError {
    /// Line of the error.
    pub(crate) place: Place,
    /// Kind of the error.
    pub(crate) fault: Fault,
}

impl ConfigError {
    /// Returns a hint how to correct the error, if there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        match &self.fault {
            Fault::Filter { error, .. } => error.hint(),
            _ => None,
        }
    }
}

/// Fault in a line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Syntax error of TOML, in the parser's words.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// Key that is unknown.
    #[error("unknown key `{key}` in {table}; {suggestion}")]
    UnknownKey {
        /// Name of the key.
        key: String,
        /// Table that contains the key.
        table: String,
        /// Suggestion of a known key.
        suggestion: String,
    },
    /// Value that its key does not allow.
    #[error("`{key} = {value}`: expected {expected}")]
    Value {
        /// Name of the key.
        key: String,
        /// Value, as written.
        value: String,
        /// Description of the values that the key allows.
        expected: String,
    },
    /// Profile that inherits a profile that does not exist.
    #[error("profile `{child}` inherits the unknown profile `{parent}`; {suggestion}")]
    UnknownParent {
        /// Name of the inheriting profile.
        child: String,
        /// Name of the inherited profile.
        parent: String,
        /// Suggestion of a known profile.
        suggestion: String,
    },
    /// Profile that inherits itself.
    #[error("profile `{child}` inherits `{parent}`, which inherits `{child}` already")]
    Circle {
        /// Name of the inheriting profile.
        child: String,
        /// Name of the inherited profile.
        parent: String,
    },
    /// Test group that does not exist.
    #[error("`test-group = \"{name}\"`: unknown test group; {suggestion}")]
    UnknownGroup {
        /// Name of the test group.
        name: String,
        /// Suggestion of a known test group, or of a declaration.
        suggestion: String,
    },
    /// Name that a test group cannot have.
    #[error("`{0}` is not a name for a test group: use only letters, digits, `-` and `_`")]
    GroupName(String),
    /// Test group without a number of threads.
    #[error("the test group `{0}` has no `max-threads`, such as `{0} = {{ max-threads = 1 }}`")]
    GroupSize(String),
    /// Key of the whole run in an override.
    #[error("`{key}`{} holds for the whole run and cannot differ from test to test; set it in `[profile.NAME]`", called(*.here))]
    OfRun {
        /// Name of the key, as written.
        key: String,
        /// Name of the setting here, if it differs from the key.
        here: Option<&'static str>,
    },
    /// Key that only the file of a person can hold.
    #[error("`{0}` is for each person to choose; set it in `~/.config/isotest/config.toml`")]
    OfPerson(String),
    /// Key that only the file of a project can hold.
    #[error("`{0}` changes more than what is shown; set it in the project's `.config/isotest.toml`")]
    OfProject(String),
    /// Filter that cannot be parsed, or that does not fit the project.
    #[error("`{key}`: {error}")]
    Filter {
        /// Name of the key.
        key: &'static str,
        /// Error of the filterset.
        error: FiltersetError,
    },
    /// Name of a script that does not exist.
    #[error("unknown script `{script}`; {suggestion}")]
    UnknownScript {
        /// Name of the script.
        script: String,
        /// Suggestion of a known script.
        suggestion: String,
    },
    /// Name that a script cannot have.
    #[error(
        "`{0}` is not a name for a script: use only letters, digits, `-`, `_` and `.`, and begin with a letter or digit"
    )]
    ScriptName(String),
    /// Script without a command.
    #[error("the script `{0}` has no `command`")]
    NoCommand(String),
    /// Key `inherits` in the profile that all others inherit.
    #[error("the profile `default` cannot inherit another one: all others inherit it")]
    DefaultInherits,
}

fn called(name: Option<&'static str>) -> String {
    name.map_or_else(String::new, |name| format!(" (here `{name}`)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::filterset::Filterset;
    use crate::settings::SettingsError;
    use crate::settings::setting::{Part, Table};
    use crate::testing::errors::{each_of, is_as_kept, told};
    use std::path::Path;

    #[test]
    fn each_fault_says_what_is_wrong_and_what_to_do() {
        let place = Place { table: Table::kept(Path::new(".config/isotest.toml"), Part::Whole), line: 3 };
        let [key, table, profile] = ["jbos", "`[profile.ci]`", "ci"].map(str::to_owned);
        let suggestion = "did you mean `jobs`?".to_owned();
        let faults = each_of!(Fault {
            Fault::Syntax(_) => [Fault::Syntax("expected `=`".to_owned())],
            Fault::UnknownKey { .. } => [Fault::UnknownKey { key, table, suggestion: suggestion.clone() }],
            Fault::Value { .. } => [Fault::Value {
                key: "jobs".to_owned(),
                value: "\"many\"".to_owned(),
                expected: "a number above 0".to_owned(),
            }],
            Fault::UnknownParent { .. } =>
                [Fault::UnknownParent { child: profile.clone(), parent: "cii".to_owned(), suggestion }],
            Fault::Circle { .. } => [Fault::Circle { child: profile, parent: "slow".to_owned() }],
            Fault::OfRun { .. } => [
                Fault::OfRun { key: "jobs".to_owned(), here: None },
                Fault::OfRun { key: "jobs".to_owned(), here: Some("test-threads") },
            ],
            Fault::Filter { .. } => [Fault::Filter { key: "filter", error: Filterset::parse("tset(a)").unwrap_err() }],
            Fault::UnknownGroup { .. } =>
                [Fault::UnknownGroup { name: "dtabase".to_owned(), suggestion: "did you mean `database`?".to_owned() }],
            Fault::GroupName(_) => [Fault::GroupName("@mine".to_owned())],
            Fault::GroupSize(_) => [Fault::GroupSize("database".to_owned())],
            Fault::OfPerson(_) => [Fault::OfPerson("color".to_owned())],
            Fault::OfProject(_) => [Fault::OfProject("timeout".to_owned())],
            Fault::UnknownScript { .. } => [Fault::UnknownScript {
                script: "dta".to_owned(),
                suggestion: "did you mean `data`?".to_owned()
            }],
            Fault::ScriptName(_) => [Fault::ScriptName("a/b".to_owned())],
            Fault::NoCommand(_) => [Fault::NoCommand("data".to_owned())],
            Fault::DefaultInherits => [Fault::DefaultInherits],
        });
        let told = |fault| told(SettingsError::from(ConfigError { place, fault }));
        is_as_kept("configuration", faults.into_iter().map(told).collect::<String>());
    }
}
