//! Writes that work and vanish, and those that are kept.

use crate::namespaces::unique;
use crate::observed::text;
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::plan::{Link, Views};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("every_kind_of_change_works_and_vanishes_and_is_listed", changes_vanish),
    Promise::new("a_directory_removed_and_made_again_is_empty", made_again),
    Promise::new("files_keep_the_inode_numbers_of_the_host", inode_numbers_are_kept),
    Promise::new("root_renames_directories_and_links_are_one_file", renamed_and_linked).needs(&[Need::Root]),
    Promise::new("a_directory_that_is_as_it_was_is_no_change", as_it_was),
    Promise::new("a_file_that_is_as_it_was_is_no_change", file_as_it_was),
    Promise::new("a_long_list_of_changes_is_counted", long_lists_are_counted),
    Promise::new("nothing_is_listed_where_nothing_changed", nothing_is_listed),
    Promise::new("names_with_spaces_newlines_and_backslashes", odd_names),
    Promise::new("a_directory_behind_a_symbolic_link", behind_a_link),
    Promise::new("beside_a_symbolic_link_nothing_is_left", beside_a_link),
    Promise::new("a_workspace_below_tmp", below_tmp),
    Promise::new("temporary_directories_are_private_and_executable", temporary_directories),
    Promise::new("a_kept_directory_is_written_through", kept),
    Promise::new("a_working_directory_in_a_workspace", working_directory),
    Promise::new("mounts_of_the_host_stay_as_they_were", mounts_stay),
    Promise::new("nothing_is_left_for_later_attempts_in_the_slot", nothing_is_left),
];

fn copying(suite: &Suite, directory: &Path) -> Wish {
    let views = Views { copy_on_write: vec![directory.into()], ..Views::default() };
    Wish { views, ..suite.wish() }
}

fn changes_vanish(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let path = |name: &str| scratch.path().join(name);
    let (old, new, below) = (path("old"), path("new"), path("directory"));
    let inner = below.join("inner");
    fs::create_dir(&below)?;
    let (old, new, inner) = (text(&old)?, text(&new)?, text(&inner)?);
    let attempts: [(&[&str], &[&str]); 9] = [
        (&["write", new], &[new]),
        (&["write", inner], &[inner]),
        (&["append", old], &[old]),
        (&["chmod", old, "600"], &[old]),
        (&["hard_link", old, new], &[new]),
        (&["symlink", old, new], &[new]),
        (&["rename", old, new], &[new, old]),
        (&["mkdir", new], &[new]),
        (&["remove", old], &[old]),
    ];
    fs::write(old, "there")?;
    let listing = || suite.outside(&["list_directory", text(scratch.path())?]);
    let before = listing()?.stdout;
    for (arguments, expected) in attempts {
        let inside = suite.inside_with(&copying(suite, scratch.path()), arguments)?;
        inside.did()?;
        assert_eq!((fs::read(old)?, listing()?.stdout), (b"there".to_vec(), before.clone()), "{arguments:?}");
        let changed = &inside.ending()?.changed;
        let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
        assert_eq!((&changed.paths, changed.count), (&expected, expected.len().try_into()?), "{arguments:?}");
    }
    suite.outside(&["append", old])?.did()?;
    assert_ne!(fs::read(old)?, b"there", "control");
    Ok(())
}

fn made_again(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let directory = scratch.path().join("directory");
    fs::create_dir(&directory)?;
    fs::write(directory.join("file"), "there")?;
    let wish = Wish { directory: scratch.path().into(), ..copying(suite, scratch.path()) }.program("/bin/sh");
    let inside = suite.inside_with(&wish, &["-c", "rm -r directory && mkdir directory && ls directory"])?;
    // What hides the old one is an attribute, which tmpfs keeps for users since Linux 6.6: without it the new one
    // is refused, and that was said before.
    let said = suite.resolved(&wish).isolation.remarks.iter().any(|remark| remark.contains("os error 5)"));
    if said {
        assert!(
            inside.did().is_err() && inside.stderr().contains("Input/output error"),
            "{}",
            inside.stderr()
        );
    } else {
        inside.did()?;
    }
    assert_eq!(String::from_utf8_lossy(&inside.stdout), "");
    let listing = suite.outside(&["list_directory", text(&directory)?])?;
    assert_eq!(listing.fact("entry")?, "file", "control");
    Ok(())
}

