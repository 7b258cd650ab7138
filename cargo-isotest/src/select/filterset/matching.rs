//! Matchers of names: equality, containment, regular expressions and globs; pure.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

/// Matcher of names.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// The whole name.
    Equal(String),
    /// A part of the name.
    Contains(String),
    /// A regular expression that some part of the name fits.
    Regex(Regex),
    /// A glob that the whole name fits.
    Glob(Box<GlobMatcher>),
}

impl Matcher {
    /// Compiles a glob, in which only brackets escape.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn glob(text: &str) -> Result<Self, String> {
        let glob = GlobBuilder::new(text).backslash_escape(false).empty_alternates(true).build();
        let glob = glob.map_err(|error| error.kind().to_string())?;
        Ok(Self::Glob(Box::new(glob.compile_matcher())))
    }

    /// Returns whether a name fits.
    pub(super) fn fits(&self, name: &str) -> bool {
        match self {
            Self::Equal(text) => name == text,
            Self::Contains(text) => name.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(name),
            Self::Glob(glob) => glob.is_match(name),
        }
    }
}
