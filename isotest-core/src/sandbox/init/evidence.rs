//! Hands files of evidence to the supervisor: it gets a descriptor of each, by which it can read that file and
//! nothing else.
//!
//! The files may be written by an attacker. They are opened below their layer over no link, and only regular files
//! are, so that nothing of the host can be meant; the supervisor decides where they go and what they are called
//! there.

use super::layers::{Upper, Views};
use crate::plan::Private;
use crate::sandbox::protocol::channel::{self, Report};
use crate::step::{Step, StepError};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Hands over as many of these files, each in its layer, as the limits allow. Returns the number of those left out.
///
/// # Errors
/// When the supervisor does not take them any more.
pub(super) fn hand_over(
    files: &[(usize, PathBuf)],
    Views { hidden, uppers }: &Views,
    private: &Private,
    control: &mut UnixStream,
) -> Result<u64, StepError> {
    let (mut handed, mut room) = (0, private.evidence_bytes_most);
    for (layer, path) in files {
        if handed == private.evidence_most {
            break;
        }
        let opened = uppers.get(*layer).and_then(|upper| regular_file(hidden, upper, path));
        let Some((file, rest)) = opened.and_then(|(file, size)| Some((file, room.checked_sub(size)?))) else {
            continue;
        };
        room = rest;
        handed += 1;
        let report = Report::Evidence { path: path.clone() };
        Step::Supervise.run(|| channel::send(control, &report, &[file.as_fd()]))?;
    }
    Ok(u64::try_from(files.len() - handed).unwrap_or(u64::MAX))
}

/// Opens a file by the path at which the workload saw it, and returns it with its size.
fn regular_file(hidden: &File, upper: &Upper, path: &Path) -> Option<(File, u64)> {
    let below = path.strip_prefix(&upper.path).ok()?;
    // `O_NONBLOCK`: opening a named pipe must not block.
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let resolve =
        ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let directory = openat(hidden, &upper.directory, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let file = openat2(directory, below, OpenHow::new().flags(flags).resolve(resolve)).ok()?;
    let file = File::from(file);
    let meta = file.metadata().ok()?;
    // A file of which only owner or times were changed may have its contents in the lower layer only.
    let has_contents = meta.size() == 0 || meta.blocks() > 0;
    (meta.file_type().is_file() && has_contents).then_some((file, meta.size()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_of_the_layer_itself_are_opened() {
        let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), "x").unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("inside")).unwrap();
        fs::write(at("inside/file"), "four").unwrap();
        fs::write(at("inside/empty"), "").unwrap();
        symlink(outside.path().join("secret"), at("file-link")).unwrap();
        symlink(outside.path(), at("directory-link")).unwrap();
        symlink("inside", at("own-link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        File::create(at("hollow")).unwrap().set_len(1 << 20).unwrap();
        let hidden = File::open(place.path()).unwrap();
        let upper = Upper { directory: ".".into(), path: "/seen".into(), ..Upper::default() };
        let size = |path: &str| regular_file(&hidden, &upper, Path::new(path)).map(|(_, size)| size);
        assert_eq!((size("/seen/inside/file"), size("/seen/inside/empty")), (Some(4), Some(0)));
        for refused in [
            "/seen/file-link",
            "/seen/directory-link/secret",
            "/seen/own-link/file",
            "/seen/pipe",
            "/seen/inside",
            "/seen/hollow",
            "/seen/../seen/inside/file",
            "/elsewhere/inside/file",
        ] {
            assert_eq!(size(refused), None, "{refused}");
        }
    }
}
