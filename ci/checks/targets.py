"""Everything compiles for the other machine and the other C library that are supported."""

import os

import needs
import places

# Tests are checked where both differ; programs and libraries on each.
BOTH = "aarch64-unknown-linux-musl"
TARGETS = (BOTH, "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl")
NEEDS = needs.Needs(targets=TARGETS)


# Apart, so that nothing else waits for it.
PLACE = {"CARGO_TARGET_DIR": str(places.TARGET / "targets")}


def build_ahead():
    """The same as the check."""
    for words in commands():
        needs.build(*words, **PLACE)


def check(run):
    """Without linking, for which there is no linker."""
    missing = [target for target in TARGETS if target not in installed()]
    for target in missing:
        run.skip(target, f"its standard library is not installed: `rustup target add {target}`")
    for words in commands():
        run.cargo(*words, env=os.environ | PLACE)
    run.passed += len(TARGETS) - len(missing)


def installed():
    return [target for target in TARGETS if needs.is_installed("target", target)]


def commands():
    """What cargo is told."""
    with_tests = [target for target in installed() if target == BOTH or BOTH not in installed()]
    rest = [target for target in installed() if target not in with_tests]
    for targets, what in (with_tests, ["--all-targets"]), (rest, []):
        if targets:
            yield ["check", "--workspace", *what, *(word for target in targets for word in ("--target", target))]
