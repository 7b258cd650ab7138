//! What is seen of the host's `/run`. Pure.

use super::{Entry, rootfs};
use crate::host::{HostEntry, Kind};
use std::path::Path;

/// Entries through which a test could reach services of the host.
const HIDDEN: [&str; 8] = ["user", "dbus", "docker", "containerd", "podman", "crio", "libpod", "buildkit"];

/// `/run` without sockets and without the directories of services.
pub(super) fn seen(entries: &[HostEntry]) -> impl Iterator<Item = Entry> {
    let is_hidden = |path: &Path| HIDDEN.iter().any(|name| path == Path::new("/run").join(name));
    let seen = entries.iter().filter(move |entry| !is_hidden(&entry.path) && entry.kind != Kind::Socket);
    seen.map(rootfs::as_seen)
}
