//! Filtersets: expressions over tests, with the grammar and the meaning that cargo-nextest gives them; pure.
//!
//! ```text
//! layers
//! 3 grammar
//! 2 expression
//! 1 matching error
//! ```

mod error;
mod expression;
mod grammar;
mod matching;

pub(crate) use error::FiltersetError;
pub(crate) use expression::{Known, TestQuery};

use crate::testcase::TestBinary;
use error::Problem;
use expression::{Expression, Leaf, Predicate};
use std::fmt;

/// Expression that selects tests, with its text.
#[derive(Debug, Clone)]
pub(crate) struct Filterset {
    text: String,
    expression: Expression,
}

impl PartialEq for Filterset {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Filterset {}

impl fmt::Display for Filterset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Filterset {
    /// Parses an expression.
    ///
    /// # Errors
    /// The first problem of the text.
    pub(crate) fn parse(text: &str) -> Result<Self, FiltersetError> {
        Ok(Self { expression: grammar::parse(text)?, text: text.to_owned() })
    }

    /// Returns the filterset, unless it contains `group()`.
    ///
    /// # Errors
    /// When the filterset contains `group()`, since it decides itself which group a test is in.
    pub(crate) fn without_groups(self) -> Result<Self, FiltersetError> {
        self.without(|predicate| matches!(predicate, Predicate::Group(_)), Problem::Group)
    }

    /// Returns the filterset, unless it contains `group()` or `default()`.
    ///
    /// # Errors
    /// When the filterset contains one of them.
    pub(crate) fn for_default(self) -> Result<Self, FiltersetError> {
        let own = self.without_groups()?;
        own.without(|predicate| matches!(predicate, Predicate::Default), Problem::Itself)
    }

    fn without(self, is_it: impl Fn(&Predicate) -> bool, problem: Problem) -> Result<Self, FiltersetError> {
        let found = self.expression.leaves().into_iter().find(|leaf| is_it(&leaf.predicate));
        let Some(at) = found.map(|leaf| leaf.at.clone()) else { return Ok(self) };
        Err(FiltersetError::new(&self.text, at, problem))
    }

    /// Returns whether the expression is true of a test.
    pub(crate) fn matches(&self, query: &TestQuery<'_>) -> bool {
        let decide = |predicate: &Predicate| Some(predicate.holds(query));
        self.expression.decide(&decide) == Some(true)
    }

    /// Returns whether the expression is true of all tests of a binary, or of none; `None` if it depends on the test.
    pub(crate) fn of_binary(&self, binary: &TestBinary) -> Option<bool> {
        self.expression.decide(&|predicate: &Predicate| predicate.holds_of_binary(binary))
    }

    /// Returns whether the expression contains a predicate about dependencies between packages.
    pub(crate) fn needs_dependencies(&self) -> bool {
        self.expression
            .leaves()
            .iter()
            .any(|leaf| matches!(leaf.predicate, Predicate::Deps(_) | Predicate::Rdeps(_)))
    }

