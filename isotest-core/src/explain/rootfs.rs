//! Writes the commands that build, from outside, the tree that becomes `/`.

use super::cgroups::Cgroup;
use super::words::{Lines, WITH_SBIN, list, quoted};
use crate::plan::{Access, Content, Entry, Layer, Network, OverlayNotes, Template};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Directory at which the attempt's own directory covers what nobody is to see.
const COVERED: &str = "/dev/shm";

/// Builds the tree, and makes it the root.
pub(super) fn build(lines: &mut Lines, template: &Template, cgroups: &[Cgroup<'_>]) {
    let site = Site::new(template);
    site.open(lines, template);
    lines.blank();
    site.entries(lines);
    for (n, layer) in template.private.layers.iter().enumerate() {
        lines.blank();
        site.layer(lines, n, layer);
    }
    lines.blank();
    site.devpts(lines);
    site.cgroups(lines, cgroups);
    lines.blank();
    site.enter(lines);
}

/// Directories in which the tree is built.
struct Site<'a> {
    template: &'a Template,
    /// Directory at which the host's tree is seen whole.
    host: String,
    /// Directory at which the new tree grows.
    new: String,
    /// Directory to which the attempt writes.
    own: String,
}

/// Kind of an entry of the tree, by what the script does to place it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory(u32),
    Symlink,
    File,
    Copy,
    Bind(Access, bool),
    Sysfs,
    Proc,
    Tmpfs(u64),
}

impl<'a> Site<'a> {
    fn new(template: &'a Template) -> Self {
        let room = template.staging_dir.display();
        // Any other directory of the host.
        let others = ["/mnt", "/media", "/srv", "/opt", "/var", "/home"].map(Path::new);
        let is_there = |path: &&Path| template.tree.iter().any(|entry| entry.path() == *path);
        let host = others.into_iter().filter(|path| *path != template.staging_dir).find(is_there);
        Self {
            template,
            host: host.unwrap_or(Path::new("/run")).display().to_string(),
            new: format!("{room}/new"),
            own: format!("{room}/own"),
        }
    }

    fn open(&self, lines: &mut Lines, template: &Template) {
        let Self { host, new, own, .. } = self;
        let room = template.staging_dir.display();
        let bytes = template.private.tmpfs_bytes;
        lines.say(&format!(
            "The host's whole tree once more, at {host}: what is covered from here on is still seen there."
        ));
        lines.run(&format!("mount --rbind / {host}"));
        lines.say("Room for the new root, and for all that this test writes.");
        lines.run(&format!("mount -t tmpfs -o nosuid,nodev,size=1m,mode=755 tmpfs {room}"));
        lines.run(&format!("mkdir {new} {own}"));
        lines.run(&format!("mount -t tmpfs -o nosuid,nodev,size=1m,mode=755 tmpfs {new}"));
        lines.run(&format!("mount -t tmpfs -o nosuid,nodev,size={bytes},mode=755 tmpfs {own}"));
        lines.say("Without a whole /proc of one's own the kernel refuses another one further inside.");
        lines.run(&format!("mkdir {new}/proc"));
        lines.run(&format!("mount -t proc -o nosuid,nodev,noexec proc {new}/proc"));
    }

    fn new_path(&self, path: &Path) -> String {
        joined(&self.new, path)
    }

    fn host_path(&self, path: &Path) -> String {
        joined(&self.host, path)
    }

    /// Places the entries of the tree, but those for the attempt's layers, which are placed with them.
    fn entries(&self, lines: &mut Lines) {
        let hidden_dir = &self.template.private.hidden_dir;
        let is_shown =
            |entry: &&Entry| matches!(entry, Entry::Proc { .. }) || !entry.path().starts_with(hidden_dir);
        for (kind, group) in grouped(self.template.tree.iter().filter(is_shown)) {
            self.group(lines, kind, &group);
        }
    }

