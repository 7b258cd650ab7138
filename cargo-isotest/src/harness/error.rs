//! Error of a test harness: a binary could not be asked for its tests.

use crate::error::Failure;
use crate::exit::{End, Exit};

/// Error of listing the tests of a binary.
#[derive(Debug, thiserror::Error)]
#[error("cannot list the tests of `{binary_id}`: {why}")]
pub(crate) struct ListingError {
    /// Id of the binary.
    pub(crate) binary_id: String,
    /// Reason why the tests cannot be listed, such as an exceeded time limit.
    pub(crate) why: String,
    /// Hint that fits the reason, if there is one.
    pub(crate) hint: Option<&'static str>,
}

impl Failure for ListingError {
    fn end(&self) -> End {
        Exit::Listing.into()
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.map_or_else(
            || format!("run `cargo test -- --list --format terse`, and see what `{}` prints", self.binary_id),
            Into::into,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{is_as_kept, told};

    #[test]
    fn a_binary_that_could_not_be_executed_comes_with_what_helps() {
        let hint = |hint| ListingError { binary_id: "tour".into(), why: String::new(), hint }.hint();
        assert_eq!(hint(Some("chmod")).as_deref(), Some("chmod"));
        assert!(hint(None).unwrap().contains("cargo test"));
    }

    #[test]
    fn it_says_what_is_wrong_and_what_to_do() {
        let why = "it was killed after 1m".to_owned();
        let told = [None, Some("raise `--list-timeout`")]
            .map(|hint| told(ListingError { binary_id: "tour".to_owned(), why: why.clone(), hint }));
        is_as_kept("listing", told.concat());
    }
}
