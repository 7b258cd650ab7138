"""With the oldest Rust that is promised (`rust-version`) everything builds."""

import os
import re
import shutil
import subprocess
import tomllib

import places
from needs import Needs
from running import CheckError

NEEDS = Needs()


def check(run):
    """clippy's `incompatible_msrv`, which `lint` has in it, holds names of the standard library against it."""
    oldest = tomllib.loads((places.ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    version = re.match(r"rustc (\d+\.\d+)", run.read(["rustc", "--version"]))[1]
    if numbers(version) < numbers(oldest):
        raise CheckError(f"this is Rust {version}, older than the {oldest} of Cargo.toml")
    if version == oldest:
        run.say(f"the toolchain in use is {version}, the oldest that is promised: `lint` and `test` build everything with it")
        return
    toolchain = f"+{oldest}"
    if not has(toolchain) and run.gate and shutil.which("rustup"):
        run.call(["rustup", "toolchain", "install", "--profile", "minimal", oldest], accept=range(256))
    if not has(toolchain):
        run.skip(f"msrv {oldest}", f"there is only Rust {version}, and rustup could not fetch {oldest}")
        return
    run.call(["cargo", toolchain, "check", "--workspace", "--all-targets"],
             env=os.environ | {"CARGO_TARGET_DIR": str(places.TARGET / "msrv")})


def has(toolchain):
    """Whether rustup has that toolchain."""
    return subprocess.run(["cargo", toolchain, "--version"], check=False, capture_output=True).returncode == 0


def numbers(version):
    return [int(part) for part in version.split(".")]
