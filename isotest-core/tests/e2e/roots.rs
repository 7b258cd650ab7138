//! Roots other than the host's.

use crate::observed::text;
use crate::promise::{Kept, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::closure::Files;
use isotest_core::host::probe;
use isotest_core::plan::{Minimal, Root, Tree, Views};
use libtest_mimic::Failed;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("a_tree_is_seen_in_place_of_the_host", a_tree_is_seen),
    Promise::new("writes_to_a_tree_work_and_vanish_and_are_listed", writes_to_a_tree),
    Promise::new("a_tree_is_shared_by_attempts_at_once", shared_at_once),
    Promise::new("writes_beside_what_is_mounted_in_a_tree_vanish_too", beside_a_mount),
    Promise::new("a_directory_of_the_host_is_seen_where_the_tree_has_none", a_place_of_its_own),
    Promise::new("the_sandbox_s_own_directories_are_not_the_tree_s", own_directories),
    Promise::new("a_minimal_root_has_what_was_named_and_nothing_else", minimal_has_nothing_else),
    Promise::new("what_is_looked_for_and_not_there_is_named", missing_paths),
    Promise::new("a_slot_changes_its_root_between_attempts", another_root),
];

/// A small root file system in which the probe can be executed.
struct Made {
    scratch: TempDir,
    libraries: Vec<(PathBuf, PathBuf)>,
}

impl Made {
    fn new(suite: &Suite) -> Result<Self, Failed> {
        let scratch = suite.scratch()?;
        let libraries = libraries(suite)?;
        for (real, seen) in &libraries {
            let copy = scratch.path().join(seen.strip_prefix("/")?);
            fs::create_dir_all(copy.parent().ok_or("a library is in a directory")?)?;
            fs::copy(real, copy)?;
        }
        for (path, content) in [
            ("etc/isotest-tree", "of the tree"),
            ("etc/inner/file", "of the tree"),
            ("tmp/file", "of the tree"),
            ("run/file", "of the tree"),
        ] {
            let path = scratch.path().join(path);
            fs::create_dir_all(path.parent().ok_or("a file is in a directory")?)?;
            fs::write(path, content)?;
        }
        fs::create_dir(scratch.path().join("empty"))?;
        symlink("etc", scratch.path().join("link"))?;
        Ok(Self { scratch, libraries })
    }

    fn path(&self) -> &Path {
        self.scratch.path()
    }

    fn root(&self) -> Result<Root, Failed> {
        let path = self.path().canonicalize()?;
        Ok(Root::Tree(Tree { entries: probe::tree(&path)?, path, copy_on_write: true }))
    }

    fn wish(&self, suite: &Suite, views: Views) -> Result<Wish, Failed> {
        Ok(Wish { root: self.root()?, views, ..suite.wish() })
    }
}

/// The probe's loader and libraries: where they are, and where they are looked for.
fn libraries(suite: &Suite) -> Result<Vec<(PathBuf, PathBuf)>, Failed> {
    let closure = Files::of_host().closure(&suite.probe, None)?;
    Ok(closure.objects.into_iter().skip(1).map(|object| (object.real, object.path)).collect())
}

fn listing(suite: &Suite, directory: &Path) -> Result<Vec<u8>, Failed> {
    Ok(suite.outside(&["list_directory", text(directory)?])?.did()?.stdout.clone())
}

fn a_tree_is_seen(suite: &Suite) -> Kept {
    let made = Made::new(suite)?;
    let wish = made.wish(suite, Views::default())?;
    for path in ["/etc/isotest-tree", "/link/isotest-tree"] {
        let inside = suite.inside_with(&wish, &["read", path])?;
        assert_eq!(inside.did()?.stdout, b"of the tree");
    }
    suite.inside_with(&wish, &["exists", "/etc/passwd"])?.refused("ENOENT")?;
    suite.inside_with(&wish, &["exists", text(made.path())?])?.refused("ENOENT")?;
    suite.outside(&["exists", "/etc/isotest-tree"])?.refused("ENOENT")?;
    suite.outside(&["exists", "/etc/passwd"])?.did()?;
    Ok(())
}

