//! Reads `[scripts]` and `[[profile.NAME.scripts]]`, commands that are executed before or around tests; pure.

use super::form;
use super::keys;
use super::overrides::{FILTER, filterset};
use super::reading::{Entry, Reading, in_order};
use super::suggestion::suggestion;
use super::value::Value;
use crate::settings::error::{Fault, SettingsError};
use crate::settings::held::Held;
use crate::settings::layer::Layer;
use crate::settings::overrides::Override;
use crate::settings::paths::BindAccess;
use crate::settings::scripts::{ScriptCommand, SetupScript, Wrapper};
use crate::settings::setting::Setting;
use crate::settings::test::TestLayer;
use crate::values::Platforms;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::de::DeTable;

/// Name of the table of scripts, and of the key of a profile that assigns scripts to tests.
pub(super) const SCRIPTS: &str = "scripts";

/// Kind of script that is executed once before tests, and key that names such scripts.
const SETUP: &str = "setup";

/// Kind of script by which tests are executed.
const WRAPPER: &str = "wrapper";

/// Key that names the script by which tests are executed.
const RUN_WRAPPER: &str = "run-wrapper";

/// Key of the program and its arguments.
const COMMAND: &str = "command";

/// Key of the access to the directory that a script leaves.
const DIRECTORY: &str = "directory";

/// Keys of tests that scripts have, too.
const OF_TEST: [&str; 2] = ["timeout", "slow-timeout"];

/// Pattern of names of scripts.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]*$";

/// Makes the schema of scripts.
pub(super) fn form() -> serde_json::Value {
    let command = || form::either([form::text_of_some(), form::list_of_some(&form::text())]);
    let directory = json!({ "enum": ["copy-on-write", "read-only"] });
    let of_tests = OF_TEST.map(|key| (key, json!({ "$ref": format!("#/definitions/{key}") })));
    let setup = [(COMMAND, command()), (DIRECTORY, directory)].into_iter().chain(of_tests);
    let named = |script: serde_json::Value| json!({ "type": "object", "propertyNames": form::pattern(NAME), "additionalProperties": script });
    let mut scripts = form::table(
        [
            (SETUP, named(form::table(setup, &[COMMAND]))),
            (WRAPPER, named(form::table([(COMMAND, command())], &[COMMAND]))),
        ],
        &[],
    );
    scripts["description"] = json!("Commands that are executed once before tests, or around each of them");
    scripts
}

/// Makes the schema of the rules of a profile for scripts.
pub(super) fn form_of_rules() -> serde_json::Value {
    let names = form::either([form::text(), form::list(&form::text())]);
    let rule = form::table([(FILTER, form::text()), (SETUP, names), (RUN_WRAPPER, form::text())], &[]);
    let mut rules = form::list(&rule);
    rules["description"] = json!("Which scripts are executed before which tests, or around them");
    rules
}

/// Returns the scripts that a layer names.
pub(super) fn said(layer: &Layer) -> impl Iterator<Item = Held> {
    let held = |key, name: &str, origin| {
        let value = Some(toml::Value::String(name.to_owned()));
        Held { key, value, origin }
    };
    let setups = layer.test.setups.iter().map(move |setup| held(SETUP, &setup.value.name, setup.origin));
    let wrapper = layer.test.wrapper.iter();
    setups.chain(wrapper.map(move |wrapper| held(RUN_WRAPPER, &wrapper.value.name, wrapper.origin)))
}

/// Scripts of a file by their names.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    setups: BTreeMap<String, Arc<SetupScript>>,
    wrappers: BTreeMap<String, Arc<Wrapper>>,
}

impl Scripts {
    /// Reads the scripts of a file.
    ///
    /// # Errors
    /// The first error in the scripts.
    pub(super) fn read<'d>(reading: Reading<'d>, file: &'d DeTable<'d>) -> Result<Self, SettingsError> {
        let mut scripts = Self::default();
        let Some(table) = in_order(file).into_iter().find(|(name, _)| name.get_ref() == SCRIPTS) else {
            return Ok(scripts);
        };
        for (kind, value) in in_order(reading.table(table)?) {
            let kind_of_script = match kind.get_ref().as_ref() {
                SETUP => SETUP,
                WRAPPER => WRAPPER,
                _ => return Err(reading.unknown(kind, "`[scripts]`", [SETUP, WRAPPER])),
            };
            for (number, entry) in in_order(reading.table((kind, value))?).into_iter().enumerate() {
                let name = name(reading, entry)?;
                if kind_of_script == SETUP {
                    scripts.setups.insert(name.clone(), Arc::new(setup(reading, entry, name, number)?));
                } else {
                    scripts.wrappers.insert(name.clone(), Arc::new(wrapper(reading, entry, &name)?));
                }
            }
        }
        Ok(scripts)
    }

    /// Reads the rules of a profile that assign scripts to tests.
    ///
    /// # Errors
    /// The first error in the rules.
    pub(super) fn rules<'d>(
        &self,
        reading: Reading<'d>,
        (name, value): Entry<'d>,
    ) -> Result<Vec<Override>, SettingsError> {
        let tables = value.get_ref().as_array().ok_or_else(|| {
            let value = reading.source.shown(&value.span());
            let expected = "tables, each headed `[[profile.NAME.scripts]]`".to_owned();
            reading.error(name, Fault::Value { key: SCRIPTS.to_owned(), value, expected })
        })?;
        tables.iter().map(|table| self.rule(reading, (name, table))).collect()
    }

    fn rule<'d>(&self, reading: Reading<'d>, entry: Entry<'d>) -> Result<Override, SettingsError> {
        let (mut filter, mut place, mut layer) = (None, reading.place(&entry.1.span()), TestLayer::default());
        for (name, value) in in_order(reading.table(entry)?) {
            match name.get_ref().as_ref() {
                FILTER => {
                    place = reading.place(&value.span());
                    filter = Some(filterset(Value::of_key(FILTER, value, reading), place)?);
                }
                SETUP => {
                    let listing = Value::of_key(SETUP, value, reading);
                    let listed = listing.text().map(|name| vec![(name, listing)]).or_else(|| listing.list());
                    let expected = || listing.unexpected("the name of a script, or a list of names");
                    let named_here = listed.ok_or_else(expected)?.into_iter();
                    let scripts = named_here.map(|(name, item)| script(SETUP, &self.setups, name, item));
                    layer.setups = scripts.collect::<Result<_, _>>()?;
                }
                RUN_WRAPPER => {
                    let item = Value::of_key(RUN_WRAPPER, value, reading);
                    let name = item.text().ok_or_else(|| item.unexpected("the name of a script"))?;
                    layer.wrapper = Some(script(WRAPPER, &self.wrappers, name, item)?);
                }
                _ => return Err(reading.unknown(name, "a rule for scripts", [FILTER, SETUP, RUN_WRAPPER])),
            }
        }
        let (platforms, default_filter) = (Platforms::default(), None);
        Ok(Override { filter, place, platforms, default_filter, layer })
    }
}

