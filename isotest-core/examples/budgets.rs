//! Harness whose trials have budgets. Executed by itself it gives each a sandbox; `cargo isotest` has made one already.

use isotest_core::Bytes;
use isotest_core::budget::Budget;
use isotest_core::harness::{self, Trial};
use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run(|| {
        let budget = Budget { memory: Some(Bytes::mib(32)), ..Budget::default() };
        let uses = |bytes: usize| {
            move || {
                black_box(vec![1_u8; black_box(bytes)]);
                Ok(())
            }
        };
        vec![
            Trial::test("keeps_to_it", uses(1 << 20)).with_budget(budget),
            Trial::test("uses_more", uses(64 << 20)).with_budget(budget),
        ]
    })
}
