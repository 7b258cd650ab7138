//! Symbolic links on the way to a path: tests get the same paths as cargo, with links in them.

use isotest_core::plan::Link;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Maximum number of links that the kernel follows (path_resolution(7)).
const MOST: usize = 40;

/// Returns all symbolic links followed on the way to an absolute path, each with its real location.
pub(crate) fn on_the_way_to(path: &Path) -> Vec<Link> {
    let mut links = Vec::new();
    let mut reached = PathBuf::from("/");
    let mut ahead = parts(path);
    while let Some(part) = ahead.pop_front() {
        if part == ".." {
            reached.pop();
            continue;
        }
        let next = reached.join(part);
        let Ok(target) = fs::read_link(&next) else {
            reached = next;
            continue;
        };
        if links.len() == MOST {
            break;
        }
        if target.is_absolute() {
            reached = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            ahead.push_front(part);
        }
        links.push(Link { path: next, target });
    }
    links
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let is_step = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    path.components().filter(is_step).map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_found_where_they_really_are() {
        let place = tempfile::tempdir().unwrap();
        let real = place.path().canonicalize().unwrap();
        fs::create_dir_all(real.join("a/b")).unwrap();
        symlink("a/b", real.join("relative")).unwrap();
        symlink(real.join("relative"), real.join("absolute")).unwrap();
        symlink("..", real.join("a/b/up")).unwrap();
        let found = on_the_way_to(&real.join("absolute/up/b"));
        let link = |path: &str, target: PathBuf| Link { path: real.join(path), target };
        let expected = [
            link("absolute", real.join("relative")),
            link("relative", "a/b".into()),
            link("a/b/up", "..".into()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_circle_ends() {
        let place = tempfile::tempdir().unwrap();
        symlink("circle", place.path().join("circle")).unwrap();
        assert_eq!(on_the_way_to(&place.path().join("circle")).len(), MOST);
    }
}
