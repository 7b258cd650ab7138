//! `cargo isotest budgets blame`: finds the commit since which a test needs more memory.
//!
//! Commits are built and executed by this program itself in a work tree of their own below the target directory, which is removed
//! at the end, or if the search was killed at the beginning of the next; that of the caller is only read.

use crate::app::budgets::error::BudgetError;
use crate::app::budgets::git;
use crate::budget::{Before, Growth, TestName, grain};
use crate::error::{Error, HostError};
use crate::invocation::Invocation;
use crate::schedule::error::Interrupted;
use crate::text::units::memory;
use isotest_core::cgroup;
use isotest_core::reaper::Reaped;
use isotest_core::sys::{is_ready, readable, wait_for};
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, fs};

/// Limit of growth, in percent; smaller growth is ignored.
const PERCENT: u32 = 10;

/// Number of executions of a test at each commit, of which the least peak counts.
const RUNS: usize = 3;

/// Prefix of the names of searches' directories.
const PREFIX: &str = "isotest-blame-";

/// Name of the file in a search's directory that is locked for as long as the search lasts.
const LOCK: &str = "lock";

/// Work tree of a commit, which is removed when it is dropped.
struct Tree<'a> {
    /// Directory of the repository.
    repository: &'a Path,
    place: tempfile::TempDir,
    /// Locked file, by which other searches know that the work tree is in use.
    _lock: File,
    /// Path of the workspace's manifest in the work tree.
    manifest: PathBuf,
    /// Words of the command line that hold for a run of each commit.
    words: &'a [OsString],
    invocation: &'a Invocation,
    signals: Signals,
}

/// Least memory peaks in bytes by the names of tests.
type Peaks = BTreeMap<TestName, u64>;

/// Signals that end the search, after which the work tree is removed.
struct Signals {
    heard: Vec<(i32, Arc<AtomicBool>)>,
    /// Socket that becomes readable when a signal arrives.
    bell: UnixStream,
}

impl Signals {
    fn take() -> io::Result<Self> {
        let (bell, rung) = UnixStream::pair()?;
        let taken = [SIGINT, SIGTERM, SIGHUP].into_iter().map(|signal| {
            let heard = Arc::new(AtomicBool::new(false));
            // Registered first, since the actions for a signal are executed in the order of their registration.
            signal_hook::flag::register(signal, Arc::clone(&heard))?;
            pipe::register(signal, rung.try_clone()?)?;
            Ok((signal, heard))
        });
        Ok(Self { heard: taken.collect::<io::Result<_>>()?, bell })
    }

    fn heard(&self) -> Result<(), Error> {
        let heard = self.heard.iter().find(|(_, heard)| heard.load(Ordering::Relaxed));
        heard.map_or(Ok(()), |(signal, _)| Err(Interrupted(*signal).into()))
    }
}

impl Drop for Tree<'_> {
    fn drop(&mut self) {
        // The next search removes a tree that cannot be removed now.
        let _ = remove(self.repository, self.place.path());
    }
}

/// Removes the directory of a search and git's record of the work tree in it. Records of other work trees stay, as
/// their directories may be on a disk that is not mounted now.
fn remove(repository: &Path, place: &Path) -> Result<(), BudgetError> {
    let tree = place.join("tree");
    if tree.join(".git").exists() {
        let words = ["worktree", "remove", "--force", "--force", &tree.to_string_lossy()];
        git::answer(repository, "", &words)?;
    }
    fs::remove_dir_all(place).map_err(|source| BudgetError::File { path: place.to_owned(), source })
}

/// Removes the directories that killed searches left in the target directory: nobody has them locked.
fn sweep(repository: &Path, target: &Path) {
    for entry in fs::read_dir(target).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let lock = File::open(entry.path().join(LOCK));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            // The removal may fail, as the tree may belong to another repository.
            let _ = remove(repository, &entry.path());
        }
    }
}

impl<'a> Tree<'a> {
    /// Creates the work tree, and leaves the repository's own work tree as it is.
    fn create(
        workspace: &'a Path,
        target: &Path,
        words: &'a [OsString],
        invocation: &'a Invocation,
    ) -> Result<Self, Error> {
        let failed = |source| BudgetError::File { path: target.to_owned(), source };
        fs::create_dir_all(target).map_err(failed)?;
        sweep(workspace, target);
        let place = tempfile::Builder::new().prefix(PREFIX).tempdir_in(target).map_err(failed)?;
        let lock = locked(&place.path().join(LOCK)).map_err(failed)?;
        let prefix = git::answer(workspace, "HEAD", &["rev-parse", "--show-prefix"])?;
        let manifest = place.path().join("tree").join(prefix.trim_end()).join("Cargo.toml");
        let signals = Signals::take().map_err(HostError::System)?;
        let tree = Self { repository: workspace, place, _lock: lock, manifest, words, invocation, signals };
        let path = tree.tree().to_string_lossy().into_owned();
        git::answer(
            workspace,
            "HEAD",
            &["worktree", "add", "--quiet", "--detach", "--no-checkout", &path, "HEAD"],
        )?;
        Ok(tree)
    }

