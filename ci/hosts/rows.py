"""What all rows of the matrix promise, and how their results are told."""

import re
import unittest

from hosts import subject
from hosts.ran import Report


class Row(unittest.TestCase):
    """A host. Each test is one promise about it."""

    longMessage = False

    def assert_isolates(self, ran, measured, missing=()):
        """The project has the verdicts it must have, in full isolation; of the figures these are there and those not."""
        report = Report(ran)
        self.assertEqual(ran.status, subject.TESTS_FAILED, f"{ran}")
        counts = {outcome: report.finished["counts"][outcome] for outcome in subject.COUNTS}
        self.assertEqual(counts, subject.COUNTS, f"{counts} {ran}")
        for capability in [*subject.NAMESPACES, *subject.FILES, *measured]:
            self.assertEqual(report.state(capability), "in-force", f"{capability}: {report.started}")
        for capability in missing:
            self.assertEqual(report.state(capability), "missing", f"{capability}: {report.started}")
        return report

    def assert_keeps_promises(self, ran, at_least):
        """The end-to-end tests pass, so many of them at least."""
        passed = re.search(r"test result: ok\. (\d+) passed; 0 failed", ran.stdout)
        self.assertTrue(ran.status == 0 and passed, f"{ran}")
        self.assertGreaterEqual(int(passed[1]), at_least, f"{ran}")


class Result(unittest.TestResult):
    """Tells each promise as it is tried, and counts it."""

    def __init__(self, run):
        super().__init__()
        self._run = run

    def addSuccess(self, test):
        self._run.passed += 1
        self._tell(test, "holds")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fail(test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._fail(test, self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._run.skip(name_of(test), reason)

    def _fail(self, test, why):
        self._run.failed += 1
        self._tell(test, f"does not hold\n{why}")

    def _tell(self, test, verdict):
        self._run.say(f"{name_of(test)}: {verdict}")


def name_of(test):
    """Host, class and promise. A host that cannot be had is told by the class of its tests."""
    return test.id().removeprefix("hosts.") if isinstance(test, unittest.TestCase) else str(test)


def attempt(run, name):
    """Tries the promises of a host's module, of a class in it, or one of them."""
    unittest.defaultTestLoader.loadTestsFromName(name).run(Result(run))
