//! Files that tests changed in the workspace, and the flags that would have kept them.

use crate::testcase::{Run, TestCase};
use crate::text::sanitize::word;
use isotest_core::join_list::and_more;
use isotest_core::outcome::Ending;
use isotest_core::record::Evidence;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Highest number of directories in one command.
const SHOWN_DIRECTORIES: usize = 3;

/// Returns the paths that a test changed in its workspace but not in the target directory, without kept evidence.
pub(super) fn in_workspace<'a>(test: &TestCase, ending: &'a Ending, evidence: &Evidence) -> Vec<&'a Path> {
    let Run { workspace, target, build, .. } = &*test.binary.run;
    let paths = ending.changed.paths.iter().map(PathBuf::as_path);
    let is_told = |path: &&Path| {
        workspace.is_absolute()
            && path.starts_with(workspace)
            && ![target, build].iter().any(|built| built.is_absolute() && path.starts_with(built))
            && !evidence.taken.iter().any(|taken| taken == path)
    };
    paths.filter(is_told).collect()
}

/// Finds the nearest existing directory of each path, without directories that are in others.
pub(super) fn directories(paths: &[&Path]) -> BTreeSet<PathBuf> {
    let nearest = |path: &&Path| path.ancestors().skip(1).find(|above| above.is_dir()).map(Path::to_owned);
    outermost(&paths.iter().filter_map(nearest).collect())
}

/// Returns the directories that are in none of the others.
pub(super) fn outermost(directories: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let mut outermost = BTreeSet::<PathBuf>::new();
    // Directories come before the files in them.
    for directory in directories {
        if !outermost.iter().any(|above| directory.starts_with(above)) {
            outermost.insert(directory.clone());
        }
    }
    outermost
}

/// Returns the flags that keep what is changed in these directories.
pub(super) fn flags(directories: &BTreeSet<PathBuf>, here: &Path) -> String {
    let flag = |directory: &PathBuf| {
        let relative = relative(directory, here);
        let text = word(&relative.to_string_lossy());
        shlex::try_quote(&text).map_or_else(|_| text.clone(), |quoted| format!("--keep {quoted}"))
    };
    let shown: Vec<_> = directories.iter().take(SHOWN_DIRECTORIES).map(flag).collect();
    let more = directories.len().saturating_sub(SHOWN_DIRECTORIES);
    format!("`{}`{}", shown.join(" "), and_more(more))
}

/// Makes a path relative to the directory `here`.
pub(super) fn relative(path: &Path, here: &Path) -> PathBuf {
    let common = path.components().zip(here.components()).take_while(|(one, other)| one == other).count();
    let up = here.components().skip(common).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(path.components().skip(common)).collect();
    if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
}