    /// Checks that each name in the expression matches something in the project.
    ///
    /// # Errors
    /// When a name matches nothing.
    pub(crate) fn check(&self, known: &Known) -> Result<(), FiltersetError> {
        let unknown = |leaf: &&&Leaf| leaf.predicate.names_nothing(known).is_some();
        let Some(leaf) = self.expression.leaves().iter().find(unknown).copied() else { return Ok(()) };
        let what = leaf.predicate.names_nothing(known).unwrap_or_default();
        Err(FiltersetError::new(&self.text, leaf.at.clone(), Problem::NamesNothing(what)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::testcase::{BinaryKind, Related, TestBinary};
    use std::sync::Arc;

    fn binary(package: &str, kind: BinaryKind, name: &str) -> TestBinary {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let related = Related { dependencies: set(&["base"]), dependents: set(&["app"]) };
        TestBinary {
            id: kind.id(package, name),
            package: package.to_owned(),
            name: name.to_owned(),
            kind,
            related: Arc::new(related),
            ..TestBinary::default()
        }
    }

    fn is_true(text: &str, binary: &TestBinary, name: &str) -> bool {
        let filterset = Filterset::parse(text).unwrap_or_else(|error| panic!("{error}"));
        filterset.matches(&TestQuery { binary, name, group: Some("slow"), default: true })
    }

    #[track_caller]
    fn holds(text: &str) {
        assert!(is_true(text, &binary("core-x", BinaryKind::Test, "parser"), "read::rejects_nul"), "{text}");
    }

    #[track_caller]
    fn fails(text: &str) {
        assert!(!is_true(text, &binary("core-x", BinaryKind::Test, "parser"), "read::rejects_nul"), "{text}");
    }

    #[test]
    fn each_predicate_looks_at_its_property_with_its_usual_matcher() {
        for text in [
            "all()",
            "default( )",
            "test(nul)",
            "package(core-*)",
            "deps(app)",
            "deps(core-x)",
            "rdeps(base)",
            "rdeps(core-x)",
            "binary(pars?r)",
            "binary_id(core-x::*)",
            "kind(test)",
            "group(sl*)",
            "platform(target)",
            "platform( target )",
        ] {
            holds(text);
        }
        for text in [
            "none()",
            "test(*nul)",
            "package(core)",
            "deps(base)",
            "rdeps(app)",
            "binary(pars)",
            "binary_id(core-x)",
            "kind(tes)",
            "kind(t*)",
            "group(@global)",
            "platform(host)",
        ] {
            fails(text);
        }
        assert!(is_true("platform(host)", &binary("m", BinaryKind::ProcMacro, "m"), "a"));
    }

    #[test]
    fn a_sign_chooses_the_matcher() {
        for text in [
            "test(=read::rejects_nul)",
            "test(~jects)",
            "test(#read::*)",
            r"test(#{read\,write}::*)",
            "test(/^read::.*nul$/)",
            "test(//)",
            "package(~ore)",
            "kind(/^t/)",
            "binary(=parser)",
        ] {
            holds(text);
        }
        for text in
            ["test(=rejects_nul)", "test(~ jects)", "test(#rejects*)", "test(/^rejects/)", "test(nul )"]
        {
            fails(text);
        }
    }

    #[test]
    fn escapes_stand_for_signs_of_the_grammar() {
        let parser = binary("p", BinaryKind::Lib, "p");
        for (text, name) in [
            (r"test(=f(a\, b\))", "f(a, b)"),
            (r"test(=a\nb\tc\\d\/\u{e9})", "a\nb\tc\\d/é"),
            (r"test(#a[*]b)", "a*b"),
            (r"test(/a\/b\)\d/)", "a/b)7"),
            (r"test(/(a),b/)", "a,b"),
        ] {
            assert!(is_true(text, &parser, name), "{text}");
        }
    }

    #[test]
    fn not_binds_tighter_than_and_and_that_tighter_than_or() {
        for text in [
            "all() | all() & none()",
            "not none() or none()",
            "!none()&all()",
            "all() - none() - none()",
            "not (all() and none())",
            "none() + test(nul)",
            "all()and(all())",
            "not not all()",
            "(all())",
            " all()\n  and\r\n  not none() ",
        ] {
            holds(text);
        }
        for text in
            ["not all() or none()", "all() - all() | none()", "all() - (all() - none())", "! ! none()"]
        {
            fails(text);
        }
    }

    /// Checks that each error marks its place.
    #[test]
    fn a_wrong_expression_is_shown_with_its_place() {
        let deep = "(".repeat(200);
        for (text, place, says) in [
            ("", "^", "predicate is missing"),
            ("tst(a)", "^^^", "unknown predicate `tst`"),
            ("all() tset(a)", "      ^^^^^^^", "operator or the end"),
            ("all() and", "         ^", "predicate is missing"),
            ("all() && none()", "      ^^", "`&&` is not an operator"),
            ("all() OR none()", "      ^^", "`OR` is not an operator"),
            ("NOT all()", "^^^", "`NOT` is not an operator"),
            ("and(all(), none())", "^^^", "predicate is missing"),
            ("notall()", "^^^^^^", "unknown predicate `notall`"),
            ("all", "   ^", "`(` is missing"),
            ("test(a", "      ^", "`)` is missing"),
            ("(all()", "      ^", "`)` is missing"),
            ("test()", "     ^", "parentheses are empty"),
            ("all(a)", "    ^", "takes no argument"),
            ("test(a, b)", "      ^", "takes one argument"),
            (r"test(a\$b)", "      ^^", "unknown escape sequence"),
            ("test(/ab)", "         ^", "has no end"),
            ("test(/é(b/)", "       ^", "unclosed group"),
            ("test(#{a,b})", "        ^", "takes one argument"),
            ("test(#a[)", "      ^^", "invalid glob"),
            ("platform(windows)", "         ^^^^^^^", "unknown platform"),
            ("all()\n or tst(a)", "    ^^^", "unknown predicate"),
            ("\tall()", "^", "predicate is missing"),
            (&deep, "", "too many levels"),
        ] {
            let said = Filterset::parse(text).unwrap_err().to_string();
            let lines: Vec<_> = said.lines().collect();
            assert_eq!(lines.len(), 3, "{said}");
            assert!(lines[0].starts_with("invalid filterset: ") && lines[0].contains(says), "{said}");
            let marks = lines[2].strip_prefix("    ").unwrap();
            assert!(place.is_empty() || marks == place, "{said}");
        }
    }

    #[test]
    fn what_is_meant_is_told() {
        let hint = |text: &str| Filterset::parse(text).unwrap_err().hint().unwrap();
        assert_eq!(hint("tests(a)"), "did you mean `test(..)`?");
        assert_eq!(hint("pkg(a)"), format!("the predicates are {}", error::predicates()));
        assert_eq!(hint("all() || all()"), "type `|`");
    }

    #[test]
    fn names_of_nothing_in_the_project_are_refused() {
        let set = |name: &str| [name.to_owned()].into();
        let known = Known {
            packages: set("tour"),
            binary_ids: set("tour::it"),
            binaries: set("it"),
            groups: set("db"),
        };
        let check = |text: &str| Filterset::parse(text).unwrap().check(&known);
        for text in
            ["package(t*) and binary(it)", "binary_id(tour::*)", "group(db)", "group(@global)", "test(zzz)"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for (text, what) in [
            ("all() - package(tuor)", "package"),
            ("deps(x)", "package"),
            ("binary(tour)", "test binary"),
            ("binary_id(tour)", "binary id"),
            ("group(dd)", "test group"),
        ] {
            let said = check(text).unwrap_err().to_string();
            assert!(said.contains(&format!("no {what} of the project matches")), "{said}");
        }
    }

    #[test]
    fn dependencies_are_asked_for_only_where_they_matter() {
        assert!(Filterset::parse("all() - (none() | rdeps(a))").unwrap().needs_dependencies());
        assert!(!Filterset::parse("test(deps)").unwrap().needs_dependencies());
    }

    #[test]
    fn mutated_filtersets_are_read_or_refused() {
        let seeds = [
            "test(=a::b) and not (package(app) or deps(base)) & kind(lib)",
            "binary_id(/x::.*y/) | rdeps(#a*) - test(~c) and default() or all()",
            "group(slow) + platform(host), none()",
        ];
        let binary = binary("app", BinaryKind::Test, "it");
        mutations::try_all("filterset", &seeds, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            match Filterset::parse(&text) {
                Ok(set) => {
                    let query = TestQuery { binary: &binary, name: "a::b", group: None, default: true };
                    let _ = (set.matches(&query), set.of_binary(&binary), set.needs_dependencies());
                }
                Err(error) => drop(error.to_string()),
            }
        });
    }
}
