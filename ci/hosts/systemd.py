#!/usr/bin/env python3
"""Pure cgroup v2 under systemd, in a guest: a user who has logged in, a CI agent without a session, and root."""

import guest
import rows
from subject import CANNOT_ISOLATE, UID, Subject, line

DELEGATED = ["systemd-run", "--scope", "--quiet", "-p", "Delegate=yes"]
SESSION = [*DELEGATED, "--user"]
# The ids are those of the command, the property is the owner of the cgroup.
NOT_OWNED = ["sudo", *DELEGATED, f"--uid={UID}", f"--gid={UID}"]
AGENT = [*NOT_OWNED, "-p", f"User={UID}"]
# What does not need the session's cgroups is shown by the check `vm`, for the same user and kernel.
ELSEWHERE = ["network", "ipc", "rootfs", "writes", "submounts", "surroundings", "ends", "deadlines", "steps"]


def setUpModule():
    global ran
    subject = Subject()
    skips = [word for group in ELSEWHERE for word in ("--skip", f"{group}::")]
    required = line(subject.isotest("--require", "memory,pids"))

    def advised(refusal, nth):
        """Pastes one of the commands that the line before was advised, with this program for the one in the PATH."""
        command = rf"sed -n 's/^ \{{13\}}//p' $d/{refusal}.stderr | sed -n {nth}p"
        return f'command=$({command}); echo "$command" >&2; eval "${{command%cargo isotest}} {required}"'

    ran = guest.run({
        "refused": required,
        "session_advised": advised("refused", 1),
        "agent_advised": advised("refused", 2),
        "session": line([*SESSION, *subject.isotest()]),
        "session_end_to_end": line([*SESSION, *subject.end_to_end(*skips)]),
        "agent": line([*AGENT, *subject.isotest()]),
        "not_owned": line([*NOT_OWNED, *subject.isotest()]),
        "agent_peaks": line([*AGENT, *subject.end_to_end("peaks::")]),
        "root_refused": f"sudo {required}",
        "root_advised": "sudo d=$d sh -c " + line([advised("root_refused", 1)]),
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

    def test_what_the_session_gives_keeps_the_promises(self):
        self.assert_keeps_promises(ran["session_end_to_end"], 20)

    def test_the_advice_helps(self):
        self.assertEqual((ran["refused"].status, ran["refused"].stdout), (CANNOT_ISOLATE, ""), f"{ran['refused']}")
        self.assert_isolates(ran["session_advised"], ["memory", "pids"])
        self.assert_isolates(ran["agent_advised"], ["memory", "pids", "io"])


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


class Root(rows.Row):
    """Root's shell stands in the way of dividing its cgroup."""

    def test_the_advice_helps(self):
        refused = ran["root_refused"]
        self.assertEqual((refused.status, refused.stdout), (CANNOT_ISOLATE, ""), f"{refused}")
        self.assert_isolates(ran["root_advised"], ["memory", "cpu", "pids", "io", "pressure"])


if __name__ == "__main__":
    rows.main()