    fn tree(&self) -> PathBuf {
        self.place.path().join("tree")
    }

    /// Returns the least memory peaks of tests at a commit, of all tests or of those with the name; `Err` with the
    /// reason if there are none.
    fn peaks(&self, commit: &str, name: Option<&str>) -> Result<Result<Peaks, String>, Error> {
        git::answer(&self.tree(), commit, &["checkout", "--quiet", "--force", "--detach", commit])?;
        let mut least = Peaks::new();
        for _ in 0..RUNS {
            let program = env::current_exe()
                .map_err(|source| BudgetError::File { path: PathBuf::from("/proc/self/exe"), source })?;
            let mut command = self.invocation.reaped_command(&program);
            command.args(["isotest", "--message-format", "json", "--no-history", "--budgets", "off"]);
            command.args(["--no-tests", "pass", "--manifest-path"]).arg(&self.manifest);
            command.arg("--target-dir").arg(self.place.path().join("target")).args(self.words);
            command.args(name.is_some().then_some("--exact")).args(name);
            let (stdout, said) = self.outputs(command, &program)?;
            let peaks = of_lines(&stdout);
            if peaks.is_empty() {
                let line =
                    said.lines().find(|line| line.starts_with("error")).unwrap_or("no peak was measured");
                return Ok(Err(line.trim_start_matches("error: ").to_owned()));
            }
            for (name, peak) in peaks {
                least.entry(name).and_modify(|known| *known = peak.min(*known)).or_insert(peak);
            }
        }
        Ok(Ok(least))
    }

    /// Executes a command, which ends with this process or at a signal together with its descendants, and returns its
    /// outputs.
    fn outputs(&self, mut command: Command, program: &Path) -> Result<(String, String), Error> {
        let [told, said] = ["told", "said"].map(|name| self.place.path().join(name));
        git::forget_repository(&mut command);
        let run = || -> io::Result<(String, String)> {
            command.current_dir(self.tree()).stdout(File::create(&told)?).stderr(File::create(&said)?);
            let running = Reaped::start(command)?;
            let mut sources = [readable(&running), readable(&self.signals.bell)];
            wait_for(&mut sources, None)?;
            if is_ready(&sources[1]) {
                running.kill()?;
            } else {
                running.wait()?;
            }
            let text = |path| Ok::<_, io::Error>(String::from_utf8_lossy(&fs::read(path)?).into_owned());
            Ok((text(&told)?, text(&said)?))
        };
        let outputs = run().map_err(|source| BudgetError::File { path: program.to_owned(), source })?;
        self.signals.heard()?;
        Ok(outputs)
    }
}

/// Creates a file and locks it until the returned descriptor is closed.
fn locked(path: &Path) -> io::Result<File> {
    let file = File::create_new(path)?;
    file.try_lock()?;
    Ok(file)
}

/// Returns the exact memory peaks in the JSON lines of a run, of tests that passed.
fn of_lines(text: &str) -> Peaks {
    let attempts = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let passed = attempts.filter(|line| line["type"] == "attempt-finished" && line["effect"] == "passes");
    let exact = passed.filter(|line| line["usage"]["memory_approximate"] == false);
    let named = exact.filter_map(|line| {
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        Some(((text("binary_id")?, text("name")?), line["usage"]["memory_peak_bytes"].as_u64()?))
    });
    named.collect()
}

