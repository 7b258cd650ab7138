//! What is seen of a project without building it, and what is known of that.

use crate::cargo::build::Workspace;
use crate::known_crates::{self, Known};
use isotest_core::join_list::and_more;
use std::collections::{BTreeMap, BTreeSet};

/// Where the configuration of cargo-nextest is in a workspace.
pub(super) const NEXTEST: &str = ".config/nextest.toml";
/// Of the packages that depend on a crate.
const SHOWN_PACKAGES: usize = 3;

/// What is seen of a project.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Each dependency with the packages that have it.
    pub(super) crates: BTreeMap<String, BTreeSet<String>>,
    /// There is a configuration of cargo-nextest.
    pub(super) has_nextest: bool,
}

impl Seen {
    /// Looks at a project.
    pub(super) fn of(workspace: &Workspace) -> Self {
        let has_nextest = workspace.root().join(NEXTEST).symlink_metadata().is_ok();
        Self { crates: workspace.dependencies(), has_nextest }
    }

    /// Returns what is known of its dependencies, with the names of those.
    pub(super) fn known(&self) -> Vec<(&'static Known, Vec<&str>)> {
        known_crates::of(&self.crates.keys().map(String::as_str).collect::<Vec<_>>())
    }

    /// Returns the packages that depend on one of these crates.
    pub(super) fn packages(&self, names: &[&str]) -> BTreeSet<&str> {
        names.iter().filter_map(|name| self.crates.get(*name)).flatten().map(String::as_str).collect()
    }

    /// Returns these crates, and the packages that depend on them.
    pub(super) fn who(&self, names: &[&str]) -> String {
        let packages = self.packages(names);
        let more = and_more(packages.len().saturating_sub(SHOWN_PACKAGES));
        let shown: Vec<_> = packages.into_iter().take(SHOWN_PACKAGES).collect();
        format!("{} (of {}{more})", names.join(", "), shown.join(", "))
    }

    /// Returns a sentence on these crates.
    pub(super) fn said(&self, known: &Known, names: &[&str]) -> String {
        format!("{}: {}; see `cargo isotest help {}`", self.who(names), known.says, known.page)
    }
}
