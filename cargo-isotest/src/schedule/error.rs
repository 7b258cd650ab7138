//! Error of a run that a signal ended before its first test.

use crate::error::Failure;
use crate::exit::End;
use crate::text::units;

/// Signal that came before the first test.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by {}", units::signal(*.0))]
pub(crate) struct Interrupted(pub(crate) i32);

impl Failure for Interrupted {
    fn end(&self) -> End {
        End::Interrupted(self.0)
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{is_as_kept, told};

    #[test]
    fn it_names_the_signal() {
        is_as_kept("interrupted", told(Interrupted(2)));
    }
}
