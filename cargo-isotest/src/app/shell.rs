//! `shell`: opens an interactive shell in the sandbox of a test or a command.

use crate::app::session::CommandSession;
use crate::app::single;
use crate::app::{exec, prompt};
use crate::error::Error;
use crate::exit::End;
use crate::invocation::Invocation;
use crate::report;
use crate::settings::{Command, Said};
use isotest_core::explain::quoted;
use isotest_core::plan::Workload;
use nix::unistd::geteuid;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Opens a shell in the sandbox of the selected test, or in one like that of `exec`.
///
/// # Errors
/// When the shell cannot be executed.
pub(crate) fn execute(of_test: bool, said: Said, invocation: &Invocation) -> Result<End, Error> {
    if of_test {
        single::interactive(said, invocation, |test, workload| {
            let command = line(&workload);
            let whose = format!("in the sandbox of {}, which would execute", report::title(test));
            let text = report::before_shell(&whose, Some(&command.to_string_lossy()));
            (text, in_place(workload, invocation, &command))
        })
    } else {
        let session = CommandSession::open(said, invocation)?;
        let settings = &session.settings;
        let program = shell(invocation).into();
        let command = Command { program, arguments: Vec::new(), usage_json: None, directory: None };
        let record = session.with(&command, invocation, |sandboxes| {
            exec::say(settings, &report::before_shell("in a sandbox of its own", None));
            let mut workload = exec::workload(&command, invocation, sandboxes);
            prompt::mark(&mut workload, geteuid().is_root());
            exec::interactive(workload, sandboxes.first(), settings, sandboxes)
        })?;
        exec::end(&record, settings)
    }
}

/// Returns the caller's shell.
pub(crate) fn shell(invocation: &Invocation) -> &OsStr {
    invocation.variable("SHELL").filter(|shell| !shell.is_empty()).unwrap_or(OsStr::new("/bin/sh"))
}

/// Formats the workload as a command line for a shell.
fn line(workload: &Workload) -> OsString {
    let words = std::iter::once(workload.program.as_os_str());
    let words = words.chain(workload.arguments.iter().map(OsString::as_os_str)).map(quoted);
    words.collect::<Vec<_>>().join(" ").into()
}

/// Replaces the program of the workload by the shell. The command is appended to the shell's history in the sandbox,
/// where one key recalls it.
fn in_place(workload: Workload, invocation: &Invocation, command: &OsStr) -> Workload {
    // The shell starts whether or not the file could be written.
    const START: &str = "printf '%s\\n' \"$1\" 2> /dev/null >> \"$2\"; shift 2; exec \"$@\"";
    let shell = Path::new(shell(invocation));
    let mut workload = Workload { program: shell.into(), arguments: Vec::new(), ..workload };
    prompt::mark(&mut workload, geteuid().is_root());
    let Some(history) = history(shell, invocation) else { return workload };
    let start = [OsStr::new("-c"), OsStr::new(START), OsStr::new("sh"), command, history.as_os_str()];
    let start = start.into_iter().chain([shell.as_os_str()]).map(OsStr::to_owned);
    let arguments = start.chain(workload.arguments).collect();
    Workload { program: "/bin/sh".into(), arguments, ..workload }
}

/// Returns the file in which a shell keeps its history; `None` for a shell without one, or with a format of its own.
fn history(shell: &Path, invocation: &Invocation) -> Option<PathBuf> {
    let usual = match shell.file_name()?.to_str()? {
        "bash" => ".bash_history",
        "zsh" => ".zsh_history",
        "ash" | "busybox" => ".ash_history",
        "ksh" | "mksh" => ".sh_history",
        _ => return None,
    };
    match invocation.variable("HISTFILE") {
        Some(file) => Some(file.into()),
        None => Some(Path::new(invocation.variable("HOME")?).join(usual)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(variables: &[(&str, &str)]) -> Invocation {
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Invocation { environment, directory: "/".into() }
    }

    #[test]
    fn the_history_is_where_the_shell_looks_for_it() {
        let home = invocation(&[("HOME", "/home/a")]);
        let both = invocation(&[("HOME", "/home/a"), ("HISTFILE", "/home/a/typed")]);
        assert_eq!(history(Path::new("/bin/bash"), &home), Some("/home/a/.bash_history".into()));
        assert_eq!(history(Path::new("/bin/bash"), &both), Some("/home/a/typed".into()));
        assert_eq!(history(Path::new("/bin/dash"), &both), None);
    }

    #[test]
    fn without_a_shell_of_the_caller_s_it_is_sh() {
        assert_eq!(shell(&invocation(&[])), "/bin/sh");
        assert_eq!(shell(&invocation(&[("SHELL", "")])), "/bin/sh");
        assert_eq!(shell(&invocation(&[("SHELL", "/bin/bash")])), "/bin/bash");
    }
}