    fn group(&self, lines: &mut Lines, kind: Kind, group: &[&Entry]) {
        match kind {
            Kind::Directory(_) | Kind::Symlink | Kind::File | Kind::Copy => {
                self.plain(lines, kind, group, |path| self.new_path(path));
            }
            Kind::Bind(access, recursive) => {
                lines.blank();
                lines.say(match access {
                    Access::ReadOnly => "The host's, read-only, with what is mounted below.",
                    Access::ReadWrite => "The host's own; what is written here stays.",
                    Access::Device => "Of the host's devices these, and no other.",
                });
                self.binds(lines, access, recursive, group);
            }
            Kind::Sysfs if self.template.outer_user && self.template.network == Network::Host => {
                lines.blank();
                lines.say(
                    "Only who owns the network may have a /sys of its own: this is the host's, read-only.",
                );
                self.binds(lines, Access::ReadOnly, true, group);
            }
            Kind::Sysfs => {
                lines.blank();
                lines.say("/sys shows the interfaces of this network namespace only.");
                for entry in group {
                    let place = self.new_path(entry.path());
                    lines.run(&format!("mount -t sysfs -o ro,nosuid,nodev,noexec sysfs {place}"));
                }
            }
            Kind::Proc => {
                lines.blank();
                lines.say("Inside, the kernel grants no /proc that may be more than one that nothing covers: this, which nobody sees.");
                let place = self.new_path(&Path::new(COVERED).join("proc"));
                lines.run(&format!("mkdir -m 555 {place}"));
                lines.run(&format!("mount -t proc -o ro,nosuid,nodev,noexec proc {place}"));
            }
            Kind::Tmpfs(bytes) => {
                for entry in group {
                    let place = self.new_path(entry.path());
                    lines.run(&format!("mount -t tmpfs -o nosuid,nodev,size={bytes},mode=755 tmpfs {place}"));
                }
            }
        }
    }

    /// Places entries that are no mounts; `at` returns the word that says where.
    fn plain(&self, lines: &mut Lines, kind: Kind, group: &[&Entry], at: impl Fn(&Path) -> String) {
        let places = || list(group.iter().map(|entry| at(entry.path()))).unwrap_or_default();
        match kind {
            Kind::Directory(mode) => lines.run(&format!("mkdir -p -m {mode:o} {}", places())),
            Kind::File => lines.run(&format!("touch {}", places())),
            _ => {}
        }
        for entry in group {
            match entry {
                Entry::Symlink { path, target } => {
                    lines.run(&format!("ln -s {} {}", quoted(target), at(path)));
                }
                Entry::Copy { from, to } => {
                    lines.run(&format!("cp -p {} {}", self.host_path(from), at(to)));
                }
                _ => {}
            }
        }
    }

    fn binds(&self, lines: &mut Lines, access: Access, recursive: bool, group: &[&Entry]) {
        let Self { host, new, .. } = self;
        let elsewhere = |entry: &Entry| matches!(entry, Entry::Bind { from, to, .. } if from != to);
        let paths = list(group.iter().filter(|entry| !elsewhere(entry)).map(|entry| quoted(entry.path())));
        if let Some(paths) = paths {
            lines.run(&format!("for path in {paths}; do"));
            for line in bound(access, recursive, &format!("\"{host}$path\""), &format!("\"{new}$path\"")) {
                lines.run(&format!("    {line}"));
            }
            lines.run("done");
        }
        for entry in group.iter().filter(|entry| elsewhere(entry)) {
            let Entry::Bind { from, to, .. } = entry else { continue };
            for line in bound(access, recursive, &self.host_path(from), &self.new_path(to)) {
                lines.run(&line);
            }
        }
    }

