//! `explain`: formats the execution of a test or a command as a shell script.

use crate::app::exec;
use crate::app::session::{CommandSession, Session};
use crate::app::single;
use crate::error::Error;
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::report::{self, OutputError};
use crate::sandboxes::Sandboxes;
use crate::settings::{Command, Said};
use isotest_core::explain::{Explained, explain};
use isotest_core::plan::{SandboxPlan, Template};
use std::io::{self, Write};

/// Writes the script for a command, or for the one selected test.
///
/// # Errors
/// When the execution cannot be planned, or the script not be written.
pub(crate) fn execute(command: Option<&Command>, said: Said, invocation: &Invocation) -> Result<End, Error> {
    let script = match command {
        Some(command) => of_command(command, said, invocation),
        None => of_test(said, invocation),
    }?;
    io::stdout().lock().write_all(script.as_bytes()).map_err(OutputError::Stream)?;
    Ok(End::Exit(Exit::Ok))
}

fn of_command(command: &Command, said: Said, invocation: &Invocation) -> Result<String, Error> {
    let session = CommandSession::open(said, invocation)?;
    let title = format!("`{}`", command.program.display());
    session.with(command, invocation, |sandboxes| {
        // A slot is started so that an execution that the kernel refuses is not explained.
        drop(sandboxes.slot(sandboxes.first())?);
        let plan = exec::not_interactive(command, &session.settings, sandboxes, invocation);
        Ok(script(&title, &plan, sandboxes.first(), sandboxes, invocation))
    })
}

fn of_test(said: Said, invocation: &Invocation) -> Result<String, Error> {
    let session = Session::of_tests(said, invocation)?;
    session.with(invocation, |sandboxes| {
        let test = single::test(&session, sandboxes)?;
        let (plan, template, _) = single::plan(&test, &session, sandboxes, invocation)?;
        let title = format!("the test `{}`", report::title(&test));
        Ok(script(&title, &plan, &template, sandboxes, invocation))
    })
}

fn script(
    title: &str,
    plan: &SandboxPlan,
    template: &Template,
    sandboxes: &Sandboxes,
    invocation: &Invocation,
) -> String {
    explain(&Explained {
        title,
        template,
        plan,
        hierarchies: &sandboxes.cgroups.places(),
        idle: &sandboxes.cgroups.idle_places(),
        environment: &invocation.environment,
    })
}