/// Returns lines about the commit in `good..bad` since which a test needs more memory: the test with this name, or
/// without a name the one that grew most.
///
/// # Errors
/// When there are no commits, or no test grew.
pub(crate) fn lines(
    (workspace, target): (&Path, &Path),
    words: &[String],
    typed: &[OsString],
    invocation: &Invocation,
) -> Result<Vec<String>, Error> {
    let (range, named) =
        words.split_first().ok_or_else(|| unclear("name commits, as in `v1.0..HEAD`".to_owned()))?;
    let Some((good, bad)) = range.split_once("..").filter(|(good, _)| !good.is_empty()) else {
        return Err(unclear(format!("`{range}` does not name commits as `v1.0..HEAD` does")).into());
    };
    let bad = if bad.is_empty() { "HEAD" } else { bad };
    let known = |name: &str| {
        git::commit(workspace, name)?.ok_or_else(|| unclear(format!("git knows no commit `{name}` here")))
    };
    let (good, bad) = (known(good)?, known(bad)?);
    let between = ["rev-list", "--first-parent", "--reverse", &format!("{good}..{bad}")];
    let listed = git::answer(workspace, range, &between)?;
    let commits: Vec<&str> = listed.lines().collect();
    if commits.is_empty() {
        return Err(unclear(format!("no commit is in `{range}`")).into());
    }
    let tree = Tree::create(workspace, target, typed, invocation)?;
    let told = |commit: &str, why: String| unclear(tried(commit, &untried(&why)));
    let name = one_name(named);
    let before = tree.peaks(&good, name.as_deref())?.map_err(|why| told(&good, why))?;
    let after = tree.peaks(&bad, name.as_deref())?.map_err(|why| told(&bad, why))?;
    let (test, before, after) = grown(&before, &after, name.as_deref()).ok_or_else(|| {
        let what = name.as_ref().map_or_else(|| "no test".to_owned(), |name| format!("`{name}`"));
        unclear(format!("{what} needs more at the end of `{range}` than at its beginning"))
    })?;
    let mut lines = vec![grew(&test, before, after)];
    search(&tree, &commits, &test, (before, after), &mut lines)?;
    Ok(lines)
}

/// Bisects the commits, the last of which needs more memory, and prints each commit that it tries.
fn search(
    tree: &Tree<'_>,
    commits: &[&str],
    test: &TestName,
    (before, after): (u64, u64),
    lines: &mut Vec<String>,
) -> Result<(), Error> {
    let name = format!("{} {}", test.0, test.1);
    // The search finds the step of growth that crosses the middle, if there are several.
    let middle = before + (after - before) / 2;
    let (mut low, mut high, mut peak_low, mut peak_high) = (0, commits.len() - 1, before, after);
    // Commits before `low` have not grown, `high` has; what lies between and cannot be tried is passed over.
    let mut skipped: Vec<usize> = Vec::new();
    while let Some(at) = next(low, high, &skipped) {
        let commit = commits[at];
        match tree.peaks(commit, Some(&name))? {
            Ok(peaks) if peaks.contains_key(test) => {
                let peak = peaks[test];
                lines.push(tried(commit, &format!("needs {}", memory(peak))));
                if peak > middle {
                    (high, peak_high) = (at, peak);
                } else {
                    (low, peak_low) = (at + 1, peak);
                }
            }
            Ok(_) => {
                lines.push(tried(commit, "has no such test"));
                skipped.push(at);
            }
            Err(why) => {
                lines.push(tried(commit, &untried(&why)));
                skipped.push(at);
            }
        }
    }
    let subject = git::answer(
        tree.repository,
        commits[high],
        &["show", "--no-patch", "--format=%h %an: %s", commits[high]],
    )?;
    lines.push(since(subject.trim_end(), high - low, (peak_low, peak_high)));
    Ok(())
}

/// Returns the commit to try next: the one nearest to the middle of those from `low` up to `high`, whose result is
/// known.
fn next(low: usize, high: usize, skipped: &[usize]) -> Option<usize> {
    let middle = usize::midpoint(low, high);
    (low..high).filter(|at| !skipped.contains(at)).min_by_key(|at| at.abs_diff(middle))
}

/// Returns the test that grew most in relation to its peak, among those with the name if there is one.
fn grown(before: &Peaks, after: &Peaks, name: Option<&str>) -> Option<(TestName, u64, u64)> {
    let grain = grain(cgroup::processors());
    let is_named = |(binary, test): &TestName| {
        name.is_none_or(|name| name == test || *name == format!("{binary} {test}"))
    };
    let both = before.iter().filter(|(test, _)| is_named(test));
    let both = both.filter_map(|(test, before)| Some((test, *before, *after.get(test)?)));
    let grown = both.filter_map(|(test, before, after)| {
        let known = Before::new(Arc::from(""), &[before], (PERCENT, false), grain)?;
        let growth = Growth { before: &known, used: after };
        growth.is_grown().then(|| (growth.percent(), (test.clone(), before, after)))
    });
    grown.max_by_key(|(percent, _)| *percent).map(|(_, found)| found)
}

