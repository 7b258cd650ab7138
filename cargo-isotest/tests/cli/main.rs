//! Tests of the built program on whole projects, seen from outside: its output, how it ends, and what it leaves.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what goes wrong here is a failed test"
)]

mod adversaries;
mod archives;
mod autopsy;
mod bad_days;
mod baselines;
mod beside;
mod blame;
mod budgets;
mod call;
mod cgroups;
mod closure;
mod config;
mod confined;
mod debug;
mod doctor;
mod errors;
mod evidence;
mod exec;
mod exec_terminal;
mod exit_codes;
mod explain;
mod file_systems;
mod fit;
mod groups;
mod harness;
mod help;
mod history;
mod host;
mod host_access;
mod init;
mod inside;
mod interrupt;
mod join;
mod json;
mod keys;
mod killed_with_the_run;
mod kills;
mod libtest_json;
mod limits;
mod nextest_config;
mod no_capture;
mod outcomes;
mod overrides;
mod per_binary;
mod progress;
mod project;
mod projects;
mod ps;
mod recorded_budgets;
mod refused;
mod registry;
mod report_files;
mod retries;
mod roots;
mod runner;
mod scripts;
mod selection;
mod self_profile;
mod settings;
mod shards;
mod shell;
mod short_memory;
mod show_config;
mod shown;
mod slots;
mod stops;
mod stress;
mod terminal;
mod texts;
mod thrown_away;
mod time_limits;
mod uncounted;
mod updates;
mod user_file;
mod warm;
