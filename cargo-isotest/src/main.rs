//! `cargo isotest`: every test of a cargo project in its own sandbox.
#![forbid(unsafe_code)]

mod binaries;
mod build;
mod caller;
mod cli;
mod discover;
mod environment;
mod error;
mod event;
mod exit;
mod harness;
#[cfg(test)]
mod oracle;
mod project;
mod report;
#[cfg(test)]
mod sample;
mod select;
mod settings;
mod summary;
mod testcase;
mod tool;

fn main() {}
