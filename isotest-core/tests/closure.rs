//! What is found without executing anything, against what `ldd` finds by executing the loader.
#![expect(clippy::expect_used, reason = "a test ends where it cannot go on")]

use isotest_core::closure::Files;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The libraries and the loader of a program, where they really are, and the names of those that are missing.
#[derive(Debug, PartialEq, Eq)]
struct Libraries {
    found: BTreeSet<PathBuf>,
    missing: BTreeSet<String>,
}

/// What `ldd` says; `None` where it does not succeed.
fn by_ldd(program: &Path, library_path: Option<&OsStr>) -> Option<Libraries> {
    let mut ldd = Command::new("ldd");
    // Through a link, ldd takes `$ORIGIN` for the link's own directory; a loader started by the kernel does not.
    let program = fs::canonicalize(program).expect("it is there");
    ldd.arg(program).env_remove("LD_LIBRARY_PATH").envs(library_path.map(|path| ("LD_LIBRARY_PATH", path)));
    let output = ldd.output().expect("ldd is there");
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut libraries = Libraries { found: BTreeSet::new(), missing: BTreeSet::new() };
    for line in text.lines().map(str::trim) {
        let (name, path) = line.split_once(" => ").unwrap_or((line, line));
        let path = path.rsplit_once(" (0x").map_or(path, |(path, _)| path);
        if path == "not found" {
            libraries.missing.insert(name.to_owned());
        } else if path.starts_with('/') {
            libraries.found.insert(fs::canonicalize(path).expect("what ldd names is there"));
        }
    }
    Some(libraries)
}

fn by_us(program: &Path, library_path: Option<&OsStr>) -> Libraries {
    let closure = Files::of_host().closure(program, library_path).expect("it is an ELF file");
    Libraries {
        found: closure.objects.iter().skip(1).map(|object| object.real.clone()).collect(),
        missing: closure.missing().map(|(_, name)| name.to_string_lossy().into_owned()).collect(),
    }
}

/// Every program in `/usr/bin` whose user and group a loader trusts.
fn programs() -> Vec<PathBuf> {
    let entries =
        fs::read_dir("/usr/bin").expect("it can be read").map(|entry| entry.expect("so can this").path());
    let is_trusted = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o6000 == 0)
    };
    entries.filter(is_trusted).collect()
}

#[test]
fn every_program_has_the_libraries_that_ldd_names() {
    let programs = programs();
    let (next, compared) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong: Vec<String> = thread::scope(|scope| {
        let worker = || {
            let mut wrong = Vec::new();
            while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some(expected) = by_ldd(program, None) else { continue };
                compared.fetch_add(1, Ordering::Relaxed);
                let found = by_us(program, None);
                if found != expected {
                    wrong.push(format!("{}: {found:#?}, but ldd: {expected:#?}", program.display()));
                }
            }
            wrong
        };
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it does not panic")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let compared = compared.into_inner();
    assert!(compared > 50, "ldd succeeded on {compared} programs only");
}

#[test]
fn the_environment_s_directories_come_before_the_system_s() {
    let program = Path::new("/bin/sh");
    let libc = |libraries: &Libraries| {
        let name =
            |path: &&PathBuf| path.to_string_lossy().contains("libc.so.6") || path.ends_with("libc-other");
        libraries.found.iter().find(name).cloned().expect("a shell needs a libc")
    };
    let usual = libc(&by_us(program, None));
    let place = tempfile::tempdir().expect("a directory can be made");
    let other = place.path().canonicalize().expect("it is there").join("libc-other");
    fs::copy(&usual, &other).expect("it can be copied");
    std::os::unix::fs::symlink("libc-other", place.path().join("libc.so.6")).expect("a link can be made");
    let found = by_us(program, Some(place.path().as_os_str()));
    assert_eq!(libc(&found), other);
    assert_eq!(by_ldd(program, Some(place.path().as_os_str())), Some(found));
}
