//! Cgroup of one attempt: made, entered by descriptors, read, removed.

use super::attempt_files::{AttemptFiles, text_of};
use super::setting::{Setting, required};
use super::version::Version;
use super::{Hierarchy, sweep};
use crate::limits::Limits;
use crate::metric;
use crate::policy::Capability;
use crate::step::{Step, StepError};
use crate::usage::Usage;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

/// Name of the directory, below the one that carries the limit, in which the workload lives and which is the root of
/// its cgroup namespace: a workload with all capabilities may change what it sees, so it sees its limit there once
/// more.
pub(crate) const INNER: &str = "test";

/// Directory of one attempt in one hierarchy. Everything is reached through descriptors: the way down from the root
/// is longer than what is done at its end.
#[derive(Debug)]
struct Place {
    /// Directory of the run.
    run: Arc<File>,
    /// Name of the outer directory in the run's directory.
    id: String,
    /// Path of the outer directory.
    path: PathBuf,
    /// Outer directory of the attempt, where limits are set and figures are read.
    outer: File,
    /// Inner directory, where the workload lives; `None` if that is the outer one.
    inner: Option<File>,
    version: Version,
    serves: Vec<Capability>,
    /// Limits that were set, with their values as the kernel repeated them.
    set: Vec<Setting>,
    /// Number of processors that the machine has.
    processors: u64,
}

/// Cgroup of one attempt.
#[derive(Debug)]
pub struct AttemptCgroup {
    name: String,
    places: Vec<Place>,
    limits: Limits,
}

impl AttemptCgroup {
    /// Greatest number of descriptors that an attempt's cgroup has open in one hierarchy.
    pub(super) const DESCRIPTORS: usize = 2;

    /// Makes the directories of an attempt and sets its limits.
    ///
    /// # Errors
    /// When a directory cannot be made or a limit is refused; nothing is left behind then.
    pub(super) fn create(
        hierarchies: &[Hierarchy],
        id: &str,
        limits: &Limits,
        devices: &[String],
    ) -> io::Result<Self> {
        let name = if limits.any() { format!("{id}/{INNER}") } else { id.to_owned() };
        let mut cgroup = Self { name, places: Vec::new(), limits: limits.clone() };
        for hierarchy in hierarchies {
            match Place::create(hierarchy, id, limits, devices) {
                Ok(place) => cgroup.places.push(place),
                Err(error) => {
                    // The first error is returned; a directory that cannot be removed now is removed by the next run.
                    let _ = cgroup.remove();
                    return Err(error);
                }
            }
        }
        Ok(cgroup)
    }

    /// Returns the attempt's directory relative to each of the run's directories.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the version 2 directory in which a process can be born, if there is one.
    pub(crate) fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        let place = self.places.iter().find(|place| place.version.interface().takes_births())?;
        Some(place.innermost().as_fd())
    }

    /// Returns the version 1 `tasks` files, by which a process enters the cgroup.
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub(crate) fn entrances(&self) -> io::Result<Vec<OwnedFd>> {
        let entered = self.places.iter().filter(|place| !place.version.interface().takes_births());
        let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        entered
            .map(|place| {
                let (directory, file) = (place.innermost(), place.version.entrance());
                Ok(openat(directory, file, flags, Mode::empty())?)
            })
            .collect()
    }

    /// Reads every figure of the attempt. Call it when the attempt's last process has ended.
    ///
    /// # Errors
    /// When a file is gone from which one was to be read.
    pub fn usage(&self) -> Result<Usage, StepError> {
        let mut usage = Usage::default();
        for place in &self.places {
            for capability in &place.serves {
                place.version.interface().read(*capability, place.files(), &self.limits, &mut usage);
            }
            for capability in
                place.serves.iter().filter(|capability| metric::source(&usage, **capability).is_none())
            {
                let file = place.version.interface().witness(*capability);
                Step::ReadFigures.on(file, || place.open(file))?;
            }
        }
        Ok(usage)
    }

    /// Reads the memory that the attempt occupies now; `None` if nothing counts it.
    pub(crate) fn memory_now(&self) -> Option<u64> {
        let place = self.places.iter().find(|place| place.serves.contains(&Capability::Memory))?;
        place.files().value(place.version.interface().memory_now())
    }

    /// Describes a limit that is not what it was when it was set, if one is not. Call it when the attempt's last
    /// process has ended.
    pub fn changed_limit(&self) -> Option<String> {
        let mut set = self.places.iter().flat_map(|place| place.set.iter().map(move |set| (place, set)));
        set.find_map(|(place, set)| {
            let now = text_of(place.directory(set), set.file).unwrap_or_default();
            let (file, set, now) = (set.file, set.value.trim(), now.trim());
            (set != now).then(|| format!("its limit `{file}` was changed from {set} to {now}"))
        })
    }

    /// Removes the directories of the attempt. Call it when the attempt's last process has ended.
    ///
    /// # Errors
    /// Error of the first directory that could not be removed; the others are removed.
    pub fn remove(&self) -> io::Result<()> {
        let mut result = Ok(());
        for place in &self.places {
            result = result.and(place.remove());
        }
        result
    }
}

