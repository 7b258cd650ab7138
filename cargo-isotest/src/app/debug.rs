//! Executes a test below a debugger or a tracer, in the sandbox of the test and attended by the caller.

use crate::app::exec;
use crate::app::session::Session;
use crate::app::single;
use crate::error::Error;
use crate::exit::End;
use crate::invocation::Invocation;
use crate::report;
use crate::settings::{Said, Tool};
use isotest_core::plan::{SandboxPlan, Workload};

/// Executes the selected test below the tool.
///
/// # Errors
/// When the test cannot be executed.
pub(crate) fn execute(tool: &Tool, said: Said, invocation: &Invocation) -> Result<End, Error> {
    let session = Session::of_tests(said, invocation)?;
    let settings = &session.settings;
    let record = session.with(invocation, |sandboxes| {
        let test = single::test(&session, sandboxes)?;
        let (SandboxPlan { workload, .. }, template, settings) =
            single::plan(&test, &session, sandboxes, invocation)?;
        let workload = below(tool, workload);
        let settings = &settings;
        exec::say(settings, &report::before_tool(&report::title(&test), &exec::line(&workload)));
        exec::interactive(workload, &template, settings, sandboxes)
    })?;
    exec::end(&record, settings)
}

/// Makes the tool start the workload.
fn below(Tool { program, arguments }: &Tool, workload: Workload) -> Workload {
    let mut arguments = arguments.clone();
    arguments.push(workload.program.into());
    arguments.extend(workload.arguments);
    Workload { program: program.clone(), arguments, ..workload }
}
