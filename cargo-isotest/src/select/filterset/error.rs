//! Errors of filtersets, with their places in the text; pure.

use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::testcase::BinaryKind;
use crate::text::sanitize;
use console::measure_text_width;
use std::fmt;
use std::ops::Range;

/// Names of the predicates, as written.
pub(super) const PREDICATES: [&str; 12] = [
    "all",
    "binary",
    "binary_id",
    "default",
    "deps",
    "group",
    "kind",
    "none",
    "package",
    "platform",
    "rdeps",
    "test",
];

/// Kind of thing in [`Problem::NamesNothing`] for the names of `kind()`.
pub(super) const KIND: &str = "kind";

/// Error of a filterset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FiltersetError {
    text: String,
    at: Range<usize>,
    problem: Problem,
}

/// Reason why a filterset is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// Missing predicate, `not` or parenthesis.
    NoOperand,
    /// Word that is not the name of a predicate.
    NoPredicate(String),
    /// Operator of another language, and the operator of filtersets in its place.
    NoOperator(&'static str, &'static str),
    /// Text that is neither an operator nor the end of the expression.
    NotTheEnd,
    /// Missing `(`.
    NotOpened,
    /// Missing `)`.
    NotClosed,
    /// Missing `/` at the end of a regular expression.
    RegexNotClosed,
    /// Missing text to match.
    NoName,
    /// Comma that is not escaped.
    Comma,
    /// Argument in the parentheses of `all()`, `none()` or `default()`.
    Argument,
    /// Unknown escape sequence.
    Escape,
    /// Invalid regular expression, with the reason.
    Regex(String),
    /// Invalid glob, with the reason.
    Glob(String),
    /// Platform that is neither `host` nor `target`.
    Platform,
    /// Use of `default()` in the expression that defines it.
    Itself,
    /// Use of `group()` in the filter of an override, which decides the group of a test.
    Group,
    /// Nesting that exceeds the limit of levels.
    Depth,
    /// Name that matches nothing in the project, with the kind of thing it should match.
    NamesNothing(&'static str),
}

impl FiltersetError {
    pub(super) fn new(text: &str, at: Range<usize>, problem: Problem) -> Self {
        Self { text: text.to_owned(), at, problem }
    }

    /// Returns the line of the text that contains the place, and a line that marks the place below it.
    fn excerpt(&self) -> (String, String) {
        let before = self.text.get(..self.at.start).unwrap_or(&self.text);
        let begin = before.rfind('\n').map_or(0, |line_end| line_end + 1);
        let line = self.text.get(begin..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let width = |text: &str| measure_text_width(&sanitize::word(text));
        let end = self.at.end.min(begin + line.len());
        let marked = self.text.get(self.at.start..end).map_or(0, width);
        let blank = self.text.get(begin..self.at.start).map_or(0, width);
        (sanitize::word(line), " ".repeat(blank) + &"^".repeat(marked.max(1)))
    }
}

pub(super) fn predicates() -> String {
    PREDICATES.map(|name| format!("`{name}`")).join(", ")
}

impl fmt::Display for FiltersetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, marks) = self.excerpt();
        write!(f, "invalid filterset: {}\n    {line}\n    {marks}", self.problem)
    }
}

impl std::error::Error for FiltersetError {}

impl Failure for FiltersetError {
    fn end(&self) -> End {
        Exit::Filterset.into()
    }