    fn layer(&self, lines: &mut Lines, n: usize, layer: &Layer) {
        let Self { own, .. } = self;
        let place = self.new_path(&layer.path);
        match &layer.content {
            Content::Private { mode, links } => {
                lines.say(&format!("Its own {}.", layer.path.display().to_string().escape_debug()));
                lines.run(&format!("mkdir -m {mode:o} {own}/private-{n}"));
                for link in links {
                    let Ok(below) = link.path.strip_prefix(&layer.path) else { continue };
                    let path = joined(&format!("{own}/private-{n}"), &Path::new("/").join(below));
                    lines.run(&format!("mkdir -p \"$(dirname {path})\""));
                    lines.run(&format!("ln -s {} {path}", quoted(&link.target)));
                }
                lines.run(&format!("place {own}/private-{n} {place}"));
                lines.run(&format!("mount --bind {own}/private-{n} {place}"));
            }
            Content::CopyOnWrite { from } => {
                let shown = layer.path.display().to_string();
                lines.say(&format!(
                    "{}: every write works, and goes to the upper of two layers.",
                    shown.escape_debug()
                ));
                self.copy_on_write(lines, n, from, &place);
            }
            Content::Again { from } => {
                let Some((from, access)) = self.shown(from) else { return };
                lines.say("Something of the host's within.");
                for line in bound(access, true, &self.host_path(&from), &place) {
                    lines.run(&line);
                }
            }
        }
    }

    fn copy_on_write(&self, lines: &mut Lines, n: usize, from: &Path, place: &str) {
        let own = &self.own;
        let [lower, upper, work] = ["lower", "upper", "work"].map(|part| format!("{own}/{part}-{n}"));
        lines.run(&format!("mkdir {lower} {upper} {work}"));
        self.lower(lines, from, &lower);
        lines.run(&format!(
            "chmod --reference={lower} {upper}; chown --reference={lower} {upper} 2> /dev/null || true"
        ));
        let attributes = match self.template.overlay {
            OverlayNotes::UserAttributes => ",userxattr",
            OverlayNotes::TrustedAttributes => "",
            OverlayNotes::Redirects => ",redirect_dir=on",
        };
        lines.run(&format!("place {lower} {place}"));
        lines.run(&format!("mount -t overlay -o nosuid,nodev,xino=off{attributes} \\"));
        lines.run(&format!("    -o lowerdir={lower},upperdir={upper},workdir={work} overlay {place}"));
    }

    /// Makes the lower layer: the host's directory without the mounts below it, or a substitute where an ordinary
    /// user may not have that.
    fn lower(&self, lines: &mut Lines, from: &Path, lower: &str) {
        if let Some((from, _)) = self.shown(from) {
            lines.run(&format!("mount --bind {} {lower}", self.host_path(&from)));
            lines.run(&format!("mount -o remount,bind,ro,nosuid,nodev {lower}"));
            return;
        }
        lines
            .say("With something mounted below, the kernel lets only root have the host's as the lower one.");
        let parts = self.template.tree.iter().filter(|entry| entry.path().starts_with(from));
        let at = |path: &Path| match path.strip_prefix(from) {
            Ok(below) if below != Path::new("") => joined(lower, &Path::new("/").join(below)),
            _ => lower.to_owned(),
        };
        for (kind, group) in grouped(parts) {
            self.plain(lines, kind, &group, at);
        }
    }

    /// Returns the path on the host that an entry of the hidden directory shows, and its access.
    fn shown(&self, hidden: &Path) -> Option<(PathBuf, Access)> {
        self.template.tree.iter().find_map(|entry| match entry {
            Entry::Bind { from, to, access, .. } if to == hidden => Some((from.clone(), *access)),
            _ => None,
        })
    }

    fn devpts(&self, lines: &mut Lines) {
        lines.say("Pseudo terminals of its own.");
        lines.run(&format!(
            "mount -t devpts -o nosuid,noexec,ptmxmode=0666,mode=0620 devpts {}/dev/pts",
            self.new
        ));
    }

