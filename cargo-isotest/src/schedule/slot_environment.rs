//! Variables of cargo-nextest that tell a test of its run, for tools that look for them.
//!
//! All are set that say something true of a run of ours: each test has a process of its own, and no two that run at
//! once have the same slot. `NEXTEST` is not: some tests do something else where it is, and what passes under `cargo
//! test` is to pass here. Nor are those that name a version or a profile of cargo-nextest, since none is at work.

use crate::schedule::queue::{Iteration, Nth};
use crate::testcase::{TestBinary, TestCase};
use isotest_core::inside;
use isotest_core::policy::Capability;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Variables and their values.
type Told = Vec<(OsString, OsString)>;

/// Name of the test group of a test that is in no other.
const GLOBAL_GROUP: &str = "@global";

/// Variable that holds the slot in the test group.
const GROUP_SLOT: &str = "NEXTEST_TEST_GROUP_SLOT";

/// Returns the variables of a binary that is asked for its tests.
pub(crate) fn of_listing(binary: &TestBinary) -> Told {
    told(binary, "list").collect()
}

/// Returns the variables of a test in its nth attempt, one of them ours, but for its slot; `jobs` tests are executed
/// at once.
pub(crate) fn of_test(test: &TestCase, nth: Nth, jobs: usize) -> Told {
    let binary = &test.binary;
    // Numbers of iterations begin with 0 in cargo-nextest's variables.
    let stress = nth.iteration.map(|Iteration { number, total }| {
        let total = total.map_or_else(|| "infinite".to_owned(), |total| total.to_string());
        ((number - 1).to_string(), total)
    });
    let mut attempt = OsString::from(format!("{}:{}$", binary.run.id, binary.id));
    if let Some((current, _)) = &stress {
        attempt = OsString::from(format!("{}:{}@stress-{current}$", binary.run.id, binary.id));
    }
    attempt.push(&test.raw_name);
    if !nth.is_first() {
        attempt.push(format!("#{}", nth.number));
    }
    let (current, total) = stress.unwrap_or_else(|| ("none".to_owned(), "none".to_owned()));
    let of_test = [
        ("ISOTEST_ATTEMPT", nth.number.to_string().into()),
        ("NEXTEST_RUN_MODE", "test".into()),
        ("NEXTEST_TEST_NAME", test.raw_name.clone()),
        ("NEXTEST_ATTEMPT", nth.number.to_string().into()),
        ("NEXTEST_TOTAL_ATTEMPTS", nth.total.to_string().into()),
        ("NEXTEST_ATTEMPT_ID", attempt),
        ("NEXTEST_STRESS_CURRENT", current.into()),
        ("NEXTEST_STRESS_TOTAL", total.into()),
        ("NEXTEST_TEST_THREADS", jobs.to_string().into()),
        ("NEXTEST_TEST_GROUP", test.group.as_deref().unwrap_or(GLOBAL_GROUP).into()),
        (GROUP_SLOT, if test.group.is_some() { "0" } else { "none" }.into()),
    ];
    told(binary, "run").chain(of_test.map(|(name, value)| (name.into(), value))).collect()
}

/// Returns the variable of a test's slot in its test group, in place of the first slot.
pub(crate) fn of_place(slot: usize) -> Told {
    vec![(GROUP_SLOT.into(), slot.to_string().into())]
}

fn told(binary: &TestBinary, phase: &str) -> impl Iterator<Item = (OsString, OsString)> {
    let path = binary.environment.iter().find(|(name, _)| name == "LD_LIBRARY_PATH");
    let path = path.map(|(_, path)| (OsString::from("NEXTEST_LD_LIBRARY_PATH"), path.clone()));
    let of_run: [(&str, OsString); 5] = [
        ("NEXTEST_EXECUTION_MODE", "process-per-test".into()),
        ("NEXTEST_RUN_ID", binary.run.id.clone().into()),
        ("NEXTEST_WORKSPACE_ROOT", binary.run.workspace.clone().into()),
        ("NEXTEST_BINARY_ID", binary.id.clone().into()),
        ("NEXTEST_TEST_PHASE", phase.into()),
    ];
    of_run.map(|(name, value)| (name.into(), value)).into_iter().chain(path)
}

