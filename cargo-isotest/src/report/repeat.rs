//! The command that executes one test of a run again; pure.

/// Returns the command that executes just the test of a title, with the arguments of its run that do not select tests. `None` if
/// one of them has a null character, which no argument of a process can have.
pub(super) fn command(arguments: &[String], title: &str, is_ignored: bool) -> Option<String> {
    let ignored = is_ignored.then_some(["--run-ignored", "all"]).into_iter().flatten();
    let words = ["cargo", "isotest"].into_iter().chain(arguments.iter().map(String::as_str));
    shlex::try_join(words.chain(ignored).chain([title])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_for_a_shell() {
        let arguments = ["--features".to_owned(), "a b".to_owned()];
        let quoted = command(&arguments, "tour it's", true);
        let expected = "cargo isotest --features 'a b' --run-ignored all \"tour it's\"";
        assert_eq!(quoted.as_deref(), Some(expected));
        assert_eq!(command(&[], "tour t", false).as_deref(), Some("cargo isotest 'tour t'"));
        assert_eq!(command(&["\0".to_owned()], "tour t", false), None);
    }
}
