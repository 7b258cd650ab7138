//! Executes a test below a debugger or a tracer, in the sandbox of the test and attended by the caller.

use crate::app::exec;
use crate::app::single;
use crate::error::Error;
use crate::exit::End;
use crate::invocation::Invocation;
use crate::report;
use crate::settings::{Said, Tool};
use isotest_core::plan::Workload;

/// Executes the selected test below the tool.
///
/// # Errors
/// When the test cannot be executed.
pub(crate) fn execute(tool: &Tool, said: Said, invocation: &Invocation) -> Result<End, Error> {
    single::interactive(said, invocation, |test, workload| {
        let workload = below(tool, workload);
        (report::before_tool(&report::title(test), &exec::line(&workload)), workload)
    })
}

/// Makes the tool start the workload.
fn below(Tool { program, arguments }: &Tool, workload: Workload) -> Workload {
    let mut arguments = arguments.clone();
    arguments.push(workload.program.into());
    arguments.extend(workload.arguments);
    Workload { program: program.clone(), arguments, ..workload }
}
