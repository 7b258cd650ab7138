//! One attempt of one test in one throwaway sandbox.

pub mod outcome;
pub mod plan;
pub mod policy;
pub mod record;
pub mod sandbox;
pub mod usage;
pub mod wire;
