//! Errors of a selection: no test is selected, or several are where one test is asked for.

use crate::error::Failure;
use crate::exit::{End, Exit};
use isotest_core::join_list::and_more;

/// Error of a selection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectionError {
    /// No test is selected.
    #[error("no tests to run: {}", left_out(*.filtered, *.ignored, .doctests))]
    NoTests {
        /// Number of tests excluded by name, expression or partition.
        filtered: usize,
        /// Number of the excluded tests that do not run by default.
        not_default: usize,
        /// Number of tests excluded as ignored.
        ignored: usize,
        /// Names of packages whose doctests are not run.
        doctests: Vec<String>,
        /// Subcommand that may have been meant by the first filter.
        meant: Option<String>,
    },
    /// No selected test failed when it last ran.
    #[error("no tests to run: {}", none_failed(*.passed, *.unknown))]
    NoneFailed {
        /// Number of selected tests that passed.
        passed: usize,
        /// Number of selected tests that have not run.
        unknown: usize,
    },
    /// Several tests match the name of the one test.
    #[error("{} matches {} tests: {}", asked(.filter), .names.len(), some(.names))]
    SeveralTests {
        /// Name that was asked for; empty if the tests were selected in another way.
        filter: String,
        /// Names of the tests.
        names: Vec<String>,
    },
}

impl Failure for SelectionError {
    fn end(&self) -> End {
        match self {
            Self::NoTests { .. } | Self::NoneFailed { .. } => Exit::NoTests.into(),
            Self::SeveralTests { .. } => Exit::Usage.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoTests { meant: Some(subcommand), .. } => {
                return Some(format!("did you mean `cargo isotest {subcommand}`?"));
            }
            Self::NoTests { not_default: 1.., .. } => {
                "`--ignore-default-filter` runs tests, too, that `default-filter` of the configuration leaves out"
            }
            Self::NoTests { ignored: 1.., .. } => "`--run-ignored all` runs ignored tests too",
            Self::NoTests { filtered: 1.., .. } => {
                "`cargo isotest list` names the tests; a filter is a part of a test's name, the id of a binary, or a whole line \
                 of that list"
            }
            Self::NoTests { doctests, .. } if !doctests.is_empty() => "`cargo isotest --doc` runs doctests",
            Self::NoneFailed { passed: 0, .. } => {
                "`--rerun-failed` goes by the history of tests, which runs keep unless told `--no-history` or `history = false`"
            }
            Self::NoTests { .. } | Self::NoneFailed { .. } => return None,
            Self::SeveralTests { .. } => {
                "give a whole name; `-p`, `--lib` and `--test` choose among test binaries"
            }
        };
        Some(hint.into())
    }
}

fn asked(filter: &str) -> String {
    if filter.is_empty() { "the selection".to_owned() } else { format!("`{filter}`") }
}

fn left_out(filtered: usize, ignored: usize, doctests: &[String]) -> String {
    match (filtered, ignored) {
        (0, 0) if doctests.is_empty() => "the selected targets have none".into(),
        (0, 0) => {
            format!(
                "the selected targets have none; doctests are run by `--doc`, not here: {}",
                doctests.join(", ")
            )
        }
        (filtered, 0) => format!("{filtered} filtered out"),
        (0, ignored) => format!("{ignored} ignored"),
        (filtered, ignored) => format!("{filtered} filtered out, {ignored} ignored"),
    }
}

fn none_failed(passed: usize, unknown: usize) -> String {
    match (passed, unknown) {
        (0, _) => "nothing is known of earlier runs of the selected tests".to_owned(),
        (_, 0) => "no selected test failed when it last ran".to_owned(),
        _ => format!("no selected test failed when it last ran; {unknown} never ran before"),
    }
}

fn some(names: &[String]) -> String {
    let shown = &names[..names.len().min(5)];
    shown.join(", ") + &and_more(names.len() - shown.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{each_variant, is_as_kept};

    #[test]
    fn an_empty_run_says_where_the_tests_went() {
        let error = |filtered, ignored, doctests: &[&str]| {
            let doctests = doctests.iter().map(|&name| name.to_owned()).collect();
            SelectionError::NoTests { filtered, not_default: 0, ignored, doctests, meant: None }
        };
        let text = |filtered, ignored| error(filtered, ignored, &[]).to_string();
        assert_eq!(text(0, 0), "no tests to run: the selected targets have none");
        assert_eq!(text(2, 1), "no tests to run: 2 filtered out, 1 ignored");
        let documented = error(0, 0, &["tour", "tour-macros"]);
        let expected = "no tests to run: the selected targets have none; doctests are run by `--doc`, not here: tour, tour-macros";
        assert_eq!(documented.to_string(), expected);
        assert!(documented.hint().unwrap().contains("cargo isotest --doc"));
    }

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let none = |filtered, ignored, doctests: &[&str], meant: Option<&str>| SelectionError::NoTests {
            filtered,
            not_default: 0,
            ignored,
            doctests: doctests.iter().map(|&name| name.to_owned()).collect(),
            meant: meant.map(str::to_owned),
        };
        let text = each_variant!(SelectionError {
            SelectionError::NoTests { .. } => [
                none(0, 0, &[], None),
                none(3, 0, &[], None),
                none(0, 2, &[], None),
                none(3, 2, &[], None),
                none(0, 0, &["tour"], None),
                none(3, 0, &[], Some("shell")),
                SelectionError::NoTests {
                    filtered: 3,
                    not_default: 2,
                    ignored: 0,
                    doctests: Vec::new(),
                    meant: None,
                },
            ],
            SelectionError::NoneFailed { .. } => [
                SelectionError::NoneFailed { passed: 0, unknown: 3 },
                SelectionError::NoneFailed { passed: 3, unknown: 0 },
                SelectionError::NoneFailed { passed: 3, unknown: 1 },
            ],
            SelectionError::SeveralTests { .. } => [SelectionError::SeveralTests {
                filter: "read".to_owned(),
                names: ["a", "b", "c", "d", "e", "f"].map(|name| format!("tour reads_{name}")).to_vec(),
            }],
        });
        is_as_kept("selection", text);
    }
}