fn as_it_was(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let directory = scratch.path().join("directory");
    fs::create_dir_all(directory.join("inner"))?;
    fs::write(directory.join("file"), "there")?;
    let wish = Wish { directory: scratch.path().into(), ..copying(suite, scratch.path()) }.program("/bin/sh");
    let (whole, inner) = (directory.clone(), directory.join("inner"));
    // The kernel keeps a copy of each directory in which something was made.
    let scripts: [(&str, &[&Path]); 5] = [
        ("touch directory/new directory/inner/new && rm directory/new directory/inner/new", &[]),
        ("mkdir directory/new && rmdir directory/new", &[]),
        ("chmod 700 directory/inner", &[&inner]),
        (
            "mkdir directory/new && touch directory/new/file && rm directory/new/file",
            &[&directory.join("new")],
        ),
        ("rm -r directory && mkdir directory", &[&whole]),
    ];
    let (_, as_before) = scripts.split_last().ok_or("none")?;
    let removes = suite.resolved(&wish).isolation.remarks.iter().all(|said| !said.contains("os error 5)"));
    for (script, expected) in if removes { &scripts[..] } else { as_before } {
        let inside = suite.inside_with(&wish, &["-c", script])?;
        inside.did()?;
        assert_eq!(inside.ending()?.changed.paths, *expected, "{script}");
    }
    Ok(())
}

fn file_as_it_was(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    fs::write(&file, "there")?;
    let wish = Wish { directory: scratch.path().into(), ..copying(suite, scratch.path()) }.program("/bin/sh");
    let (file, link) = (file.as_path(), scratch.path().join("link"));
    // Each but the last two only has the kernel make a copy of the file.
    let scripts: [(&str, &[&Path]); 6] = [
        (": <>file", &[]),
        (": >>file", &[]),
        ("flock -x file true <>file || true; : <>file", &[]),
        ("ln file link", &[&link]),
        (
            "printf THERE >copy && touch -r file copy && cat copy 1<>file && touch -r copy file && rm copy",
            &[file],
        ),
        ("chmod 600 file", &[file]),
    ];
    for (script, expected) in scripts {
        let inside = suite.inside_with(&wish, &["-c", script])?;
        inside.did()?;
        assert_eq!(inside.ending()?.changed.paths, *expected, "{script}");
    }
    // Control: outside the last is seen, too.
    let before = fs::metadata(file)?.permissions();
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    assert_ne!(fs::metadata(file)?.permissions(), before, "control");
    Ok(())
}

fn inode_numbers_are_kept(suite: &Suite) -> Kept {
    // SQLite, TOML and `off_t` have 63 bits for a number, programs with floating point numbers 53.
    const MOST: u64 = 1 << 53;
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    fs::write(&file, "there")?;
    fs::create_dir(scratch.path().join("directory"))?;
    let wish = Wish { directory: scratch.path().into(), ..copying(suite, scratch.path()) }.program("/bin/sh");
    let script = "n() { stat -c %i \"$1\"; }; n file; n directory; echo more >> file; n file; n directory
                  mv file directory; n directory/file; : > new; n new; chmod 700 directory; n directory";
    let numbers = |text: &[u8]| -> Result<Vec<u64>, Box<dyn std::error::Error>> {
        String::from_utf8_lossy(text).lines().map(|line| Ok(line.parse()?)).collect()
    };
    let inside = suite.inside_with(&wish, &["-c", script])?;
    inside.did()?;
    let seen = numbers(&inside.stdout)?;
    let [before, directory, written, still, moved, new, changed] = seen[..] else {
        return Err(format!("{seen:?}").into());
    };
    let host = fs::metadata(&file)?.ino();
    assert_eq!((before, written, moved), (host, host, host), "of the file");
    assert_eq!((still, changed), (directory, directory), "of the directory");
    assert!([directory, new].iter().all(|&number| number < MOST && number != host), "{seen:?}");
    // Control: the numbers outside stay, too.
    let outside =
        std::process::Command::new("/bin/sh").args(["-c", script]).current_dir(scratch.path()).output()?;
    assert_eq!(
        numbers(&outside.stdout)?[..5],
        [host, numbers(&outside.stdout)?[1], host, numbers(&outside.stdout)?[1], host]
    );
    Ok(())
}

