//! What is seen of the host, and that it cannot be written.

use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::seen::Seen;
use crate::seen::text;
use crate::supervisors;
use crate::users::{as_user, play};
use isotest_core::plan::Views;
use libtest_mimic::Failed;
use nix::mount::{MsFlags, mount};
use nix::pty::openpty;
use nix::sched::CloneFlags;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("dev_has_what_programs_need_and_nothing_else", dev_is_exact),
    Promise::new("a_pseudo_terminal_can_be_opened", terminals_work),
    Promise::new("only_private_mounts_are_writable_and_none_honours_setuid", every_mount),
    Promise::new("a_directory_of_the_host_is_read_only", host_directory_is_read_only),
    Promise::new("what_is_mounted_below_is_read_only_too", submounts),
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

/// A line of mountinfo.
struct Mount {
    point: String,
    options: Vec<String>,
    kind: String,
}

fn mounts(seen: &Seen) -> Result<Vec<Mount>, Failed> {
    let text = String::from_utf8_lossy(&seen.did()?.stdout).into_owned();
    let line = |line: &str| {
        let (mount, source) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let point = fields.next()?.to_owned();
        let options = fields.next()?.split(',').map(str::to_owned).collect();
        Some(Mount { point, options, kind: source.split(' ').next()?.to_owned() })
    };
    text.lines()
        .map(|text| line(text).ok_or_else(|| format!("not a line of mountinfo: {text}").into()))
        .collect()
}

fn is_writable_host(mount: &Mount) -> bool {
    let private = match mount.kind.as_str() {
        "overlay" | "proc" | "devpts" => true,
        "tmpfs" if ["/tmp", "/var/tmp", "/dev/shm"].contains(&mount.point.as_str()) => true,
        // The nodes that are there are those that `dev_is_exact` lists. In a container they are on a tmpfs, too.
        _ => mount.point.starts_with("/dev/"),
    };
    !private && !mount.options.iter().any(|option| option == "ro")
}

fn honours_setuid(mount: &Mount) -> bool {
    !mount.options.iter().any(|option| option == "nosuid")
}

fn every_mount(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let views = Views { copy_on_write: vec![scratch.path().into()], ..Views::default() };
    let inside = suite.inside_with(&Wish { views, ..suite.wish() }, &["mounts"])?;
    let inside = mounts(&inside)?;
    for mount in &inside {
        assert!(
            !is_writable_host(mount),
            "{} ({}) is writable: {:?}",
            mount.point,
            mount.kind,
            mount.options
        );
        assert!(!honours_setuid(mount), "{} ({}): {:?}", mount.point, mount.kind, mount.options);
    }
    assert!(inside.iter().any(|mount| mount.kind == "overlay" && Path::new(&mount.point) == scratch.path()));
    let outside = mounts(&suite.outside(&["mounts"])?)?;
    assert!(outside.iter().any(is_writable_host) && outside.iter().any(honours_setuid), "control");
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
    Seen::of(supervisors::command("with_submount")?.arg(scratch.path()))?.did()?;
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
    for file in ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches"] {
        if Path::new(file).exists() {
            suite.inside(&["append", file])?.refused("EROFS")?;
        }
    }
    // Outside, it would change the host; that root may is seen from the mode and from the mount.
    let outside = mounts(&suite.outside(&["mounts"])?)?;
    let proc = outside.iter().find(|mount| mount.point == "/proc").ok_or("no /proc")?;
    assert!(!proc.options.iter().any(|option| option == "ro"), "control");
    Ok(())
}

fn init_is_closed(suite: &Suite) -> Kept {
    suite.inside(&["read", "/proc/1/environ"])?.refused("EACCES")?;
    suite.inside(&["ptrace_parent"])?.refused("EPERM")?;
    let own = format!("/proc/{}/environ", std::process::id());
    suite.outside(&["read", &own])?.did()?;
    Ok(())
}
