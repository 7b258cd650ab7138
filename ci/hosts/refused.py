"""Machines that refuse user namespaces to ordinary users, each in its own way, in a guest; and what is advised there."""

from hosts import guest, rows
from hosts.subject import CANNOT_ISOLATE, ISOTEST, Subject, line

# The commands that the refusal before gave, pasted as they stand.
TAKE_ADVICE = r"sed -n 's/^ \{{13\}}//p' $d/{refusal}.stderr | sh >&2"
# As on a machine where only programs with a profile may use user namespaces: the namespace is made, and useless.
PROFILE = """
profile cargo-isotest {program} flags=(attach_disconnected) {{
  file, network, mount, umount, pivot_root, signal, ptrace, unix, dbus,
  {rules}
}}
"""
MOUNTS = "cut -d' ' -f5 /proc/self/mountinfo"
NO_MAP = "capability, audit deny @{PROC}/*/uid_map w,"
NO_CAPABILITY = "audit deny capability,"


def setUpModule():
    global ran
    subject = Subject()
    isotest = line(subject.isotest())

    def confined(rules):
        profile = "#include <tunables/global>" + PROFILE.format(program=ISOTEST, rules=rules)
        load = "sudo tee /etc/apparmor.d/cargo-isotest && sudo apparmor_parser --replace /etc/apparmor.d/cargo-isotest"
        return f"echo {line([profile])} | ({load}) >&2 && {isotest}"

    ran = guest.run({
        "mounts_before": MOUNTS,
        "control": isotest,
        "clone": f"sudo sysctl -q -w kernel.unprivileged_userns_clone=0; {isotest}",
        "clone_advised": f"{TAKE_ADVICE.format(refusal='clone')}; {isotest}",
        "limit": f"sudo sysctl -q -w user.max_user_namespaces=0; {isotest}",
        "limit_root": f"sudo {isotest}",
        "limit_advised": f"{TAKE_ADVICE.format(refusal='limit')}; {isotest}",
        "map": confined(NO_MAP),
        "map_advised": f"{TAKE_ADVICE.format(refusal='map')}; {isotest}",
        "capability": confined(NO_CAPABILITY),
        "capability_advised": f"{TAKE_ADVICE.format(refusal='capability')}; {isotest}",
        "mounts_after": MOUNTS,
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

    def test_the_hosts_mounts_are_as_they_were(self):
        self.assertEqual(ran["mounts_before"], ran["mounts_after"], f"{ran['mounts_after']}")

    def test_apparmor_refuses_the_maps(self):
        self.assert_refused("map", f'profile cargo-isotest "{ISOTEST}"')

    def test_apparmor_refuses_capabilities(self):
        self.assert_refused("capability", f'profile cargo-isotest "{ISOTEST}"')

    def test_the_advice_helps_against_apparmor(self):
        self.assert_isolates(ran["map_advised"], ["cpu"])
        self.assert_isolates(ran["capability_advised"], ["cpu"])
