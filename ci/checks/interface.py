"""The public interface of the library is the one that is kept in `isotest-core/tests/interface.txt`."""

import json
import os

import places
from needs import FOR_TESTS, Needs

NEEDS = Needs(debian=FOR_TESTS)
# The form of rustdoc's JSON that `public-api` reads, which changes with compilers.
FORMAT = 57


def check(run):
    """Only compilers that take unstable options write JSON; this variable makes one of each."""
    unstable = os.environ | {"RUSTC_BOOTSTRAP": "1", "CARGO_TARGET_DIR": str(places.TARGET / "interface")}
    run.cargo("rustdoc", "--package", "isotest-core", "--all-features", "--lib", "--", "-Z", "unstable-options", "--output-format", "json",
              env=unstable)
    written = places.TARGET / "interface/doc/isotest_core.json"
    form = json.loads(written.read_text())["format_version"]
    if form != FORMAT:
        run.skip("interface", f"this rustdoc writes form {form} of its JSON, and `public-api` reads {FORMAT}")
        return
    run.cargo("test", "--workspace", "--test", "interface", env=os.environ | {"INTERFACE_JSON": str(written)})
