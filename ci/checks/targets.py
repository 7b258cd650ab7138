"""Everything compiles for the other machine and the other C library that are supported."""

import needs

# Tests are checked where both differ; programs and libraries on each.
BOTH = "aarch64-unknown-linux-musl"
TARGETS = (BOTH, "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl")
NEEDS = needs.Needs(targets=TARGETS)


def check(run):
    """Without linking, for which there is no linker."""
    installed = [target for target in TARGETS if needs.is_installed("target", target)]
    for target in TARGETS:
        if target not in installed:
            run.skip(target, f"its standard library is not installed: `rustup target add {target}`")
    with_tests = [target for target in installed if target == BOTH or BOTH not in installed]
    for targets, what in (with_tests, ["--all-targets"]), ([target for target in installed if target not in with_tests], []):
        if targets:
            run.cargo("check", "--workspace", *what, *(word for target in targets for word in ("--target", target)))
    run.passed += len(installed)
