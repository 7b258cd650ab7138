"""Everything compiles for the other machine and the other C library that are supported."""

import needs

TARGETS = ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl")
NEEDS = needs.Needs(targets=TARGETS)


def check(run):
    """Without linking, for which there is no linker."""
    for target in TARGETS:
        if not needs.is_installed("target", target):
            run.skip(target, f"its standard library is not installed: `rustup target add {target}`")
            continue
        run.cargo("check", "--workspace", "--all-targets", "--target", target)
        run.passed += 1
