#!/usr/bin/env python3
"""Pure cgroup v2 under systemd, in a guest: a user who has logged in, and a CI agent without a session."""

import guest
import rows
from subject import UID, Subject, line

DELEGATED = ["systemd-run", "--scope", "--quiet", "-p", "Delegate=yes"]
SESSION = [*DELEGATED, "--user"]
# The ids are those of the command, the property is the owner of the cgroup.
NOT_OWNED = ["sudo", *DELEGATED, f"--uid={UID}", f"--gid={UID}"]
AGENT = [*NOT_OWNED, "-p", f"User={UID}"]


def setUpModule():
    global ran
    subject = Subject()
    ran = guest.run({
        "session": line([*SESSION, *subject.isotest()]),
        "session_end_to_end": line([*SESSION, *subject.end_to_end()]),
        "agent": line([*AGENT, *subject.isotest()]),
        "not_owned": line([*NOT_OWNED, *subject.isotest()]),
        "agent_peaks": line([*AGENT, *subject.end_to_end("peaks")]),
    }, "--systemd", "--as-user", files=subject.files())


class Session(rows.Row):
    """`user@1000.service` delegates memory, pids and cpu."""

    def test_everything_delegated_is_measured(self):
        report = self.assert_isolates(ran["session"], ["memory", "cpu", "pids", "pressure"])
        self.assertEqual(report.started["cgroup_layout"], "v2")
        self.assertNotIn(None, report.figures("memory_peak_bytes"))
        self.assertEqual(set(report.figures("memory_source")), {"memory.peak"})

    def test_io_is_not_delegated_and_not_guessed(self):
        report = self.assert_isolates(ran["session"], [])
        self.assertNotIn("io.stat", report.figures("io_source"))

    def test_every_promise_is_kept(self):
        self.assert_keeps_promises(ran["session_end_to_end"], 95)


class Agent(rows.Row):
    """A scope of the system's manager delegates every controller."""

    def test_everything_is_measured(self):
        report = self.assert_isolates(ran["agent"], ["memory", "cpu", "pids", "io", "pressure"])
        self.assertEqual(set(report.figures("io_source")), {"io.stat"})
        self.assertEqual(set(report.figures("memory_source")), {"memory.peak"})

    def test_a_scope_that_is_not_owned_is_told(self):
        report = self.assert_isolates(ran["not_owned"], ["cpu"], missing=["memory", "pids", "pressure"])
        self.assertIn("Permission denied", report.started["isolation"]["memory"]["reason"])

    def test_peaks_are_what_was_used(self):
        self.assert_keeps_promises(ran["agent_peaks"], 8)


if __name__ == "__main__":
    rows.main()
