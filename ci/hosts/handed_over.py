"""Ordinary users of this machine: one to whom a cgroup was handed over, all of it or a part, and one without."""

import pathlib
import unittest

import places
from hosts import ran, rows
from hosts.subject import CANNOT_ISOLATE, UID, Subject

AS_USER = ["env", f"ISOTEST_CI_UID={UID}", places.CHECK, "as-user"]
V1 = any(" cgroup " in line and "memory" in line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines())


def setUpModule():
    global tried
    tried = Subject()


def isotest(*options, flags=()):
    """The project's tests, by a user for whom this was prepared."""
    return ran.run([*AS_USER, *options, *tried.isotest(*flags)], 120)


class HandedOver(rows.Row):
    """What was handed over is measured, and no more."""

    def test_everything(self):
        self.assert_isolates(isotest(), ["memory", "cpu", "pids", "io", "pressure"])

    @unittest.skipUnless(V1, "this machine has no cgroup version 1")
    def test_version_1_is_everything_but_pressure(self):
        self.assert_isolates(isotest("--v1-only"), ["memory", "cpu", "pids", "io"], missing=["pressure"])

    def test_nothing(self):
        report = self.assert_isolates(isotest("--no-cgroups"), ["cpu"], missing=["memory", "pids", "pressure"])
        self.assertEqual(set(report.figures("memory_approximate")), {True})
        self.assertEqual(set(report.figures("cpu_source")), {"getrusage"})
        self.assertTrue(report.finished["memory_peak"]["approximate"])

    def test_a_figure_or_a_limit_that_needs_it_is_refused_with_a_remedy(self):
        for flags in ["--require", "memory"], ["--memory-limit", "1GiB"]:
            refused = isotest("--no-cgroups", flags=flags)
            self.assertEqual((refused.status, refused.stdout), (CANNOT_ISOLATE, ""), f"{refused}")
            self.assertIn("Remedy for memory: ", refused.stderr)
