//! What each subcommand does: one module each, and what several of them share.

mod baseline;
mod budget_runs;
mod budgets;
pub(crate) mod closure;
pub(crate) mod convert;
pub(crate) mod debug;
mod doctest_account;
pub(crate) mod doctests;
pub(crate) mod doctor;
pub(crate) mod error_text;
pub(crate) mod evidence;
pub(crate) mod exec;
pub(crate) mod explain;
pub(crate) mod help;
mod history;
pub(crate) mod join;
mod list;
pub(crate) mod ps;
pub(crate) mod run;
pub(crate) mod runner;
mod runner_script;
mod session;
mod setups;
pub(crate) mod shell;
pub(crate) mod show_config;
mod single;
pub(crate) mod warning;
