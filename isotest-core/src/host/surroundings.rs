//! Describes the surroundings of this process, as far as they help to say what could be done about a refusal. Nothing
//! here decides what can be had: that is tried. [`super::probe::surroundings`] reads them.

use crate::namespace::NAMESPACES;
use std::path::PathBuf;

/// Names the settings of the kernel by which namespaces are refused, as for sysctl(8).
pub fn settings() -> impl Iterator<Item = &'static str> {
    let permissions = ["kernel.unprivileged_userns_clone", "kernel.apparmor_restrict_unprivileged_userns"];
    permissions.into_iter().chain(NAMESPACES.iter().map(|namespace| namespace.limit))
}

/// Facts about this process and the machine around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact")]
pub struct Surroundings {
    /// Release of the kernel, to be shown.
    pub kernel: String,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Name of what seems to run the container we are in: `docker`, `podman`, `kubernetes` or another word.
    pub container: Option<String>,
    /// Whether the machine is the Windows subsystem for Linux.
    pub wsl: bool,
    /// Whether a seccomp filter is in force, which may answer in the kernel's place.
    pub seccomp: bool,
    /// Whether this process has CAP_SYS_ADMIN in its user namespace.
    pub can_administer: bool,
    /// Whether no program can give this process more rights, so that sudo(8) is refused (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privs: bool,
    /// Mount points that cover parts of `/proc`.
    pub masked_proc: Vec<PathBuf>,
    /// Settings among [`settings`] that exist, and their values.
    pub settings: Vec<(&'static str, String)>,
    /// Name of the AppArmor profile under which this process runs; `None` without AppArmor.
    pub apparmor: Option<String>,
    /// Whether systemd manages this machine.
    pub systemd: bool,
    /// Whether a systemd manager of this user's own can be reached.
    pub user_manager: bool,
    /// Path of this program.
    pub program: PathBuf,
}

impl Surroundings {
    /// Returns the value of a setting, if it exists.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }
}
