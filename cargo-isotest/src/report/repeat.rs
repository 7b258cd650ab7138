//! Makes the command that executes one test of a run again; pure.

/// Parts of a run's command that are typed again with the name of one of its tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Again {
    /// Environment variables that hold settings.
    pub(crate) variables: Vec<(String, String)>,
    /// Arguments that do not select tests.
    pub(crate) arguments: Vec<String>,
}

impl Again {
    /// Returns the command that executes just the test of a title. `None` if a part of it has a null character, which
    /// no argument of a process can have.
    pub(super) fn command(&self, title: &str, is_ignored: bool) -> Option<String> {
        let variables = self.variables.iter();
        let variables =
            variables.map(|(name, value)| Some(format!("{name}={} ", shlex::try_quote(value).ok()?)));
        let variables: String = variables.collect::<Option<_>>()?;
        let ignored = is_ignored.then_some(["--run-ignored", "all"]).into_iter().flatten();
        let words = ["cargo", "isotest"].into_iter().chain(self.arguments.iter().map(String::as_str));
        Some(variables + &shlex::try_join(words.chain(ignored).chain([title])).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_for_a_shell() {
        let again = |arguments: &[&str], variables: &[(&str, &str)]| Again {
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
        };
        let quoted = again(&["--features", "a b"], &[]).command("tour it's", true);
        let expected = "cargo isotest --features 'a b' --run-ignored all \"tour it's\"";
        assert_eq!(quoted.as_deref(), Some(expected));
        let with =
            again(&["-r"], &[("ISOTEST_PROFILE", "ci"), ("ISOTEST_OFF", "io, net")]).command("tour t", false);
        assert_eq!(
            with.as_deref(),
            Some("ISOTEST_PROFILE=ci ISOTEST_OFF='io, net' cargo isotest -r 'tour t'")
        );
        assert_eq!(again(&[], &[]).command("tour t", false).as_deref(), Some("cargo isotest 'tour t'"));
        assert_eq!(again(&["\0"], &[]).command("tour t", false), None);
    }
}
