//! Single test that was named: finds it among all tests, and plans its execution.

use crate::app::exec;
use crate::app::session::Session;
use crate::app::warning::{Warning, warn};
use crate::cli::RunIgnored;
use crate::error::Error;
use crate::exit::End;
use crate::invocation::Invocation;
use crate::report;
use crate::sandboxes::roots;
use crate::sandboxes::{ForTests, Sandboxes};
use crate::schedule;
use crate::schedule::listing::{self, Listed};
use crate::schedule::queue::Nth;
use crate::schedule::slot_environment;
use crate::select::{Selection, SelectionError};
use crate::settings::{Said, Settings, TestSettings};
use crate::testcase::TestCase;
use isotest_core::plan::{SandboxPlan, Template, Workload};
use std::sync::Arc;

/// Asks the test binaries for their tests and returns the one whose name was given, whole or in part.
///
/// # Errors
/// When there is none or more than one, or a binary cannot be asked.
pub(crate) fn test(session: &Session, sandboxes: &Sandboxes) -> Result<TestCase, Error> {
    let Session { build, settings, .. } = session;
    let Listed { mut tests, .. } = session.in_slots(sandboxes, |workers, _| {
        workers.ready()?;
        listing::list(workers, sandboxes, &build.binaries, &settings.execution, false)
    })?;
    settings.assign(&mut tests)?;
    // A test that is named is selected even if it is ignored.
    let selection =
        Selection { ignored: RunIgnored::All, ignores_default: true, ..settings.selection.clone() };
    let selected = selection.choose(tests);
    Ok(choose(selected.tests, &selection.filters, selected.filtered)?)
}

/// Plans the execution of a test in the first job slot; returns the plan, its template and its settings.
///
/// # Errors
/// When the test's settings contradict each other, or the host lacks what they require.
pub(crate) fn plan(
    test: &TestCase,
    session: &Session,
    sandboxes: &Sandboxes,
    invocation: &Invocation,
) -> Result<(SandboxPlan, Arc<Template>, Settings), Error> {
    let of_each = session.settings.for_tests([test])?;
    let mut settings = session.settings.clone();
    if let Some(own) = of_each.first() {
        settings.test = TestSettings::clone(own);
    }
    if !settings.test.setups.is_empty() {
        let names = settings.test.setups.iter().map(|setup| setup.value.name.clone());
        warn(Warning::NoSetup(names.collect()));
    }
    let tests = std::iter::once(test).zip(&of_each);
    let ForTests { templates, images, .. } = session.for_tests(sandboxes, invocation, tests)?;
    let mut plan = schedule::plan(test, Nth::ONLY, &settings.execution, &settings.test);
    slot_environment::tell(
        &mut plan.workload.environment,
        slot_environment::of_slot(0, true, &sandboxes.counted()),
    );
    let (asked_in, image) = sandboxes.to_ask(&test.binary);
    roots::complete(&mut plan.workload.environment, images.first().unwrap_or(&image));
    let template = templates.into_iter().next().unwrap_or(asked_in);
    Ok((plan, template, settings))
}

/// Executes another workload in the sandbox of the test that was named, attended by the caller. `instead` makes it of the
/// test's own, with the text before it.
///
/// # Errors
/// When there is not exactly one such test, or the workload cannot be executed.
pub(crate) fn interactive(
    said: Said,
    invocation: &Invocation,
    instead: impl Fn(&TestCase, Workload) -> (String, Workload),
) -> Result<End, Error> {
    let session = Session::of_tests(said, invocation)?;
    let (record, settings) = session.with(invocation, |sandboxes| {
        let test = test(&session, sandboxes)?;
        let (SandboxPlan { workload, .. }, template, settings) =
            plan(&test, &session, sandboxes, invocation)?;
        let (said_before, workload) = instead(&test, workload);
        exec::say(&settings, &said_before);
        Ok((exec::interactive(workload, &template, &settings, sandboxes)?, settings))
    })?;
    exec::end(&record, &settings)
}

fn choose(mut tests: Vec<TestCase>, filters: &[String], filtered: usize) -> Result<TestCase, SelectionError> {
    if tests.iter().filter(|test| filters.contains(&test.name)).count() == 1 {
        tests.retain(|test| filters.contains(&test.name));
    }
    match (tests.pop(), tests.is_empty()) {
        (Some(test), true) => Ok(test),
        (None, _) => Err(SelectionError::NoTests {
            filtered,
            not_default: 0,
            ignored: 0,
            doctests: Vec::new(),
            meant: None,
        }),
        (Some(last), false) => {
            tests.push(last);
            let names = tests.iter().map(report::title).collect();
            Err(SelectionError::SeveralTests { filter: filters.join(" "), names })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;

    fn chosen(names: &[&str], filter: &str) -> Result<String, String> {
        let tests = names.iter().map(|name| builders::test("tour", name)).collect();
        choose(tests, &[filter.to_owned()], 3).map(|test| test.name).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_name_is_preferred_to_a_part_of_one() {
        assert_eq!(chosen(&["reads", "reads_twice"], "reads"), Ok("reads".to_owned()));
        assert_eq!(chosen(&["reads_twice"], "reads"), Ok("reads_twice".to_owned()));
        let several = "`read` matches 2 tests: tour reads, tour reads_twice";
        assert_eq!(chosen(&["reads", "reads_twice"], "read"), Err(several.to_owned()));
        assert!(chosen(&[], "read").unwrap_err().contains("3 filtered out"));
    }
}
