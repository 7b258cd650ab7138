//! Platforms of a build: the host's and the target's.

use crate::cargo::build::Workspace;
use crate::cargo::command_output;
use crate::cargo::error::Stage;
use crate::cli::CargoArgs;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::values::{Features, Machine};
use std::ffi::{OsStr, OsString};

/// Asks rustc for the platform of the host and that of the tests: the first typed target, or the one of the
/// environment, or the one of cargo's configuration.
///
/// # Errors
/// When rustc or cargo does not answer.
pub(crate) fn machine(arguments: &CargoArgs, invocation: &Invocation) -> Result<Machine, Error> {
    let rustc = invocation.variable("RUSTC").unwrap_or(OsStr::new("rustc"));
    let answer = |words: &[&str], task| {
        command_output::answer(invocation.question(rustc).args(words), task, Stage::Metadata)
    };
    let version = answer(&["-vV"], "rustc -vV")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let features = |triple: &str| {
        answer(&["--print", "cfg", "--target", triple], "rustc --print cfg")
            .map(|said| Features::new(triple, &said))
    };
    let typed = arguments.compilation.target.first().map(OsString::as_os_str);
    let said = typed.or_else(|| invocation.variable("CARGO_BUILD_TARGET")).map(OsStr::to_string_lossy);
    let target = match said {
        Some(target) => Some(target.into_owned()),
        None => configured(arguments, invocation)?.into_iter().find(|target| target != host),
    };
    let host = features(host)?;
    let target = target.map_or_else(|| Ok(host.clone()), |target| features(&target))?;
    Ok(Machine { host, target })
}

/// Asks cargo for the target triples of its configuration; empty without a project.
fn configured(arguments: &CargoArgs, invocation: &Invocation) -> Result<Vec<String>, Error> {
    let Some(workspace) = Workspace::around(arguments, invocation)? else { return Ok(Vec::new()) };
    Ok(workspace.configured(arguments)?.targets().collect())
}
