//! The configuration file: settings of a project, in profiles.

mod groups;
mod key;
mod keys;
mod overrides;
mod profile;
mod reading;
mod source;
mod suggestion;
mod value;

pub(super) use keys::all as keys;
pub(super) use value::Value;

use super::error::{ConfigError, Fault, SettingsError};
use super::groups::TestGroups;
use super::layer::Layer;
use super::setting::{Origin, Setting};
use profile::{DEFAULT, Profile, Tables};
use reading::Reading;
use source::Source;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::mem::take;
use std::path::{Path, PathBuf};
use suggestion::suggestion;

/// Where a project has its file, from the workspace's directory.
const FILE: &str = ".config/isotest.toml";
/// The file of the profiles that every project has, as users are told of it.
const BUILT_IN: &str = "built-in isotest.toml";

/// Profiles of the files that count, by their names. Of one name the first holds before the others.
#[derive(Debug, Default)]
pub(super) struct Config {
    profiles: BTreeMap<String, Vec<Profile>>,
    groups: TestGroups,
}

impl Config {
    /// Reads the file that was named, or else that of the workspace if it has one, and the built-in profiles. Paths in it
    /// start at the workspace; users are told of the file as seen from `here`.
    ///
    /// # Errors
    /// When the file cannot be read or is invalid.
    pub(super) fn open(
        named: Option<&Setting<PathBuf>>,
        workspace: Option<&Path>,
        here: &Path,
    ) -> Result<Self, SettingsError> {
        let mut config = Self::default();
        let directory = workspace.unwrap_or(here);
        if let Some((path, text)) = text(named, workspace)? {
            let shown = path.strip_prefix(here).unwrap_or(&path);
            config.add(shown, &text, directory)?;
        }
        config.add(Path::new(BUILT_IN), include_str!("built_in.toml"), directory)?;
        config.check_parents()?;
        config.check_groups()?;
        Ok(config)
    }

    fn add(&mut self, shown: &Path, text: &str, directory: &Path) -> Result<(), SettingsError> {
        // Origins are passed around by the thousand, and a process reads few files.
        let file: &'static Path = Box::leak(shown.into());
        let source = Source::new(file, text);
        let document = source.parse()?;
        let reading = Reading { source: &source, directory };
        let Tables { profiles, groups } = reading.file(document.get_ref())?;
        for (name, profile) in profiles {
            self.profiles.entry(name).or_default().push(profile);
        }
        self.groups = take(&mut self.groups).or(groups);
        Ok(())
    }

    /// Checks that each profile inherits one that exists, and none itself.
    fn check_parents(&self) -> Result<(), SettingsError> {
        for name in self.profiles.keys() {
            let mut passed = vec![name.as_str()];
            while let Some(parent) = self.parent(passed[passed.len() - 1]) {
                let Origin::File(_, place) = parent.origin else { break };
                let child = passed[passed.len() - 1].to_owned();
                let fault = if !self.profiles.contains_key(&parent.value) {
                    let suggestion = suggestion(&parent.value, self.profiles.keys());
                    Fault::UnknownParent { child, parent: parent.value.clone(), suggestion }
                } else if passed.contains(&parent.value.as_str()) {
                    Fault::Circle { child, parent: parent.value.clone() }
                } else {
                    passed.push(&parent.value);
                    continue;
                };
                return Err(ConfigError { place, fault }.into());
            }
        }
        Ok(())
    }

    /// Checks that each test group exists that tests are in.
    fn check_groups(&self) -> Result<(), SettingsError> {
        let profiles = self.profiles.values().flatten();
        let layers = profiles.flat_map(|profile| {
            let overrides = profile.layer.overrides.iter().map(|one| &one.layer);
            std::iter::once(&profile.layer.test).chain(overrides)
        });
        for group in layers.filter_map(|layer| layer.test_group.as_ref()) {
            let (Some(name), Origin::File(_, place)) = (&group.value, group.origin) else { continue };
            if !self.groups.has(name) {
                let suggestion = if self.groups.names().next().is_none() {
                    format!("declare it below `[test-groups]`: `{name} = {{ max-threads = 1 }}`")
                } else {
                    suggestion(name, self.groups.names())
                };
                return Err(ConfigError {
                    place,
                    fault: Fault::UnknownGroup { name: name.to_string(), suggestion },
                }
                .into());
            }
        }
        Ok(())
    }

    fn parent(&self, name: &str) -> Option<&Setting<String>> {
        self.profiles.get(name)?.iter().find_map(|profile| profile.inherits.as_ref())
    }

    /// What a profile and those that it inherits say together.
    ///
    /// # Errors
    /// When there is no profile of that name.
    pub(super) fn layer(mut self, chosen: Option<Setting<String>>) -> Result<Layer, SettingsError> {
        let chosen = chosen.unwrap_or_else(|| Setting::default(DEFAULT.to_owned()));
        if !self.profiles.contains_key(&chosen.value) {
            let suggestion = suggestion(&chosen.value, self.profiles.keys());
            let Setting { value, origin } = chosen;
            return Err(SettingsError::NoSuchProfile { origin, name: value, suggestion });
        }
        let mut layers = Vec::new();
        let mut next = Some(chosen.value);
        while let Some(name) = next {
            let parent = self.parent(&name).map(|parent| parent.value.clone());
            next = parent.or_else(|| (name != DEFAULT).then(|| DEFAULT.to_owned()));
            layers.extend(self.profiles.remove(&name).into_iter().flatten().map(|profile| profile.layer));
        }
        Ok(Layer { groups: self.groups, ..Layer::merged(layers) })
    }
}

/// The path and the text of the file that was named, or else of that of the workspace.
fn text(
    named: Option<&Setting<PathBuf>>,
    workspace: Option<&Path>,
) -> Result<Option<(PathBuf, String)>, SettingsError> {
    let (path, is_named) = match (named, workspace) {
        (Some(named), _) => (named.value.clone(), true),
        (None, Some(workspace)) => (workspace.join(FILE), false),
        (None, None) => return Ok(None),
    };
    let read = match path.metadata() {
        // What was named may be a pipe.
        Ok(meta) if !is_named && !meta.is_file() => Err(io::Error::other("it is no file")),
        // A link that leads nowhere is no missing file: somebody wants it to hold.
        Err(error) if path.is_symlink() => Err(io::Error::other(error)),
        _ => fs::read_to_string(&path),
    };
    match read {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => Ok(None),
        Err(source) => Err(SettingsError::UnreadableConfig { path, source }),
    }
}
