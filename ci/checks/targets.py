"""Everything compiles for the other machine and the other C library that are supported."""

import needs

TARGETS = ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl")
NEEDS = needs.Needs(targets=TARGETS)


def check(run):
    """Without linking, for which there is no linker."""
    installed = [target for target in TARGETS if needs.is_installed("target", target)]
    for target in TARGETS:
        if target not in installed:
            run.skip(target, f"its standard library is not installed: `rustup target add {target}`")
    if installed:
        run.cargo("check", "--workspace", "--all-targets", *(word for target in installed for word in ("--target", target)))
    run.passed += len(installed)
