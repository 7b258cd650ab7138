//! One attempt of one test in one throwaway sandbox.

pub mod cgroup;
pub mod host;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod record;
pub mod sandbox;
pub mod stage;
mod sys;
pub mod usage;
pub mod wire;
