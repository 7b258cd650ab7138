//! Places where a budget does not belong, and two on one function.

use isotest_macros::budget;

#[budget(memory = "64 MiB")]
struct NoFunction;

#[budget(memory = "64 MiB")]
mod no_function {}

#[budget(memory = "64 MiB")]
#[inline]
#[budget(cpu = "1 s")]
fn twice() {}

#[isotest_macros::budget(memory = "64 MiB")]
#[::isotest_macros::budget(memory = "32 MiB")]
fn twice_by_paths() {}

fn main() {
    let _ = NoFunction;
}
