//! Selects tests by name, by expression, by `#[ignore]`, and by partition.

pub(crate) mod filterset;

mod error;
mod shard;

pub(crate) use error::SelectionError;
pub(crate) use shard::Shard;

use crate::cli::RunIgnored;
use crate::history::Past;
use crate::testcase::TestCase;
use crate::values::Partition;
use filterset::{Filterset, TestQuery};
use std::collections::BTreeMap;

/// Selection criteria.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Filters, one of which must match if there are any.
    pub(crate) filters: Vec<String>,
    /// Filters, none of which may match.
    pub(crate) skips: Vec<String>,
    /// Expressions, one of which must be true if there are any.
    pub(crate) filtersets: Vec<Filterset>,
    /// Whether tests that do not run by default are taken, too.
    pub(crate) ignores_default: bool,
    /// Whether filters and skips match whole names rather than parts of names.
    pub(crate) exact: bool,
    /// Selection of ignored tests.
    pub(crate) ignored: RunIgnored,
    /// Part of the tests selected by all other criteria, to which they are [cut](Selected::cut) later; `None` for all
    /// tests.
    pub(crate) partition: Option<Partition>,
}

/// Selected tests, in the order of the listing, and counts of the rest.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// Selected tests.
    pub(crate) tests: Vec<TestCase>,
    /// Number of tests excluded by name, expression or partition, or as not ignored with `--run-ignored only`.
    pub(crate) filtered: usize,
    /// Number of the excluded tests of each binary that has some, by its id.
    pub(crate) filtered_of: BTreeMap<String, usize>,
    /// Number of the excluded tests that do not run by default.
    pub(crate) not_default: usize,
    /// Tests whose names match, but that are excluded as ignored.
    pub(crate) ignored: Vec<TestCase>,
    /// Filters that match no test.
    pub(crate) unmatched: Vec<String>,
    /// Whether the standard test harness would select the same tests by the same criteria.
    pub(crate) is_of_harness: bool,
}

enum Choice {
    Taken,
    Filtered,
    NotDefault,
    Ignored,
}

