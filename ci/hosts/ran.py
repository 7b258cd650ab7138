"""What a command said and how it ended, on whatever host it ran."""

import dataclasses
import json
import subprocess


@dataclasses.dataclass
class Ran:
    """An exit status and two streams."""

    status: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"exit status {self.status}\n--- stdout\n{self.stdout[-6000:]}\n--- stderr\n{self.stderr[-6000:]}"


def run(words, seconds, **settings):
    """Runs a command of this machine, for so long at most."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False, timeout=seconds, **settings)
    return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


class Report:
    """What `cargo isotest --message-format json` wrote."""

    def __init__(self, ran):
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        kinds = {kind: [line for line in lines if line["type"] == kind] for kind in {line["type"] for line in lines}}
        if "run-finished" not in kinds:
            raise AssertionError(f"the run did not finish: {ran}")
        self.started = kinds["run-started"][0]
        self.attempts = kinds.get("attempt-finished", [])
        self.finished = kinds["run-finished"][0]

    def state(self, capability):
        """`in-force`, `off` or `missing`."""
        return self.started["isolation"][capability]["state"]

    def outcomes(self):
        """Name of each test, and what became of it."""
        return {attempt["name"]: attempt["outcome"] for attempt in self.attempts}

    def figures(self, name):
        """This figure of every attempt."""
        return [attempt["usage"][name] for attempt in self.attempts]
