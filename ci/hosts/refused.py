#!/usr/bin/env python3
"""Machines that refuse user namespaces to ordinary users, each in its own way, in a guest; and what is advised there."""

import guest
import rows
from subject import CANNOT_ISOLATE, ISOTEST, Subject, line

# The advice of the refusal before, taken as it stands; what another kernel would need is not known to this one.
TAKE_ADVICE = "grep -o 'sysctl -w [a-z_.]*=[0-9]*' $d/{refusal}.stderr | while read -r words; do sudo $words >&2; done"
# As on a machine where only programs with a profile may use user namespaces: the namespace is made, and useless.
PROFILE = """
profile isotest {program} flags=(attach_disconnected) {{
  file, network, mount, umount, pivot_root, signal, ptrace, unix, dbus,
  {rules}
}}
"""
NO_MAP = "capability, audit deny @{PROC}/*/uid_map w,"
NO_CAPABILITY = "audit deny capability,"


def setUpModule():
    global ran
    subject = Subject()
    isotest = line(subject.isotest())

    def confined(rules):
        profile = "#include <tunables/global>" + PROFILE.format(program=ISOTEST, rules=rules)
        load = f"echo {line([profile])} >/tmp/profile && sudo apparmor_parser --replace /tmp/profile"
        return f"{load} && {isotest}; status=$?; sudo apparmor_parser --remove /tmp/profile; exit $status"

    ran = guest.run({
        "control": isotest,
        "clone": f"sudo sysctl -q -w kernel.unprivileged_userns_clone=0; {isotest}",
        "clone_advised": f"{TAKE_ADVICE.format(refusal='clone')}; {isotest}",
        "limit": f"sudo sysctl -q -w user.max_user_namespaces=0; {isotest}",
        "limit_root": f"sudo {isotest}",
        "limit_advised": f"{TAKE_ADVICE.format(refusal='limit')}; {isotest}",
        "map": confined(NO_MAP),
        "capability": confined(NO_CAPABILITY),
    }, "--systemd", "--as-user", files=subject.files())


class Refused(rows.Row):
    """A refusal ends the run before a test is executed, and says what to do."""

    def assert_refused(self, name, advice):
        self.assertEqual((ran[name].status, ran[name].stdout), (CANNOT_ISOLATE, ""), f"{ran[name]}")
        self.assertIn(advice, ran[name].stderr)

    def test_the_same_guest_isolates_when_nothing_is_refused(self):
        self.assert_isolates(ran["control"], ["cpu"])

    def test_user_namespaces_are_for_root_only(self):
        self.assert_refused("clone", "sysctl -w kernel.unprivileged_userns_clone=1")

    def test_the_advice_helps_where_they_are_for_root_only(self):
        self.assert_isolates(ran["clone_advised"], ["cpu"])

    def test_there_are_no_user_namespaces(self):
        self.assert_refused("limit", "sysctl -w user.max_user_namespaces=")
        self.assert_refused("limit_root", "sysctl -w user.max_user_namespaces=")

    def test_the_advice_helps_where_there_are_none(self):
        self.assert_isolates(ran["limit_advised"], ["cpu"])

    def test_apparmor_refuses_the_maps(self):
        self.assert_refused("map", "apparmor")

    def test_apparmor_refuses_capabilities(self):
        self.assert_refused("capability", "apparmor")


if __name__ == "__main__":
    rows.main()