/// Sets variables, in place of what the caller may have been told of another run.
pub(crate) fn tell(environment: &mut Told, told: Told) {
    let is_told = |name: &OsString| {
        let may_be = [&b"NEXTEST_"[..], b"ISOTEST"].iter().any(|first| name.as_bytes().starts_with(first));
        may_be && told.iter().any(|(other, _)| other == name)
    };
    // Variables that a surrounding run has set must not be taken for those of this run.
    environment.retain(|(name, _)| !is_told(name) && name != inside::METRICS);
    environment.extend(told);
}

/// Returns the variables of the job slot in which a command is executed. Slots are counted from 0. A test that has a
/// process to itself is told by cargo-nextest's variable, too, and what its cgroup counts: of several together the
/// figures would be nobody's own.
pub(crate) fn of_slot(slot: usize, is_test: bool, counted: &[Capability]) -> Told {
    let slot = OsString::from(slot.to_string());
    let counted: Vec<_> = counted.iter().map(|metric| metric.as_str()).collect();
    let ours = [("ISOTEST", OsString::from("1")), ("ISOTEST_SLOT", slot.clone())];
    let of_test = [("NEXTEST_TEST_GLOBAL_SLOT", slot), (inside::METRICS, OsString::from(counted.join(" ")))];
    let theirs = of_test.into_iter().filter(|_| is_test);
    ours.into_iter().chain(theirs).map(|(name, value)| (name.into(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::builders;

    #[test]
    fn only_a_test_alone_is_told_what_its_cgroup_counts() {
        let outer = || vec![(OsString::from(inside::METRICS), OsString::from("memory"))];
        for (is_test, expected) in [(true, Some("cpu")), (false, None)] {
            let mut environment = outer();
            tell(&mut environment, of_slot(0, is_test, &[Capability::Cpu]));
            let told = environment.iter().find(|(name, _)| name == inside::METRICS);
            assert_eq!(told.map(|(_, value)| value.to_str().unwrap()), expected);
        }
    }

    #[test]
    fn what_is_told_takes_the_place_of_what_the_caller_was_told() {
        let named = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let mut environment = vec![
            named("ISOTEST_SLOT", "7"),
            named("NEXTEST_TEST_NAME", "outer"),
            named("NEXTEST_PROFILE", "ci"),
            named("HOME", "/root"),
        ];
        tell(
            &mut environment,
            of_test(&builders::test("tour", "inner"), Nth { number: 2, total: 3, iteration: None }, 2),
        );
        tell(&mut environment, of_slot(1, true, &[Capability::Memory, Capability::Cpu]));
        let values = |name: &str| -> Vec<_> {
            environment.iter().filter(|(other, _)| other == name).map(|(_, value)| value.clone()).collect()
        };
        for (name, value) in [
            ("ISOTEST_SLOT", "1"),
            ("ISOTEST_METRICS", "memory cpu"),
            ("NEXTEST_TEST_GLOBAL_SLOT", "1"),
            ("NEXTEST_TEST_NAME", "inner"),
            ("ISOTEST_ATTEMPT", "2"),
            ("NEXTEST_ATTEMPT", "2"),
            ("NEXTEST_TOTAL_ATTEMPTS", "3"),
            ("NEXTEST_ATTEMPT_ID", ":tour$inner#2"),
            ("NEXTEST_TEST_THREADS", "2"),
            ("NEXTEST_PROFILE", "ci"),
            ("HOME", "/root"),
        ] {
            assert_eq!(values(name), [OsString::from(value)], "{name}");
        }
    }
}
