//! Reads the configuration file of a person: settings of the display, for all projects.

use super::keys;
use super::reading::{Reading, in_order};
use super::source::Source;
use super::value::Value;
use crate::invocation::Invocation;
use crate::settings::error::{Fault, SettingsError};
use crate::settings::layer::Layer;
use crate::settings::setting::Part;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Path of the file below the directory of a person's configuration.
const FILE: &str = "isotest/config.toml";

/// Errors of reading that mean that a person has no file. With the environment of another user, as `sudo` and CI
/// services leave it, the path may be in a directory that is not readable.
const ABSENT: [io::ErrorKind; 3] =
    [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory, io::ErrorKind::PermissionDenied];

/// Reads the file of the calling user; without one, returns an empty layer.
///
/// # Errors
/// When the file cannot be read or is invalid.
pub(crate) fn layer(invocation: &Invocation) -> Result<Layer, SettingsError> {
    let [config_home, home] =
        ["XDG_CONFIG_HOME", "HOME"].map(|name| invocation.variable(name).map(Path::new));
    let Some(path) = place(config_home, home) else { return Ok(Layer::default()) };
    match fs::read_to_string(&path) {
        Ok(text) => read(&shown(&path, home), &text, &invocation.directory),
        Err(error) if ABSENT.contains(&error.kind()) => Ok(Layer::default()),
        Err(source) => Err(SettingsError::UnreadableConfig { path, hint: None, source }),
    }
}

/// Returns the path of the file: below `$XDG_CONFIG_HOME`, or below `~/.config` if that is not an absolute path.
fn place(config_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    let config_home = config_home.filter(|path| path.is_absolute()).map(Path::to_owned);
    let home = home.filter(|path| path.is_absolute()).map(|home| home.join(".config"));
    Some(config_home.or(home)?.join(FILE))
}

/// Returns the path as people type it.
fn shown(path: &Path, home: Option<&Path>) -> PathBuf {
    let below_home = home.and_then(|home| path.strip_prefix(home).ok());
    below_home.map_or_else(|| path.to_owned(), |below| Path::new("~").join(below))
}

fn read(shown: &Path, text: &str, directory: &Path) -> Result<Layer, SettingsError> {
    let source = Source::new(shown, text);
    let document = source.parse()?;
    let reading = Reading { source: &source, directory, at: source.table() }.within(Part::User);
    let mut layer = Layer::default();
    for (name, value) in in_order(document.get_ref()) {
        if let Some(key) = keys::of_user().find(|key| key.name == name.get_ref()) {
            (key.read)(Value::of_key(key.name, value, reading), &mut layer)?;
        } else if keys::all().any(|key| key.name == name.get_ref()) {
            return Err(reading.error(name, Fault::OfProject(name.get_ref().clone().into_owned())));
        } else {
            return Err(reading.unknown(name, "this file", keys::of_user().map(|key| key.name)));
        }
    }
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_one_file() {
        let place = |config, home| place(Option::map(config, Path::new), Option::map(home, Path::new));
        let below_home = Some(PathBuf::from("/h/.config/isotest/config.toml"));
        assert_eq!(place(None, Some("/h")), below_home);
        assert_eq!(place(Some("relative"), Some("/h")), below_home);
        assert_eq!(place(Some("/c"), Some("/h")), Some(PathBuf::from("/c/isotest/config.toml")));
        assert_eq!(place(Some("relative"), None), None);
        let shown = |path: &str| shown(Path::new(path), Some(Path::new("/h"))).display().to_string();
        assert_eq!(shown("/h/.config/isotest/config.toml"), "~/.config/isotest/config.toml");
        assert_eq!(shown("/c/isotest/config.toml"), "/c/isotest/config.toml");
    }
}
