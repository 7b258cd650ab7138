//! Configuration file: settings of a project, in profiles.

mod form;
mod groups;
mod key;
mod keys;
mod nextest;
mod overrides;
mod profile;
mod reading;
mod schema;
mod scripts;
mod source;
mod suggestion;
mod user;
mod value;
mod written;

pub(super) use keys::all as keys;
pub(crate) use nextest::LeftOut;
pub(super) use schema::schema;
pub(super) use suggestion::elsewhere;
pub(super) use user::layer as user;
pub(super) use value::Value;

use super::error::{ConfigError, Fault, SettingsError};
use super::groups::TestGroups;
use super::held::Held;
use super::layer::Layer;
use super::setting::{Origin, Setting};
use crate::cli::{FileFormat, ReportFile};
use crate::values::Jobs;
use key::Key;
use profile::{DEFAULT, Profile, Tables};
use reading::Reading;
use scripts::Scripts;
use serde::Deserialize;
use source::Source;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::mem::take;
use std::path::{Path, PathBuf};
use suggestion::suggestion;

/// Path of a project's configuration file, relative to the directory of the workspace.
const FILE: &str = ".config/isotest.toml";
/// Name of the file of the built-in profiles, as users are told of it.
const BUILT_IN: &str = "built-in isotest.toml";

/// Profiles of all configuration files, by their names. The first profile of a name takes precedence over the others.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Path of the project's own file, as users are told of it.
    file: Option<PathBuf>,
    profiles: BTreeMap<String, Vec<Profile>>,
    groups: TestGroups,
    /// Directory that contains a directory for the reports of each profile.
    store: PathBuf,
    left_out: Vec<LeftOut>,
}

/// Configuration files that were named.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Configuration file of this program.
    pub(super) own: Option<Setting<PathBuf>>,
    /// Configuration file of cargo-nextest, if it is to be taken over; `None` in it for the file of the workspace.
    pub(super) nextest: Option<Setting<Option<PathBuf>>>,
}

impl Config {
    /// Reads the file that was named, or else the file of the workspace if it has one, the file of cargo-nextest if
    /// it is to be taken over, and the built-in profiles. Relative paths start at the workspace; users are told of
    /// files as seen from `here`.
    ///
    /// # Errors
    /// When a file cannot be read or is invalid.
    pub(super) fn open(files: &Files, workspace: Option<&Path>, here: &Path) -> Result<Self, SettingsError> {
        let mut config = Self::default();
        let directory = workspace.unwrap_or(here);
        let named = files.own.as_ref().map(|file| file.value.as_path());
        if let Some((path, text)) = text(named, workspace)? {
            let shown = path.strip_prefix(here).unwrap_or(&path);
            config.add(shown, &text, directory)?;
            config.file = Some(shown.to_owned());
        }
        if let Some(file) = &files.nextest {
            let of_workspace = directory.join(nextest::FILE);
            let path = file.value.as_deref().unwrap_or(&of_workspace);
            let text = fs::read_to_string(path).map_err(|source| {
                let hint = Some("`--nextest-config=PATH` and `ISOTEST_NEXTEST_CONFIG` name another file");
                SettingsError::UnreadableConfig { path: path.to_owned(), hint, source }
            })?;
            config.take_over(path.strip_prefix(here).unwrap_or(path), &text, directory)?;
        }
        config.add(Path::new(BUILT_IN), include_str!("built_in.toml"), directory)?;
        config.check_parents()?;
        config.check_groups()?;
        Ok(config)
    }

    fn add(&mut self, shown: &Path, text: &str, directory: &Path) -> Result<(), SettingsError> {
        let source = Source::new(shown, text);
        let document = source.parse()?;
        let reading = Reading { source: &source, directory, at: source.table() };
        let scripts = Scripts::read(reading, document.get_ref())?;
        let Tables { profiles, groups } = reading.file(document.get_ref(), &scripts)?;
        self.put(profiles, groups);
        Ok(())
    }

    /// Takes over the configuration of cargo-nextest.
    fn take_over(&mut self, shown: &Path, text: &str, directory: &Path) -> Result<(), SettingsError> {
        let source = Source::new(shown, text);
        let document = source.parse()?;
        let reading = Reading { source: &source, directory, at: source.table() };
        let read = nextest::read(reading, document.get_ref())?;
        self.store = directory.join(read.store);
        self.left_out = read.left_out;
        self.put(read.profiles, read.groups);
        Ok(())
    }

    fn put(&mut self, profiles: Vec<(String, Profile)>, groups: TestGroups) {
        for (name, profile) in profiles {
            self.profiles.entry(name).or_default().push(profile);
        }
        self.groups = take(&mut self.groups).or(groups);
    }

    /// Returns whether there is a file of cargo-nextest that nobody has asked for or decided against, and no file of
    /// this program.
    pub(super) fn passes_over(&self, files: &Files, workspace: Option<&Path>) -> bool {
        let has_none = self.file.is_none() && files.nextest.is_none();
        has_none && workspace.is_some_and(|workspace| workspace.join(nextest::FILE).is_file())
    }

