//! Matchers of names: equality, containment, regular expressions and globs; pure.

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;
use std::sync::OnceLock;

/// Matcher of names.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// The whole name.
    Equal(String),
    /// A part of the name.
    Contains(String),
    /// A regular expression that some part of the name fits.
    Regex(Compiled),
    /// A glob that the whole name fits.
    Glob(Box<GlobMatcher>),
}

/// Regular expression that is compiled when it is first asked, since a run may ask few of those in a configuration.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pattern: String,
    regex: OnceLock<Option<Regex>>,
}

impl Compiled {
    /// The longest pattern, in bytes, that is never too large to be compiled if nothing in it is repeated a number of times.
    const MAX_SMALL: usize = 128;

    /// Takes a pattern with valid syntax.
    ///
    /// # Errors
    /// When it is too large.
    pub(super) fn new(pattern: &str) -> Result<Self, regex::Error> {
        let regex = OnceLock::new();
        if pattern.len() > Self::MAX_SMALL || pattern.contains('{') {
            let _ = regex.set(Some(Regex::new(pattern)?));
        }
        Ok(Self { pattern: pattern.to_owned(), regex })
    }

    fn fits(&self, name: &str) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(&self.pattern).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(name))
    }
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
            Self::Regex(regex) => regex.fits(name),
            Self::Glob(glob) => glob.is_match(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_later_can_be() {
        let largest = ["\\w", "\\pL", "[^a]", "(?i)k", "\\W*", "\u{212a}"].map(|part| {
            let times = Compiled::MAX_SMALL / part.len();
            part.repeat(times)
        });
        for pattern in largest {
            let compiled = Compiled::new(&pattern).unwrap();
            assert!(compiled.regex.get().is_none(), "{pattern}");
            compiled.fits("");
            assert!(compiled.regex.get().is_some_and(Option::is_some), "{pattern}");
        }
        assert!(Compiled::new(r"(\w{1000}){1000}").is_err());
        assert!(Compiled::new("^a+$").unwrap().fits("aa") && !Compiled::new("^a+$").unwrap().fits("ab"));
    }
}
