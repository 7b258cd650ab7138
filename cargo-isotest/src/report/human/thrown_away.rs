//! Files that tests changed in the workspace and that are thrown away, with the flags that would have kept them.
//!
//! What is below the target directory is not named: it is made anew by the next run, and a test that builds something there
//! would hide everything else. `-v` names it.

use crate::testcase::TestCase;
use crate::text::sanitize::word;
use crate::text::style::{NOTE, headed};
use crate::text::units::plural;
use isotest_core::join_list::and_more;
use isotest_core::outcome::Ending;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

const SHOWN_PATHS: usize = 3;
/// Of directories in one command.
const SHOWN_DIRECTORIES: usize = 3;
/// Tests that change as many directories as this are told apart no more.
const MOST_DIRECTORIES: usize = 64;

/// What the tests of a run changed so far.
#[derive(Debug, Default)]
pub(super) struct ThrownAway {
    tests: usize,
    directories: BTreeSet<PathBuf>,
    is_cut: bool,
}

impl ThrownAway {
    /// Takes into account what a test changed in its last attempt.
    pub(super) fn add(&mut self, test: &TestCase, ending: &Ending) {
        let changed = in_workspace(test, ending);
        self.tests += usize::from(!changed.is_empty());
        for directory in directories(&changed) {
            if self.directories.len() < MOST_DIRECTORIES {
                self.directories.insert(directory);
            } else {
                self.is_cut |= !self.directories.contains(&directory);
            }
        }
    }

    /// What is said before the summary to who stands in this directory; nothing if no test changed anything.
    pub(super) fn line(&self, here: &Path) -> String {
        if self.tests == 0 {
            return String::new();
        }
        let tests = plural(self.tests, "test");
        let also = if self.is_cut { ", among others" } else { "" };
        let rest = format!(
            "files that {tests} changed in the workspace are thrown away: {} keeps them{also}",
            flags(&outermost(&self.directories), here)
        );
        headed(NOTE, "Note", &rest)
    }
}

/// What is said beside a test that did not pass to who stands in this directory.
pub(super) fn beside(test: &TestCase, ending: &Ending, here: &Path) -> Option<String> {
    let changed = in_workspace(test, ending);
    let names = changed.iter().take(SHOWN_PATHS).map(|path| word(&relative(path, here).to_string_lossy()));
    let names = names.collect::<Vec<_>>().join(", ") + &and_more(changed.len().saturating_sub(SHOWN_PATHS));
    let files = plural(changed.len(), "file");
    let them = if changed.len() == 1 { "it" } else { "them" };
    let keep = flags(&directories(&changed), here);
    (!changed.is_empty())
        .then(|| format!("{files} in the workspace changed and thrown away: {names}; {keep} keeps {them}"))
}

/// What a test changed in its workspace but not in the target directory.
fn in_workspace<'a>(test: &TestCase, ending: &'a Ending) -> Vec<&'a Path> {
    let workspace = &test.binary.run.workspace;
    let target = target(&test.binary.path);
    let paths = ending.changed.paths.iter().map(PathBuf::as_path);
    let is_told = |path: &&Path| {
        workspace.is_absolute()
            && path.starts_with(workspace)
            && target.is_none_or(|target| !path.starts_with(target))
    };
    paths.filter(is_told).collect()
}

/// The target directory of a test binary, which is in `deps` of a profile, which may be in that of a target triple.
fn target(binary: &Path) -> Option<&Path> {
    let above = binary.parent()?.parent()?.parent()?;
    let is_triple = above.file_name().is_some_and(|name| 2 <= name.to_string_lossy().matches('-').count());
    if is_triple { above.parent() } else { Some(above) }
}

/// The nearest directories of paths that are there without the tests, those in others left out.
fn directories(paths: &[&Path]) -> BTreeSet<PathBuf> {
    let nearest = |path: &&Path| path.ancestors().skip(1).find(|above| above.is_dir()).map(Path::to_owned);
    outermost(&paths.iter().filter_map(nearest).collect())
}

/// Those that are in none of the others.
fn outermost(directories: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let mut outermost = BTreeSet::<PathBuf>::new();
    // A directory stands before those in it.
    for directory in directories {
        if !outermost.iter().any(|above| directory.starts_with(above)) {
            outermost.insert(directory.clone());
        }
    }
    outermost
}

