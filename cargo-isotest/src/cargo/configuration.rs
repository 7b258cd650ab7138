//! `[env]` and `target.runner` of cargo's configuration, from files, variables and `--config`.

use crate::cargo::command_output;
use crate::error::{Error, Stage};
use crate::invocation::Invocation;
use cargo_config2::{Config, PathAndArgs, ResolveOptions, de};
use cargo_metadata::cargo_platform::{Cfg, CfgExpr};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Environment variables by name.
pub(super) type Variables = BTreeMap<OsString, OsString>;

/// Cargo's configuration in effect.
#[derive(Debug)]
pub(crate) struct CargoConfig {
    files: Config,
    variables: BTreeMap<OsString, Value>,
    /// Runners from `--config`, by triple or `cfg(...)`.
    runners: BTreeMap<String, PathAndArgs>,
    /// Triples with a runner in files; read only if `--config` has a runner for a `cfg(...)`.
    named: BTreeSet<String>,
    /// `cfg` values of the compiler, by triple.
    set: RefCell<BTreeMap<String, Vec<Cfg>>>,
}

/// Value of `[env]`, with its path resolved.
#[derive(Debug)]
struct Value {
    text: OsString,
    force: bool,
    relative: bool,
}

type Overrides = BTreeMap<OsString, Override>;

