//! Assertions of quantities that cannot be read inside a test, and with wrong values.

use isotest_macros::assert_budget;

fn main() {
    assert_budget!(wall <= "5 s");
    assert_budget!(memory <= "64 M");
    assert_budget!(memory < "64 MiB");
    assert_budget!(memory = "64 MiB");
    assert_budget!(procs <= 8, procs <= 9);
    assert_budget!(procs <=);
    assert_budget!(procs <= 8 9);
    assert_budget!();
}