    /// Takes the list of keys of cargo-nextest's configuration that have no meaning here.
    pub(super) fn take_left_out(&mut self) -> Vec<LeftOut> {
        take(&mut self.left_out)
    }

    /// Checks that each profile inherits a profile that exists, and that none inherits itself.
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

    /// Checks that each test group that a setting names exists.
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

    /// Returns the chosen profile and configuration file, which are no keys of the file.
    pub(super) fn held(
        &self,
        profile: Option<&Setting<String>>,
        file: Option<&Setting<PathBuf>>,
    ) -> [Held; 2] {
        let text = |text: &str| toml::Value::String(text.to_owned());
        let origin = |origin: Option<Origin>| origin.unwrap_or(Origin::Default);
        [
            Held {
                key: "profile",
                value: Some(text(profile.map_or(DEFAULT, |profile| &profile.value))),
                origin: origin(profile.map(|profile| profile.origin)),
            },
            Held {
                key: "config-file",
                value: self.file.as_ref().map(|file| text(&file.to_string_lossy())),
                origin: origin(file.map(|file| file.origin)),
            },
        ]
    }

    /// Merges the settings of a profile and of the profiles that it inherits.
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
        let (mut layers, mut junit) = (Vec::new(), None);
        let reports = self.store.join(&chosen.value);
        let mut next = Some(chosen.value);
        while let Some(name) = next {
            let parent = self.parent(&name).map(|parent| parent.value.clone());
            next = parent.or_else(|| (name != DEFAULT).then(|| DEFAULT.to_owned()));
            for profile in self.profiles.remove(&name).into_iter().flatten() {
                junit = junit.or(profile.junit);
                layers.push(profile.layer);
            }
        }
        let report = |path: String| ReportFile { format: FileFormat::Junit, path: reports.join(path) };
        layers.extend(junit.map(|path| Layer { reports: vec![path.map(report)], ..Layer::default() }));
        Ok(Layer { groups: self.groups, ..Layer::merged(layers) })
    }
}

/// Returns the values that a layer has for the keys of the whole run, or else their defaults.
pub(super) fn held_of_run(layer: &Layer) -> Vec<Held> {
    let of_group = |(name, max_threads): (&str, &Setting<Jobs>)| Held {
        key: groups::GROUPS,
        value: Some(groups::written(name, max_threads.value)),
        origin: max_threads.origin,
    };
    let keys = keys::OF_RUN.iter().chain(keys::of_user());
    held(keys, layer).into_iter().chain(layer.groups.each().map(of_group)).collect()
}

/// Returns the values that a layer has for the keys of tests, or else their defaults.
pub(super) fn held_of_test(layer: &Layer) -> Vec<Held> {
    held(&keys::OF_TEST, layer).into_iter().chain(scripts::said(layer)).collect()
}

/// Returns the values that a layer has for the keys of tests.
pub(super) fn said_of_test(layer: &Layer) -> Vec<Held> {
    keys::OF_TEST.iter().flat_map(|key| said(key, layer)).chain(scripts::said(layer)).collect()
}

fn held<'a>(keys: impl IntoIterator<Item = &'a Key>, layer: &Layer) -> Vec<Held> {
    let of_key = |key: &Key| {
        let said = said(key, layer);
        if said.is_empty() { vec![default(key)] } else { said }
    };
    keys.into_iter().flat_map(of_key).collect()
}

fn said(key: &Key, layer: &Layer) -> Vec<Held> {
    let said = (key.said)(layer).into_iter();
    said.map(|Setting { value, origin }| Held { key: key.name, value: Some(value), origin }).collect()
}

fn default(key: &Key) -> Held {
    let value = key
        .default
        .and_then(|text| toml::Value::deserialize(toml::de::ValueDeserializer::parse(text).ok()?).ok());
    Held { key: key.name, value, origin: Origin::Default }
}

