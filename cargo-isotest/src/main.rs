//! `cargo isotest`: every test of a cargo project in its own sandbox.
#![forbid(unsafe_code)]

mod caller;
mod cli;
mod discover;
mod error;
mod event;
mod exit;
mod select;
mod settings;
mod summary;
mod testcase;

fn main() {}
