//! Keys that are unknown, stated twice, without a value, or have nothing to do.

use isotest_macros::budget;

#[budget(memroy = "64 MiB")]
fn unknown() {}

#[budget(memory = "64 MiB", cpu = "1 s", memory = "32 MiB")]
fn twice() {}

#[budget(memory)]
fn without_value() {}

#[budget(memory =)]
fn half() {}

#[budget(memory = "64 MiB" cpu = "1 s")]
fn without_comma() {}

#[budget("64 MiB")]
fn without_key() {}

#[budget]
fn empty() {}

#[budget(hard = true, cpu = "1 s")]
fn hard_without_memory() {}

#[budget(memory = "64 MiB", hard = "yes")]
fn hard_as_text() {}

fn main() {}
