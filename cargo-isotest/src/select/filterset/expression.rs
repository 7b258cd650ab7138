//! Expressions over tests, and their evaluation; pure.

use super::error::KIND;
use super::matching::Matcher;
use crate::testcase::{BinaryKind, Platform, TestBinary, TestCase};
use std::collections::BTreeSet;
use std::ops::Range;

/// Name of the test group of tests that are in no other.
const GLOBAL_GROUP: &str = "@global";

/// Expression over tests.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// Conjunction: true if each of the expressions is true.
    All(Vec<Self>),
    /// Disjunction: true if at least one of the expressions is true.
    Any(Vec<Self>),
    /// Negation: true if the expression is false.
    Not(Box<Self>),
    /// Predicate: true if the test has the property.
    Leaf(Leaf),
}

/// Predicate, and its place in the text.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) predicate: Predicate,
    pub(super) at: Range<usize>,
}

/// Property of a test.
#[derive(Debug, Clone)]
pub(super) enum Predicate {
    All,
    None,
    Default,
    Test(Matcher),
    Package(Matcher),
    Deps(Matcher),
    Rdeps(Matcher),
    Binary(Matcher),
    BinaryId(Matcher),
    Kind(Matcher),
    Group(Matcher),
    Platform(Platform),
}

/// Test for which a filterset is evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestQuery<'a> {
    /// Binary of the test.
    pub(crate) binary: &'a TestBinary,
    /// Name of the test.
    pub(crate) name: &'a str,
    /// Test group of the test, if it is in one.
    pub(crate) group: Option<&'a str>,
    /// Whether the test is one of those that `default()` selects.
    pub(crate) default: bool,
}

impl<'a> From<&'a TestCase> for TestQuery<'a> {
    fn from(test: &'a TestCase) -> Self {
        Self {
            binary: &test.binary,
            name: &test.name,
            group: test.group.as_deref(),
            default: test.is_default,
        }
    }
}

/// Names in the project that an expression can refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Names of the packages of the workspace.
    pub(crate) packages: BTreeSet<String>,
    /// Ids of the binaries that the targets of the packages could be built into.
    pub(crate) binary_ids: BTreeSet<String>,
    /// Names of the targets of the packages.
    pub(crate) binaries: BTreeSet<String>,
    /// Names of the test groups.
    pub(crate) groups: BTreeSet<String>,
}

impl Expression {
    /// Evaluates the expression with the known values of predicates; `None` if these do not decide it.
    pub(super) fn decide(&self, known: &impl Fn(&Predicate) -> Option<bool>) -> Option<bool> {
        // The first operand with the value `decisive` decides; without one, the result is unknown if any operand is.
        let first = |of: &[Self], decisive: bool| {
            let mut result = Some(!decisive);
            for expression in of {
                match expression.decide(known) {
                    Some(value) if value == decisive => return Some(decisive),
                    Some(_) => {}
                    None => result = None,
                }
            }
            result
        };
        match self {
            Self::All(of) => first(of, false),
            Self::Any(of) => first(of, true),
            Self::Not(expression) => expression.decide(known).map(|value| !value),
            Self::Leaf(leaf) => known(&leaf.predicate),
        }
    }

    /// Returns all predicates with their places.
    pub(super) fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Self::All(of) | Self::Any(of) => of.iter().flat_map(Self::leaves).collect(),
            Self::Not(expression) => expression.leaves(),
            Self::Leaf(leaf) => vec![leaf],
        }
    }
}

impl Predicate {
    /// Returns whether a test has the property.
    pub(super) fn holds(&self, query: &TestQuery<'_>) -> bool {
        match self {
            Self::Test(matcher) => matcher.fits(query.name),
            Self::Group(matcher) => matcher.fits(query.group.unwrap_or(GLOBAL_GROUP)),
            Self::Default => query.default,
            of_binary => of_binary.holds_of_binary(query.binary).unwrap_or(false),
        }
    }

    /// Returns whether all tests of a binary have the property (`true`) or none (`false`); `None` if it depends on
    /// the test.
    pub(super) fn holds_of_binary(&self, binary: &TestBinary) -> Option<bool> {
        let any_fits = |matcher: &Matcher, related: &BTreeSet<String>| {
            matcher.fits(&binary.package) || related.iter().any(|name| matcher.fits(name))
        };
        Some(match self {
            Self::All => true,
            Self::None => false,
            Self::Test(_) | Self::Group(_) | Self::Default => return None,
            Self::Package(matcher) => matcher.fits(&binary.package),
            Self::Deps(matcher) => any_fits(matcher, &binary.related.dependents),
            Self::Rdeps(matcher) => any_fits(matcher, &binary.related.dependencies),
            Self::Binary(matcher) => matcher.fits(&binary.name),
            Self::BinaryId(matcher) => matcher.fits(&binary.id),
            Self::Kind(matcher) => matcher.fits(binary.kind.as_str()),
            Self::Platform(platform) => *platform == binary.kind.platform(),
        })
    }

    /// Returns the kind of thing that the predicate names, if nothing of the project matches the name.
    pub(super) fn names_nothing(&self, known: &Known) -> Option<&'static str> {
        let (matcher, names, what) = match self {
            Self::Package(matcher) | Self::Deps(matcher) | Self::Rdeps(matcher) => {
                (matcher, &known.packages, "package")
            }
            Self::Binary(matcher) => (matcher, &known.binaries, "test binary"),
            Self::BinaryId(matcher) => (matcher, &known.binary_ids, "binary id"),
            Self::Group(matcher) if matcher.fits(GLOBAL_GROUP) => return None,
            Self::Group(matcher) => (matcher, &known.groups, "test group"),
            Self::Kind(matcher) => {
                let is_one = BinaryKind::ALL.iter().any(|kind| matcher.fits(kind.as_str()));
                return (!is_one).then_some(KIND);
            }
            Self::All | Self::None | Self::Default | Self::Test(_) | Self::Platform(_) => {
                return None;
            }
        };
        (!names.iter().any(|name| matcher.fits(name))).then_some(what)
    }
}
