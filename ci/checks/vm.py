"""The same of the optimized build, as root and as an ordinary user, on a pure cgroup v2 host with another kernel."""

import argparse

import needs
import places
from guest import kernel

NEEDS = needs.Needs(debian=(*needs.FOR_TESTS, *needs.FOR_GUESTS), apt=True)
CORE = places.ROOT / "isotest-core"
# What neither the version of cgroups nor that of the kernel matters to: the gate leaves it to `test` and `user`.
BESIDE_KERNELS = ("endings", "deadlines", "snapshots", "services", "foreign")
# What the version of cgroups is nothing to. Of these the gate leaves it at root on this machine and the user in the guest.
BESIDE_CGROUPS = (*BESIDE_KERNELS, "namespaces", "network", "ipc", "rootfs", "roots", "submounts", "writes", "surroundings")


def fetch_ahead():
    """The kernel of the guest."""
    kernel.debian()


def build_ahead():
    """The optimized programs."""
    needs.build("build", "--release", "--workspace", "--bins")
    needs.build("test", "--release", "--workspace", "--test", "e2e", "--no-run")


def check(run):
    options = parse(run.options)
    # Optimized, as users have it, which takes half the time under emulation.
    binary = run.test_binary("e2e", "--release")
    for user in [], ["--as-user"]:
        groups = () if options.whole or not run.gate else BESIDE_KERNELS if user else BESIDE_CGROUPS
        left_out = [word for group in groups for word in ("--skip", f"{group}::")]
        run.say(f"in the guest, {' '.join(user) or 'as root'}")
        run.call([places.CHECK, "guest", *user, "--timeout", "1200",
                  "--copy", binary, "--copy", places.RELEASE / "probe", "--copy", CORE / "Cargo.toml",
                  "--env", "CI=true", "--env", "E2E_ATTEMPTS=300", "--env", "TMPDIR=/mnt/disk",
                  "--env", "E2E_FAULTS=12", "--env", "E2E_KILLS=10",
                  "--env", f"CARGO_MANIFEST_DIR={CORE}",
                  "--", "sh", "-c", 'cd "$CARGO_MANIFEST_DIR" && exec "$0" "$@"', binary, *left_out])


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ci/check vm --", description="try the promises in a guest")
    parser.add_argument("--whole", action="store_true", help="in the gate, too, try what cgroups or kernels are nothing to")
    return parser.parse_args(arguments)
