"""What all rows of the matrix promise, and how their results are told: in the words of the standard test harness."""

import re
import sys
import unittest

import subject
from ran import Report


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
    """Tells each promise as it is tried."""

    passed = 0

    def addSuccess(self, test):
        self.passed += 1
        self.tell(test, "ok")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell(test, "FAILED", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.tell(test, "FAILED", self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell(test, f"ignored, {reason}")

    def tell(self, test, verdict, why=""):
        # A host that cannot be had is told by the class of its tests.
        name = test.id().removeprefix("__main__.") if isinstance(test, unittest.TestCase) else str(test)
        print(f"test {name} ... {verdict}", why, sep="\n" if why else "", flush=True)


def main():
    """Tries the promises of the calling script, or those that are named, and ends with 0 if all hold."""
    names = sys.argv[1:] or None
    loader = unittest.defaultTestLoader
    tests = loader.loadTestsFromNames(names, sys.modules["__main__"]) if names else loader.loadTestsFromModule(sys.modules["__main__"])
    result = Result()
    tests.run(result)
    failed = len(result.failures) + len(result.errors)
    print(f"test result: {'FAILED' if failed else 'ok'}. {result.passed} passed; {failed} failed;")
    sys.exit(1 if failed else 0)
