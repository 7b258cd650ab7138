//! Describes files that tests changed in the workspace: files that are kept as evidence, and files that are thrown
//! away, with the flags that would have kept them.
//!
//! What is below the target directory is not named: it is made anew by the next run, and a test that builds something
//! there would hide everything else. `-v` names it. Only what several tests write there, each anew, is told.

use crate::report::changed::{directories, flags, in_workspace, outermost, relative};
use crate::testcase::TestCase;
use crate::text::sanitize::word;
use crate::text::style::{NOTE, headed};
use crate::text::units::plural;
use isotest_core::join_list::and_more;
use isotest_core::outcome::Ending;
use isotest_core::record::Evidence;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

const SHOWN_PATHS: usize = 3;
/// Number of changed directories beyond which further ones are not told apart.
const MOST_DIRECTORIES: usize = 64;
/// Number of paths written below a directory beyond which further ones are not told apart.
const MOST_PATHS: usize = 1000;

/// Changes by the tests of a run so far.
#[derive(Debug, Default)]
pub(super) struct ThrownAway {
    /// Titles of the tests, each once however often it was executed.
    tests: HashSet<String>,
    directories: BTreeSet<PathBuf>,
    is_cut: bool,
    kept: Kept,
    /// Files written below each directory in the target directory.
    built: BTreeMap<PathBuf, Built>,
}

/// Files that tests wrote below a directory in the target directory.
#[derive(Debug, Default)]
struct Built {
    /// Binary and name of each test that wrote files.
    tests: HashSet<(String, String)>,
    paths: HashSet<PathBuf>,
    /// Whether a file was written more than once.
    is_written_again: bool,
}

/// Files that are kept as evidence.
#[derive(Debug, Default)]
struct Kept {
    /// Titles of the tests, each once however often it was executed.
    tests: HashSet<String>,
    files: usize,
    left_out: u64,
    error: Option<String>,
}

impl ThrownAway {
    /// Takes into account what a test changed in its last attempt.
    pub(super) fn add(&mut self, test: &TestCase, ending: &Ending, evidence: &Evidence) {
        self.kept.add(test, evidence);
        self.add_built(test, &ending.changed.paths);
        let changed = in_workspace(test, ending, evidence);
        self.tests.extend((!changed.is_empty()).then(|| test.title()));
        for directory in directories(&changed) {
            if self.directories.len() < MOST_DIRECTORIES {
                self.directories.insert(directory);
            } else {
                self.is_cut |= !self.directories.contains(&directory);
            }
        }
    }

    fn add_built(&mut self, test: &TestCase, paths: &[PathBuf]) {
        let target = &test.binary.run.target;
        for path in paths {
            let Ok(below) = path.strip_prefix(target) else { continue };
            let mut parts = below.components();
            let (Some(first), Some(_)) = (parts.next(), parts.next()) else { continue };
            let directory = target.join(first);
            // `--share` is not suggested for files that cargo has built.
            if test.binary.path.starts_with(&directory) {
                continue;
            }
            if self.built.len() == MOST_DIRECTORIES && !self.built.contains_key(&directory) {
                continue;
            }
            let built = self.built.entry(directory).or_default();
            built.tests.insert((test.binary.id.clone(), test.name.clone()));
            if built.paths.contains(path) {
                built.is_written_again = true;
            } else if built.paths.len() < MOST_PATHS {
                built.paths.insert(path.clone());
            }
        }
    }

    /// Returns the lines before the summary, with paths relative to `here`; nothing if no test changed anything.
    pub(super) fn lines(&self, here: &Path) -> String {
        self.kept.line() + &self.line(here) + &self.built_again(here)
    }

    fn built_again(&self, here: &Path) -> String {
        let is_told = |built: &&Built| built.is_written_again && 1 < built.tests.len();
        let Some(tests) = self.built.values().filter(is_told).map(|built| built.tests.len()).max() else {
            return String::new();
        };
        let told = self.built.iter().filter(|(_, built)| is_told(built));
        let directories = told.map(|(directory, _)| directory.clone()).collect();
        let rest = format!(
            "{tests} tests wrote the same files in the target directory, each anew: with {} they share them",
            flags(&directories, here)
        );
        headed(NOTE, "Note", &rest)
    }

