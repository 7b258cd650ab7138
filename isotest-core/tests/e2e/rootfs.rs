//! What is seen of the host, and that it cannot be written.

use crate::mounts::{Mount, Private, mounts};
use crate::observed::Seen;
use crate::observed::text;
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::supervisors;
use crate::users::{as_user, play};
use isotest_core::plan::Views;
use nix::mount::{MsFlags, mount};
use nix::pty::openpty;
use nix::sched::CloneFlags;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("dev_has_what_programs_need_and_nothing_else", dev_is_exact),
    Promise::new("a_pseudo_terminal_can_be_opened", terminals_work),
    Promise::new("only_private_mounts_are_writable_and_none_honours_setuid_or_devices", every_mount),
    Promise::new("a_directory_of_the_host_is_read_only", host_directory_is_read_only),
    Promise::new("what_is_mounted_below_is_read_only_too", submounts),
    Promise::new("no_mount_of_a_sandbox_reaches_a_host_that_shares_its_mounts", no_propagation),
    Promise::new("a_run_directory_that_cannot_be_read_is_said_to_be_empty", unreadable_run)
        .needs(&[Need::Root]),
    Promise::new("root_cannot_make_the_host_writable_again", no_remount).needs(&[Need::Root]),
    Promise::new("a_user_cannot_mount", no_mount).needs(&[Need::User]),
    Promise::new("sysctls_cannot_be_written", sysctls).needs(&[Need::Root]),
    Promise::new("the_process_above_cannot_be_looked_into", init_is_closed),
];

fn dev_is_exact(suite: &Suite) -> Kept {
    let expected = [
        ("fd", "link /proc/self/fd"),
        ("full", "char 1:7"),
        ("null", "char 1:3"),
        ("ptmx", "link pts/ptmx"),
        ("pts", "directory"),
        ("random", "char 1:8"),
        ("shm", "directory"),
        ("stderr", "link /proc/self/fd/2"),
        ("stdin", "link /proc/self/fd/0"),
        ("stdout", "link /proc/self/fd/1"),
        ("tty", "char 5:0"),
        ("urandom", "char 1:9"),
        ("zero", "char 1:5"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())).into();
    assert_eq!(suite.inside(&["devices"])?.did()?.all_facts(), expected);
    suite.inside(&["write", "/dev/null"])?.did()?;
    suite.inside(&["write", "/dev/file"])?.refused("EROFS")?;
    assert_ne!(suite.outside(&["devices"])?.did()?.all_facts(), expected, "control");
    Ok(())
}

fn terminals_work(suite: &Suite) -> Kept {
    // Held open, so that the host's next one has another number.
    let _held = openpty(None, None)?;
    let inside = suite.inside(&["openpty"])?;
    assert_eq!((inside.did()?.fact("terminal")?, inside.fact("word")?), ("/dev/pts/0".into(), "ping".into()));
    assert_ne!(suite.outside(&["openpty"])?.did()?.fact("terminal")?, "/dev/pts/0", "control");
    Ok(())
}

fn every_mount(suite: &Suite) -> Kept {
    let (workspace, home) = (suite.scratch()?, suite.scratch()?);
    let copied = [workspace.path(), home.path()];
    let views = Views { copy_on_write: copied.map(PathBuf::from).into(), ..Views::default() };
    let wish = Wish { views, ..suite.wish() };
    let inside = mounts(&*suite.inside_with(&wish, &["mounts"])?)?;
    let private = Private::new(&inside, &copied)?;
    let is_of_host = |mount: &Mount| mount.is_writable() && !private.holds(mount);
    for mount in &inside {
        assert!(!is_of_host(mount), "writable: {mount:?}");
        assert!(!mount.honours_setuid() && !mount.honours_devices(), "{mount:?}");
    }
    for path in copied {
        assert!(inside.iter().any(|mount| mount.is_overlay_at(path)), "{}", path.display());
    }
    let outside = mounts(&suite.outside(&["mounts"])?)?;
    assert!(outside.iter().any(is_of_host) && outside.iter().any(Mount::honours_setuid), "control");
    assert!(outside.iter().any(Mount::honours_devices), "control");
    Ok(())
}

