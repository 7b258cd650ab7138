//! The mounts of a process, and which of them an attempt may write to.

use crate::observed::Seen;
use libtest_mimic::Failed;
use std::path::{Path, PathBuf};

/// The device nodes of an attempt.
const DEVICES: [&str; 6] = ["/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"];

/// A line of mountinfo.
#[derive(Debug)]
pub(crate) struct Mount {
    device: String,
    point: String,
    options: Vec<String>,
    kind: String,
    /// Those of the file system.
    super_options: Vec<String>,
}

/// What the probe of this name saw.
pub(crate) fn mounts(seen: &Seen) -> Result<Vec<Mount>, Failed> {
    let text = String::from_utf8_lossy(&seen.did()?.stdout).into_owned();
    let line = |line: &str| {
        let (mount, source) = line.split_once(" - ")?;
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        // proc_pid_mountinfo(5): the device is the third field, the mount point the fifth.
        let mut fields = mount.split(' ').skip(2);
        let device = fields.next()?.to_owned();
        let point = fields.nth(1)?.to_owned();
        let options = list(fields.next()?);
        let mut source = source.split(' ');
        let kind = source.next()?.to_owned();
        Some(Mount { device, point, options, kind, super_options: list(source.nth(1)?) })
    };
    text.lines()
        .map(|text| line(text).ok_or_else(|| format!("not a line of mountinfo: {text}").into()))
        .collect()
}

impl Mount {
    pub(crate) fn is_writable(&self) -> bool {
        !self.options.iter().any(|option| option == "ro")
    }

    pub(crate) fn honours_setuid(&self) -> bool {
        !self.options.iter().any(|option| option == "nosuid")
    }

    /// Whether device nodes work on it that are not expected there.
    pub(crate) fn honours_devices(&self) -> bool {
        let is_expected = self.kind == "devpts" || DEVICES.contains(&self.point.as_str());
        !is_expected && !self.options.iter().any(|option| option == "nodev")
    }

    pub(crate) fn is_overlay_at(&self, path: &Path) -> bool {
        self.kind == "overlay" && Path::new(&self.point) == path
    }
}

/// What may be written to and is not the host's: the attempt's place to write, of which only the directories given to it
/// are shown, and what the kernel makes for it.
#[derive(Debug)]
pub(crate) struct Private {
    /// The device of the tmpfs that is the attempt's place to write.
    device: String,
    copied: Vec<PathBuf>,
}

impl Private {
    /// That of an attempt with these copy-on-write directories, by what it sees.
    pub(crate) fn new(mounts: &[Mount], copied: &[&Path]) -> Result<Self, Failed> {
        let shared_memory = mounts.iter().rfind(|mount| mount.point == "/dev/shm").ok_or("no /dev/shm")?;
        let copied = copied.iter().map(PathBuf::from).collect();
        Ok(Self { device: shared_memory.device.clone(), copied })
    }

    pub(crate) fn holds(&self, mount: &Mount) -> bool {
        match mount.kind.as_str() {
            "overlay" => {
                let upper = mount.super_options.iter().find_map(|option| option.strip_prefix("upperdir="));
                self.copied.iter().any(|path| mount.is_overlay_at(path))
                    && upper.is_some_and(|upper| upper.starts_with("scratch-"))
            }
            "tmpfs" if ["/tmp", "/var/tmp", "/dev/shm"].contains(&mount.point.as_str()) => {
                mount.device == self.device
            }
            // The settings of its own network are its own.
            "proc" => ["/proc", "/proc/sys/net"].contains(&mount.point.as_str()),
            "devpts" => mount.point == "/dev/pts",
            // In a container they are on a tmpfs, elsewhere on a devtmpfs.
            _ => DEVICES.contains(&mount.point.as_str()),
        }
    }
}