fn writes_to_a_tree(suite: &Suite) -> Kept {
    let made = Made::new(suite)?;
    let wish = made.wish(suite, Views::default())?;
    let etc = made.path().join("etc");
    let before = (listing(suite, &etc)?, listing(suite, &made.path().join("empty"))?);
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    for path in ["/etc/new", "/etc/isotest-tree", "/etc/inner/new", "/empty/new"] {
        let inside = wish.attempt(&mut slot, &["write", path])?;
        inside.did()?;
        let changed = &inside.ending()?.changed;
        let expected: &[PathBuf] = if path.starts_with("/empty") { &[] } else { &[path.into()] };
        assert_eq!(changed.paths, expected, "{path}");
    }
    wish.attempt(&mut slot, &["exists", "/etc/new"])?.refused("ENOENT")?;
    wish.attempt(&mut slot, &["exists", "/empty/new"])?.refused("ENOENT")?;
    assert_eq!(wish.attempt(&mut slot, &["read", "/etc/isotest-tree"])?.did()?.stdout, b"of the tree");
    assert_eq!((listing(suite, &etc)?, listing(suite, &made.path().join("empty"))?), before);
    assert_eq!(fs::read(etc.join("isotest-tree"))?, b"of the tree");
    suite.outside(&["write", text(&etc.join("isotest-tree"))?])?.did()?;
    assert_ne!(fs::read(etc.join("isotest-tree"))?, b"of the tree", "control");
    Ok(())
}

fn shared_at_once(suite: &Suite) -> Kept {
    let made = Made::new(suite)?;
    let wish = made.wish(suite, Views::default())?;
    let arguments: [&[&str]; 2] = [&["write", "/etc/new"], &["list_directory", "/etc"]];
    let ([writing, listing], _) = suite.at_once(&wish, arguments)?;
    writing.did()?;
    assert!(!String::from_utf8_lossy(&listing.did()?.stdout).contains("new"));
    Ok(())
}

/// The directories on the way to a mount are made beforehand, and what is written in them must be noticed.
fn beside_a_mount(suite: &Suite) -> Kept {
    let made = Made::new(suite)?;
    let project = suite.scratch()?;
    fs::write(project.path().join("file"), "of the host")?;
    let seen = project.path().canonicalize()?;
    // So that the tree's own view of the outermost directory holds the mount.
    let outermost: PathBuf = seen.components().take(2).collect();
    let own = made.path().join(outermost.strip_prefix("/")?);
    fs::create_dir_all(&own)?;
    fs::write(own.join("file"), "of the tree")?;
    let wish = made.wish(suite, Views { copy_on_write: vec![seen.clone()], ..Views::default() })?;
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    let inside = wish.attempt(&mut slot, &["read", text(&seen.join("file"))?])?;
    assert_eq!(inside.did()?.stdout, b"of the host");
    assert_eq!(inside.ending()?.changed.count, 0, "{:?}", inside.ending()?.changed);
    let beside = seen.parent().ok_or("it has a parent")?.join("isotest-beside");
    for path in [beside.clone(), seen.join("new"), outermost.join("new")] {
        wish.attempt(&mut slot, &["write", text(&path)?])?.did()?;
        // As often as it takes until every scratch directory has been lent.
        for _ in 0..12 {
            wish.attempt(&mut slot, &["exists", text(&path)?])?.refused("ENOENT")?;
        }
    }
    assert!(!beside.exists() && !seen.join("new").exists());
    Ok(())
}

fn a_place_of_its_own(suite: &Suite) -> Kept {
    let made = Made::new(suite)?;
    let project = suite.scratch()?;
    let file = project.path().canonicalize()?.join("file");
    fs::write(&file, "of the host")?;
    let directory = file.parent().ok_or("it has a parent")?.to_path_buf();
    let wish = made.wish(suite, Views::default())?;
    suite.inside_with(&wish, &["read", text(&file)?])?.refused("ENOENT")?;
    for views in [
        Views { copy_on_write: vec![directory.clone()], ..Views::default() },
        Views { read_only: vec![file.clone()], ..Views::default() },
    ] {
        let inside = suite.inside_with(&made.wish(suite, views)?, &["read", text(&file)?])?;
        assert_eq!(inside.did()?.stdout, b"of the host");
    }
    let kept = made.wish(suite, Views { kept: vec![directory], ..Views::default() })?;
    suite.inside_with(&kept, &["append", text(&file)?])?.did()?;
    assert_ne!(fs::read(&file)?, b"of the host");
    Ok(())
}

