//! Snapshot tools by which tests update their own sources, and the variables that switch updating on.
//!
//! Snapshot tools rely on `cargo test`: on the source tree itself, and on one process for all tests of a binary. Some
//! tools replace text at compiled-in line numbers and remember in memory by how much earlier replacements moved the
//! lines; other tools collect all snapshots of one file. With one process per test, snapshots would end up in wrong
//! places.

use crate::invocation::Invocation;
use std::ffi::OsStr;

/// Condition on the value of a variable under which a tool updates files.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// Value of any kind, even an empty one.
    Set,
    /// Value other than an empty one, `0`, `false` and `no`.
    Switched,
    /// Value among the listed ones.
    By(&'static [&'static str]),
    /// Value among the listed ones, or `auto` outside of continuous integration.
    Insta(&'static [&'static str]),
}

/// Tools, their variables, and the values that switch updating on. Any other value leaves updating off.
///
/// A variable that several tools share is listed under its best-known tool.
const TOOLS: [(&str, &str, Asked); 15] = [
    ("expect-test", "UPDATE_EXPECT", Asked::Set),
    ("insta", "INSTA_UPDATE", Asked::Insta(&["always", "1", "new", "unseen", "force"])),
    ("insta", "INSTA_FORCE_UPDATE", Asked::By(&["1"])),
    ("insta", "INSTA_FORCE_UPDATE_SNAPSHOTS", Asked::By(&["1"])),
    ("snapbox", "SNAPSHOTS", Asked::By(&["overwrite"])),
    ("trycmd", "TRYCMD", Asked::By(&["overwrite", "dump"])),
    ("trybuild", "TRYBUILD", Asked::By(&["overwrite"])),
    ("macrotest", "MACROTEST", Asked::By(&["overwrite"])),
    ("goldenfile", "UPDATE_GOLDENFILES", Asked::By(&["1"])),
    ("goldenfile", "REGENERATE_GOLDENFILES", Asked::By(&["1"])),
    ("goldie", "GOLDIE_UPDATE", Asked::By(&["1", "true"])),
    ("k9", "K9_UPDATE_SNAPSHOTS", Asked::Set),
    ("expectorate", "EXPECTORATE", Asked::By(&["overwrite"])),
    ("snapshot-testing", "UPDATE_SNAPSHOTS", Asked::Switched),
    ("blessed tests", "BLESS", Asked::Switched),
];

/// Returns the variable by which the environment asks tests to update files, if there is one.
pub(crate) fn wish(invocation: &Invocation) -> Option<&'static str> {
    let asks = |asked: Asked, name: &str| {
        let Some(value) = invocation.variable(name) else { return false };
        let is_in = |values: &[&str]| values.iter().any(|known| value == *known);
        match asked {
            Asked::Set => true,
            Asked::Switched => !is_in(&["", "0", "false", "no"]),
            Asked::By(values) => is_in(values),
            Asked::Insta(values) => {
                is_in(values) || (value == "auto" && !is_continuous_integration(invocation))
            }
        }
    };
    TOOLS.into_iter().find(|(_, name, asked)| asks(*asked, name)).map(|(_, name, _)| name)
}

/// Returns whether a variable may ask tests to update files.
pub(crate) fn is_wish(name: &OsStr) -> bool {
    TOOLS.iter().any(|(_, variable, _)| name == *variable)
}

/// Returns whether insta would detect continuous integration.
fn is_continuous_integration(invocation: &Invocation) -> bool {
    match invocation.variable("CI") {
        Some(value) => !["", "0", "false"].iter().any(|no| value == *no),
        None => invocation.variable("TF_BUILD").is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(variables: &[(&str, &str)]) -> Option<&'static str> {
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        wish(&Invocation { environment, directory: "/".into() })
    }

    #[test]
    fn each_tool_is_asked_by_the_values_by_which_it_writes() {
        let cases: [(&str, &[&str], &[&str]); 15] = [
            ("UPDATE_EXPECT", &["1", "0", ""], &[]),
            ("INSTA_UPDATE", &["always", "1", "new", "unseen", "force", "auto"], &["no", "", "yes"]),
            ("INSTA_FORCE_UPDATE", &["1"], &["0", "", "true"]),
            ("INSTA_FORCE_UPDATE_SNAPSHOTS", &["1"], &["0", "", "true"]),
            ("SNAPSHOTS", &["overwrite"], &["verify", "skip", "ignore", "", "1"]),
            ("TRYCMD", &["overwrite", "dump"], &["", "1", "OVERWRITE"]),
            ("TRYBUILD", &["overwrite"], &["wip", "", "1"]),
            ("MACROTEST", &["overwrite"], &["", "1"]),
            ("UPDATE_GOLDENFILES", &["1"], &["0", "true", ""]),
            ("REGENERATE_GOLDENFILES", &["1"], &["0", "true", ""]),
            ("GOLDIE_UPDATE", &["1", "true"], &["0", "yes", ""]),
            ("K9_UPDATE_SNAPSHOTS", &["1", "0", ""], &[]),
            ("EXPECTORATE", &["overwrite"], &["", "1"]),
            ("UPDATE_SNAPSHOTS", &["1", "yes", "all"], &["", "0", "false", "no"]),
            ("BLESS", &["1"], &["", "0", "false", "no"]),
        ];
        assert_eq!(cases.map(|(name, ..)| name), TOOLS.map(|(_, name, _)| name));
        for (name, writing, silent) in cases {
            for value in writing {
                assert_eq!(asked(&[(name, value)]), Some(name), "{name}={value}");
            }
            for value in silent {
                assert_eq!(asked(&[(name, value)]), None, "{name}={value}");
            }
        }
        assert_eq!(asked(&[("HOME", "/root")]), None);
    }

    #[test]
    fn insta_writes_nothing_by_itself_in_continuous_integration() {
        let auto = ("INSTA_UPDATE", "auto");
        for (ci, writes) in [("true", false), ("1", false), ("false", true), ("", true)] {
            assert_eq!(asked(&[auto, ("CI", ci)]).is_some(), writes, "CI={ci}");
        }
        assert_eq!(asked(&[auto, ("TF_BUILD", "1")]), None);
        assert_eq!(asked(&[("INSTA_UPDATE", "always"), ("CI", "true")]), Some("INSTA_UPDATE"));
    }
}
