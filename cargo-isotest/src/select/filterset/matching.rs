//! Matchers of names: equality, containment, regular expressions and globs; pure.

use globset::{Glob, GlobBuilder, GlobMatcher};
use regex::Regex;
use std::sync::OnceLock;

/// Matcher of names.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// Text that equals the whole name.
    Equal(String),
    /// Text that the name contains.
    Contains(String),
    /// Regular expression that a part of the name matches.
    Regex(Compiled),
    /// Glob that the whole name matches.
    Glob(Box<LateGlob>),
}

/// Regular expression that is compiled at its first use, since a run may use few of those in a configuration.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pattern: String,
    regex: OnceLock<Option<Regex>>,
}

/// Glob that is compiled at its first use.
#[derive(Debug, Clone)]
pub(super) struct LateGlob {
    glob: Glob,
    matcher: OnceLock<GlobMatcher>,
}

impl Compiled {
    /// Length in bytes up to which a pattern without repetition counts is never too large to be compiled.
    const MAX_SMALL: usize = 128;

    /// Creates a regular expression of a pattern with valid syntax, and compiles a long one at once.
    ///
    /// # Errors
    /// When the pattern is too large.
    pub(super) fn new(pattern: &str) -> Result<Self, regex::Error> {
        let regex = OnceLock::new();
        if written_out(pattern) > Self::MAX_SMALL {
            let _ = regex.set(Some(Regex::new(pattern)?));
        }
        Ok(Self { pattern: pattern.to_owned(), regex })
    }

    fn fits(&self, name: &str) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(&self.pattern).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(name))
    }
}

/// Returns an upper bound of the length of a pattern in which each repetition is written out.
fn written_out(pattern: &str) -> usize {
    let counts = pattern.split('{').skip(1).map(|rest| {
        let count = rest.split_once('}').map_or("", |(count, _)| count);
        let most = count.split(',').filter(|number| !number.is_empty());
        most.map(|number| number.parse().unwrap_or(usize::MAX)).max().unwrap_or(usize::MAX)
    });
    counts.fold(pattern.len(), |length, count| length.saturating_mul(count.max(1)))
}

impl Matcher {
    /// Parses a glob, in which only brackets escape.
    ///
    /// # Errors
    /// Message of the parser.
    pub(super) fn glob(text: &str) -> Result<Self, String> {
        if !text.contains(['*', '?', '[', ']', '{', '}', ',', '\\']) {
            return Ok(Self::Equal(text.to_owned()));
        }
        let glob = GlobBuilder::new(text).backslash_escape(false).empty_alternates(true).build();
        let glob = glob.map_err(|error| error.kind().to_string())?;
        Ok(Self::Glob(Box::new(LateGlob { glob, matcher: OnceLock::new() })))
    }

    /// Returns whether a name matches.
    pub(super) fn fits(&self, name: &str) -> bool {
        match self {
            Self::Equal(text) => name == text,
            Self::Contains(text) => name.contains(text.as_str()),
            Self::Regex(regex) => regex.fits(name),
            Self::Glob(late) => late.matcher.get_or_init(|| late.glob.compile_matcher()).is_match(name),
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
        for (pattern, length) in [("a{2}", 8), ("a{1,3}b", 21), ("(a{2,}){3}", 60), ("a{0}", 4)] {
            assert_eq!(written_out(pattern), length, "{pattern}");
        }
        assert!(
            [r"\p{Greek}", r"\x{41}", "a{", "a{,}"]
                .iter()
                .all(|pattern| written_out(pattern) > Compiled::MAX_SMALL)
        );
        assert!(Compiled::new("^a+$").unwrap().fits("aa") && !Compiled::new("^a+$").unwrap().fits("ab"));
    }
}
