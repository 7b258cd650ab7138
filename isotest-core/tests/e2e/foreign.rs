//! Files of other owners and groups in a user's copy-on-write directory: what cannot be changed is said before.

use crate::observed::text;
use crate::promise::{Kept, Need, Promise};
use crate::sandboxed::{Suite, Wish};
use crate::users::{USER, as_user, hand_over, play};
use isotest_core::plan::Views;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

pub(crate) const PROMISES: &[Promise] =
    &[Promise::new("what_belongs_to_others_and_cannot_be_copied_is_said_before", said_before)
        .needs(&[Need::Root])];

/// A group of which the user is no member.
const OTHERS: u32 = 61_300;

fn said_before(_: &Suite) -> Kept {
    as_user("files_of_others", "user_with_files_of_others")
}

pub(crate) fn files_of_others(arguments: &[OsString]) -> Kept {
    let [part, place] = arguments else { return Err("a part and a directory are needed".into()) };
    let place = Path::new(place);
    let root = place.join("root");
    let names = ["own", "of_group", "of_owner", "closed", "shared/own", "read_only/closed", "around/own"];
    for name in ["shared", "read_only", "around"] {
        fs::create_dir_all(root.join(name))?;
    }
    names.iter().try_for_each(|name| fs::write(root.join(name), "there"))?;
    hand_over(&root)?;
    chown(root.join("of_group"), None, Some(OTHERS))?;
    chown(root.join("shared"), None, Some(OTHERS))?;
    let closed = [("closed", 0o644), ("read_only/closed", 0o644), ("read_only", 0o755), ("around", 0o755)];
    for (name, mode) in closed.into_iter().chain([("of_owner", 0o666)]) {
        chown(root.join(name), Some(0), None)?;
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode))?;
    }
    play(part, place, &root)
}

pub(crate) fn user_with_files_of_others(arguments: &[OsString]) -> Kept {
    let [root] = arguments else { return Err("one directory is needed".into()) };
    let root = Path::new(root);
    let suite = Suite::without_cgroups()?;
    let viewed = |below: &[&str], kept: &[&str]| {
        let join = |names: &[&str]| names.iter().map(|name| root.join(name)).collect::<Vec<_>>();
        let copy_on_write = [vec![root.to_path_buf()], join(below)].concat();
        Wish { views: Views { copy_on_write, kept: join(kept), ..Views::default() }, ..suite.wish() }
    };
    let wish = |kept: &[&str]| viewed(&[], kept);
    let said = |wish: &Wish| {
        let remarks = suite.resolved(wish).isolation.remarks.into_iter();
        remarks.filter(|remark| remark.contains("os error 75")).collect::<Vec<_>>()
    };
    let first = format!("`{}` and 2 more belong to another user or group", root.join("of_group").display());
    let remarks = said(&wish(&[]));
    assert!(remarks.len() == 1 && remarks[0].starts_with(&first), "{remarks:?}");

    // The kernel refuses what the remark counts: two files, and what is in the directory.
    for name in ["of_group", "of_owner", "shared/own"] {
        let file = root.join(name);
        suite.inside_with(&wish(&[]), &["append", text(&file)?])?.refused("EOVERFLOW")?;
        suite.inside_with(&wish(&[name]), &["append", text(&file)?])?.did()?;
        suite.outside(&["append", text(&file)?])?.did()?;
    }
    suite.inside_with(&wish(&[]), &["write", text(&root.join("shared/new"))?])?.refused("EOVERFLOW")?;
    // What may not be changed outside is no loss.
    let closed = root.join("closed");
    suite.inside_with(&wish(&[]), &["append", text(&closed)?])?.refused("EACCES")?;
    suite.outside(&["append", text(&closed)?])?.refused("EACCES")?;
    suite.inside_with(&wish(&[]), &["append", text(&root.join("own"))?])?.did()?;
    // Nor is a directory lost to which nothing leads but what may not be changed.
    assert_eq!(said(&viewed(&["read_only"], &[])), remarks);
    let around = said(&viewed(&["around"], &[]));
    let of_around = format!("`{}` belongs to another user or group", root.join("around").display());
    assert!(around.len() == 2 && around[0].starts_with(&of_around), "{around:?}");
    suite.inside_with(&wish(&[]), &["append", text(&root.join("around/own"))?])?.refused("EOVERFLOW")?;
    suite.outside(&["append", text(&root.join("around/own"))?])?.did()?;

    for name in ["of_group", "of_owner"] {
        fs::remove_file(root.join(name))?;
    }
    fs::rename(root.join("shared/own"), root.join("moved"))?;
    fs::remove_dir(root.join("shared"))?;
    assert_eq!(said(&wish(&[])), [""; 0], "control");
    assert_eq!(nix::unistd::geteuid().as_raw(), USER);
    Ok(())
}
