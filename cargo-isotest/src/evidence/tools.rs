//! Tools whose files are evidence; pure.

use isotest_core::plan::Mark;
use std::path::Path;

/// Method of joining the files of several tests in the workspace, where each test would have written the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joining {
    /// Replacing the file that the test found: each file of evidence is complete.
    Whole,
    /// Adding the lines of all tests to the file, as the tool adds lines.
    Lines,
    /// Choosing another name if the file exists, as the tool reads all files of a directory.
    Apart,
}

/// Kind of file that a tool writes.
#[derive(Debug, Clone, Copy)]
struct Tool {
    name: &'static str,
    within: &'static str,
    begins: &'static str,
    ends: &'static str,
    even_passed: bool,
    joining: Joining,
}

const fn tool(name: &'static str, joining: Joining, even_passed: bool, parts: [&'static str; 3]) -> Tool {
    let [within, begins, ends] = parts;
    Tool { name, within, begins, ends, even_passed, joining }
}

/// Kinds of files that are evidence. Snapshots may be pending after tests that pass, too, if insta is configured so.
const TOOLS: [Tool; 12] = [
    tool("insta", Joining::Whole, true, ["", "", ".snap.new"]),
    tool("insta", Joining::Lines, true, ["", ".", ".pending-snap"]),
    tool("proptest", Joining::Lines, false, ["proptest-regressions", "", ".txt"]),
    tool("proptest", Joining::Lines, false, ["", "", ".proptest-regressions"]),
    tool("trybuild", Joining::Whole, false, ["wip", "", ".stderr"]),
    tool("coverage", Joining::Apart, true, ["", "", ".profraw"]),
    tool("valgrind", Joining::Apart, true, ["", "callgrind.out.", ""]),
    tool("valgrind", Joining::Apart, true, ["", "cachegrind.out.", ""]),
    tool("valgrind", Joining::Apart, true, ["", "massif.out.", ""]),
    tool("valgrind", Joining::Apart, true, ["", "dhat.out.", ""]),
    tool("valgrind", Joining::Apart, false, ["", "vgcore.", ""]),
    tool("valgrind", Joining::Apart, false, ["", "valgrind", ".log"]),
];

impl Tool {
    fn mark(&self, below: &Path) -> Mark {
        Mark {
            below: below.to_owned(),
            within: self.within.to_owned(),
            begins: self.begins.to_owned(),
            ends: self.ends.to_owned(),
            even_passed: self.even_passed,
        }
    }
}

/// Returns the marks by which the evidence of tests in a workspace is recognized.
pub(crate) fn marks(workspace: &Path) -> Vec<Mark> {
    TOOLS.iter().map(|tool| tool.mark(workspace)).collect()
}

/// Returns the tool of a file and the method of joining its files, if the file is evidence.
pub(super) fn tool_of(path: &Path) -> Option<(&'static str, Joining)> {
    let root = Path::new("/");
    let absolute = root.join(path);
    let tool = TOOLS.iter().find(|tool| tool.mark(root).is_of(&absolute, false))?;
    Some((tool.name, tool.joining))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_tools_are_known_by_their_paths() {
        for (path, tool) in [
            ("tests/snapshots/it__a.snap.new", Some(("insta", Joining::Whole))),
            ("tests/.it.rs.pending-snap", Some(("insta", Joining::Lines))),
            ("a/proptest-regressions/b/c.txt", Some(("proptest", Joining::Lines))),
            ("tests/it.proptest-regressions", Some(("proptest", Joining::Lines))),
            ("a/wip/ui.stderr", Some(("trybuild", Joining::Whole))),
            ("cov/a-12.profraw", Some(("coverage", Joining::Apart))),
            ("callgrind.out.17", Some(("valgrind", Joining::Apart))),
            ("valgrind-17.log", Some(("valgrind", Joining::Apart))),
            ("tests/snapshots/it__a.snap", None),
            ("tests/ui.stderr", None),
            ("src/lib.rs", None),
            ("notes.txt", None),
        ] {
            assert_eq!(tool_of(Path::new(path)), tool, "{path}");
        }
    }
}
