//! Values of settings, with their origins; pure.

use std::fmt;
use std::path::{Path, PathBuf};

/// Value of a setting, with its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting<T> {
    /// Value of the setting.
    pub(crate) value: T,
    /// Origin of the value.
    pub(crate) origin: Origin,
}

/// Origin of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Flag of this program, as in `--jobs`.
    Flag(&'static str),
    /// Argument after `--`, as in `--test-threads`.
    HarnessArgument(&'static str),
    /// Environment variable.
    Environment(&'static str),
    /// Key of a configuration file, as in `jobs`, with its place.
    File(&'static str, Place),
    /// Default, since the setting is not set.
    Default,
}

/// Line of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Table that contains the line.
    pub(crate) table: &'static Table,
    /// Number of the line, from 1.
    pub(crate) line: usize,
}

/// Table of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Path of the file, as users are told of it.
    pub(crate) file: PathBuf,
    /// Part of the file that the table is.
    pub(crate) part: Part,
}

/// Part of a configuration file that a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Whole file.
    Whole,
    /// Whole file of one person.
    User,
    /// Profile of a name.
    Profile(String),
    /// Override in the profile of a name.
    Override(String),
}

impl Table {
    /// Keeps a table for the life of the process: origins are passed around by the thousand, and a process reads few tables.
    pub(super) fn kept(file: &Path, part: Part) -> &'static Self {
        Box::leak(Box::new(Self { file: file.to_owned(), part }))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.table.file.display(), self.line)
    }
}

impl<T> Setting<T> {
    /// Creates a value that was given by a flag.
    pub(crate) const fn flag(name: &'static str, value: T) -> Self {
        Self { value, origin: Origin::Flag(name) }
    }

    /// Creates a value that holds by default.
    pub(crate) const fn default(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// Returns the value that was set, or else the default.
    pub(super) fn or(said: Option<Self>, default: T) -> Self {
        said.unwrap_or(Self::default(default))
    }

    /// Converts the value, and keeps its origin.
    pub(crate) fn map<U>(self, value: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: value(self.value), origin: self.origin }
    }
}

impl Origin {
    /// Returns whether the value is to be changed in a configuration file.
    pub(crate) const fn is_of_file(&self) -> bool {
        matches!(self, Self::File(..))
    }

    /// Returns the value in the form in which it was written at the origin.
    pub(crate) const fn written<T: fmt::Display>(self, value: T) -> Written<T> {
        Written { origin: self, value }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) => write!(f, "`{name}`"),
            Self::HarnessArgument(name) => write!(f, "`-- {name}`"),
            Self::File(key, place) => write!(f, "`{key}` in {place}"),
            Self::Default => f.write_str("by default"),
        }
    }
}

/// Value in the form in which it was written.
#[derive(Debug)]
pub(crate) struct Written<T> {
    origin: Origin,
    value: T,
}

impl<T: fmt::Display> fmt::Display for Written<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, value } = self;
        match origin {
            Origin::Flag(name) => write!(f, "`{name} {value}`"),
            Origin::HarnessArgument(name) => write!(f, "`-- {name} {value}`"),
            Origin::Environment(name) => write!(f, "`{name}={value}` in the environment"),
            Origin::File(key, place) => write!(f, "{place}: `{key} = {value}`"),
            Origin::Default => write!(f, "the default `{value}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_where_it_came_from() {
        for (origin, expected) in [
            (Origin::Flag("--jobs"), "`--jobs 3`"),
            (Origin::HarnessArgument("--test-threads"), "`-- --test-threads 3`"),
            (Origin::Environment("RUST_TEST_THREADS"), "`RUST_TEST_THREADS=3` in the environment"),
            (
                Origin::File(
                    "jobs",
                    Place { table: Table::kept(Path::new("isotest.toml"), Part::Whole), line: 7 },
                ),
                "isotest.toml:7: `jobs = 3`",
            ),
            (Origin::Default, "the default `3`"),
        ] {
            assert_eq!(origin.written(3).to_string(), expected);
        }
    }
}
