//! Errors that stop a run, in the user's terms. A failed test is not among them: it is an outcome.
//!
//! Each area has its own error type, in its own module, with message, end of the process and hint beside each other. Here
//! is what these types have in common, and the errors of the host, which every area meets.

mod host;

pub(crate) use host::HostError;

use crate::exit::End;
use crate::remedy::Remedy;
use std::fmt;

/// Error type of an area.
pub(crate) trait Failure: std::error::Error + Send + Sync + 'static {
    /// Returns how the process ends because of the error.
    fn end(&self) -> End;

    /// Returns the hint about the error: what to do, if the message does not say it.
    fn hint(&self) -> Option<String>;

    /// Returns the remedies for a host that lacks something.
    fn remedies(&self) -> &[Remedy] {
        &[]
    }
}

/// Error of any area.
pub(crate) struct Error(Box<dyn Failure>);

impl Error {
    /// Returns the error and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        chain(&*self.0)
    }

    /// Returns how the process ends because of the error.
    pub(crate) fn end(&self) -> End {
        self.0.end()
    }

    /// Returns the hint about the error: what to do, if the message does not say it.
    pub(crate) fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    /// Returns the remedies for a host that lacks something.
    pub(crate) fn remedies(&self) -> &[Remedy] {
        self.0.remedies()
    }

    /// Returns the error as one of the area `F`, if it is of that area.
    pub(crate) fn of_area<F: Failure>(&self) -> Option<&F> {
        let error: &(dyn std::error::Error + 'static) = &*self.0;
        error.downcast_ref()
    }
}

impl<F: Failure> From<F> for Error {
    fn from(failure: F) -> Self {
        Self(Box::new(failure))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Formats an error and its causes in one line. No message contains that of its cause.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use std::io;

    #[test]
    fn causes_follow_in_one_line() {
        let source = io::Error::from_raw_os_error(2);
        let error = Error::from(HostError::Thread { task: "for a job slot", source });
        assert_eq!(
            error.chain(),
            "this host cannot isolate tests: cannot start a thread for a job slot: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn an_error_is_known_to_be_of_its_area() {
        #[derive(Debug, thiserror::Error)]
        #[error("another area")]
        struct Another;

        impl Failure for Another {
            fn end(&self) -> End {
                Exit::Bug.into()
            }

            fn hint(&self) -> Option<String> {
                None
            }
        }

        let error = Error::from(HostError::System(io::ErrorKind::Other.into()));
        assert!(error.of_area::<HostError>().is_some() && error.of_area::<Another>().is_none());
        assert!(Error::from(Another).of_area::<HostError>().is_none());
    }
}
