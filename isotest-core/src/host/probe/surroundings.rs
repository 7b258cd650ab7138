//! Reads [`Surroundings`].

use crate::host::Host;
use crate::host::surroundings::{self, Surroundings};
use procfs::process::Process;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Bit of CAP_SYS_ADMIN (capabilities(7)).
const SYS_ADMIN: u64 = 1 << 21;

/// Reads the surroundings as far as they can be read, and leaves out the rest.
pub fn surroundings(host: &Host) -> Surroundings {
    let kernel = line("/proc/sys/kernel/osrelease").unwrap_or_default();
    let status = Process::myself().and_then(|process| process.status()).ok();
    Surroundings {
        uid: host.ids.uid,
        gid: host.ids.gid,
        container: container(),
        wsl: kernel.to_lowercase().contains("microsoft"),
        seccomp: status.as_ref().is_some_and(|status| status.seccomp.is_some_and(|mode| mode > 0)),
        no_new_privs: status.as_ref().is_some_and(|status| status.nonewprivs.is_some_and(|set| set > 0)),
        can_administer: status.is_some_and(|status| status.capeff & SYS_ADMIN != 0),
        masked_proc: masked_proc(&host.mount_points),
        settings: surroundings::settings().filter_map(|name| Some((name, setting(name)?))).collect(),
        apparmor: apparmor(),
        systemd: Path::new("/run/systemd/system").is_dir(),
        user_manager: user_manager().is_some_and(|socket| UnixStream::connect(socket).is_ok()),
        program: env::current_exe().unwrap_or_default(),
        kernel,
    }
}

fn line(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_matches(['\n', '\0', ' ']).to_owned())
}

fn setting(name: &str) -> Option<String> {
    line(Path::new("/proc/sys").join(name.replacen('.', "/", 1)))
}

/// Finds the name of the container engine by the marks that it leaves.
fn container() -> Option<String> {
    if env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Some("kubernetes".to_owned());
    }
    for (mark, name) in [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")] {
        if Path::new(mark).exists() {
            return Some(name.to_owned());
        }
    }
    let named = env::var("container").ok().or_else(|| line("/run/systemd/container"));
    named.filter(|name| !name.is_empty())
}

/// Returns the mounts that hide parts of `/proc`. A mount on a directory that never has anything in it hides nothing.
fn masked_proc(mount_points: &[PathBuf]) -> Vec<PathBuf> {
    let proc = Path::new("/proc");
    let hides = |path: &&PathBuf| {
        path.starts_with(proc) && path.as_path() != proc && !path.ends_with("sys/fs/binfmt_misc")
    };
    mount_points.iter().filter(hides).cloned().collect()
}

fn apparmor() -> Option<String> {
    let enabled = line("/sys/module/apparmor/parameters/enabled")? == "Y";
    let profile = || line("/proc/self/attr/apparmor/current").or_else(|| line("/proc/self/attr/current"));
    if enabled { profile() } else { None }
}

/// Returns the path of the private socket of the user's own service manager.
fn user_manager() -> Option<PathBuf> {
    Some(Path::new(&env::var_os("XDG_RUNTIME_DIR")?).join("systemd/private"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hides_a_part_of_proc_masks_it() {
        let mounts = ["/", "/proc", "/proc/sys/fs/binfmt_misc", "/proc/kcore", "/processes"];
        assert_eq!(masked_proc(&mounts.map(PathBuf::from)), [PathBuf::from("/proc/kcore")]);
    }

    #[test]
    fn names_of_settings_are_paths() {
        assert!(setting("user.max_user_namespaces").is_some_and(|value| value.parse::<u64>().is_ok()));
        assert_eq!(setting("user.no_such_setting"), None);
    }
}