/// A wish to see a directory of the host, even below `/tmp`.
fn seeing(suite: &Suite, directory: &Path) -> Wish {
    let views = Views { read_only: vec![directory.into()], ..Views::default() };
    Wish { views, ..suite.wish() }
}

fn host_directory_is_read_only(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let path = |name: &str| scratch.path().join(name);
    let (old, new) = (path("old"), path("new"));
    let (old, new) = (text(&old)?, text(&new)?);
    fs::write(old, "there")?;
    let attempts: [&[&str]; 8] = [
        &["write", new],
        &["append", old],
        &["chmod", old, "600"],
        &["hard_link", old, new],
        &["symlink", old, new],
        &["rename", old, new],
        &["mkdir", new],
        &["remove", old],
    ];
    for arguments in attempts {
        suite.inside_with(&seeing(suite, scratch.path()), arguments)?.refused("EROFS")?;
        assert_eq!(fs::read(old)?, b"there");
    }
    assert_eq!(suite.inside_with(&seeing(suite, scratch.path()), &["read", old])?.did()?.stdout, b"there");
    for arguments in attempts {
        suite.outside(arguments)?.did()?;
        // Each begins with the same two names.
        let _ = fs::remove_file(new).or_else(|_| fs::remove_dir(new));
        fs::write(old, "there")?;
    }
    Ok(())
}

fn submounts(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    // The suite mounts nothing in the namespace it was started in.
    Seen::run(supervisors::command("with_submount")?.arg(scratch.path()))?.did()?;
    Ok(())
}

