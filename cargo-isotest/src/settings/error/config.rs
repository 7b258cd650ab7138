//! Errors in configuration files; pure.

use crate::error::Failure;
use crate::select::filterset::FiltersetError;
use crate::settings::setting::Place;

/// Error in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub(crate) struct ConfigError {
    /// Where it is.
    pub(crate) place: Place,
    /// What it is.
    pub(crate) fault: Fault,
}

impl ConfigError {
    /// Returns what helps.
    pub(crate) fn hint(&self) -> Option<String> {
        match &self.fault {
            Fault::Filter { error, .. } => error.hint(),
            _ => None,
        }
    }
}

/// What is wrong with a line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It is not TOML; in the parser's words.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// A key that nobody knows.
    #[error("unknown key `{key}` in {table}; {suggestion}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The table that it stands in.
        table: String,
        /// What could have been meant.
        suggestion: String,
    },
    /// A value that is none of its key.
    #[error("`{key} = {value}`: expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// The value, as written.
        value: String,
        /// What the key expects.
        expected: String,
    },
    /// A profile that inherits one that does not exist.
    #[error("profile `{child}` inherits the unknown profile `{parent}`; {suggestion}")]
    UnknownParent {
        /// The profile.
        child: String,
        /// What it inherits.
        parent: String,
        /// What could have been meant.
        suggestion: String,
    },
    /// A profile that inherits itself.
    #[error("profile `{child}` inherits `{parent}`, which inherits `{child}` already")]
    Circle {
        /// The profile.
        child: String,
        /// What it inherits.
        parent: String,
    },
    /// A test group that does not exist.
    #[error("`test-group = \"{name}\"`: unknown test group; {suggestion}")]
    UnknownGroup {
        /// Its name.
        name: String,
        /// What could have been meant.
        suggestion: String,
    },
    /// A name that no test group can have.
    #[error("`{0}` is not a name for a test group: use only letters, digits, `-` and `_`")]
    GroupName(String),
    /// A test group that says nothing.
    #[error("the test group `{0}` has no `max-threads`, such as `{0} = {{ max-threads = 1 }}`")]
    GroupSize(String),
    /// A key of the whole run among those of some tests.
    #[error("`{key}`{} holds for the whole run and cannot differ from test to test; set it in `[profile.NAME]`", called(*.here))]
    OfRun {
        /// The key.
        key: String,
        /// Its name here, if it is written by another one.
        here: Option<&'static str>,
    },
    /// A key that is for the file of a person.
    #[error("`{0}` is for each person to choose; set it in `~/.config/isotest/config.toml`")]
    OfPerson(String),
    /// A key that is for the file of a project.
    #[error("`{0}` changes more than what is shown; set it in the project's `.config/isotest.toml`")]
    OfProject(String),
    /// A filter that is no filterset, or none of this project.
    #[error("`{key}`: {error}")]
    Filter {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        error: FiltersetError,
    },
    /// A script by a name that none has.
    #[error("unknown script `{script}`; {suggestion}")]
    UnknownScript {
        /// The name.
        script: String,
        /// What could have been meant.
        suggestion: String,
    },
    /// A name that no script can have.
    #[error(
        "`{0}` is not a name for a script: use only letters, digits, `-`, `_` and `.`, and begin with a letter or digit"
    )]
    ScriptName(String),
    /// A script without its command.
    #[error("the script `{0}` has no `command`")]
    NoCommand(String),
    /// `inherits` of the profile that all others inherit.
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
