//! Tests that update files next to their sources: here such writes are thrown away, which must not come as a surprise.

use crate::invocation::Caller;
use std::path::PathBuf;

/// Variables by which tests are told to write, and the values that do not ask for it.
const VARIABLES: [(&str, &[&str]); 7] = [
    ("INSTA_UPDATE", &["", "no"]),
    ("INSTA_FORCE_UPDATE", &["", "0"]),
    ("INSTA_FORCE_UPDATE_SNAPSHOTS", &["", "0"]),
    ("UPDATE_EXPECT", &["", "0"]),
    ("TRYBUILD", &["", "wip"]),
    ("SNAPSHOTS", &["", "verify", "skip"]),
    ("UPDATE_SNAPSHOTS", &["", "0"]),
];

/// What to say, if a variable asks for writing and nothing is kept.
pub(crate) fn remark(caller: &Caller, keeps: &[PathBuf]) -> Option<String> {
    if !keeps.is_empty() {
        return None;
    }
    let asks = |(name, silent): &(&str, &[&str])| {
        caller.variable(name).is_some_and(|value| !silent.iter().any(|silent| value == *silent))
    };
    let (name, _) = VARIABLES.iter().find(|variable| asks(variable))?;
    Some(format!(
        "{name} asks tests to write files, but what they write is thrown away; `--keep DIRECTORY` keeps it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(variable: (&str, &str), keeps: &[PathBuf]) -> bool {
        let environment = vec![(variable.0.into(), variable.1.into())];
        remark(&Caller { environment, directory: "/".into() }, keeps).is_some()
    }

    #[test]
    fn only_a_wish_to_write_that_is_not_kept_is_remarked() {
        assert!(said(("UPDATE_EXPECT", "1"), &[]));
        assert!(said(("INSTA_UPDATE", "always"), &[]));
        assert!(said(("TRYBUILD", "overwrite"), &[]));
        assert!(!said(("INSTA_UPDATE", "no"), &[]));
        assert!(!said(("UPDATE_EXPECT", "1"), &["/src".into()]));
        assert!(!said(("HOME", "/root"), &[]));
    }
}
