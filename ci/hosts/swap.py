"""A machine with swap, in a guest: a memory limit holds all the same."""

import places
from hosts import guest, rows
from hosts.ran import Report
from hosts.subject import Subject, line

SWAP_ON = "dd if=/dev/zero of=/swap bs=1M count=400 && chmod 600 /swap && mkswap /swap && swapon /swap && cat /proc/swaps"
# A service manager's limit of memory is none of memory and swap together.
CONTROL = ["systemd-run", "--scope", "--quiet", "-p", "MemoryMax=100M"]
DELEGATED = ["systemd-run", "--scope", "--quiet", "-p", "Delegate=yes"]


def setUpModule():
    global ran
    subject = Subject()
    ran = guest.run({
        "swap": SWAP_ON,
        "control": line([*CONTROL, places.DEBUG / "probe", "allocate", "200"]),
        "limited": line([*DELEGATED, *subject.isotest("--memory-limit", "100MiB", "--test", "index")]),
        "unlimited": line([*DELEGATED, *subject.isotest("--test", "index")]),
    }, "--systemd", files=subject.files())


class Swap(rows.Row):
    """`builds_big_index` holds 200 MiB for a moment."""

    def test_there_is_swap_and_what_is_too_large_goes_there(self):
        self.assertEqual(ran["swap"].status, 0, f"{ran['swap']}")
        self.assertEqual(ran["control"].status, 0, f"{ran['control']}")

    def test_a_memory_limit_holds(self):
        report = Report(ran["limited"])
        self.assertEqual(report.outcomes(), {"builds_big_index": "oom-killed", "marks_where_words_begin": "passed"})
        for peak in report.figures("memory_peak_bytes"):
            self.assertLessEqual(peak, 100 << 20)

    def test_without_a_limit_it_passes(self):
        report = Report(ran["unlimited"])
        self.assertEqual(set(report.outcomes().values()), {"passed"})
        self.assertGreater(max(report.figures("memory_peak_bytes")), 200 << 20)
