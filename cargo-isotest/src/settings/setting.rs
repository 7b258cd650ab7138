//! A value that holds, and where it came from; pure.

use std::fmt;
use std::path::{Path, PathBuf};

/// A value, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of ours, as in `--jobs`.
    Flag(&'static str),
    /// A word after `--`, as in `--test-threads`.
    HarnessArgument(&'static str),
    /// An environment variable.
    Environment(&'static str),
    /// A key of a configuration file, as in `jobs`.
    File(&'static str, Place),
    /// Nobody said anything.
    Default,
}

/// A line of a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The table that it stands in.
    pub(crate) table: &'static Table,
    /// The line's number, from 1.
    pub(crate) line: usize,
}

/// A table of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// The file, as users are told of it.
    pub(crate) file: PathBuf,
    /// Which one.
    pub(crate) part: Part,
}

/// Which table of a configuration file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The file itself.
    Whole,
    /// The file of one person.
    User,
    /// The profile of this name.
    Profile(String),
    /// An override in the profile of this name.
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
    /// A value that was given by a flag.
    pub(crate) const fn flag(name: &'static str, value: T) -> Self {
        Self { value, origin: Origin::Flag(name) }
    }

    /// What holds if nobody says anything.
    pub(crate) const fn default(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// What was said, or else the default.
    pub(super) fn or(said: Option<Self>, default: T) -> Self {
        said.unwrap_or(Self::default(default))
    }

    /// Another value of the same origin.
    pub(crate) fn map<U>(self, value: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: value(self.value), origin: self.origin }
    }
}

impl Origin {
    /// Whether it is the configuration file that is to be changed.
    pub(crate) const fn is_of_file(&self) -> bool {
        matches!(self, Self::File(..))
    }

    /// How the value was written there.
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

/// A value as it was written.
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
