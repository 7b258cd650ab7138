//! Values with a wrong unit, without one, of zero, or of another kind.

use isotest_macros::budget;

#[budget(memory = "64 M")]
fn unit() {}

#[budget(memory = "64")]
fn without_unit() {}

#[budget(memory = 64)]
fn number() {}

#[budget(cpu = "2 MiB")]
fn other_unit() {}

#[budget(memory = "0 MiB")]
fn zero() {}

#[budget(procs = 0)]
fn zero_processes() {}

#[budget(procs = "8")]
fn text() {}

#[budget(disk = "99999999999 TiB")]
fn too_large() {}

fn main() {}
