"""Inside a container as Docker makes it by default, and with the flags that lift its refusals."""

import re
import shlex
import unittest

import debian
from hosts import engine, rows, subject
from hosts.subject import CANNOT_ISOLATE, Subject

SYS_ADMIN = ["--cap-add", "SYS_ADMIN"]
SECCOMP = ["--security-opt", "seccomp=unconfined"]
APPARMOR = ["--security-opt", "apparmor=unconfined"]
SYSTEM_PATHS = ["--security-opt", "systempaths=unconfined"]
CGROUPS = ["--cgroupns", "host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
# What suffices.
UNCONFINED = [*SYS_ADMIN, *SECCOMP, *APPARMOR]
UNCONFINED_USER = [*SECCOMP, *APPARMOR, *SYSTEM_PATHS]
AS_USER = ["--user", f"{subject.UID}:{subject.UID}", "--env", "HOME=/home/user"]
# A command of which the doctor has only the beginning: image and program are the user's.
ADVICE = re.compile(r"^ +docker run (--.*)$", re.MULTILINE)


def setUpModule():
    global docker, tried
    tried = Subject()
    docker = unittest.enterModuleContext(engine.Engine(engine.unpacked(), debian.system()))


def run(words, *flags):
    """Runs words in a container that shares what was built."""
    read, written = tried.directories()
    shared = [f"{path}:{path}:ro" for path in read] + [f"{path}:{path}" for path in written]
    return docker.run(words, [*(word for share in shared for word in ("-v", share)), *flags], seconds=300)


class Default(rows.Row):
    """Masked /proc, read-only cgroupfs, no CAP_SYS_ADMIN, a seccomp filter that refuses unshare and mount."""

    def assert_refused(self, *flags, required=()):
        ran = run(tried.isotest(*required), *flags)
        self.assertEqual((ran.status, ran.stdout), (CANNOT_ISOLATE, ""), f"{flags} {ran}")
        return ran.stderr

    def advised(self, text):
        """The flags that are to be pasted."""
        advice = ADVICE.findall(text)
        self.assertEqual(len(advice), 1, text)
        return shlex.split(advice[0])

    def test_each_refusal_is_named(self):
        refusal = self.assert_refused()
        for namespace in subject.NAMESPACES:
            self.assertIn(f"no `{namespace}` (could not enter new namespaces", refusal)
        self.assertIn("no `user` (could not enter new namespaces", self.assert_refused(*AS_USER))

    def test_what_lifts_only_some_of_the_refusals_is_refused(self):
        for flags in SYS_ADMIN, SECCOMP, SYSTEM_PATHS, [*SECCOMP, *SYSTEM_PATHS]:
            self.assert_refused(*flags)
        for flags in SYS_ADMIN, SYSTEM_PATHS, [*SYS_ADMIN, *SECCOMP]:
            self.assert_refused(*AS_USER, *flags)

    def test_a_masked_proc_is_named(self):
        refusal = self.assert_refused(*AS_USER, *SECCOMP, *APPARMOR)
        self.assertIn("no `rootfs` (could not mount a fresh /proc", refusal)

    def test_the_advice_of_a_run_helps(self):
        for flags in [], AS_USER:
            advised = self.advised(self.assert_refused(*flags))
            self.assert_isolates(run(tried.isotest(), *flags, *advised), ["cpu"])

    def test_the_advice_of_the_doctor_helps(self):
        diagnosis = run(tried.doctor())
        self.assertEqual(diagnosis.status, CANNOT_ISOLATE, f"{diagnosis}")
        cured = run(tried.doctor(), *self.advised(diagnosis.stdout))
        self.assertEqual(cured.status, 0, f"{cured}")
        self.assertNotIn("missing", cured.stdout)


class Unconfined(rows.Row):
    """The flags that lift the refusals, and the machine's cgroups."""

    def test_everything_is_in_force_and_measured(self):
        report = self.assert_isolates(run(tried.isotest(), *UNCONFINED, *CGROUPS), ["memory", "cpu", "pids", "io"])
        self.assertNotIn(None, report.figures("memory_peak_bytes"))
        self.assertNotIn(None, report.figures("pids_peak"))

    def test_without_the_cgroups_it_is_said_what_is_missing(self):
        report = self.assert_isolates(run(tried.isotest(), *UNCONFINED), ["cpu"], missing=["memory", "pids"])
        self.assertEqual(set(report.figures("pids_peak")), {None})

    def test_a_user_needs_no_capability(self):
        self.assert_isolates(run(tried.isotest(), *UNCONFINED_USER, *AS_USER), ["cpu"], missing=["memory", "pids"])

    def test_every_promise_is_kept(self):
        self.assert_keeps_promises(run(tried.end_to_end(), *UNCONFINED, *SYSTEM_PATHS, *CGROUPS), 95)