/// Finds the script of a kind by its name.
fn script<T>(
    kind: &str,
    scripts: &BTreeMap<String, Arc<T>>,
    name: &str,
    item: Value<'_>,
) -> Result<Setting<Arc<T>>, SettingsError> {
    scripts.get(name).map(|script| item.setting(Arc::clone(script))).ok_or_else(|| {
        let suggestion = if scripts.is_empty() {
            format!("no `[scripts.{kind}.NAME]` is declared")
        } else {
            suggestion(name, scripts.keys())
        };
        item.fault(Fault::UnknownScript { script: name.to_owned(), suggestion })
    })
}

/// Reads the name of a script, which is that of a directory, too.
fn name<'d>(reading: Reading<'d>, (name, _): Entry<'d>) -> Result<String, SettingsError> {
    let text = name.get_ref().as_ref();
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.chars().all(is_part) {
        return Ok(text.to_owned());
    }
    Err(reading.error(name, Fault::ScriptName(text.to_owned())))
}

fn setup<'d>(
    reading: Reading<'d>,
    entry: Entry<'d>,
    script: String,
    number: usize,
) -> Result<SetupScript, SettingsError> {
    let (mut command, mut access, mut layer) = (None, BindAccess::CopyOnWrite, Layer::default());
    for (name, value) in in_order(reading.table(entry)?) {
        let key = name.get_ref().as_ref();
        let of_key = |key| Value::of_key(key, value, reading);
        if key == COMMAND {
            command = Some(words(of_key(COMMAND))?);
        } else if key == DIRECTORY {
            access = directory(of_key(DIRECTORY))?;
        } else if let Some(key) =
            keys::OF_TEST.iter().find(|known| known.name == key && OF_TEST.contains(&key))
        {
            (key.read)(of_key(key.name), &mut layer)?;
        } else {
            let known = [COMMAND, DIRECTORY].into_iter().chain(OF_TEST);
            return Err(reading.unknown(name, &format!("`[scripts.setup.{script}]`"), known));
        }
    }
    let command = command.ok_or_else(|| reading.error(entry.0, Fault::NoCommand(script.clone())))?;
    let Layer { test, .. } = layer;
    let (timeout, slow_timeout) = (test.timeout, test.slow_timeout);
    Ok(SetupScript { name: script, number, command, timeout, slow_timeout, access })
}

fn wrapper<'d>(reading: Reading<'d>, entry: Entry<'d>, script: &str) -> Result<Wrapper, SettingsError> {
    let mut command = None;
    for (name, value) in in_order(reading.table(entry)?) {
        if name.get_ref() != COMMAND {
            return Err(reading.unknown(name, &format!("`[scripts.wrapper.{script}]`"), [COMMAND]));
        }
        command = Some(words(Value::of_key(COMMAND, value, reading))?);
    }
    let command = command.ok_or_else(|| reading.error(entry.0, Fault::NoCommand(script.to_owned())))?;
    Ok(Wrapper { name: script.to_owned(), command })
}

/// Reads a command: a text that is split into words as by a shell, or a list of words.
fn words(value: Value<'_>) -> Result<ScriptCommand, SettingsError> {
    let words = match value.text() {
        Some(text) => shlex::split(text),
        None => value.list().map(|words| words.into_iter().map(|(word, _)| word.to_owned()).collect()),
    };
    words.and_then(ScriptCommand::new).ok_or_else(|| {
        value.unexpected("a program and its arguments, as a shell takes them apart or as a list")
    })
}

fn directory(value: Value<'_>) -> Result<BindAccess, SettingsError> {
    match value.text() {
        Some("copy-on-write") => Ok(BindAccess::CopyOnWrite),
        Some("read-only") => Ok(BindAccess::ReadOnly),
        _ => Err(value.unexpected("\"copy-on-write\" or \"read-only\"")),
    }
}