fn renamed_and_linked(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    fs::write(scratch.path().join("file"), "there")?;
    fs::create_dir(scratch.path().join("directory"))?;
    fs::write(scratch.path().join("directory/inner"), "there")?;
    let wish = Wish { directory: scratch.path().into(), ..copying(suite, scratch.path()) }.program("/bin/sh");
    // mv(1) copies a directory that cannot be renamed, file by file.
    let script = "before=$(stat -c %i directory/inner); mv directory moved; ln file link; echo more >> link
                  test file -ef link && test $before = $(stat -c %i moved/inner) && cat file";
    let inside = suite.inside_with(&wish, &["-c", script])?;
    inside.did()?;
    let outside =
        std::process::Command::new("/bin/sh").args(["-c", script]).current_dir(scratch.path()).output()?;
    assert_eq!(String::from_utf8_lossy(&outside.stdout), "theremore\n", "control");
    assert_eq!(inside.stdout, outside.stdout);
    Ok(())
}

fn long_lists_are_counted(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let wish = Wish { directory: scratch.path().into(), ..copying(suite, scratch.path()) }.program("/bin/sh");
    let script = "n=0; while [ $n -lt 1000 ]; do : > file-$n; n=$((n+1)); done";
    let inside = suite.inside_with(&wish, &["-c", script])?;
    let changed = &inside.ending()?.changed;
    assert_eq!((inside.did().is_ok(), changed.count), (true, 1000));
    assert!(changed.paths.len() < 1000 && changed.paths.len() > 100, "{}", changed.paths.len());
    assert_eq!(fs::read_dir(scratch.path())?.count(), 0);
    Ok(())
}

fn nothing_is_listed(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    fs::write(&file, "there")?;
    let inside = suite.inside_with(&copying(suite, scratch.path()), &["read", text(&file)?])?;
    inside.did()?;
    assert_eq!(inside.ending()?.changed.count, 0);
    Ok(())
}

fn odd_names(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    for name in ["a space", "a\nnewline", "a\\backslash", "a\ttab,comma:colon", "\\040", "ünï", "#~%"] {
        let directory = scratch.path().join(name);
        fs::create_dir(&directory)?;
        let file = directory.join(name);
        let wish = Wish { directory: directory.clone(), ..copying(suite, &directory) };
        let inside = suite.inside_with(&wish, &["write", text(&file)?])?;
        inside.did()?;
        assert_eq!(inside.ending()?.changed.paths, [file.as_path()]);
        assert!(!file.exists());
        suite.outside(&["write", text(&file)?])?.did()?;
        assert!(file.exists(), "control");
    }
    Ok(())
}

fn behind_a_link(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let (real, link) = (scratch.path().join("real"), scratch.path().join("link"));
    fs::create_dir(&real)?;
    symlink("real", &link)?;
    let views = Views {
        copy_on_write: vec![real.clone()],
        read_only: vec![scratch.path().into()],
        ..Views::default()
    };
    let wish = Wish { views, ..suite.wish() };
    let inside = suite.inside_with(&wish, &["write", text(&link.join("file"))?])?;
    inside.did()?;
    assert_eq!(inside.ending()?.changed.paths, [real.join("file")]);
    assert!(!real.join("file").exists());
    suite.inside_with(&wish, &["write", text(&scratch.path().join("beside"))?])?.refused("EROFS")?;
    suite.outside(&["write", text(&link.join("file"))?])?.did()?;
    assert!(real.join("file").exists(), "control");
    Ok(())
}

/// Both attempts have the same zygote, which hands on what nobody has written to.
fn beside_a_link(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let place = tempfile::tempdir_in("/tmp")?;
    let (link, file) = (place.path().join("way/link"), place.path().join("way/file"));
    let links = vec![Link { path: link.clone(), target: scratch.path().into() }];
    let wish = Wish { views: Views { links, ..copying(suite, scratch.path()).views }, ..suite.wish() };
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    // Of several scratch directories, some attempt has one that another had before.
    for _ in 0..4 {
        wish.attempt(&mut slot, &["list_directory", text(&link)?])?.did()?;
        wish.attempt(&mut slot, &["exists", text(&file)?])?.refused("ENOENT")?;
        wish.attempt(&mut slot, &["write", text(&file)?])?.did()?;
    }
    for beside in [&["mkdir", text(file.parent().ok_or("it has a parent")?)?], &["write", text(&file)?]] {
        suite.outside(beside)?.did()?;
    }
    suite.outside(&["exists", text(&file)?])?.did()?;
    Ok(())
}

