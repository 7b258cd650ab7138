"""Sandboxes within a sandbox on this machine: `cargo isotest` and bubblewrap, in tests that `cargo isotest` runs."""

import places
from hosts import ran, rows, subject
from hosts.ran import Report
from hosts.subject import ISOTEST, UID, Subject

AS_USER = ["env", f"ISOTEST_CI_UID={UID}", places.CHECK, "as-user"]
PASSED = dict.fromkeys(["tests::has_a_network_files_and_processes_of_its_own", "isotest", "bubblewrap",
                        "bubblewrap_with_a_proc_of_its_own"], "passed")


def setUpModule():
    global tried, nested
    tried, nested = Subject(), subject.project("nested")


def isotest(*prefix):
    """The tests that make sandboxes, with the output of those that pass."""
    words = [*prefix, "env", f"NESTED_ISOTEST={ISOTEST}", "RUST_BACKTRACE=0", *tried.isotest(directory=nested)]
    return Report(ran.run(words, 120))


class Nested(rows.Row):
    """An ordinary user can do inside what could be done outside; root only nearly all of it."""

    def test_a_user_can_make_sandboxes(self):
        self.assertEqual(isotest(*AS_USER).outcomes(), PASSED)

    def test_a_user_without_cgroups_can_make_sandboxes(self):
        self.assertEqual(isotest(*AS_USER, "--no-cgroups").outcomes(), PASSED)

    def test_root_can_unless_they_have_a_proc_of_their_own(self):
        report = isotest()
        refused = {"bubblewrap_with_a_proc_of_its_own": "failed"}
        self.assertEqual(report.outcomes(), PASSED | refused)
        said = next(attempt["stderr"] for attempt in report.attempts if attempt["name"] in refused)
        self.assertIn("Can't mount proc", said)
