//! Tests that a wrong budget does not compile, and that the error is shown at its place.

#[test]
fn wrong_budgets_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/right.rs");
    cases.compile_fail("tests/ui/wrong_*.rs");
}
