//! Reads settings from the environment, as a layer.

use super::config::{Value, elsewhere, keys};
use super::error::SettingsError;
use super::layer::Layer;
use super::setting::{Origin, Setting};
use super::shard::{SHARD, SHARDS};
use super::test::TestLayer;
use crate::invocation::Invocation;
use crate::text::nearest::nearest;
use crate::text::sanitize::word;
use crate::update;
use crate::values::Jobs;
use anstream::ColorChoice;
use isotest_core::inside::{METRICS, POLICY as ASSERT};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variable by which the standard harness is told the number of tests that it executes at once.
const THREADS: &str = "RUST_TEST_THREADS";
/// Variable of cargo's `--color`.
const COLOR: &str = "CARGO_TERM_COLOR";
/// Variable that chooses a profile of the configuration file.
const CHOSEN_PROFILE: &str = "ISOTEST_PROFILE";
/// Variable that names the configuration file.
const CONFIG_FILE: &str = "ISOTEST_CONFIG_FILE";
/// Variable that names the configuration of cargo-nextest that is taken over.
const NEXTEST_CONFIG: &str = "ISOTEST_NEXTEST_CONFIG";
/// Variable with the path at which instrumented programs write their profiles.
const PROFILE: &str = "LLVM_PROFILE_FILE";

/// Prefix of all variables of this program.
const PREFIX: &str = "ISOTEST_";
/// Variables that are no settings: those that tests are given, which a run in a test inherits, and those of the
/// template for GitLab.
const OTHERS: [&str; 11] = [
    NEXTEST_CONFIG,
    CHOSEN_PROFILE,
    CONFIG_FILE,
    METRICS,
    ASSERT,
    "ISOTEST_SLOT",
    "ISOTEST_ATTEMPT",
    "ISOTEST_ARGUMENTS",
    "ISOTEST_DIRECTORY",
    SHARD,
    SHARDS,
];

/// Returns a warning for each unknown variable with the prefix of this program, with a suggestion.
pub(super) fn unknown(invocation: &Invocation) -> Vec<String> {
    let names = invocation.environment.iter().filter_map(|(name, _)| name.to_str());
    let ours = names.filter(|name| name.starts_with(PREFIX) && !OTHERS.contains(name));
    let unknown = ours.filter(|name| keys().all(|key| key.variable != Some(name)));
    unknown.map(|name| format!("`{}` has no effect: {}", word(name), meant(name))).collect()
}

fn meant(name: &str) -> String {
    let key = name.trim_start_matches(PREFIX).to_lowercase().replace('_', "-");
    if keys().any(|known| known.name == key) {
        return format!("`{key}` is set in the configuration file, or by its flag");
    }
    let variables = || keys().filter_map(|key| Some((key.name, key.variable?)));
    let elsewhere = elsewhere(&key);
    let elsewhere = variables().find(|(key, _)| Some(*key) == elsewhere).map(|(_, variable)| variable);
    let known =
        variables().map(|(_, variable)| variable).chain([CHOSEN_PROFILE, CONFIG_FILE, NEXTEST_CONFIG]);
    match elsewhere.or_else(|| nearest(name, known)) {
        Some(variable) => format!("did you mean `{variable}`?"),
        None => "no setting has this name; `cargo isotest show-config` shows all".to_owned(),
    }
}

/// Reads the settings of all variables.
pub(super) fn layer(invocation: &Invocation) -> Result<Layer, SettingsError> {
    let others = Layer {
        jobs: jobs(invocation),
        update: update::wish(invocation),
        color: color(invocation).map(|value| Setting { value, origin: Origin::Environment(COLOR) }),
        test: TestLayer {
            keeps: coverage_directory(invocation)
                .map(|value| Setting { value, origin: Origin::Environment(PROFILE) })
                .into_iter()
                .collect(),
            ..TestLayer::default()
        },
        ..Layer::default()
    };
    Ok(own(invocation)?.or(others))
}