/// The flags that keep what is changed in these directories.
fn flags(directories: &BTreeSet<PathBuf>, here: &Path) -> String {
    let flag = |directory: &PathBuf| {
        let relative = relative(directory, here);
        let text = word(&relative.to_string_lossy());
        shlex::try_quote(&text).map_or_else(|_| text.clone(), |quoted| format!("--keep {quoted}"))
    };
    let shown: Vec<_> = directories.iter().take(SHOWN_DIRECTORIES).map(flag).collect();
    let more = directories.len().saturating_sub(SHOWN_DIRECTORIES);
    format!("`{}`{}", shown.join(" "), and_more(more))
}

/// A path as it is said by who stands in this directory.
fn relative(path: &Path, here: &Path) -> PathBuf {
    let common = path.components().zip(here.components()).take_while(|(one, other)| one == other).count();
    let up = here.components().skip(common).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(path.components().skip(common)).collect();
    if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testcase::{Run, TestBinary};
    use crate::testing::builders;
    use isotest_core::outcome::{ChangedPaths, Outcome};
    use std::fs;
    use std::sync::Arc;

    fn test(workspace: &Path, binary: &str) -> TestCase {
        let run = Arc::new(Run { workspace: workspace.to_owned(), ..Run::default() });
        let binary =
            TestBinary { id: "tour".to_owned(), path: workspace.join(binary), run, ..TestBinary::default() };
        TestCase::named(&Arc::new(binary), "t".as_ref())
    }

    fn ending(workspace: &Path, changed: &[&str]) -> Ending {
        let paths: Vec<_> = changed.iter().map(|path| workspace.join(path)).collect();
        let changed = ChangedPaths { count: paths.len() as u64, paths };
        Ending { changed, ..builders::record(Outcome::Passed).ending.unwrap() }
    }

    #[test]
    fn what_would_have_kept_files_is_named_from_where_one_stands() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir_all(place.join("crates/a b/tests")).unwrap();
        let test = test(place, "target/debug/deps/t-1");
        let changed = ending(
            place,
            &[
                "crates/a b/tests/snapshots/x.snap.new",
                "crates/a b/tests/new.txt",
                "target/tmp/y",
                "/elsewhere/z",
            ],
        );
        for (here, said) in [
            (
                "",
                "crates/a b/tests/snapshots/x.snap.new, crates/a b/tests/new.txt; `--keep 'crates/a b/tests'` keeps them",
            ),
            ("crates/a b/tests", "snapshots/x.snap.new, new.txt; `--keep .` keeps them"),
            (
                "crates/c",
                "../a b/tests/snapshots/x.snap.new, ../a b/tests/new.txt; `--keep '../a b/tests'` keeps them",
            ),
        ] {
            let expected = format!("2 files in the workspace changed and thrown away: {said}");
            assert_eq!(beside(&test, &changed, &place.join(here)).as_deref(), Some(&*expected), "{here}");
        }
        assert_eq!(beside(&test, &ending(place, &["target/debug/x", "/home/a/.cache/x"]), place), None);
    }

    #[test]
    fn it_is_said_once_for_all_tests() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir_all(place.join("a/b")).unwrap();
        let mut all = ThrownAway::default();
        assert_eq!(all.line(place), "");
        let test = test(place, "target/x86_64-unknown-linux-musl/debug/deps/t-1");
        for changed in [&["a/b/x", "a/y"][..], &["a/b/z"], &["target/tmp/q"]] {
            all.add(&test, &ending(place, changed));
        }
        let line = all.line(place);
        assert!(
            line.ends_with(
                "files that 2 tests changed in the workspace are thrown away: `--keep a` keeps them\n"
            ),
            "{line}"
        );
    }

    #[test]
    fn many_directories_have_an_end() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let mut all = ThrownAway::default();
        for number in 0..100 {
            let path = format!("d{number}/x");
            fs::create_dir(place.join(format!("d{number}"))).unwrap();
            all.add(&test(place, "target/debug/deps/t-1"), &ending(place, &[&path]));
        }
        let line = all.line(place);
        assert!(line.contains(" and 61 more keeps them, among others"), "{line}");
    }
}