fn below_tmp(suite: &Suite) -> Kept {
    let workspace = tempfile::tempdir_in("/tmp")?;
    let neighbour = tempfile::NamedTempFile::new_in("/tmp")?;
    let file = workspace.path().join("file");
    fs::write(&file, "there")?;
    let wish = copying(suite, workspace.path());
    assert_eq!(suite.inside_with(&wish, &["read", text(&file)?])?.did()?.stdout, b"there");
    let inside = suite.inside_with(&wish, &["append", text(&file)?])?;
    inside.did()?;
    assert_eq!(inside.ending()?.changed.paths, [file.as_path()]);
    assert_eq!(fs::read(&file)?, b"there");
    suite.inside_with(&wish, &["exists", text(neighbour.path())?])?.refused("ENOENT")?;
    suite.inside_with(&wish, &["write", "/tmp/beside"])?.did()?;
    suite.outside(&["exists", text(neighbour.path())?])?.did()?;
    Ok(())
}

fn temporary_directories(suite: &Suite) -> Kept {
    for directory in ["/tmp", "/var/tmp", "/dev/shm"] {
        if !Path::new(directory).is_dir() {
            continue;
        }
        let of_the_host = tempfile::NamedTempFile::new_in(directory)?;
        let path = text(of_the_host.path())?;
        suite.inside(&["exists", path])?.refused("ENOENT")?;
        suite.outside(&["exists", path])?.did()?;
        suite.inside(&["exec_from", directory])?.did()?;
        let new = format!("{directory}/{}", unique("new"));
        let inside = suite.inside(&["write", &new])?;
        inside.did()?;
        assert_eq!(inside.ending()?.changed.count, 0, "private directories have nothing to list");
        assert!(!Path::new(&new).exists());
        let written = suite.outside(&["write", &new]);
        let control = Path::new(&new).exists();
        fs::remove_file(&new)?;
        written?.did()?;
        assert!(control, "control");
        let stat = suite.inside(&["stat", directory])?;
        assert_eq!(stat.did()?.fact("mode")?.trim_start_matches('0'), "1777");
    }
    Ok(())
}

fn kept(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let (whole, kept) = (scratch.path(), scratch.path().join("kept"));
    fs::create_dir(&kept)?;
    let views = Views { copy_on_write: vec![whole.into()], kept: vec![kept.clone()], ..Views::default() };
    let wish = Wish { views, ..suite.wish() };
    suite.inside_with(&wish, &["write", text(&kept.join("file"))?])?.did()?;
    assert!(kept.join("file").exists());
    suite.inside_with(&wish, &["write", text(&whole.join("file"))?])?.did()?;
    assert!(!whole.join("file").exists(), "control");
    Ok(())
}

fn working_directory(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    // Something that is neither file nor directory must not be in the way.
    mkfifo(&scratch.path().join("fifo"), Mode::S_IRUSR)?;
    let wish = Wish { directory: scratch.path().into(), ..copying(suite, scratch.path()) };
    assert_eq!(suite.inside_with(&wish, &["cwd"])?.did()?.fact("cwd")?, text(scratch.path())?);
    suite.inside_with(&wish, &["write", "relative"])?.did()?;
    assert!(!scratch.path().join("relative").exists());
    Ok(())
}

/// That a mount would be seen in mountinfo is shown where a supervisor makes one.
fn mounts_stay(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let before = fs::read_to_string("/proc/self/mountinfo")?;
    for _ in 0..3 {
        suite.inside_with(&copying(suite, scratch.path()), &["exit", "0"])?.did()?;
    }
    assert_eq!(fs::read_to_string("/proc/self/mountinfo")?, before);
    assert_ne!(suite.inside(&["mounts"])?.did()?.stdout, before.as_bytes(), "control: inside it is another");
    Ok(())
}

/// More attempts than a slot has places to write.
fn nothing_is_left(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let views = Views { copy_on_write: vec![scratch.path().into()], ..Views::default() };
    let wish = Wish { views, ..suite.wish() };
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    let name = unique("left");
    let places = ["/tmp", "/dev/shm", text(scratch.path())?].map(|place| format!("{place}/{name}"));
    for _ in 0..2 * template.private.scratch.len() {
        for place in &places {
            wish.attempt(&mut slot, &["mkdir", place])?.did()?;
        }
    }
    suite.outside(&["mkdir", &places[2]])?.did()?;
    suite.outside(&["mkdir", &places[2]])?.refused("EEXIST")?;
    Ok(())
}
