//! `cargo isotest`: every test of a cargo project in its own sandbox.
#![forbid(unsafe_code)]

mod event;
mod report;
#[cfg(test)]
mod sample;
mod summary;
mod testcase;

fn main() {}
