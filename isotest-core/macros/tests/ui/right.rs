//! Budgets that compile, in a crate that forbids unsafe code.
#![forbid(unsafe_code)]
#![deny(warnings)]

use isotest_macros::budget;

#[budget(memory = "64 MiB", cpu = "1.5 s", procs = 1_000, wall = "5 min", disk = "10 kB", io_write = "1 B", hard = true)]
fn all() {}

#[isotest_macros::budget(procs = 8,)]
pub(crate) async fn asynchronous() {}

macro_rules! budgeted {
    ($(#[$attribute:meta])* $limit:literal $item:item) => {
        #[budget(memory = $limit)]
        $(#[$attribute])*
        $item
    };
}

budgeted!(#[allow(unused)] "1 MiB" fn from_a_macro() {});

fn main() {
    all();
    drop(asynchronous());
    from_a_macro();
}