    fn cgroups(&self, lines: &mut Lines, cgroups: &[Cgroup<'_>]) {
        if cgroups.is_empty() {
            return;
        }
        lines.say("Of the cgroups, its own.");
        for view in &self.template.private.cgroups {
            let run = self.shown(&view.from).map(|(from, _)| from);
            let cgroup = cgroups.iter().find(|cgroup| run.as_ref().is_some_and(|run| cgroup.has_run_in(run)));
            let Some(cgroup) = cgroup else { continue };
            let place = self.new_path(&view.path);
            lines.run(&format!("mount --bind \"{}\" {place}", cgroup.attempt()));
            lines.run(&format!("mount -o remount,bind,ro,nosuid,nodev {place}"));
        }
    }

    /// Makes the tree read-only, and then the root: afterwards `/etc/fstab` would have a word in it.
    fn enter(&self, lines: &mut Lines) {
        let Self { new, .. } = self;
        let hidden_dir = &self.template.private.hidden_dir;
        let tmpfs = self.template.tree.iter().filter_map(|entry| match entry {
            Entry::Tmpfs { path, .. } if path != hidden_dir => Some(self.new_path(path)),
            _ => None,
        });
        lines.say("Nothing in the tree itself is written any more. It becomes /, and the host's is let go.");
        for place in tmpfs.chain([new.clone()]) {
            lines.run(&format!("mount -o remount,bind,ro {place}"));
        }
        lines.run(&format!("cd {new}"));
        lines.run(&format!("{WITH_SBIN} pivot_root . ."));
        lines.run("umount -l .");
        lines.run("cd /");
    }
}

/// Groups entries of one kind, so far as none comes before one that it is placed in.
fn grouped<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<(Kind, Vec<&'a Entry>)> {
    let mut groups: Vec<(Kind, Vec<&Entry>)> = Vec::new();
    for entry in entries {
        let kind = kind(entry);
        let place = entry.path();
        let holds = |other: &&Entry| place.starts_with(other.path()) && other.path() != place;
        let last_holder = groups.iter().rposition(|(_, group)| group.iter().any(&holds));
        let from = last_holder.unwrap_or_default();
        match groups.iter_mut().skip(from).find(|(other, _)| *other == kind) {
            Some((_, group)) => group.push(entry),
            None => groups.push((kind, vec![entry])),
        }
    }
    groups
}

/// Returns the commands for a bind mount and its mount point.
fn bound(access: Access, recursive: bool, from: &str, to: &str) -> Vec<String> {
    let options = match access {
        Access::ReadOnly => "ro,nosuid,nodev",
        Access::ReadWrite => "nosuid,nodev",
        Access::Device => "nosuid,noexec",
    };
    let mut lines = vec![
        format!("place {from} {to}"),
        format!("mount --{}bind {from} {to}", if recursive { "r" } else { "" }),
    ];
    if recursive {
        lines.push(format!("findmnt -Rrno TARGET {to} | while read -r mounted; do"));
        lines.push(format!("    mount -o remount,bind,{options} \"$mounted\""));
        lines.push("done".to_owned());
    } else {
        lines.push(format!("mount -o remount,bind,{options} {to}"));
    }
    lines
}

fn joined(top: &str, path: &Path) -> String {
    let mut joined = OsString::from(top);
    joined.push(path);
    quoted(joined)
}

fn kind(entry: &Entry) -> Kind {
    match entry {
        Entry::Directory { mode, .. } => Kind::Directory(*mode),
        Entry::Symlink { .. } => Kind::Symlink,
        Entry::File { .. } => Kind::File,
        Entry::Copy { .. } => Kind::Copy,
        Entry::Bind { access, recursive, .. } => Kind::Bind(*access, *recursive),
        Entry::Sysfs { .. } => Kind::Sysfs,
        Entry::Proc { .. } => Kind::Proc,
        Entry::Tmpfs { bytes, .. } => Kind::Tmpfs(*bytes),
    }
}
