//! Cargo: metadata of a project, its build, and the environment of its tests.

mod artifacts;
pub(crate) mod build;
mod command_output;
pub(crate) mod error;
mod manifest;
mod metadata;
pub(crate) mod nextest_archive;
mod output_directories;
pub(crate) mod page_cache;
pub(crate) mod platform;
mod sample;
pub(crate) mod test_environment;