/// Returns the name of a test that is typed as one word or as two.
fn one_name(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

/// Formats the growth of a test between the ends of the range.
fn grew((binary_id, name): &TestName, before: u64, after: u64) -> String {
    format!("{binary_id} {name} needs {} before these commits, {} after them", memory(before), memory(after))
}

/// Formats the result of a commit.
fn tried(commit: &str, result: &str) -> String {
    format!("{} {result}", short(commit))
}

fn untried(why: &str) -> String {
    format!("cannot be tried: {why}")
}

/// Formats the commit that was found, and the growth from the commit before it. Of the commits between these two so many
/// cannot be tried.
fn since(subject: &str, skipped: usize, (before, after): (u64, u64)) -> String {
    let or = match skipped {
        0 => String::new(),
        1 => ", or the one before it, which cannot be tried".to_owned(),
        more => format!(", or one of the {more} before it, which cannot be tried"),
    };
    format!("from {} to {} since {subject}{or}", memory(before), memory(after))
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

fn unclear(why: String) -> BudgetError {
    BudgetError::Blame { why }
}

/// Returns the command line without the words about the project's place, its target directory and the output: each
/// work tree has its own.
pub(crate) fn of_each_commit(typed: &[OsString]) -> Vec<OsString> {
    const WITH_VALUE: [&str; 4] = ["--manifest-path", "-m", "--target-dir", "--message-format"];
    let mut kept = Vec::new();
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if WITH_VALUE.contains(&&*text) {
            words.next();
        } else if !WITH_VALUE.iter().any(|flag| text.starts_with(&format!("{flag}="))) {
            kept.push(word.clone());
        }
    }
    kept
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "snapbox writes its snapshots with them")]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, str};

    fn name(test: &str) -> TestName {
        ("tour".to_owned(), test.to_owned())
    }

    #[test]
    fn the_test_that_grew_most_is_chosen() {
        const MIB: u64 = 1 << 20;
        let peaks = |a: u64, b: u64| BTreeMap::from([(name("a"), a * MIB), (name("b"), b * MIB)]);
        let (before, grain) = (peaks(100, 10), grain(cgroup::processors()));
        let after = peaks(100 + 64 + 2 * grain / MIB, 10 + 32 + 4 * grain / MIB);
        assert_eq!(grown(&before, &after, None).unwrap().0, name("b"));
        assert_eq!(grown(&before, &after, Some("a")).unwrap().0, name("a"));
        assert_eq!(grown(&before, &after, Some("tour a")).unwrap().0, name("a"));
        assert_eq!(grown(&before, &before, None), None);
        assert_eq!(grown(&before, &after, Some("c")), None);
    }

    #[test]
    fn each_commit_and_the_one_that_is_found_have_a_line() {
        const MIB: u64 = 1 << 20;
        let lines = [
            grew(&name("reads"), 2 * MIB, 12 * MIB),
            tried("0123456789abcdef", &format!("needs {}", memory(12 * MIB))),
            tried("123456789abcdef0", "has no such test"),
            tried("23456789abcdef01", &untried("could not compile `tour`")),
            since("0123456 A: read all", 0, (2 * MIB, 12 * MIB)),
            since("0123456 A: read all", 1, (2 * MIB, 12 * MIB)),
            since("0123456 A: read all", 2, (2 * MIB, 12 * MIB)),
        ];
        assert_data_eq!(
            lines.join("\n") + "\n",
            str![[r#"
tour reads needs 2.0 MiB before these commits, 12.0 MiB after them
0123456789 needs 12.0 MiB
123456789a has no such test
23456789ab cannot be tried: could not compile `tour`
from 2.0 MiB to 12.0 MiB since 0123456 A: read all
from 2.0 MiB to 12.0 MiB since 0123456 A: read all, or the one before it, which cannot be tried
from 2.0 MiB to 12.0 MiB since 0123456 A: read all, or one of the 2 before it, which cannot be tried

"#]]
        );
    }

    #[test]
    fn commits_that_cannot_be_tried_are_passed_over() {
        assert_eq!(next(0, 8, &[]), Some(4));
        assert_eq!(next(0, 8, &[4]), Some(3));
        assert_eq!(next(0, 8, &[3, 4]), Some(5));
        assert_eq!((next(3, 3, &[]), next(2, 4, &[2, 3])), (None, None));
    }

    #[test]
    fn peaks_are_those_that_are_exact_and_of_tests_that_passed() {
        let line = |test: &str, effect: &str, approximate: bool| {
            serde_json::json!({"type": "attempt-finished", "binary_id": "tour", "name": test, "effect": effect,
                "usage": {"memory_peak_bytes": 5, "memory_approximate": approximate}})
            .to_string()
        };
        let text = [
            line("a", "passes", false),
            line("b", "fails", false),
            line("c", "passes", true),
            "x".to_owned(),
        ];
        assert_eq!(of_lines(&text.join("\n")), BTreeMap::from([(name("a"), 5)]));
    }

    #[test]
    fn what_a_work_tree_has_of_its_own_is_left_out() {
        let typed = ["--release", "-m", "x", "--features=a", "--target-dir=/t", "--message-format", "json"];
        let kept = of_each_commit(&typed.map(OsString::from));
        assert_eq!(kept, ["--release", "--features=a"]);
    }
}
