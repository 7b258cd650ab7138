//! What is wrong with a budget does not compile, and is told at its place.

#[test]
fn wrong_budgets_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/right.rs");
    cases.compile_fail("tests/ui/wrong_*.rs");
}