    fn hint(&self) -> Option<String> {
        Some(match &self.problem {
            Problem::NoOperand | Problem::Depth => {
                format!("an expression combines {} with `and`, `or`, `not` and `(..)`", predicates())
            }
            Problem::NoPredicate(word) => {
                let near = PREDICATES.iter().map(|name| (strsim::jaro_winkler(word, name), name));
                let nearest = near.max_by(|(one, _), (other, _)| one.total_cmp(other));
                match nearest.filter(|(likeness, _)| 0.8 < *likeness) {
                    Some((_, name)) => format!("did you mean `{name}(..)`?"),
                    None => format!("the predicates are {}", predicates()),
                }
            }
            Problem::NoOperator(_, instead) => format!("type `{instead}`"),
            Problem::NotTheEnd => {
                "join expressions with `and` (`&`), `or` (`|`, `+`) or `-` (and not)".into()
            }
            Problem::NotOpened => "type what to match in parentheses, as in `test(parser)`".into(),
            Problem::NotClosed => "type `)` here".into(),
            Problem::RegexNotClosed => {
                "type `/` after the regular expression, as in `test(/^parser::/)`".into()
            }
            Problem::NoName => "name what to match, as in `test(parser)`".into(),
            Problem::Comma => "type `\\,` for a comma, and `or` between two predicates".into(),
            Problem::Argument => "leave the parentheses empty, as in `all()`".into(),
            Problem::Escape => {
                "known sequences are \\n, \\r, \\t, \\\\, \\/, \\), \\, and \\u{..}; type `\\\\` for a backslash".into()
            }
            Problem::Regex(_) => {
                "the syntax is that of the `regex` crate of Rust; `~` matches plain text".into()
            }
            Problem::Glob(_) => {
                "`[*]` matches a star, and `=` or `~` before a name matches plain text".into()
            }
            Problem::Itself => "name the tests by what they are, as in `not test(/^slow_/)`".into(),
            Problem::Group => {
                "name the tests by what they are, as in `test(/^db::/)`; `-E` selects tests by their groups".into()
            }
            Problem::Platform => "type `platform(host)` or `platform(target)`".into(),
            Problem::NamesNothing("test group") => {
                "groups are declared below `[test-groups]` of the configuration file; tests in none are in `@global`".into()
            }
            Problem::NamesNothing(KIND) => {
                let kinds = BinaryKind::ALL.map(|kind| format!("`{}`", kind.as_str()));
                format!("the kinds are {}", kinds.join(", "))
            }
            Problem::NamesNothing(what) => {
                format!("`cargo isotest list` shows each {what}; `none()` matches no test")
            }
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOperand => f.write_str("a predicate is missing"),
            Self::NoPredicate(word) => write!(f, "unknown predicate `{}`", sanitize::word(word)),
            Self::NoOperator(found, _) => write!(f, "`{found}` is not an operator of filtersets"),
            Self::NotTheEnd => f.write_str("expected an operator or the end"),
            Self::NotOpened => f.write_str("`(` is missing"),
            Self::NotClosed => f.write_str("`)` is missing"),
            Self::RegexNotClosed => f.write_str("the regular expression has no end"),
            Self::NoName => f.write_str("the parentheses are empty"),
            Self::Comma => f.write_str("a predicate takes one argument"),
            Self::Argument => f.write_str("this predicate takes no argument"),
            Self::Escape => f.write_str("unknown escape sequence"),
            Self::Regex(why) => write!(f, "invalid regular expression ({why})"),
            Self::Glob(why) => write!(f, "invalid glob ({why})"),
            Self::Platform => f.write_str("unknown platform"),
            Self::Itself => f.write_str("`default()` would stand for itself here"),
            Self::Group => {
                f.write_str("`group()` is for `-E` only: overrides decide which group a test is in")
            }
            Self::Depth => f.write_str("too many levels of parentheses or `not`"),
            Self::NamesNothing(KIND) => f.write_str("no kind of test binary matches"),
            Self::NamesNothing(what) => write!(f, "no {what} of the project matches"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{each_of, is_as_kept, told};

    #[test]
    fn each_problem_says_what_is_wrong_and_what_to_do() {
        let problems = each_of!(Problem {
            Problem::NoOperand => [Problem::NoOperand],
            Problem::NoPredicate(_) =>
                [Problem::NoPredicate("tset".to_owned()), Problem::NoPredicate("gravity".to_owned())],
            Problem::NoOperator(..) => [Problem::NoOperator("&&", "and")],
            Problem::NotTheEnd => [Problem::NotTheEnd],
            Problem::NotOpened => [Problem::NotOpened],
            Problem::NotClosed => [Problem::NotClosed],
            Problem::RegexNotClosed => [Problem::RegexNotClosed],
            Problem::NoName => [Problem::NoName],
            Problem::Comma => [Problem::Comma],
            Problem::Argument => [Problem::Argument],
            Problem::Escape => [Problem::Escape],
            Problem::Regex(_) => [Problem::Regex("unclosed group".to_owned())],
            Problem::Glob(_) => [Problem::Glob("unclosed character class".to_owned())],
            Problem::Platform => [Problem::Platform],
            Problem::Itself => [Problem::Itself],
            Problem::Group => [Problem::Group],
            Problem::Depth => [Problem::Depth],
            Problem::NamesNothing(_) => [
                    Problem::NamesNothing("package"),
                    Problem::NamesNothing("test group"),
                    Problem::NamesNothing(KIND),
                ],
        });
        let told = |problem| told(FiltersetError::new("all() - here", 8..12, problem));
        is_as_kept("filtersets", problems.into_iter().map(told).collect::<String>());
    }
}