fn own_directories(suite: &Suite) -> Kept {
    let made = Made::new(suite)?;
    let wish = made.wish(suite, Views::default())?;
    for directory in ["/tmp", "/run", "/dev/shm", "/var/tmp"] {
        let inside = suite.inside_with(&wish, &["exists", &format!("{directory}/file")])?;
        inside.refused("ENOENT")?;
        suite.inside_with(&wish, &["write", &format!("{directory}/file")])?.did()?;
    }
    let pid = suite.inside_with(&wish, &["pid"])?;
    assert_eq!(pid.did()?.fact("pid")?, "3");
    suite.outside(&["exists", text(&made.path().join("tmp/file"))?])?.did()?;
    Ok(())
}

fn minimal(suite: &Suite, files: &[&Path]) -> Result<Root, Failed> {
    let named = files.iter().map(|path| (path.to_path_buf(), path.to_path_buf()));
    let files = libraries(suite)?.into_iter().chain(named).collect();
    Ok(Root::Minimal(Minimal { files, directories: vec!["/a/directory".into()] }))
}

fn minimal_has_nothing_else(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let file = scratch.path().canonicalize()?.join("file");
    fs::write(&file, "there")?;
    let wish = Wish { root: minimal(suite, &[Path::new("/etc/passwd"), &file])?, ..suite.wish() };
    suite.inside_with(&wish, &["read", "/etc/passwd"])?.did()?;
    suite.inside_with(&wish, &["list_directory", "/a/directory"])?.did()?;
    let etc = suite.inside_with(&wish, &["list_directory", "/etc"])?;
    assert_eq!(String::from_utf8_lossy(&etc.did()?.stdout).lines().count(), 1);
    suite.inside_with(&wish, &["write", text(&file)?])?.refused("EROFS")?;
    suite.outside(&["write", text(&file)?])?.did()?;
    // What is named may lie below some of them.
    let is_above = |path: &&str| [&suite.probe, &file].iter().any(|named| named.starts_with(path));
    for path in
        ["/bin/sh", "/usr/bin", "/etc/hostname", "/home", "/root"].into_iter().filter(|path| !is_above(path))
    {
        suite.inside_with(&wish, &["exists", path])?.refused("ENOENT")?;
    }
    suite.outside(&["exists", "/bin/sh"])?.did()?;
    suite.inside(&["exists", "/bin/sh"])?.did()?;
    Ok(())
}

fn missing_paths(suite: &Suite) -> Kept {
    let wish = Wish { root: minimal(suite, &[])?, trace_missing: true, ..suite.wish() };
    let named = |wish: &Wish, arguments: &[&str]| -> Result<_, Failed> {
        Ok(suite.inside_with(wish, arguments)?.ending()?.missing_paths.clone())
    };
    let looked_for = |wish: &Wish, path: &str| -> Result<bool, Failed> {
        Ok(named(wish, &["read", path])?.iter().any(|missing| missing == Path::new(path)))
    };
    assert!(looked_for(&wish, "/etc/passwd")?);
    let in_directory = Wish { directory: "/a/directory".into(), ..wish.clone() };
    let relative = named(&in_directory, &["read", "there/is/none"])?;
    assert!(relative.contains(&"/a/directory/there/is/none".into()), "{relative:?}");
    assert!(named(&wish, &["exec_missing"])?.len() > named(&wish, &["exit", "0"])?.len());
    // What is there, what is made, and what nobody was to note.
    let with_file = Wish { root: minimal(suite, &[Path::new("/etc/passwd")])?, ..wish.clone() };
    assert!(!looked_for(&with_file, "/etc/passwd")?);
    assert!(!named(&wish, &["write", "/tmp/new"])?.contains(&"/tmp/new".into()));
    assert_eq!(
        named(&Wish { trace_missing: false, ..wish }, &["read", "/etc/passwd"])?,
        [""; 0].map(PathBuf::from)
    );
    Ok(())
}

fn another_root(suite: &Suite) -> Kept {
    let made = Made::new(suite)?;
    let of_tree = made.wish(suite, Views::default())?;
    let of_host = suite.wish();
    let templates = [&of_tree, &of_host].map(|wish| Arc::new(suite.template(wish)));
    let mut slot = suite.slot(&templates[0])?;
    for _ in 0..2 {
        slot.enter(&templates[0])?;
        of_tree.attempt(&mut slot, &["exists", "/etc/isotest-tree"])?.did()?;
        slot.enter(&templates[1])?;
        of_host.attempt(&mut slot, &["exists", "/etc/isotest-tree"])?.refused("ENOENT")?;
        of_host.attempt(&mut slot, &["exists", "/etc/passwd"])?.did()?;
    }
    assert_ne!(made.libraries, []);
    Ok(())
}