/// Reads the variables that are named after keys of the configuration file.
fn own(invocation: &Invocation) -> Result<Layer, SettingsError> {
    let mut layer = Layer::default();
    for key in keys() {
        let Some(name) = key.variable else { continue };
        let Some(value) = invocation.variable(name) else { continue };
        let text = value.to_str().ok_or_else(|| SettingsError::Variable {
            name,
            value: value.to_owned(),
            expected: "text".to_owned(),
        })?;
        (key.read)(Value::of_variable(name, text, &invocation.directory), &mut layer)?;
    }
    Ok(layer)
}

/// Variables of settings that have no meaning for one test: the end of a run, the start of its tests, its history,
/// and its display.
const OF_THE_RUN: [&str; 12] = [
    "ISOTEST_FAIL_FAST",
    "ISOTEST_MAX_FAIL",
    "ISOTEST_GLOBAL_TIMEOUT",
    "ISOTEST_MEMORY_AWARE",
    "ISOTEST_HISTORY",
    "ISOTEST_STATUS_LEVEL",
    "ISOTEST_FINAL_STATUS_LEVEL",
    "ISOTEST_SUCCESS_OUTPUT",
    "ISOTEST_FAILURE_OUTPUT",
    "ISOTEST_SHOW_PROGRESS",
    "ISOTEST_TOP",
    "ISOTEST_REDACT",
];

/// Returns the variables that hold settings of one test, with their values. `chosen` are the origins of profile and
/// configuration files.
pub(super) fn of_one_test(
    invocation: &Invocation,
    chosen: [Option<Origin>; 3],
) -> Vec<(&'static str, OsString)> {
    let of_keys = keys().filter_map(|key| key.variable).filter(|name| !OF_THE_RUN.contains(name));
    let chosen = chosen.into_iter().flatten().filter_map(|origin| match origin {
        Origin::Environment(name) => Some(name),
        _ => None,
    });
    let named = chosen.chain(of_keys);
    named.filter_map(|name| Some((name, invocation.variable(name)?.to_owned()))).collect()
}

/// Returns the profile that is chosen by a variable.
pub(super) fn profile(invocation: &Invocation) -> Option<Setting<String>> {
    let value = invocation.variable(CHOSEN_PROFILE)?.to_string_lossy().into_owned();
    Some(Setting { value, origin: Origin::Environment(CHOSEN_PROFILE) })
}

/// Returns the configuration file that is named by a variable.
pub(super) fn config_file(invocation: &Invocation) -> Option<Setting<PathBuf>> {
    file(invocation, CONFIG_FILE)
}

/// Returns the configuration of cargo-nextest that is named by a variable, to be taken over.
pub(super) fn nextest_config(invocation: &Invocation) -> Option<Setting<Option<PathBuf>>> {
    file(invocation, NEXTEST_CONFIG).map(|named| named.map(Some))
}

fn file(invocation: &Invocation, name: &'static str) -> Option<Setting<PathBuf>> {
    let value = invocation.absolute(Path::new(invocation.variable(name)?));
    Some(Setting { value, origin: Origin::Environment(name) })
}

fn jobs(invocation: &Invocation) -> Option<Result<Setting<Jobs>, SettingsError>> {
    let threads = invocation.variable(THREADS)?;
    let number = threads.to_str().and_then(|threads| threads.parse().ok());
    let number =
        number.map(Jobs::Number).map(|value| Setting { value, origin: Origin::Environment(THREADS) });
    Some(number.ok_or_else(|| SettingsError::Variable {
        name: THREADS,
        value: threads.to_owned(),
        expected: "a number above 0".to_owned(),
    }))
}

/// Returns the colour choice of cargo's variable; `None` for an unknown word, of which cargo complains.
fn color(invocation: &Invocation) -> Option<ColorChoice> {
    match invocation.variable(COLOR).and_then(OsStr::to_str)? {
        "always" => Some(ColorChoice::Always),
        "never" => Some(ColorChoice::Never),
        "auto" => Some(ColorChoice::Auto),
        _ => None,
    }
}

/// Returns the directory into which instrumented tests write their profiles as they end, which must not be thrown
/// away.
fn coverage_directory(invocation: &Invocation) -> Option<PathBuf> {
    let directory = Path::new(invocation.variable(PROFILE)?).parent()?;
    (directory.is_absolute() && directory.is_dir()).then(|| directory.to_owned())
}