impl Place {
    /// Makes the directory of an attempt in one hierarchy and sets the limits; nothing is left behind if one is
    /// refused.
    fn create(hierarchy: &Hierarchy, id: &str, limits: &Limits, devices: &[String]) -> io::Result<Self> {
        let run = Arc::clone(&hierarchy.handle);
        let outer = make_directory(&run, id)?;
        let (version, serves) = (hierarchy.version, hierarchy.serves.clone());
        let (set, processors) = (Vec::new(), hierarchy.processors);
        let path = hierarchy.run.join(id);
        let mut place =
            Self { run, id: id.to_owned(), path, outer, inner: None, version, serves, set, processors };
        let settings = hierarchy.controls.iter();
        let settings = settings.flat_map(|control| version.settings(limits, *control, devices));
        let handed_on = limits.any().then(|| hierarchy.handed_on(limits));
        match place.limit(settings, handed_on) {
            Ok(()) => Ok(place),
            Err(error) => {
                // The first error is returned; a directory that cannot be removed now is removed by the next run.
                let _ = place.remove();
                Err(error)
            }
        }
    }

    /// Sets limits in the directory; with `handed_on` there is an inner one for the workload, which has these
    /// controllers.
    fn limit(
        &mut self,
        settings: impl Iterator<Item = Setting>,
        handed_on: Option<Vec<&'static str>>,
    ) -> io::Result<()> {
        if let Some(controllers) = handed_on {
            if !controllers.is_empty() {
                let added: Vec<_> = controllers.iter().map(|controller| format!("+{controller}")).collect();
                set(&self.outer, &required("cgroup.subtree_control", added.join(" ")))?;
            }
            self.inner = Some(make_directory(&self.outer, INNER)?);
        }
        let mut written: Vec<Setting> = Vec::new();
        for setting in settings {
            let is_set = set(self.directory(&setting), &setting)?;
            if let Some(inner) = self.inner.as_ref().filter(|_| is_set && !setting.innermost) {
                set(inner, &setting)?;
            }
            let same = |known: &Setting| (known.file, known.innermost) == (setting.file, setting.innermost);
            if is_set && !written.iter().any(same) {
                written.push(setting);
            }
        }
        // Only now is the value for a file with several devices complete.
        for setting in &mut written {
            setting.value = text_of(self.directory(setting), setting.file).unwrap_or_default();
        }
        self.set = written;
        Ok(())
    }

    /// Returns the directory where the workload lives.
    fn innermost(&self) -> &File {
        self.inner.as_ref().unwrap_or(&self.outer)
    }