/// Returns the path and the text of the file that was named, or else of the file of the workspace.
fn text(named: Option<&Path>, workspace: Option<&Path>) -> Result<Option<(PathBuf, String)>, SettingsError> {
    let (path, is_named) = match (named, workspace) {
        (Some(named), _) => (named.to_owned(), true),
        (None, Some(workspace)) => (workspace.join(FILE), false),
        (None, None) => return Ok(None),
    };
    let read = match path.metadata() {
        // A file named by `--config-file` may be a pipe; one that is found must be a regular file.
        Ok(meta) if !is_named && !meta.is_file() => Err(io::Error::other("it is no file")),
        // A dangling link is an error, not a missing file: somebody wants the file to be read.
        Err(error) if path.is_symlink() => Err(io::Error::other(error)),
        _ => fs::read_to_string(&path),
    };
    match read {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => Ok(None),
        Err(source) => {
            let hint = Some("`--config-file` and `ISOTEST_CONFIG_FILE` name another file");
            Err(SettingsError::UnreadableConfig { path, hint, source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::invocation::Invocation;
    use crate::settings::Said;
    use regex::Regex;
    use std::ffi::OsString;

    /// Values that are written in another way than the examples of their keys.
    const FORMS: [(&str, &str); 16] = [
        ("jobs", "\"num-cpus\""),
        ("jobs", "-1"),
        ("max-fail", "\"all\""),
        ("max-fail", "\"3:immediate\""),
        ("retries", "2"),
        ("retries", "{ backoff = \"fixed\", count = 1, delay = \"1s\", jitter = true }"),
        ("retries", "{ backoff = \"exponential\", count = 9, delay = \"1s\", max-delay = \"1m 5s\" }"),
        (
            "slow-timeout",
            "{ period = \"5s\", terminate-after = 2, grace-period = \"0s\", on-timeout = \"pass\" }",
        ),
        ("memory-limit", "\"1048577 B\""),
        ("swap-limit", "\"0\""),
        ("cpu-limit", "2"),
        ("rlimit", "{ nofile = \"64:128\", stack = \"unlimited\", cpu = \"18446744073709551614\" }"),
        (
            "budget",
            "{ memory = \"1 MiB\", hard = true, cpu = \"5ms\", procs = 3, wall = \"1m\", disk = \"1 kB\", io_write = \"9 B\" }",
        ),
        ("root", "\"dir:data\""),
        ("threads-required", "\"num-test-threads\""),
        ("priority", "-100"),
    ];

    /// Reads settings of the profile `default`, in a directory that contains the paths of the examples.
    fn layer(text: &str) -> Layer {
        let place = tempfile::tempdir().unwrap();
        for name in ["data", "shared", "snapshots"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        let mut config = Config::default();
        config
            .add(Path::new("a.toml"), &format!("[profile.default]\n{text}"), place.path())
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        config.layer(None).unwrap()
    }

    fn values(key: &Key, layer: &Layer) -> Vec<toml::Value> {
        (key.said)(layer).into_iter().map(|said| said.value).collect()
    }

    #[test]
    fn what_is_shown_of_a_key_means_what_was_written() {
        let examples = keys().map(|key| (key.name, key.example));
        let defaults = keys().filter_map(|key| Some((key.name, key.default?)));
        for (name, text) in examples.chain(defaults).chain(FORMS) {
            let key = keys().find(|key| key.name == name).unwrap();
            let shown = values(key, &layer(&format!("{name} = {text}")));
            assert!(!shown.is_empty(), "{name} = {text}");
            for value in shown {
                let place = value.to_string();
                let is_path = ["bind", "keep"].contains(&name) || place.starts_with("\"dir:");
                // Paths of the examples no longer exist: their directory is removed when `layer` returns.
                if !is_path {
                    assert_eq!(values(key, &layer(&format!("{name} = {value}"))), [value]);
                }
            }
        }
    }

    #[test]
    fn a_default_is_what_holds_where_nobody_says_it() {
        let defaults = keys().filter_map(|key| Some(format!("{} = {}\n", key.name, key.default?)));
        // The value of `fail-fast` is that of `max-fail`.
        let said: String = defaults.filter(|line| !line.starts_with("fail-fast")).collect();
        let shown = |layer| {
            let invocation = Invocation { environment: Vec::new(), directory: "/".into() };
            let cli = Cli::read([OsString::from("cargo-isotest")], &[]).unwrap();
            let settings = Said::read(cli, &invocation).unwrap().over(layer).unwrap();
            let fields = format!("{:?} {:?} {:?}", settings.execution, settings.sandbox, settings.test);
            let fields = fields
                + &format!("{:?} {:?} {:?}", settings.history, settings.memory_aware, settings.display);
            Regex::new(r"origin: (Default|File\(.*? \}\))").unwrap().replace_all(&fields, "").into_owned()
        };
        assert_eq!(shown(layer(&said)), shown(Layer::default()));
    }

    #[test]
    fn mutated_files_are_read_or_refused() {
        let of_key = |key: &Key| format!("[profile.{}]\n{} = {}\n", key.name, key.name, key.example);
        let of_all = keys().map(of_key).collect::<Vec<_>>().concat();
        let overrides = "[[profile.default.overrides]]\nfilter = 'test(a)'\nplatform = 'cfg(unix)'\nretries = 3\n\
                         [test-groups.g]\nmax-threads = 2\n[scripts.setup.s]\ncommand = ['a', '$B']\n\
                         [[profile.default.scripts]]\nfilter = 'all()'\nsetup = 's'\n";
        let seeds = [of_all, overrides.to_owned(), include_str!("built_in.toml").to_owned()];
        mutations::try_all("configuration", &seeds, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            for is_other in [false, true] {
                let mut config = Config::default();
                let read = if is_other {
                    config.take_over(Path::new("a.toml"), &text, Path::new("/"))
                } else {
                    config.add(Path::new("a.toml"), &text, Path::new("/"))
                };
                let layer = read.and_then(|()| config.check_parents()).and_then(|()| config.layer(None));
                let _ = layer.map_err(|error| error.to_string());
            }
        });
    }
}
