//! Evidence: files in which tools report failures, such as pending snapshots and the failing inputs of a property
//! test, and the profiles of instrumented programs.
//!
//! Under `cargo test` they stand in the workspace. Here they are in the sandbox of their test, which is thrown away, and are
//! copied from there to `isotest/evidence` in the target directory, below a directory for each test. Nothing comes into the
//! workspace before somebody asks for it.
//!
//! ```text
//! layers, each naming only those below it
//! 5 tree
//! 4 store
//! 3 manifest
//! 2 tools beneath
//! 1 error
//! ```
//!
//! Paths within a sandbox are said by tests, which may be hostile: all files here are opened and made
//! [beneath] a directory, over no link.

mod beneath;
mod error;
mod manifest;
mod store;
mod tools;
mod tree;

pub(crate) use error::EvidenceError;
pub(crate) use manifest::{Evidence, Kept};
pub(crate) use store::{Keeper, Store};
pub(crate) use tools::marks;
pub(crate) use tree::{Fate, Tree};
