//! What the directories hold that are thrown away. The control of a figure is another amount: outside, there is nothing to
//! read it from.

use crate::observed::{Attempt, text};
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use isotest_core::plan::Views;
use isotest_core::units::Bytes;
use isotest_core::usage::{Disk, Source};
use libtest_mimic::Failed;
use std::fs;

pub(crate) const PROMISES: &[Promise] = &[
    Promise::new("what_is_left_in_private_directories_is_held", private_directories),
    Promise::new("what_is_written_copy_on_write_is_held_and_not_on_the_host", copy_on_write),
    Promise::new("a_changed_file_is_held_whole", changed_file),
    Promise::new("a_hole_in_a_file_holds_nothing", hole),
    Promise::new("what_is_deleted_before_the_end_is_in_the_peak", deleted),
    Promise::new("the_next_attempt_of_a_slot_begins_with_nothing", next_attempt),
    Promise::new("what_is_mounted_by_the_test_is_not_held", own_mount).needs(&[Need::Root]),
    Promise::new("what_is_not_to_be_measured_is_not", unmeasured),
];

const MIB: u64 = 1 << 20;

/// Directories on the way to a copied file, and what overlayfs keeps beside it.
const BESIDE_A_COPY: u64 = 4;

/// What was held at the end, and at most.
fn held(attempt: &Attempt) -> Result<(Disk, Disk), Failed> {
    let usage = &attempt.record.usage;
    let (end, peak) = (usage.disk.ok_or("no figure")?, usage.disk_peak.ok_or("no peak")?);
    assert_eq!((end.source, peak.source), (Source::Statfs, Source::StatfsSampled));
    assert!(!end.source.is_approximate() && peak.source.is_approximate());
    assert!(end.value.bytes <= peak.value.bytes && end.value.files <= peak.value.files, "{end:?} {peak:?}");
    Ok((end.value, peak.value))
}

/// A shell script inside; `$0` is the probe.
fn script(suite: &Suite, script: &str) -> Result<Attempt, Failed> {
    let inside =
        suite.inside_with(&suite.wish().program("/bin/sh"), &["-ec", script, text(&suite.probe)?])?;
    inside.did()?;
    Ok(inside)
}

fn private_directories(suite: &Suite) -> Kept {
    for directory in ["/tmp", "/var/tmp", "/dev/shm"] {
        for mebibytes in [1, 20] {
            let path = format!("{directory}/isotest-disk");
            let inside = suite.inside(&["fill", &path, &(mebibytes * MIB).to_string()])?;
            inside.did()?;
            assert_eq!(held(&inside)?.0, Disk { bytes: Bytes::mib(mebibytes), files: 1 }, "{path}");
            assert!(!fs::exists(&path)?, "{path} is on the host");
        }
    }
    let many = "mkdir /tmp/d; for n in 1 2 3; do echo $n > /tmp/d/$n; done; ln -s d /tmp/link";
    let page = u64::try_from(nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.ok_or("no size")?)?;
    assert_eq!(held(&script(suite, many)?)?.0, Disk { bytes: Bytes::new(3 * page), files: 5 });
    Ok(())
}

fn copy_on_write(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let views = Views { copy_on_write: vec![scratch.path().into()], ..Views::default() };
    let wish = Wish { views, ..suite.wish() };
    for mebibytes in [1, 5] {
        let file = scratch.path().join("file");
        let inside = suite.inside_with(&wish, &["fill", text(&file)?, &(mebibytes * MIB).to_string()])?;
        inside.did()?;
        let (end, _) = held(&inside)?;
        assert_eq!(end.bytes, Bytes::mib(mebibytes));
        assert!((1..=1 + BESIDE_A_COPY).contains(&end.files), "{end:?}");
        assert_eq!(fs::read_dir(scratch.path())?.count(), 0, "the host's directory has changed");
    }
    Ok(())
}

