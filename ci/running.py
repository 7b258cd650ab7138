"""A check in progress: what it says and executes, and what came of it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import places

# How Rust's test harness ends.
SUMMARY = re.compile(rb"^test result: \S+ (\d+) passed; (\d+) failed;", re.MULTILINE)

# How long a command of the gate may take, in seconds: several times as long as the longest does.
GATE_LIMIT = 1800


class CheckError(Exception):
    """What a check says does not hold, or a command that it needs did not end well."""


class Run:
    """One check. What it says and what its commands print goes to standard output and to a log."""

    def __init__(self, log, options=(), gate=False):
        self.options = list(options)
        self.gate = gate
        self.passed = 0
        self.failed = 0
        self.not_applicable = []
        self._log = log

    def say(self, text):
        """Tells one or more lines."""
        self._tell(f"{text}\n".encode())

    def skip(self, what, reason):
        """Tells what could not be tried here, which then counts neither as passed nor as failed."""
        self.not_applicable.append(what)
        self.say(f"{what}: not applicable: {reason}")

    def call(self, words, accept=(0,), **settings):
        """Executes a command, tells what it prints, counts the tests in it, and fails if it did not end well.

        Gives what it printed.
        """
        words = [str(word) for word in words]
        settings.setdefault("cwd", places.ROOT)
        if self.gate:
            settings["process_group"] = 0
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings)
        # Nobody watches the gate: what hangs is to fail, with what it printed last, and the other checks are to go on.
        limit = threading.Timer(GATE_LIMIT, os.killpg, (process.pid, signal.SIGKILL))
        if self.gate:
            limit.start()
        printed = bytearray()
        for line in process.stdout:
            self._tell(line)
            printed += line
        status = process.wait()
        limit.cancel()
        for passed, failed in SUMMARY.findall(printed):
            self.passed += int(passed)
            self.failed += int(failed)
        if status not in accept:
            raise CheckError(f"`{' '.join(words[:6])}{' ..' if len(words) > 6 else ''}` ended with {status}")
        return printed.decode(errors="replace")

    def cargo(self, *words, **settings):
        """Executes cargo in the workspace.

        It is always asked about the whole of it: for one package it would choose other features, and build all again.
        """
        return self.call(["cargo", *words], **settings)

    def read(self, words, **settings):
        """Gives what a command writes to standard output, without telling it; standard error is told if it fails."""
        words = [str(word) for word in words]
        settings.setdefault("cwd", places.ROOT)
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, **settings)
        if done.returncode != 0:
            self._tell(done.stderr)
            raise CheckError(f"`{' '.join(words[:6])}` ended with {done.returncode}")
        return done.stdout.decode(errors="replace")

    def build(self, *flags):
        """Builds the programs, with these flags of cargo.

        Unless they are optimized, tests are built, too: these have other features of dependencies, for which `cargo test` would
        build the programs again.
        """
        tests = () if "--release" in flags else ("--tests",)
        self.cargo("build", *flags, "--workspace", "--bins", *tests)

    def test_binary(self, name, *flags):
        """Builds a test and the programs that it executes, with these flags of cargo, and gives the test binary's path."""
        self.build(*flags)
        built = self.read(["cargo", "test", *flags, "--workspace", "--test", name, "--no-run", "--message-format=json"])
        messages = [json.loads(line) for line in built.splitlines()]
        binaries = [message["executable"] for message in messages if message.get("profile", {}).get("test") and message["executable"]]
        if len(binaries) != 1:
            raise CheckError(f"cargo built {len(binaries)} tests named `{name}`")
        return binaries[0]

    def _tell(self, data):
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        self._log.write(data)
        self._log.flush()
