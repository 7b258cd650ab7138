//! `cargo isotest`: every test of a cargo project in its own sandbox.
#![forbid(unsafe_code)]

mod event;
mod summary;
mod testcase;

fn main() {}