fn changed_file(suite: &Suite) -> Kept {
    let scratch = suite.scratch()?;
    let file = scratch.path().join("file");
    let content = vec![b'x'; usize::try_from(4 * MIB)?];
    fs::write(&file, &content)?;
    let views = Views { copy_on_write: vec![scratch.path().into()], ..Views::default() };
    let wish = Wish { views, ..suite.wish() };
    let read = suite.inside_with(&wish, &["stat", text(&file)?])?;
    read.did()?;
    assert_eq!(held(&read)?, (Disk::default(), Disk::default()), "control: what is only looked at");
    let changed = suite.inside_with(&wish, &["append", text(&file)?])?;
    changed.did()?;
    let (end, _) = held(&changed)?;
    assert!((4 * MIB..5 * MIB).contains(&end.bytes.get()), "{end:?}");
    assert!((1..=1 + BESIDE_A_COPY).contains(&end.files), "{end:?}");
    assert_eq!(fs::read(&file)?, content, "the host's file has changed");
    Ok(())
}

fn hole(suite: &Suite) -> Kept {
    let sparse = script(suite, "dd if=/dev/zero of=/tmp/sparse bs=1 count=0 seek=1G 2> /dev/null")?;
    assert_eq!(held(&sparse)?.0, Disk { bytes: Bytes::new(0), files: 1 });
    let full = script(suite, "dd if=/dev/zero of=/tmp/full bs=1M count=1 2> /dev/null")?;
    assert_eq!(held(&full)?.0, Disk { bytes: Bytes::mib(1), files: 1 }, "control");
    Ok(())
}

fn deleted(suite: &Suite) -> Kept {
    let mut last = None;
    // The longer it lives, the surer somebody looks, however busy the machine is.
    for seconds in ["0.1", "1", "10"] {
        let commands = format!("\"$0\" fill /tmp/file {}; sleep {seconds}; rm /tmp/file", 8 * MIB);
        let (end, peak) = held(&script(suite, &commands)?)?;
        assert_eq!(end, Disk::default());
        if peak == (Disk { bytes: Bytes::mib(8), files: 1 }) {
            let unseen = script(suite, "sleep 0.1")?;
            assert_eq!(held(&unseen)?.1, Disk::default(), "control");
            return Ok(());
        }
        last = Some(peak);
    }
    Err(format!("nobody has seen it: {last:?}").into())
}

fn next_attempt(suite: &Suite) -> Kept {
    let wish = suite.wish();
    let template = suite.template(&wish);
    let mut slot = suite.slot(&template)?;
    for _ in 0..10 {
        let full = wish.attempt(&mut slot, &["fill", "/tmp/file", &MIB.to_string()])?;
        assert_eq!(held(&full)?.0, Disk { bytes: Bytes::mib(1), files: 1 });
        let empty = wish.attempt(&mut slot, &["exit", "0"])?;
        assert_eq!(held(&empty)?, (Disk::default(), Disk::default()));
    }
    Ok(())
}

/// It is memory of the test's own.
fn own_mount(suite: &Suite) -> Kept {
    let inside = script(suite, "mkdir /tmp/m; \"$0\" mount_tmpfs /tmp/m; \"$0\" fill /tmp/m/file 1048576")?;
    assert_eq!(held(&inside)?.0, Disk { bytes: Bytes::new(0), files: 1 });
    Ok(())
}

fn unmeasured(suite: &Suite) -> Kept {
    let arguments = ["fill", "/tmp/file", "4096"];
    let inside = suite.inside_with(&Wish { measured: false, ..suite.wish() }, &arguments)?;
    inside.did()?;
    assert_eq!((inside.record.usage.disk, inside.record.usage.disk_peak), (None, None));
    let wish = suite.wish();
    let mut template = suite.template(&wish);
    template.sampled.retain(|source| *source != Source::StatfsSampled);
    let inside = wish.attempt(&mut suite.slot(&template)?, &arguments)?;
    assert_eq!((inside.record.usage.disk, inside.record.usage.disk_peak), (None, None));
    Ok(())
}
