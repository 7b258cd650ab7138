//! Plans by which tests are executed, each in a process of its own or those of a binary in one; pure.

use crate::harness::libtest;
use crate::harness::together::{self, Unit};
use crate::schedule::queue::Nth;
use crate::schedule::slot_environment;
use crate::select;
use crate::settings::{Execution, Process, TestSettings};
use crate::testcase::TestCase;
use isotest_core::Bytes;
use isotest_core::limits::Limits;
use isotest_core::plan::{SandboxPlan, Workload};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Number of bytes kept of the beginning, and as many of the end, of each stream of a test.
pub(crate) const OUTPUT_BYTES: usize = 512 << 10;

/// Returns the plan by which a test is executed by itself in its nth attempt.
pub(crate) fn plan(test: &TestCase, nth: Nth, execution: &Execution, settings: &TestSettings) -> SandboxPlan {
    let mut environment = test.binary.environment.clone();
    if execution.process == Process::Test {
        slot_environment::tell(
            &mut environment,
            slot_environment::of_test(test, nth, execution.jobs.value.get()),
        );
    }
    let (program, arguments) = libtest::command(&test.binary, libtest::arguments(test));
    let (program, arguments) = wrapped(settings, &test.binary.run.workspace, program, arguments);
    SandboxPlan {
        workload: Workload { program, arguments, environment, directory: test.binary.directory.clone() },
        timeout: settings.end(),
        limits: limits(test, settings),
        measured: true,
        inherit_stdio: !execution.capture.value,
        interactive: None,
        leak_grace: settings.leak_timeout.value,
        output_bytes: OUTPUT_BYTES,
    }
}

/// Puts the command of a test behind that of its wrapper, if it has one.
fn wrapped(
    settings: &TestSettings,
    workspace: &Path,
    program: &Path,
    arguments: Vec<OsString>,
) -> (PathBuf, Vec<OsString>) {
    let Some(wrapper) = &settings.wrapper else { return (program.to_owned(), arguments) };
    let command = &wrapper.value.command;
    let words = command.arguments().chain([program.into()]).chain(arguments);
    (command.program(workspace), words.collect())
}

/// Returns the limits of a test: those of its settings, and memory as its budget says if that is stricter.
fn limits(test: &TestCase, settings: &TestSettings) -> Limits {
    let limits = settings.limits.limits();
    match test.budget.kernel_memory().map(Bytes::new) {
        Some(size) if limits.memory.is_none_or(|own| size < own) => {
            Limits { memory: Some(size), swap: None, ..limits }
        }
        Some(_) | None => limits,
    }
}

/// Returns the plan by which the tests of a unit are executed. Output of tests that share a process is always read,
/// for it tells of each.
pub(super) fn plan_of(
    unit: Unit<'_>,
    nth: Nth,
    execution: &Execution,
    settings: &TestSettings,
    wish: Option<&select::Selection>,
) -> SandboxPlan {
    let title = unit.title();
    let plan = plan(&title, nth, execution, settings);
    let Process::Binary { threads } = execution.process else { return plan };
    if unit.is_one_test() {
        return plan;
    }
    let arguments = together::arguments(unit, wish, threads, execution.capture.value);
    let (_, arguments) = libtest::command(&title.binary, arguments);
    SandboxPlan {
        workload: Workload { arguments, ..plan.workload },
        inherit_stdio: false,
        leak_grace: settings.leak_timeout.value,
        output_bytes: together::OUTPUT_BYTES,
        ..plan
    }
}