    fn directory(&self, setting: &Setting) -> &File {
        self.inner.as_ref().filter(|_| setting.innermost).unwrap_or(&self.outer)
    }

    fn remove(&self) -> io::Result<()> {
        let inner = self.inner.as_ref().map_or(Ok(()), |_| remove_if_there(&self.outer, INNER));
        match inner.and_then(|()| remove_if_there(&self.run, &self.id)) {
            // Root in the sandbox may have created cgroups below this one.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => sweep::remove_tree(&self.path),
            removed => removed,
        }
    }

    fn open(&self, file: &str) -> io::Result<OwnedFd> {
        Ok(openat(&self.outer, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
    }

    fn files(&self) -> AttemptFiles<'_> {
        AttemptFiles { outer: &self.outer, inner: self.inner.as_ref(), processors: self.processors }
    }
}

/// Writes a limit; returns false if the kernel has no such file and need not have it.
pub(super) fn set(directory: &File, setting: &Setting) -> io::Result<bool> {
    match openat(directory, setting.file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        Err(Errno::ENOENT) if setting.optional => Ok(false),
        Err(error) => Err(error.into()),
        Ok(file) => File::from(file).write_all(setting.value.as_bytes()).map(|()| true),
    }
}

pub(super) fn make_directory(parent: &File, name: &str) -> io::Result<File> {
    mkdirat(parent, name, Mode::from_bits_truncate(0o755))?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?.into())
}

pub(super) fn remove_if_there(parent: &File, name: &str) -> io::Result<()> {
    match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Control;
    use crate::units::Bytes;
    use std::fs;
    use std::path::Path;

    /// Makes a place of a directory that stands for a cgroup: files keep what is written to them, as the kernel's do.
    fn place(directory: &Path, version: Version) -> io::Result<Place> {
        let outer = File::open(directory)?;
        Ok(Place {
            run: Arc::new(outer.try_clone()?),
            id: "1".to_owned(),
            path: directory.join("1"),
            outer,
            inner: None,
            version,
            serves: Vec::new(),
            set: Vec::new(),
            processors: 1,
        })
    }

    #[test]
    fn block_io_is_summed_over_all_of_very_many_devices() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let place = place(directory.path(), Version::V2)?;
        for devices in [1, 1000] {
            let lines = (0..devices).map(|minor| format!("259:{minor} rbytes=1 wbytes=2 rios=1 wios=1\n"));
            fs::write(directory.path().join("io.stat"), lines.collect::<String>())?;
            let mut usage = Usage::default();
            let io = Capability::Io;
            place.version.interface().read(io, place.files(), &Limits::default(), &mut usage);
            let summed = usage.io.map(|io| (io.value.read.get(), io.value.write.get()));
            assert_eq!(summed, Some((devices, 2 * devices)));
        }
        Ok(())
    }

    #[test]
    fn limits_of_several_devices_in_one_file_are_not_taken_for_changes() -> io::Result<()> {
        let limits = Limits { io: Some(Bytes::new(1000)), ..Limits::default() };
        let devices = ["8:0".to_owned(), "259:16".to_owned()];
        let files = ["io.max", "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"];
        for (version, written) in [(Version::V2, &files[..1]), (Version::V1, &files[1..])] {
            let directory = tempfile::tempdir()?;
            for file in written {
                fs::write(directory.path().join(file), "")?;
            }
            let mut place = place(directory.path(), version)?;
            place.limit(version.settings(&limits, Control::Io, &devices).into_iter(), None)?;
            assert_eq!(place.set.len(), written.len());
            let cgroup = AttemptCgroup { name: "1".to_owned(), places: vec![place], limits: limits.clone() };
            assert_eq!(cgroup.changed_limit(), None);
            fs::write(directory.path().join(written[0]), "259:16 1")?;
            assert!(cgroup.changed_limit().is_some_and(|what| what.contains(written[0])), "control");
        }
        Ok(())
    }
}
