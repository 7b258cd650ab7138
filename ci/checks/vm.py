"""The same of the optimized build, as root and as an ordinary user, on a pure cgroup v2 host with another kernel."""

import places
from needs import FOR_GUESTS, FOR_TESTS, Needs

NEEDS = Needs(debian=(*FOR_TESTS, *FOR_GUESTS), apt=True)
CORE = places.ROOT / "isotest-core"


def check(run):
    # Optimized, as users have it, which takes half the time under emulation.
    binary = run.test_binary("e2e", "--release")
    for user in [], ["--as-user"]:
        run.say(f"in the guest, {' '.join(user) or 'as root'}")
        run.call([places.CHECK, "guest", *user, "--timeout", "900",
                  "--copy", binary, "--copy", places.RELEASE / "probe", "--copy", CORE / "Cargo.toml",
                  "--env", "CI=true", "--env", "ISOTEST_E2E_ATTEMPTS=300", "--env", "TMPDIR=/mnt/disk",
                  "--env", f"CARGO_MANIFEST_DIR={CORE}",
                  "--", "sh", "-c", 'cd "$CARGO_MANIFEST_DIR" && exec "$0"', binary])
