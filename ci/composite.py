"""Executes a composite action of GitHub's as the runner does, as far as actions of shell steps need it.

    composite.py [--cancel TEXT] ACTION RESULT [NAME=VALUE]..

ACTION is the file of the action, RESULT is written as JSON when all is done: how each step ended, what the action has as
outputs, which commands the runner would have obeyed, the summary, and all that was printed. NAME=VALUE is an input. What the
runner has in its environment is taken from this process's. With --cancel the job is cancelled as soon as a step prints a line
that has the text in it. Needs a parser of YAML, which Python does not have.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import uuid

import yaml

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
COMMAND = re.compile(r"^::([A-Za-z0-9-]+)(?: ([^:]*(?:%3A[^:]*)*))?::(.*)$")
OLD_COMMAND = re.compile(r"##\[([A-Za-z-]+)[^\]]*\](.*)$")
FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
# What the first process of a step is sent when the job is cancelled, and after how many seconds; and when all are killed that
# the step has left.
CANCELLATION = (0, signal.SIGINT), (7.5, signal.SIGTERM)
KILLED_AFTER = 10
# By this in its environment the runner knows a process of the job.
TRACKING = "RUNNER_TRACKING_ID"


def main(arguments):
    # Where this was started in the background, no step could be told by it otherwise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cancel = None
    if arguments[:1] == ["--cancel"]:
        cancel, arguments = arguments[1], arguments[2:]
    action, result, *inputs = arguments
    job = Job(pathlib.Path(action).resolve(), dict(text.split("=", 1) for text in inputs), cancel)
    job.execute()
    pathlib.Path(result).write_text(json.dumps(job.result(), indent=1))


class Job:
    """An action in progress."""

    def __init__(self, path, inputs, cancel=None):
        self._path = path
        self._action = yaml.safe_load(path.read_text())
        known = self._action.get("inputs", {})
        unknown = inputs.keys() - known.keys()
        if unknown:
            raise SystemExit(f"error: the action has no input {sorted(unknown)}")
        self._inputs = {name: str(said.get("default", "")) for name, said in known.items()} | inputs
        self._env = os.environ | {TRACKING: f"github_{uuid.uuid4()}"}
        # Steps of a shell do not have it, although there are actions that do.
        self._repository = self._env.pop("GITHUB_ACTION_REPOSITORY", "")
        self._outputs = {}
        self._steps = []
        self._commands = []
        self._summary = ""
        self._printed = ""
        self._stopped = None
        self._cancel = cancel
        self._cancelled = False

    def execute(self):
        for number, step in enumerate(self._action["runs"]["steps"]):
            failed = any(done["status"] != 0 for done in self._steps)
            condition = step.get("if", "success()")
            if condition not in ("success()", "always()", "failure()"):
                raise SystemExit(f"error: `{condition}` is a condition that this executor does not know")
            if condition == "always()" or (not self._cancelled and failed == (condition == "failure()")):
                self._execute(step.get("id", f"step-{number}"), step)

    def _execute(self, name, step):
        if step["shell"] != "bash":
            raise SystemExit(f"error: `{step['shell']}` is a shell that this executor does not know")
        with tempfile.TemporaryDirectory(dir=self._env["RUNNER_TEMP"]) as place:
            files = {file: pathlib.Path(place) / file for file in FILES}
            for path in files.values():
                path.touch()
            script = pathlib.Path(place) / "script.sh"
            script.write_text(self._value(step["run"]))
            own = {key: self._value(str(value)) for key, value in step.get("env", {}).items()}
            # As in a container, where the runner names other paths than its own expressions do.
            env = self._env | own | {key: str(path) for key, path in files.items()} | {"GITHUB_ACTION_PATH": str(self._path.parent)}
            process = subprocess.Popen(["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)], env=env,
                                       cwd=self._env["GITHUB_WORKSPACE"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
            timers = []
            for line in process.stdout:
                self._hear(name, line.decode(errors="replace").rstrip("\r\n"))
                if self._cancel is not None and not self._cancelled and self._cancel in line.decode(errors="replace"):
                    self._cancelled = True
                    timers = [threading.Timer(seconds, process.send_signal, (number,)) for seconds, number in CANCELLATION]
                    timers.append(threading.Timer(KILLED_AFTER, self._kill))
                    for timer in timers:
                        timer.start()
            self._steps.append({"id": name, "status": process.wait()})
            for timer in timers:
                timer.cancel()
            # A step that leaves commands stopped stops them for itself only.
            self._stopped = None
            self._outputs[name] = assignments(files["GITHUB_OUTPUT"].read_text())
            self._env |= assignments(files["GITHUB_ENV"].read_text())
            for directory in files["GITHUB_PATH"].read_text().splitlines():
                self._env["PATH"] = f"{directory}:{self._env['PATH']}"
            self._summary += files["GITHUB_STEP_SUMMARY"].read_text()

    def _kill(self):
        wanted = f"{TRACKING}={self._env[TRACKING]}".encode()
        for environment in pathlib.Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if wanted in environment.read_bytes().split(b"\0"):
                    os.kill(int(environment.parent.name), signal.SIGKILL)

    def _hear(self, step, line):
        print(line, flush=True)
        self._printed += line + "\n"
        # The runner forgives blanks before a command, and finds the old form anywhere.
        found = COMMAND.match(line.lstrip()) or OLD_COMMAND.search(line)
        if found is None:
            return
        name = found[1]
        if self._stopped is not None:
            if name == self._stopped:
                self._stopped = None
        elif name == "stop-commands":
            self._stopped = found[found.lastindex]
        else:
            properties = found[2] if found.lastindex == 3 else ""
            self._commands.append({"step": step, "name": name, "properties": properties or "", "data": found[found.lastindex]})

    def _value(self, text):
        return EXPRESSION.sub(lambda found: self._evaluate(found[1]), text)

    def _evaluate(self, expression):
        match expression.split("."):
            case ["inputs", name]:
                return self._inputs[name]
            case ["github", "action_repository"]:
                return self._repository
            case ["steps", step, "outputs", name]:
                return self._outputs.get(step, {}).get(name, "")
        raise SystemExit(f"error: `{expression}` is an expression that this executor does not know")

    def result(self):
        outputs = {name: self._value(said["value"]) for name, said in self._action.get("outputs", {}).items()}
        return {"steps": self._steps, "outputs": outputs, "commands": self._commands, "summary": self._summary,
                "printed": self._printed}


def assignments(text):
    """What a file says as `name=value` or with a value of several lines."""
    said = {}
    lines = iter(text.splitlines())
    for line in lines:
        heredoc = re.match(r"([^=]+?)<<(.+)", line)
        if heredoc:
            value = []
            for following in lines:
                if following == heredoc[2]:
                    break
                value.append(following)
            said[heredoc[1]] = "\n".join(value)
        elif line:
            name, value = line.split("=", 1)
            said[name] = value
    return said


if __name__ == "__main__":
    main(sys.argv[1:])
