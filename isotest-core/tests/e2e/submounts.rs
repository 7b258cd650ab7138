//! What is mounted below a copy-on-write directory: it is read-only, and nothing else is.

use crate::observed::{Seen, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::supervisors;
use crate::users::{as_user, hand_over, play};
use isotest_core::plan::Views;
use isotest_core::policy::{Capability, State};
use libtest_mimic::Failed;
use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("a_mount_below_it_costs_a_user_only_the_mount", of_a_user).needs(&[Need::Root]),
    Promise::new("files_beside_a_mount_are_copied_however_many", of_much).needs(&[Need::Root]),
    Promise::new("a_home_with_many_directories_and_a_mount_is_seen_whole", of_many).needs(&[Need::Root]),
];

/// Directories beside the mount, more than become views of their own.
const MANY: usize = 40;

fn of_a_user(_: &Suite) -> Kept {
    as_user("mounts_for_a_user", "user_beside_mount")
}

fn of_many(_: &Suite) -> Kept {
    as_user("mounts_for_a_user", "user_beside_many")
}

fn of_much(_: &Suite) -> Kept {
    as_user("mounts_for_a_user", "user_beside_much")
}

/// Root, which mounts something and hands all of the directory over.
pub(crate) fn mounts_for_a_user(arguments: &[OsString]) -> Kept {
    let [part, place] = arguments else { return Err("a part and a directory are needed".into()) };
    let place = Path::new(place);
    supervisors::enter(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let root = place.join("root");
    for directory in ["way/disk", "way/beside", "directory", "empty"] {
        fs::create_dir_all(root.join(directory))?;
    }
    for file in ["file", "way/file", "way/beside/file", "directory/file"] {
        fs::write(root.join(file), "there")?;
    }
    symlink("directory/file", root.join("link"))?;
    for n in 0..MANY {
        fs::create_dir(root.join(format!("many-{n:02}")))?;
        fs::write(root.join(format!("many-{n:02}/file")), "there")?;
    }
    hand_over(&root)?;
    mount(Some("tmpfs"), &root.join("way/disk"), Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
    fs::write(root.join("way/disk/file"), "mounted")?;
    hand_over(&root.join("way/disk"))?;
    play(part, place, &root)
}

fn wish(suite: &Suite, root: &Path, wanted: &[PathBuf]) -> Wish {
    let copy_on_write = [&[root.to_path_buf()], wanted].concat();
    Wish { views: Views { copy_on_write, ..Views::default() }, ..suite.wish() }
}

pub(crate) fn user_beside_mount(arguments: &[OsString]) -> Kept {
    let [root] = arguments else { return Err("one directory is needed".into()) };
    let root = Path::new(root);
    for n in 0..MANY {
        fs::remove_dir_all(root.join(format!("many-{n:02}")))?;
    }
    let suite = Suite::without_cgroups()?;
    let wish = wish(&suite, root, &[]);
    let isolation = suite.resolved(&wish).isolation;
    assert!(isolation.states.contains(&(Capability::CopyOnWrite, State::InForce)), "{isolation:?}");
    let disk = root.join("way/disk");
    let said = format!("`{}` is read-only: it is mounted below a copy-on-write directory", disk.display());
    assert!(isolation.remarks.contains(&said), "{isolation:?}");

    let before = look(root)?;
    changes_vanish(&suite, &wish, root)?;
    assert_eq!(look(root)?, before);
    copies_look_alike(&suite, &wish, root)?;

    let mounted = text(&disk)?.to_owned();
    let (file, new) = (format!("{mounted}/file"), format!("{mounted}/new"));
    assert_eq!(suite.inside_with(&wish, &["read", &file])?.did()?.stdout, b"mounted");
    for refused in [&["write", &new][..], &["append", &file], &["remove", &file]] {
        suite.inside_with(&wish, refused)?.refused("EROFS")?;
    }
    suite.outside(&["append", &file])?.did()?;
    suite.outside(&["append", text(&root.join("file"))?])?.did()?;
    assert_ne!(look(root)?, before, "control");
    Ok(())
}

/// More files than a tmpfs for names has pages, and one that is larger than it.
pub(crate) fn user_beside_much(arguments: &[OsString]) -> Kept {
    let [root] = arguments else { return Err("one directory is needed".into()) };
    let root = Path::new(root);
    let large = root.join("way/large");
    fs::write(&large, vec![b'x'; 2 << 20])?;
    for n in 0..300 {
        fs::write(root.join(format!("way/small-{n}")), "there")?;
    }
    let suite = Suite::without_cgroups()?;
    let wish = wish(&suite, root, &[]);
    let inside = |arguments: &[&str]| suite.inside_with(&wish, arguments);
    assert_eq!(inside(&["read", text(&large)?])?.did()?.stdout.len(), 2 << 20);
    for file in [large, root.join("way/small-0"), root.join("way/small-299")] {
        let before = fs::read(&file)?;
        inside(&["append", text(&file)?])?.did()?;
        assert_eq!(fs::read(&file)?, before);
        suite.outside(&["append", text(&file)?])?.did()?;
        assert_ne!(fs::read(&file)?, before, "control");
    }
    Ok(())
}

/// Everything in a directory, as text.
fn look(root: &Path) -> Result<String, Failed> {
    let seen = Seen::run(Command::new("/bin/ls").args(["-lR", "--full-time"]).arg(root))?;
    Ok(String::from_utf8_lossy(&seen.did()?.stdout).into_owned())
}

fn changes_vanish(suite: &Suite, wish: &Wish, root: &Path) -> Kept {
    let cases: [(&[&str], &str); 11] = [
        (&["write", "new"], "new"),
        (&["mkdir", "new"], "new"),
        (&["append", "file"], "file"),
        (&["chmod", "file", "600"], "file"),
        (&["remove", "file"], "file"),
        (&["append", "link"], "directory/file"),
        (&["write", "empty/new"], "empty/new"),
        (&["write", "directory/new"], "directory/new"),
        (&["write", "way/new"], "way/new"),
        (&["append", "way/file"], "way/file"),
        (&["append", "way/beside/file"], "way/beside/file"),
    ];
    for (arguments, changed) in cases {
        let wish = Wish { directory: root.into(), ..wish.clone() };
        let inside = suite.inside_with(&wish, arguments)?;
        inside.did()?;
        assert_eq!(inside.ending()?.changed.paths, [root.join(changed)], "{arguments:?}");
    }
    Ok(())
}

/// The files look inside as they do outside, whichever of them are copies.
fn copies_look_alike(suite: &Suite, wish: &Wish, root: &Path) -> Kept {
    let files = ["file", "way/file", "way/beside/file"].map(|name| root.join(name));
    let listing = ["-l", "--full-time", text(&files[0])?, text(&files[1])?, text(&files[2])?];
    let inside = suite.inside_with(&wish.clone().program("/bin/ls"), &listing)?;
    let outside = Seen::run(Command::new("/bin/ls").args(listing))?;
    assert_eq!(String::from_utf8_lossy(&inside.did()?.stdout), String::from_utf8_lossy(&outside.stdout));
    Ok(())
}

pub(crate) fn user_beside_many(arguments: &[OsString]) -> Kept {
    let [root] = arguments else { return Err("one directory is needed".into()) };
    let root = Path::new(root);
    let suite = Suite::without_cgroups()?;
    let last = root.join(format!("many-{:02}", MANY - 1));
    let wish = wish(&suite, root, std::slice::from_ref(&last));
    let remarks = suite.resolved(&wish).isolation.remarks;
    assert!(
        remarks.iter().any(|remark| remark.contains("are read-only: something is mounted")),
        "{remarks:?}"
    );
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    let mut inside = |arguments: &[&str]| wish.attempt(&mut slot, arguments);
    // What is wanted is copied however many others there are.
    inside(&["write", text(&last.join("new"))?])?.did()?;
    inside(&["write", text(&root.join("new"))?])?.did()?;
    let (mut writable, mut read_only) = (0, 0);
    for n in 0..MANY {
        let file = root.join(format!("many-{n:02}/file"));
        assert_eq!(inside(&["read", text(&file)?])?.did()?.stdout, b"there");
        let append = inside(&["append", text(&file)?])?;
        if append.did().is_ok() {
            writable += 1;
        } else {
            append.refused("EROFS")?;
            read_only += 1;
        }
        assert_eq!(fs::read(&file)?, b"there");
    }
    assert!(writable > MANY / 2 && read_only > 0, "{writable} writable, {read_only} read-only");
    suite.outside(&["append", text(&root.join("many-38/file"))?])?.did()?;
    Ok(())
}
