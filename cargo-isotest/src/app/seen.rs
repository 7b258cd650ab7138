//! Facts of a project that is not built, and of the crates on which it depends.

use crate::cargo::build::Workspace;
use crate::known_crates::{self, Known};
use isotest_core::join_list::and_more;
use std::collections::{BTreeMap, BTreeSet};

/// Path of the configuration of cargo-nextest in a workspace.
pub(super) const NEXTEST: &str = ".config/nextest.toml";
/// Maximum number of packages named that depend on a crate.
const SHOWN_PACKAGES: usize = 3;

/// Facts of a project that is not built.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Dependencies, each with the packages that have it.
    pub(super) crates: BTreeMap<String, BTreeSet<String>>,
    /// Whether there is a configuration of cargo-nextest.
    pub(super) has_nextest: bool,
}

impl Seen {
    /// Reads the facts of a project.
    pub(super) fn of(workspace: &Workspace) -> Self {
        let has_nextest = workspace.root().join(NEXTEST).symlink_metadata().is_ok();
        Self { crates: workspace.dependencies(), has_nextest }
    }

    /// Returns the known facts about the project's dependencies, with the names of these.
    pub(super) fn known(&self) -> Vec<(&'static Known, Vec<&str>)> {
        known_crates::of(&self.crates.keys().map(String::as_str).collect::<Vec<_>>())
    }

    /// Returns the packages that depend on one of these crates.
    pub(super) fn packages(&self, names: &[&str]) -> BTreeSet<&str> {
        names.iter().filter_map(|name| self.crates.get(*name)).flatten().map(String::as_str).collect()
    }

    /// Formats these crates, and the packages that depend on them.
    pub(super) fn who(&self, names: &[&str]) -> String {
        let packages = self.packages(names);
        let more = and_more(packages.len().saturating_sub(SHOWN_PACKAGES));
        let shown: Vec<_> = packages.into_iter().take(SHOWN_PACKAGES).collect();
        format!("{} (of {}{more})", names.join(", "), shown.join(", "))
    }

    /// Formats a sentence about these crates.
    pub(super) fn said(&self, known: &Known, names: &[&str]) -> String {
        format!("{}: {}; see `cargo isotest help {}`", self.who(names), known.says, known.page)
    }
}
