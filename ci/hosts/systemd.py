"""Pure cgroup v2 under systemd, in a guest: a user who has logged in, a CI agent without a session, and root."""

from hosts import guest, rows
from hosts.subject import CANNOT_ISOLATE, UID, Subject, line

DELEGATED = ["systemd-run", "--scope", "--quiet", "-p", "Delegate=yes"]
SESSION = [*DELEGATED, "--user"]
# The ids are those of the command, the property is the owner of the cgroup.
NOT_OWNED = ["sudo", *DELEGATED, f"--uid={UID}", f"--gid={UID}"]
AGENT = [*NOT_OWNED, "-p", f"User={UID}"]
SERVICE = ["sudo", "systemd-run", "--quiet", "--wait", "--pipe", "-p", f"User={UID}"]
DELEGATED_SERVICE = [*SERVICE, "-p", "Delegate=yes"]
# What DelegateSubgroup= does (systemd 254), by hand: the command is in a part of what was given.
IN_A_PART = ("c=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup); mkdir $c/agent; echo 0 >$c/agent/cgroup.procs; "
             "cat /proc/self/cgroup >&2; exec")
# The runtime directory is there as long as somebody is logged in, and a service may know it.
WITH_RUNTIME = [*SERVICE, "-E", f"XDG_RUNTIME_DIR=/run/user/{UID}"]
# What does not need the session's cgroups is shown by the check `vm`, for the same user and kernel.
ELSEWHERE = ["network", "ipc", "rootfs", "writes", "submounts", "surroundings", "endings", "deadlines", "steps",
             "snapshots"]


def stopped(words):
    """Stops a service soon after its start, and shows what systemd thinks of its end."""
    start = line(["sudo", "systemd-run", "--quiet", "--unit=ends", "-p", f"User={UID}", *words])
    look = "systemctl show -p Result -p ExecMainStatus ends"
    return f"{start}; sleep 4; sudo systemctl stop ends; {look}; sudo systemctl reset-failed ends || :"


def setUpModule():
    global ran
    subject = Subject()
    required = line(subject.isotest("--require", "memory,pids"))
    # The last command of the advice, with this program for the one that would be found in the PATH.
    advice = r"command=$(sed -n 's/^ \{13\}//p' $d/refused.stderr | tail -n 1)"
    ran = guest.run({
        "session": required,
        "session_by_hand": line([*SESSION, *subject.isotest()]),
        "session_end_to_end": line([*SESSION, *subject.end_to_end(without=ELSEWHERE)]),
        "agent": line([*AGENT, *subject.isotest()]),
        "agent_peaks": line([*AGENT, *subject.end_to_end("peaks::")]),
        "part": line([*DELEGATED_SERVICE, "sh", "-c", f"{IN_A_PART} {line(subject.isotest())}"]),
        "service": line([*WITH_RUNTIME, *subject.isotest()]),
        "lingering": f"sudo loginctl enable-linger {UID}; {line([*WITH_RUNTIME, *subject.isotest()])}; s=$?; "
                     f"sudo loginctl disable-linger {UID}; exit $s",
        "terminated": stopped(subject.isotest()),
        "terminated_sleep": stopped(["sleep", "60"]),
        "root": f"sudo {required}",
        "session_ends": "sudo systemctl stop user@1000.service",
        "not_owned": line([*NOT_OWNED, *subject.isotest()]),
        "refused": required,
        "advised": f'{advice}; echo "$command" >&2; eval "${{command%cargo isotest}} {required}"',
        "scopes": "systemctl list-units --no-legend --plain 'isotest-*.scope'",
    }, "--systemd", "--as-user", files=subject.files())


class Session(rows.Row):
    """`user@1000.service` delegates memory, pids and cpu, to whoever asks it."""

    def test_everything_delegated_is_measured_unasked(self):
        report = self.assert_isolates(ran["session"], ["memory", "cpu", "pids", "pressure"])
        self.assertEqual(report.started["cgroup_layout"], "v2")
        self.assertNotIn(None, report.figures("memory_peak_bytes"))
        self.assertEqual(set(report.figures("memory_source")), {"memory.peak"})

    def test_a_scope_that_the_user_asked_for_is_used(self):
        self.assert_isolates(ran["session_by_hand"], ["memory", "cpu", "pids", "pressure"])

    def test_io_is_not_delegated_and_not_guessed(self):
        report = self.assert_isolates(ran["session"], [])
        self.assertNotIn("io.stat", report.figures("io_source"))

    def test_what_the_session_gives_keeps_the_promises(self):
        self.assert_keeps_promises(ran["session_end_to_end"], 20)


class Agent(rows.Row):
    """A scope of the system's manager delegates every controller."""

    def test_everything_is_measured(self):
        report = self.assert_isolates(ran["agent"], ["memory", "cpu", "pids", "io", "pressure"])
        self.assertEqual(set(report.figures("io_source")), {"io.stat"})
        self.assertEqual(set(report.figures("memory_source")), {"memory.peak"})

    def test_a_part_of_a_unit_that_is_the_users_is_measured(self):
        self.assertRegex(ran["part"].stderr, r"(?m)^0::/system\.slice/[^/]*\.service/agent$", f"control: {ran['part']}")
        self.assert_isolates(ran["part"], ["memory", "cpu", "pids", "io", "pressure"])

    def test_a_service_stays_where_it_is_unless_the_user_lingers(self):
        report = self.assert_isolates(ran["service"], ["cpu"], missing=["memory", "pids"])
        self.assertIn(f"`loginctl enable-linger {UID}`", report.started["isolation"]["memory"]["reason"])
        self.assert_isolates(ran["lingering"], ["memory", "cpu", "pids", "pressure"])

    def test_a_service_that_is_stopped_has_not_succeeded(self):
        self.assertEqual(ran["terminated"].stdout, "Result=exit-code\nExecMainStatus=143\n", f"{ran['terminated']}")
        self.assertIn("Result=success\n", ran["terminated_sleep"].stdout, "control")

    def test_peaks_are_what_was_used(self):
        self.assert_keeps_promises(ran["agent_peaks"], 8)

    def test_a_scope_that_is_not_owned_is_told(self):
        report = self.assert_isolates(ran["not_owned"], ["cpu"], missing=["memory", "pids", "pressure"])
        self.assertIn("Permission denied", report.started["isolation"]["memory"]["reason"])

    def test_the_advice_helps_without_a_session(self):
        self.assertEqual((ran["refused"].status, ran["refused"].stdout), (CANNOT_ISOLATE, ""), f"{ran['refused']}")
        self.assert_isolates(ran["advised"], ["memory", "cpu", "pids", "io", "pressure"])


class Root(rows.Row):
    """Root's shell stands in the way of dividing its cgroup, and the system's manager gives another one."""

    def test_everything_is_measured_unasked(self):
        self.assert_isolates(ran["root"], ["memory", "cpu", "pids", "io", "pressure"])

    def test_no_scope_is_left(self):
        self.assertEqual((ran["scopes"].status, ran["scopes"].stdout), (0, ""), f"{ran['scopes']}")
