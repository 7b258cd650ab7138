//! Place of the history of a workspace; pure.

use std::path::{Path, PathBuf};
use twox_hash::XxHash64;

/// Directory of the history of one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Path of the directory.
    pub(super) directory: PathBuf,
}

impl Place {
    /// Returns the place for a workspace: below `$XDG_STATE_HOME`, or `~/.local/state` where that is not an absolute path.
    /// `None` where there is no home either.
    pub(crate) fn of_workspace(
        workspace: &Path,
        state_home: Option<&Path>,
        home: Option<&Path>,
    ) -> Option<Self> {
        let state_home = state_home.filter(|path| path.is_absolute()).map(Path::to_owned);
        let home = home.filter(|path| path.is_absolute()).map(|home| home.join(".local/state"));
        let name = workspace.file_name().unwrap_or_default().to_string_lossy();
        let hash = XxHash64::oneshot(0, workspace.as_os_str().as_encoded_bytes());
        let directory = state_home.or(home)?.join("isotest").join(format!("{name}-{hash:016x}"));
        Some(Self { directory })
    }

    /// Returns the directory of the workspace's named baselines.
    pub(crate) fn baselines(&self) -> PathBuf {
        self.directory.join("baselines")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_workspace_has_a_place_in_the_state_directory() {
        let place = |workspace: &str, state: Option<&str>, home: Option<&str>| {
            let place = Place::of_workspace(workspace.as_ref(), state.map(Path::new), home.map(Path::new));
            place.map(|place| place.directory)
        };
        let usual = place("/w/tour", None, Some("/home/a")).unwrap();
        assert!(usual.starts_with("/home/a/.local/state/isotest"), "{usual:?}");
        assert!(usual.file_name().unwrap().to_string_lossy().starts_with("tour-"), "{usual:?}");
        let said = place("/w/tour", Some("/s"), Some("/home/a")).unwrap();
        assert_eq!(said, Path::new("/s/isotest").join(usual.file_name().unwrap()));
        assert_ne!(said.file_name(), place("/v/tour", Some("/s"), None).unwrap().file_name());
        assert_eq!(place("/w/tour", Some("relative"), Some("/home/a")), Some(usual));
        assert_eq!(place("/w/tour", Some("relative"), None), None);
    }
}
