//! Settings that a configuration file can hold, each in a file of its own and of its name. The other files are what several of them
//! share.

mod bind;
mod budget;
mod color;
mod cpu_limit;
mod cpu_weight;
mod cpus;
mod default_filter;
mod fail_fast;
mod fail_on_leak;
mod failure_output;
mod final_status_level;
mod flaky_result;
mod global_timeout;
mod hide_package;
mod history;
mod io_limit;
mod jobs;
mod keep;
mod leak_timeout;
mod levels;
mod list_timeout;
mod max_fail;
mod memory_aware;
mod memory_limit;
mod network;
mod off;
mod per_binary;
mod pids_limit;
mod prefer;
mod priority;
mod redact;
mod require;
mod retries;
mod rlimit;
mod root;
mod show_progress;
mod size;
mod slow_timeout;
mod status_level;
mod success_output;
mod swap_limit;
mod test_group;
mod threads_required;
mod time;
mod timeout;
mod top;
mod trace_missing;
mod truth;
mod word;

use super::key::Key;

pub(crate) use default_filter::DEFAULT_FILTER;
pub(crate) use failure_output::FAILURE_OUTPUT;
pub(crate) use final_status_level::FINAL_STATUS_LEVEL;
pub(crate) use flaky_result::FLAKY_RESULT;
pub(crate) use global_timeout::GLOBAL_TIMEOUT;
pub(crate) use jobs::{JOBS, form_of_jobs, number_of_jobs, written_jobs};
pub(crate) use priority::PRIORITY;
pub(crate) use retries::RETRIES;
pub(crate) use slow_timeout::SLOW_TIMEOUT;
pub(crate) use status_level::STATUS_LEVEL;
pub(crate) use success_output::SUCCESS_OUTPUT;
pub(crate) use test_group::{NAME as GROUP_NAME, TEST_GROUP, is_name as is_group_name};
pub(crate) use threads_required::THREADS_REQUIRED;

/// Settings of the report for humans.
pub(crate) const OF_DISPLAY: [Key; 6] = [
    STATUS_LEVEL,
    FINAL_STATUS_LEVEL,
    SUCCESS_OUTPUT,
    FAILURE_OUTPUT,
    show_progress::SHOW_PROGRESS,
    top::TOP,
];

/// Settings of the whole run.
pub(crate) const OF_RUN: [Key; 14] = [
    JOBS,
    fail_fast::FAIL_FAST,
    max_fail::MAX_FAIL,
    GLOBAL_TIMEOUT,
    list_timeout::LIST_TIMEOUT,
    DEFAULT_FILTER,
    history::HISTORY,
    memory_aware::MEMORY_AWARE,
    hide_package::HIDE_PACKAGE,
    trace_missing::TRACE_MISSING,
    redact::REDACT,
    require::REQUIRE,
    prefer::PREFER,
    off::OFF,
];

/// Settings that can differ from test to test.
pub(crate) const OF_TEST: [Key; 23] = [
    timeout::TIMEOUT,
    SLOW_TIMEOUT,
    RETRIES,
    FLAKY_RESULT,
    THREADS_REQUIRED,
    TEST_GROUP,
    PRIORITY,
    leak_timeout::LEAK_TIMEOUT,
    fail_on_leak::FAIL_ON_LEAK,
    memory_limit::MEMORY_LIMIT,
    swap_limit::SWAP_LIMIT,
    pids_limit::PIDS_LIMIT,
    cpu_limit::CPU_LIMIT,
    cpu_weight::CPU_WEIGHT,
    cpus::CPUS,
    io_limit::IO_LIMIT,
    rlimit::RLIMIT,
    root::ROOT,
    network::NETWORK,
    per_binary::PER_BINARY,
    budget::BUDGET,
    bind::BIND,
    keep::KEEP,
];

/// Settings of the whole run that each person chooses, and that no file of a project can hold.
pub(crate) const OF_PERSON: [Key; 1] = [color::COLOR];

/// Returns the settings that the file of a person can hold: those of the display.
pub(crate) fn of_user() -> impl Iterator<Item = &'static Key> {
    OF_DISPLAY.iter().chain(&OF_PERSON)
}

/// Returns the settings that the file of a project can hold.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    OF_RUN.iter().chain(&OF_DISPLAY).chain(&OF_TEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn each_setting_has_a_file_of_its_own() {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/settings/config/keys");
        for key in all().chain(&OF_PERSON) {
            let file = place.join(format!("{}.rs", key.name.replace('-', "_")));
            let text = fs::read_to_string(&file).unwrap_or_default();
            assert_eq!(text.matches(": Key = Key {").count(), 1, "{}", file.display());
        }
    }

    #[test]
    fn a_variable_has_the_name_of_its_key() {
        for key in all() {
            if let Some(variable) = key.variable {
                assert_eq!(variable, format!("ISOTEST_{}", key.name.to_uppercase().replace('-', "_")));
            }
        }
    }
}
