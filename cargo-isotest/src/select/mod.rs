//! Selection of tests by name, by expression and by `#[ignore]`.

pub(crate) mod filterset;

mod error;

pub(crate) use error::SelectionError;

use crate::cli::RunIgnored;
use crate::testcase::TestCase;
use filterset::{Filterset, TestQuery};

/// Selection criteria.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Filters, one of which must match if there are any.
    pub(crate) filters: Vec<String>,
    /// Filters, none of which may match.
    pub(crate) skips: Vec<String>,
    /// Expressions, one of which must be true if there are any.
    pub(crate) filtersets: Vec<Filterset>,
    /// Whether filters and skips match whole names rather than parts of names.
    pub(crate) exact: bool,
    /// Selection of ignored tests.
    pub(crate) ignored: RunIgnored,
}

/// Selected tests, in the order of the listing, and counts of the rest.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// Selected tests.
    pub(crate) tests: Vec<TestCase>,
    /// Number of tests excluded by name, or as not ignored with `--run-ignored only`.
    pub(crate) filtered: usize,
    /// Number of tests excluded as ignored, whose names match.
    pub(crate) ignored: usize,
}

enum Choice {
    Taken,
    Filtered,
    Ignored,
}

impl Selection {
    /// Returns whether the standard test harness understands all criteria.
    pub(crate) const fn is_of_harness(&self) -> bool {
        self.filtersets.is_empty()
    }

    /// Splits tests into selected, filtered out and ignored.
    pub(crate) fn choose(&self, tests: impl IntoIterator<Item = TestCase>) -> Selected {
        let mut selected = Selected::default();
        for test in tests {
            match self.choice(&test) {
                Choice::Taken => selected.tests.push(test),
                Choice::Filtered => selected.filtered += 1,
                Choice::Ignored => selected.ignored += 1,
            }
        }
        selected
    }

    fn choice(&self, test: &TestCase) -> Choice {
        let wanted = self.filters.is_empty() || self.any_fits(&self.filters, &test.name);
        if !wanted || self.any_fits(&self.skips, &test.name) {
            return Choice::Filtered;
        }
        let query = TestQuery::from(test);
        if !self.filtersets.is_empty() && !self.filtersets.iter().any(|filterset| filterset.matches(&query)) {
            return Choice::Filtered;
        }
        match (self.ignored, test.ignored) {
            (RunIgnored::All, _) | (RunIgnored::Default, false) | (RunIgnored::Only, true) => Choice::Taken,
            (RunIgnored::Default, true) => Choice::Ignored,
            (RunIgnored::Only, false) => Choice::Filtered,
        }
    }

    fn any_fits(&self, filters: &[String], name: &str) -> bool {
        filters.iter().any(|filter| if self.exact { name == filter } else { name.contains(filter.as_str()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testcase::TestBinary;
    use std::sync::Arc;

    fn check(selection: &Selection, expected: &[&str], filtered: usize, ignored: usize) {
        let binary = Arc::new(TestBinary::default());
        let listed = [("m::b", false), ("m::a", false), ("m::ab", true), ("n", true)];
        let tests =
            listed.map(|(name, ignored)| TestCase { ignored, ..TestCase::named(&binary, name.as_ref()) });
        let selected = selection.choose(tests);
        let names: Vec<_> = selected.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!((names.as_slice(), selected.filtered, selected.ignored), (expected, filtered, ignored));
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.into()).collect()
    }

    #[test]
    fn without_wishes_all_but_ignored_tests_are_taken_in_their_order() {
        check(&Selection::default(), &["m::b", "m::a"], 0, 2);
    }

    #[test]
    fn any_filter_may_fit_a_part_of_the_name() {
        check(&Selection { filters: words(&["a", "n"]), ..Selection::default() }, &["m::a"], 1, 2);
    }

    #[test]
    fn a_skip_wins_over_a_filter() {
        let selection = Selection { filters: words(&["m::"]), skips: words(&["b"]), ..Selection::default() };
        check(&selection, &["m::a"], 3, 0);
    }

    #[test]
    fn a_filter_and_one_of_the_expressions_must_be_true() {
        let filtersets = ["test(=m::a)", "test(n)"].map(|text| Filterset::parse(text).unwrap()).to_vec();
        check(&Selection { filtersets: filtersets.clone(), ..Selection::default() }, &["m::a"], 2, 1);
        check(&Selection { filtersets, filters: words(&["b", "n"]), ..Selection::default() }, &[], 3, 1);
    }

    #[test]
    fn exact_filters_and_skips_are_whole_names() {
        let selection =
            Selection { filters: words(&["m::a", "m::b", "m"]), exact: true, ..Selection::default() };
        check(&selection, &["m::b", "m::a"], 2, 0);
        let selection = Selection { skips: words(&["m::a", "m"]), exact: true, ..Selection::default() };
        check(&selection, &["m::b"], 1, 2);
    }

    #[test]
    fn ignored_tests_are_taken_when_asked_for() {
        check(&Selection { ignored: RunIgnored::Only, ..Selection::default() }, &["m::ab", "n"], 2, 0);
        check(
            &Selection { ignored: RunIgnored::All, ..Selection::default() },
            &["m::b", "m::a", "m::ab", "n"],
            0,
            0,
        );
    }
}