/// Parts of a `--config` argument that isotest needs.
#[derive(Debug, Default, Deserialize)]
struct Written {
    #[serde(default)]
    env: BTreeMap<String, WrittenVariable>,
    #[serde(default)]
    target: BTreeMap<String, WrittenTarget>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenVariable {
    Text(String),
    Table { value: Option<String>, force: Option<bool>, relative: Option<bool> },
}

/// Parts of one `[env]` variable, which may come from several arguments.
#[derive(Debug, Default)]
struct Override {
    value: Option<(String, PathBuf)>,
    force: Option<bool>,
    relative: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct WrittenTarget {
    runner: Option<WrittenRunner>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenRunner {
    Line(String),
    Words(Vec<String>),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl CargoConfig {
    /// Reads cargo's configuration. `arguments` are the values of `--config`, of which the last takes precedence.
    pub(crate) fn load(invocation: &Invocation, arguments: &[String]) -> Result<Self, Error> {
        let options = ResolveOptions::default().env(invocation.environment.iter().cloned());
        let files = Config::load_with_options(&invocation.directory, options)
            .map_err(|error| unreadable("the configuration of cargo".into(), error.into()))?;
        let of_files = files.env.iter().map(|(name, value)| {
            (
                OsString::from(name),
                Value { text: value.value.clone(), force: value.force, relative: value.relative },
            )
        });
        let mut config = Self {
            variables: of_files.collect(),
            runners: BTreeMap::new(),
            named: BTreeSet::new(),
            set: RefCell::default(),
            files,
        };
        let mut overrides = BTreeMap::new();
        for argument in arguments {
            config.read(argument, invocation, &mut overrides)?;
        }
        for (name, by) in overrides {
            let value = by.over(config.variables.remove(&name));
            config.variables.extend(value.map(|value| (name, value)));
        }
        if config.runners.keys().any(|key| is_expression(key)) {
            config.named = named(invocation)?;
        }
        Ok(config)
    }

    /// Returns the triples that are built for, of which `typed` were typed.
    ///
    /// # Errors
    /// When rustc cannot be asked for that of the host.
    pub(crate) fn platforms(&self, typed: &[OsString]) -> Result<Vec<String>, Error> {
        let named = self.files.build_target_for_cli(typed.iter().map(|triple| triple.to_string_lossy()));
        let host = |named: Vec<String>| {
            if named.is_empty() {
                self.files.host_triple().map(|host| vec![host.to_owned()])
            } else {
                Ok(named)
            }
        };
        named.and_then(host).map_err(|error| unreadable("the target triple".into(), error.into()))
    }

    /// Returns the command of `rustc`, or of its wrapper with `rustc` as first argument.
    pub(crate) fn rustc(&self, invocation: &Invocation) -> Command {
        let rustc = self.files.rustc();
        let mut command = invocation.question(&rustc.path);
        command.args(&rustc.args);
        command
    }

    /// Returns the runner for a triple, program first; empty without one. The triple takes precedence over `cfg(...)`; cargo
    /// refuses to build if two `cfg(...)` match.
    pub(crate) fn runner(&self, triple: &str, invocation: &Invocation) -> Result<Vec<OsString>, Error> {
        let runner = match self.runners.get(triple) {
            Some(runner) => Some(runner.clone()),
            None => match self.matching(triple, invocation)? {
                Some(runner) => Some(runner.clone()),
                None => self.files.runner(triple).map_err(unreadable_target)?,
            },
        };
        Ok(runner
            .map(|runner| [runner.path.into()].into_iter().chain(runner.args).collect())
            .unwrap_or_default())
    }

    /// Returns the runner of a `cfg(...)` that matches a triple, unless the triple has a runner.
    fn matching(&self, triple: &str, invocation: &Invocation) -> Result<Option<&PathAndArgs>, Error> {
        let variable = triple.to_uppercase().replace(['-', '.'], "_");
        let mut expressions = self.runners.iter().filter(|(key, _)| is_expression(key)).peekable();
        if expressions.peek().is_none()
            || self.named.contains(triple)
            || invocation.variable(&format!("CARGO_TARGET_{variable}_RUNNER")).is_some()
        {
            return Ok(None);
        }
        let mut known = self.set.borrow_mut();
        let set = match known.get(triple) {
            Some(set) => set,
            None => known.entry(triple.to_owned()).or_insert(self.set_for(triple, invocation)?),
        };
        Ok(expressions.find(|(key, _)| CfgExpr::matches_key(key, set)).map(|(_, runner)| runner))
    }

    fn set_for(&self, triple: &str, invocation: &Invocation) -> Result<Vec<Cfg>, Error> {
        let flags = self.files.rustflags(triple).map_err(unreadable_target)?;
        let mut command = self.rustc(invocation);
        command.args(["--print", "cfg", "--target", triple]);
        command.args(flags.into_iter().flat_map(|flags| flags.flags));
        let text = command_output::answer(&mut command, "rustc --print cfg", Stage::Metadata)?;
        text.lines().map(str::parse).collect::<Result<_, _>>().map_err(|error| Error::Answer {
            program: command.get_program().into(),
            stage: Stage::Metadata,
            source: Box::new(error),
        })
    }

    /// Adds the variables of `[env]`. They override inherited variables only with `force`, and never cargo's own.
    pub(crate) fn add_to(&self, set: &mut Variables, invocation: &Invocation) {
        for (name, value) in &self.variables {
            let callers = invocation.environment.iter().any(|(other, _)| other == name);
            if !set.contains_key(name) && (value.force || !callers) {
                set.insert(name.clone(), value.text.clone());
            }
        }
    }

    fn read(
        &mut self,
        argument: &str,
        invocation: &Invocation,
        overrides: &mut Overrides,
    ) -> Result<(), Error> {
        let file = invocation.absolute(Path::new(argument));
        let failed = |error: Cause| unreadable(format!("`--config {argument}`"), error);
        let (text, directory) = if file.is_file() {
            let text = fs::read_to_string(&file).map_err(|error| failed(error.into()))?;
            (text, file.ancestors().nth(2).unwrap_or(Path::new("/")).to_owned())
        } else {
            (argument.to_owned(), invocation.directory.clone())
        };
        let written: Written = toml::from_str(&text).map_err(|error| failed(error.into()))?;
        for (name, variable) in written.env {
            overrides.entry(name.into()).or_default().read(variable, &directory);
        }
        self.add_runners(written.target, &directory).map_err(failed)
    }

    fn add_runners(
        &mut self,
        targets: BTreeMap<String, WrittenTarget>,
        directory: &Path,
    ) -> Result<(), Cause> {
        for (triple, WrittenTarget { runner }) in targets {
            let Some(runner) = runner else { continue };
            self.runners.insert(triple, runner.resolve(directory)?);
        }
        Ok(())
    }
}

impl Override {
    fn read(&mut self, variable: WrittenVariable, directory: &Path) {
        let (value, force, relative) = match variable {
            WrittenVariable::Text(text) => (Some(text), None, None),
            WrittenVariable::Table { value, force, relative } => (value, force, relative),
        };
        self.value = value.map(|value| (value, directory.to_owned())).or(self.value.take());
        self.force = force.or(self.force);
        self.relative = relative.or(self.relative);
    }

    fn over(self, file: Option<Value>) -> Option<Value> {
        let relative = self.relative.or(file.as_ref().map(|value| value.relative)).unwrap_or(false);
        let force = self.force.or(file.as_ref().map(|value| value.force)).unwrap_or(false);
        let text = match self.value {
            Some((value, directory)) if relative => directory.join(value).into(),
            Some((value, _)) => value.into(),
            None => file?.text,
        };
        Some(Value { text, force, relative })
    }
}

impl WrittenRunner {
    fn resolve(self, directory: &Path) -> Result<PathAndArgs, Cause> {
        let words = match self {
            Self::Line(line) => line.split_whitespace().map(str::to_owned).collect(),
            Self::Words(words) => words,
        };
        let mut words = words.into_iter();
        let program = words.next().ok_or("the runner is empty")?;
        // A bare name is looked for in PATH.
        let path = if program.contains('/') { directory.join(program) } else { PathBuf::from(program) };
        let mut runner = PathAndArgs::new(path);
        runner.args(words);
        Ok(runner)
    }
}

/// Returns whether a key below `target.` is a `cfg(...)`.
fn is_expression(key: &str) -> bool {
    key.starts_with("cfg(")
}

/// Returns the triples with a runner in the files of cargo's configuration.
fn named(invocation: &Invocation) -> Result<BTreeSet<String>, Error> {
    let files = de::Config::load_with_cwd(&invocation.directory)
        .map_err(|error| unreadable("the configuration of cargo".into(), error.into()))?;
    let with_runner = files.target.into_iter().filter(|(_, target)| target.runner.is_some());
    Ok(with_runner.map(|(triple, _)| triple).collect())
}

fn unreadable_target(error: cargo_config2::Error) -> Error {
    unreadable("the `target` tables of cargo's configuration".into(), error.into())
}

fn unreadable(what: String, source: Cause) -> Error {
    Error::File { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation() -> Invocation {
        Invocation { environment: Vec::new(), directory: "/".into() }
    }

    fn load(arguments: &[&str]) -> Result<CargoConfig, Error> {
        CargoConfig::load(
            &invocation(),
            &arguments.iter().map(|&argument| argument.into()).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_runner_is_a_line_or_a_list_of_words() {
        for runner in ["'bin/emulate -L  lib'", "['bin/emulate', '-L', 'lib']"] {
            let config = load(&[&format!("target.other.runner={runner}")]).unwrap();
            assert_eq!(config.runner("other", &invocation()).unwrap(), ["/bin/emulate", "-L", "lib"]);
        }
        let config = load(&["target.other.runner='emulate'"]).unwrap();
        assert_eq!(config.runner("other", &invocation()).unwrap(), ["emulate"]);
    }

    #[test]
    fn a_runner_that_cannot_be_understood_is_refused() {
        assert!(load(&["target.other.runner=[]"]).unwrap_err().chain().ends_with("the runner is empty"));
    }

    #[test]
    fn arguments_add_up_and_the_last_one_holds() {
        let config = load(&["env.A='1'", "env.A.force=true", "env.A.value='2'"]).unwrap();
        let invocation =
            Invocation { environment: vec![("A".into(), "invocation".into())], directory: "/".into() };
        let mut set = Variables::new();
        config.add_to(&mut set, &invocation);
        assert_eq!(set.into_iter().collect::<Vec<_>>(), [("A".into(), "2".into())]);
    }
}
