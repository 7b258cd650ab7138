//! Tools by which tests update their own sources, and how they are asked to.
//!
//! Such tools count on what `cargo test` gives them: the tree itself, and one process for all tests of a binary. Some
//! replace text at lines that were compiled in and note in memory by how much earlier replacements have moved the rest,
//! others gather what belongs to one file. A process for each test would write values to where others belong.

use crate::invocation::Caller;

/// How a tool is asked to write.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// By any value, an empty one, too.
    Set,
    /// By any value but an empty one and `0`.
    Switched,
    /// By one of these.
    By(&'static [&'static str]),
    /// By one of these, or outside of continuous integration by `auto`.
    Insta(&'static [&'static str]),
}

/// The tools, their variables, and the values by which they write. All others they refuse or take for none.
///
/// Where several tools or many projects have a variable in common, it is the word that is known for it.
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
    ("blessed tests", "BLESS", Asked::Set),
];

/// The variable by which the caller asks tests to update their sources, if one does.
pub(crate) fn wish(caller: &Caller) -> Option<&'static str> {
    let asks = |asked: Asked, name: &str| {
        let Some(value) = caller.variable(name) else { return false };
        let is_in = |values: &[&str]| values.iter().any(|known| value == *known);
        match asked {
            Asked::Set => true,
            Asked::Switched => !is_in(&["", "0"]),
            Asked::By(values) => is_in(values),
            Asked::Insta(values) => is_in(values) || (value == "auto" && !is_continuous_integration(caller)),
        }
    };
    TOOLS.into_iter().find(|(_, name, asked)| asks(*asked, name)).map(|(_, name, _)| name)
}

/// What insta takes for it.
fn is_continuous_integration(caller: &Caller) -> bool {
    match caller.variable("CI") {
        Some(value) => !["", "0", "false"].iter().any(|no| value == *no),
        None => caller.variable("TF_BUILD").is_some(),
    }
}

/// What is said of a run whose tests update their sources.
pub(crate) fn written(variable: &str) -> String {
    format!(
        "{variable} asks tests to update files: what they write to the workspace stays, and the tests of a binary share a \
         process, as under `cargo test`; `--discard-updates` prevents both"
    )
}

/// What is said where it is thrown away.
pub(crate) fn discarded(variable: &str) -> String {
    format!("{variable} asks tests to update files, but what they write is thrown away")
}

/// What is said where it is thrown away but for directories that are kept.
pub(crate) fn kept_in_part(variable: &str) -> String {
    format!(
        "{variable} asks tests to update files, and what they write to kept directories stays: from more than one process \
         such tools may write values to where others belong"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(variables: &[(&str, &str)]) -> Option<&'static str> {
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        wish(&Caller { environment, directory: "/".into() })
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
            ("UPDATE_SNAPSHOTS", &["1", "yes", "all"], &["", "0"]),
            ("BLESS", &["1", ""], &[]),
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
