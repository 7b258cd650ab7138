"""Root on an initramfs, whose root directory pivot_root(2) refuses, in a guest."""

from hosts import guest, rows
from hosts.subject import Subject, line

REFUSED = "mkdir -p /tmp/new && mount -t tmpfs new /tmp/new && mkdir /tmp/new/old && pivot_root /tmp/new /tmp/new/old"
# What does not depend on the root is shown by the check `vm`, for the same kernel.
ELSEWHERE = ["network", "ipc", "endings", "deadlines", "peaks", "snapshots"]


def setUpModule():
    global ran
    subject = Subject()
    ran = guest.run({"pivot_root": f"unshare -m sh -c '{REFUSED}'", "end_to_end": line(subject.end_to_end(without=ELSEWHERE))},
                    "--initramfs-root", files=subject.programs())


class Initramfs(rows.Row):
    """There is another way to a root of one's own."""

    def test_pivot_root_is_refused(self):
        self.assertNotEqual(ran["pivot_root"].status, 0)
        self.assertIn("Invalid argument", ran["pivot_root"].stderr)

    def test_every_promise_that_depends_on_it_is_kept(self):
        self.assert_keeps_promises(ran["end_to_end"], 50)