    fn line(&self, here: &Path) -> String {
        if self.tests.is_empty() {
            return String::new();
        }
        let tests = plural(self.tests.len(), "test");
        let also = if self.is_cut { ", among others" } else { "" };
        let rest = format!(
            "files that {tests} changed in the workspace are thrown away: {} keeps them{also}",
            flags(&outermost(&self.directories), here)
        );
        headed(NOTE, "Note", &rest)
    }
}

impl Kept {
    fn add(&mut self, test: &TestCase, evidence: &Evidence) {
        self.tests.extend((!evidence.taken.is_empty()).then(|| test.title()));
        self.files += evidence.taken.len();
        self.left_out = self.left_out.saturating_add(evidence.left_out);
        self.error = self.error.take().or_else(|| evidence.error.clone());
    }

    fn line(&self) -> String {
        let left_out = left_out(self.left_out, self.error.as_deref());
        if self.files == 0 {
            return left_out.map_or_else(String::new, |text| headed(NOTE, "Evidence", &text));
        }
        let (files, tests) = (plural(self.files, "file"), plural(self.tests.len(), "test"));
        let them = if self.files == 1 { "it" } else { "them" };
        let left_out = left_out.map_or_else(String::new, |text| format!("; {text}"));
        let rest = format!(
            "{files} of {tests} kept: `cargo isotest evidence` lists {them}, `cargo isotest evidence apply` copies {them} \
             into the workspace{left_out}"
        );
        headed(NOTE, "Evidence", &rest)
    }
}

/// Describes evidence that is thrown away; `None` if none is.
fn left_out(count: u64, error: Option<&str>) -> Option<String> {
    let files = plural(usize::try_from(count).unwrap_or(usize::MAX), "file");
    let why = error.map_or("too many, too large or not readable", |error| error);
    (count > 0).then(|| format!("{files} of evidence thrown away: {}", word(why)))
}

/// Returns lines beside a test that did not pass, with paths relative to `here`.
pub(super) fn beside(test: &TestCase, ending: &Ending, evidence: &Evidence, here: &Path) -> Vec<String> {
    let kept: Vec<_> = evidence.taken.iter().map(PathBuf::as_path).collect();
    let them = if kept.len() == 1 { "it" } else { "them" };
    let kept = (!kept.is_empty()).then(|| {
        format!(
            "{} kept as evidence: {}; `cargo isotest evidence apply` copies {them} into the workspace",
            plural(kept.len(), "file"),
            named(&kept, here)
        )
    });
    let left_out = left_out(evidence.left_out, evidence.error.as_deref());
    kept.into_iter().chain(left_out).chain(lost(test, ending, evidence, here)).collect()
}

/// Describes changed files that are thrown away; `None` if none are.
fn lost(test: &TestCase, ending: &Ending, evidence: &Evidence, here: &Path) -> Option<String> {
    let changed = in_workspace(test, ending, evidence);
    let named_ones = ending.changed.paths.len();
    let is_cut = u64::try_from(named_ones).is_ok_and(|named| named < ending.changed.count);
    if changed.is_empty() {
        let count = ending.changed.count;
        return is_cut.then(|| {
            format!("{count} files changed and thrown away: those named, {named_ones}, are not of the workspace's sources")
        });
    }
    let (least, files) = (if is_cut { "at least " } else { "" }, plural(changed.len(), "file"));
    let (names, keep) = (named(&changed, here), flags(&directories(&changed), here));
    let them = if changed.len() == 1 { "it" } else { "them" };
    Some(format!("{least}{files} in the workspace changed and thrown away: {names}; {keep} keeps {them}"))
}