/// A supervisor that sees a mount below `directory`, which is part of what its sandboxes are shown.
pub(crate) fn with_submount(arguments: &[OsString]) -> Kept {
    let [directory] = arguments else { return Err("one directory is needed".into()) };
    let directory = Path::new(directory);
    let before = fs::read("/proc/self/mountinfo")?;
    let root = nix::unistd::geteuid().is_root();
    supervisors::enter(if root { CloneFlags::empty() } else { CloneFlags::CLONE_NEWUSER })?;
    supervisors::enter(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    let below = directory.join("below");
    fs::create_dir(&below)?;
    mount(Some("tmpfs"), &below, Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
    assert_ne!(fs::read("/proc/self/mountinfo")?, before, "control: a mount is seen in mountinfo");
    let (file, new, beside) = (below.join("file"), below.join("new"), directory.join("beside"));
    fs::write(&file, "mounted")?;

    let suite = Suite::without_cgroups()?;
    suite.outside(&["write", text(&new)?])?.did()?;
    fs::remove_file(&new)?;
    let copied = Views { copy_on_write: vec![directory.into()], ..Views::default() };
    for wish in [seeing(&suite, directory), Wish { views: copied.clone(), ..suite.wish() }] {
        assert_eq!(suite.inside_with(&wish, &["read", text(&file)?])?.did()?.stdout, b"mounted");
        suite.inside_with(&wish, &["write", text(&new)?])?.refused("EROFS")?;
        suite.inside_with(&wish, &["remove", text(&file)?])?.refused("EROFS")?;
    }
    suite.inside_with(&Wish { views: copied, ..suite.wish() }, &["write", text(&beside)?])?.did()?;
    assert!(!beside.exists());
    Ok(())
}

fn no_propagation(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    Seen::run(supervisors::command("sharing_mounts")?.arg(scratch.path()))?.did()?;
    Ok(())
}

/// A supervisor that shares its mounts with the namespaces made of its own, as systemd has it.
pub(crate) fn sharing_mounts(arguments: &[OsString]) -> Kept {
    let [directory] = arguments else { return Err("one directory is needed".into()) };
    let root = nix::unistd::geteuid().is_root();
    supervisors::enter(if root { CloneFlags::empty() } else { CloneFlags::CLONE_NEWUSER })?;
    supervisors::enter(CloneFlags::CLONE_NEWNS)?;
    for propagation in [MsFlags::MS_PRIVATE, MsFlags::MS_SHARED] {
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | propagation, None::<&str>)?;
    }
    let before = fs::read_to_string("/proc/self/mountinfo")?;
    let suite = Suite::without_cgroups()?;
    let wish = suite.wish();
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    for _ in 0..2 {
        wish.attempt(&mut slot, &["mount_tmpfs", "/tmp"])?;
        assert_eq!(fs::read_to_string("/proc/self/mountinfo")?, before);
    }
    drop(slot);
    assert_eq!(fs::read_to_string("/proc/self/mountinfo")?, before);
    // Control: a process in a mount namespace made of this one, which nothing has cut off.
    let mut probe = supervisors::in_new(CloneFlags::CLONE_NEWNS, &suite.probe)?;
    Seen::run(probe.arg("mount_tmpfs").arg(directory))?.did()?;
    assert_ne!(fs::read_to_string("/proc/self/mountinfo")?, before, "control");
    Ok(())
}

fn unreadable_run(_: &Suite) -> Kept {
    as_user("hides_run", "user_without_run")
}

/// Root, which mounts a `/run` that a user may not read.
pub(crate) fn hides_run(arguments: &[OsString]) -> Kept {
    let [part, place] = arguments else { return Err("a part and a directory are needed".into()) };
    supervisors::enter(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=0711"))?;
    fs::write("/run/file", "there")?;
    play(part, Path::new(place), Path::new("/run/file"))
}

pub(crate) fn user_without_run(arguments: &[OsString]) -> Kept {
    let [file] = arguments else { return Err("one file is needed".into()) };
    let suite = Suite::without_cgroups()?;
    let remarks = suite.resolved(&suite.wish()).isolation.remarks;
    let said = |remark: &String| remark.starts_with("`/run` is empty: it cannot be read (Permission denied");
    assert!(remarks.iter().any(said), "{remarks:?}");
    suite.inside(&["read", text(Path::new(file))?])?.refused("ENOENT")?;
    suite.outside(&["read", text(Path::new(file))?])?.did()?;
    Ok(())
}

fn no_remount(suite: &Suite) -> Kept {
    suite.inside(&["remount_rw", "/usr"])?.refused("EPERM")?;
    suite.inside(&["unmount", "/usr"])?.refused("EINVAL")?;
    // Outside, the host's mounts would change: the control changes a mount in namespaces of its own.
    suite.unshared(CloneFlags::CLONE_NEWNS, &["mount_tmpfs", "/usr"])?.did()?;
    Ok(())
}

fn no_mount(suite: &Suite) -> Kept {
    suite.inside(&["mount_tmpfs", "/tmp"])?.refused("EPERM")?;
    suite.inside(&["unmount", "/tmp"])?.refused("EPERM")?;
    // An ordinary user may not outside either: the control owns the namespace.
    suite.unshared(CloneFlags::CLONE_NEWNS, &["mount_tmpfs", "/tmp"])?.did()?;
    Ok(())
}

fn sysctls(suite: &Suite) -> Kept {
    let mut tried = Vec::new();
    for part in ["sys/kernel", "sys/vm", "irq", "bus", "fs", "sysrq-trigger"] {
        let Some(file) = first_writable(&Path::new("/proc").join(part)) else { continue };
        // As a whole, not by the file's mode or the caller's capabilities.
        suite.inside(&["open_for_writing", text(&file)?])?.refused("EROFS")?;
        let outside = suite.outside(&["open_for_writing", text(&file)?])?;
        // Containers have some of them read-only themselves.
        if outside.refused("EROFS").is_err() {
            outside.did()?;
        }
        tried.push(file);
    }
    assert!(tried.iter().any(|file| file.starts_with("/proc/sys/kernel")), "{tried:?}");
    Ok(())
}

/// The first file at this place or below it whose owner may write to it.
fn first_writable(place: &Path) -> Option<PathBuf> {
    let meta = fs::symlink_metadata(place).ok()?;
    if !meta.is_dir() {
        return (meta.is_file() && meta.mode() & 0o200 != 0).then(|| place.to_owned());
    }
    let mut entries: Vec<_> = fs::read_dir(place).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.iter().find_map(|entry| first_writable(entry))
}

fn init_is_closed(suite: &Suite) -> Kept {
    suite.inside(&["read", "/proc/1/environ"])?.refused("EACCES")?;
    suite.inside(&["ptrace_parent"])?.refused("EPERM")?;
    let own = format!("/proc/{}/environ", std::process::id());
    suite.outside(&["read", &own])?.did()?;
    Ok(())
}
