"""Every script passes its language's linter, and what README.md says of the checks is what they say themselves."""

import importlib
import re

import needs
import places
from running import CheckError

NEEDS = needs.Needs(debian=("shellcheck",), linters=True)


def check(run):
    scripts = sorted(shell_scripts())
    run.say(f"{len(scripts)} shell scripts")
    run.call(["shellcheck", *scripts])
    run.call([needs.tool("ruff"), "check", "--no-cache", "--config", places.ROOT / ".ruff.toml", places.CI])
    for name, said in table().items():
        module = importlib.import_module(f"checks.{name}")
        if module.__doc__.splitlines()[0].rstrip(".").casefold() != said.casefold():
            raise CheckError(f"ci/README.md says of `{name}`: {said}")
    files = {path.stem for path in (places.CI / "checks").glob("*.py")} - {"__init__"}
    if files != table().keys():
        raise CheckError(f"ci/README.md and ci/checks do not have the same checks: {sorted(files ^ table().keys())}")


def shell_scripts():
    """All files of the repository's directories that begin as shell scripts do, but for texts that tests compare with."""
    for top in "ci", ".ci", "findings", "fixtures", "cargo-isotest", "isotest-core":
        for path in (places.ROOT / top).rglob("*"):
            if path.is_file() and path.suffix != ".txt" and "target" not in path.parts[len(places.ROOT.parts):]:
                with path.open("rb") as file:
                    if re.match(rb"#!.*\b(bash|dash|sh)\b", file.readline()):
                        yield path


def table():
    """What each check proves, from README.md's table."""
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", (places.CI / "README.md").read_text(), re.MULTILINE))