/// Filter or skip, with the name that it is compared with: a text that is part of no test name may be the id of a
/// binary, or the title of one test, as reports print them.
#[derive(Debug, Clone, Copy)]
enum Word<'a> {
    Name(&'a str),
    BinaryId(&'a str),
    Title(&'a str),
}

impl Selected {
    /// Keeps only tests for which a function returns `true`.
    fn retain(&mut self, mut is_kept: impl FnMut(&TestCase) -> bool) {
        for test in std::mem::take(&mut self.tests) {
            if is_kept(&test) {
                self.tests.push(test);
            } else {
                self.filter_out(&test);
            }
        }
    }

    /// Counts a test that is excluded.
    fn filter_out(&mut self, test: &TestCase) {
        self.filtered += 1;
        *self.filtered_of.entry(test.binary.id.clone()).or_default() += 1;
    }

    /// Keeps only tests that failed when they last ran. Returns the number of tests that passed, and the number of
    /// tests that have not run.
    pub(crate) fn keep_failed(&mut self, past: &Past) -> (usize, usize) {
        let (mut passed, mut unknown) = (0, 0);
        self.retain(|test| match past.last(&test.binary.id, &test.name) {
            Some(last) if !last.passes => true,
            Some(_) => {
                passed += 1;
                false
            }
            None => {
                unknown += 1;
                false
            }
        });
        self.is_of_harness = false;
        (passed, unknown)
    }
}

impl Selection {
    /// Splits tests into selected, filtered out and ignored ones. The result is not yet cut to a partition.
    pub(crate) fn choose(&self, tests: impl IntoIterator<Item = TestCase>) -> Selected {
        let tests: Vec<_> = tests.into_iter().collect();
        let (filters, skips) = (self.meant(&self.filters, &tests), self.meant(&self.skips, &tests));
        let is_name = |word: &Word<'_>| matches!(word, Word::Name(_));
        let is_of_harness = self.filtersets.is_empty()
            && self.partition.is_none()
            && tests.iter().all(|test| test.is_default)
            && filters.iter().chain(&skips).all(is_name);
        let choices: Vec<_> = tests.iter().map(|test| self.choice(test, &filters, &skips)).collect();
        let is_unmatched = |word: &Word<'_>| !tests.iter().any(|test| self.fits(*word, test));
        let unmatched = self.filters.iter().zip(&filters).filter(|(_, word)| is_unmatched(word));
        let unmatched = unmatched.map(|(filter, _)| filter.clone()).collect();
        let mut selected = Selected { unmatched, is_of_harness, ..Selected::default() };
        for (test, choice) in tests.into_iter().zip(choices) {
            match choice {
                Choice::Taken => selected.tests.push(test),
                Choice::Filtered => selected.filter_out(&test),
                Choice::NotDefault => {
                    selected.filter_out(&test);
                    selected.not_default += 1;
                }
                Choice::Ignored => selected.ignored.push(test),
            }
        }
        selected
    }

    fn meant<'a>(&self, words: &'a [String], tests: &[TestCase]) -> Vec<Word<'a>> {
        let meant = |word: &'a String| {
            let mut readings = [Word::Name(word), Word::BinaryId(word), Word::Title(word)].into_iter();
            let found = readings.find(|word| tests.iter().any(|test| self.fits(*word, test)));
            found.unwrap_or(Word::Name(word))
        };
        words.iter().map(meant).collect()
    }

    fn fits(&self, word: Word<'_>, test: &TestCase) -> bool {
        match word {
            Word::Name(name) if self.exact => test.name == name,
            Word::Name(part) => test.name.contains(part),
            Word::BinaryId(id) => test.binary.id == id,
            Word::Title(title) => {
                let listed =
                    if test.ignored { title.strip_suffix(" (ignored)").unwrap_or(title) } else { title };
                // A line of the report has several blanks between its columns.
                test.title().split_whitespace().eq(listed.split_whitespace())
            }
        }
    }

    fn choice(&self, test: &TestCase, filters: &[Word<'_>], skips: &[Word<'_>]) -> Choice {
        let any_fits = |words: &[Word<'_>]| words.iter().any(|word| self.fits(*word, test));
        if !(filters.is_empty() || any_fits(filters)) || any_fits(skips) {
            return Choice::Filtered;
        }
        let query = TestQuery::from(test);
        if !self.filtersets.is_empty() && !self.filtersets.iter().any(|filterset| filterset.matches(&query)) {
            return Choice::Filtered;
        }
        match (self.ignored, test.ignored) {
            (RunIgnored::Only, false) => Choice::Filtered,
            _ if !(test.is_default || self.ignores_default) => Choice::NotDefault,
            (RunIgnored::All, _) | (RunIgnored::Default, false) | (RunIgnored::Only, true) => Choice::Taken,
            (RunIgnored::Default, true) => Choice::Ignored,
        }
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
        let mut selected = selection.choose(tests);
        let _ = selection.partition.map(|partition| selected.cut(partition, &Past::default()));
        let names: Vec<_> = selected.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(
            (names.as_slice(), selected.filtered, selected.ignored.len()),
            (expected, filtered, ignored)
        );
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

    fn of_two_binaries() -> Vec<TestCase> {
        let named = |id: &str, names: &[&str]| {
            let binary = Arc::new(TestBinary { id: id.to_owned(), ..TestBinary::default() });
            names.iter().map(|name| TestCase::named(&binary, name.as_ref())).collect::<Vec<_>>()
        };
        [named("tour", &["a", "b", "parser::c"]), named("tour::parser", &["a", "d"])].concat()
    }

    fn titles(selection: &Selection) -> Vec<String> {
        let mut selected = selection.choose(of_two_binaries());
        let _ = selection.partition.map(|partition| selected.cut(partition, &Past::default()));
        selected.tests.iter().map(TestCase::title).collect()
    }

    fn by_words(filters: &[&str], skips: &[&str]) -> Vec<String> {
        titles(&Selection { filters: words(filters), skips: words(skips), ..Selection::default() })
    }

    #[test]
    fn what_is_in_no_name_may_be_a_binary_or_a_title() {
        assert_eq!(by_words(&["tour::parser"], &[]), ["tour::parser a", "tour::parser d"]);
        assert_eq!(by_words(&["tour::parser a"], &[]), ["tour::parser a"]);
        assert_eq!(by_words(&["tour::parser   a "], &[]), ["tour::parser a"]);
        assert_eq!(by_words(&["tour a", "d"], &[]), ["tour a", "tour::parser d"]);
        assert_eq!(by_words(&["tour"], &["tour b"]), ["tour a", "tour parser::c"]);
        assert_eq!(by_words(&[], &["tour::parser"]), ["tour a", "tour b", "tour parser::c"]);
        // A filter that is part of a test name matches by name, as with any other test runner.
        assert_eq!(by_words(&["parser"], &[]), ["tour parser::c"]);
        assert!(by_words(&["tour::pars"], &[]).is_empty());
        let exact = Selection { filters: words(&["tour::parser a"]), exact: true, ..Selection::default() };
        assert_eq!(titles(&exact), ["tour::parser a"]);
        let is_of_harness = |filter: &str| {
            let selection = Selection { filters: words(&[filter]), ..Selection::default() };
            selection.choose(of_two_binaries()).is_of_harness
        };
        assert!(is_of_harness("a") && is_of_harness("zzz") && !is_of_harness("tour::parser"));
    }

    #[test]
    fn a_filter_that_no_test_fits_is_named() {
        let unmatched = |filters: &[&str]| {
            let selection = Selection { filters: words(filters), ..Selection::default() };
            selection.choose(of_two_binaries()).unmatched
        };
        assert_eq!(unmatched(&["shel", "tour::parser", "a", "tour b", "zzz"]), ["shel", "zzz"]);
        assert!(unmatched(&[]).is_empty());
    }

    #[test]
    fn each_test_is_in_one_part_of_all() {
        let part = |text: &str| {
            titles(&Selection { partition: Some(text.parse().unwrap()), ..Selection::default() })
        };
        assert_eq!(part("slice:1/2"), ["tour a", "tour parser::c", "tour::parser d"]);
        assert_eq!(part("slice:2/2"), ["tour b", "tour::parser a"]);
        assert_eq!(part("count:1/2"), ["tour a", "tour parser::c", "tour::parser a"]);
        let [first, second] = ["hash:1/2", "hash:2/2"].map(part);
        assert_eq!(first.len() + second.len(), 5);
        assert_eq!(first.contains(&"tour a".to_owned()), first.contains(&"tour::parser a".to_owned()));
        let selection = Selection {
            partition: "slice:1/2".parse().ok(),
            ignored: RunIgnored::All,
            ..Selection::default()
        };
        check(&selection, &["m::b", "m::ab"], 2, 0);
    }
}