/// Names the first of these paths, relative to `here`.
fn named(paths: &[&Path], here: &Path) -> String {
    let names = paths.iter().take(SHOWN_PATHS).map(|path| word(&relative(path, here).to_string_lossy()));
    names.collect::<Vec<_>>().join(", ") + &and_more(paths.len().saturating_sub(SHOWN_PATHS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testcase::Run;
    use crate::testcase::TestBinary;
    use crate::testing::builders;
    use isotest_core::outcome::{ChangedPaths, Outcome};
    use std::fs;
    use std::sync::Arc;

    fn test(workspace: &Path, target: &str) -> TestCase {
        let target = workspace.join(target);
        let run = Arc::new(Run { workspace: workspace.to_owned(), target, ..Run::default() });
        let binary = TestBinary { id: "tour".to_owned(), run, ..TestBinary::default() };
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
        let test = test(place, "target");
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
            assert_eq!(
                beside(&test, &changed, &Evidence::default(), &place.join(here)),
                [expected],
                "{here}"
            );
        }
        let elsewhere = ending(place, &["target/debug/x", "/home/a/.cache/x"]);
        assert_eq!(beside(&test, &elsewhere, &Evidence::default(), place), [""; 0]);
    }

    #[test]
    fn what_is_kept_as_evidence_is_not_thrown_away_and_what_is_not_known_by_name_is_not_counted() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let test = test(place, "my-own-target");
        let mut changed = ending(place, &["a.snap.new", "b.txt", "my-own-target/c"]);
        let mut evidence = Evidence { taken: vec![place.join("a.snap.new")], ..Evidence::default() };
        assert_eq!(
            beside(&test, &changed, &evidence, place),
            [
                "1 file kept as evidence: a.snap.new; `cargo isotest evidence apply` copies it into the workspace",
                "1 file in the workspace changed and thrown away: b.txt; `--keep .` keeps it",
            ]
        );
        evidence.left_out = 2;
        changed.changed.count = 900;
        let said = beside(&test, &changed, &evidence, place);
        assert_eq!(said[1], "2 files of evidence thrown away: too many, too large or not readable");
        assert!(said[2].starts_with("at least 1 file in the workspace"), "{said:?}");
        changed.changed.paths.retain(|path| path.ends_with("c"));
        let said = beside(&test, &changed, &Evidence::default(), place);
        assert_eq!(
            said,
            ["900 files changed and thrown away: those named, 1, are not of the workspace's sources"]
        );
        let mut all = ThrownAway::default();
        for _ in 0..2 {
            all.add(&test, &changed, &evidence);
        }
        let line = all.lines(place);
        assert!(line.contains("2 files of 1 test kept: `cargo isotest evidence` lists them"), "{line}");
        assert!(line.contains("into the workspace; 4 files of evidence thrown away: too many"), "{line}");
    }

    #[test]
    fn it_is_said_once_for_all_tests() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir_all(place.join("a/b")).unwrap();
        let mut all = ThrownAway::default();
        assert_eq!(all.line(place), "");
        let of_name = |name: &str| TestCase { name: name.to_owned(), ..test(place, "target") };
        for (name, changed) in
            [("a", &["a/b/x", "a/y"][..]), ("b", &["a/b/z"]), ("b", &["a/b/z"]), ("c", &["target/tmp/q"])]
        {
            all.add(&of_name(name), &ending(place, changed), &Evidence::default());
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
    fn what_several_tests_build_each_anew_is_told() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let mut all = ThrownAway::default();
        let one = test(place, "target");
        let other = TestCase::named(&one.binary, "u".as_ref());
        let mut add = |test: &TestCase, changed: &[&str]| {
            all.add(test, &ending(place, changed), &Evidence::default());
            all.lines(place)
        };
        assert_eq!(add(&one, &["target/tests/a/x", "target/tmp/one", "target/file"]), "");
        assert_eq!(add(&one, &["target/tests/a/x"]), "", "it is one test");
        assert_eq!(add(&other, &["target/tmp/other", "target/file"]), "", "they wrote different files");
        let line = add(&other, &["target/tests/b", "target/tests/a/x"]);
        assert!(
            line.ends_with(
                "2 tests wrote the same files in the target directory, each anew: with `--keep target/tests` they share them\n"
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
            all.add(&test(place, "target"), &ending(place, &[&path]), &Evidence::default());
        }
        let line = all.line(place);
        assert!(line.contains(" and 61 more keeps them, among others"), "{line}");
    }
}
