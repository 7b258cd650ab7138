"""Docker on pure cgroup v2 with AppArmor, in a guest: the default container, the flags, and `--privileged`."""

from hosts import engine, guest, rows
from hosts.container import CGROUPS, SECCOMP, SYS_ADMIN, UNCONFINED
from hosts.subject import CANNOT_ISOLATE, Subject, line

# The image has directories only: what is in the guest's is shown to the container.
SHOWN = ["/usr", "/etc", "/root"]
START = """
mkdir -p /image/tmp /image/var/tmp /image/run && chmod 1777 /image/tmp /image/var/tmp
for name in bin sbin lib lib64; do ln -s usr/$name /image/$name; done
(dockerd --iptables=false --ip6tables=false --bridge=none >/log 2>&1 &)
until docker info >/dev/null 2>&1; do sleep 1; done
tar -c -C /image . | docker import - shell
docker info
"""
# The commands that the refusal before gave, as they stand, by the same shell.
PASTE = r'''eval "$(sed -n 's/^ \{13\}//p' /tmp/said)"; cat /tmp/said >&2'''


def setUpModule():
    global ran
    subject, programs = Subject(), engine.unpacked()
    read, written = subject.directories()
    path = f"export PATH={programs}/usr/sbin:{programs}/usr/bin:$PATH LD_LIBRARY_PATH={programs}/usr/lib/x86_64-linux-gnu"
    shares = [f"{shown}:{shown}:ro" for shown in [*SHOWN, *read]] + [f"{shown}:{shown}" for shown in written]
    docker = ["timeout", "180", "docker", "run", "--rm", "--network", "none", *(word for share in shares for word in ("-v", share))]

    required = line(subject.isotest("--require", "memory,pids"))

    def contained(*flags, words=()):
        return f"{path}; {line([*docker, *flags, 'shell', *(words or subject.isotest())])}"

    ran = guest.run({
        "engine": f"{path}; {START}",
        "default": contained(),
        "without_apparmor_flag": contained(*SYS_ADMIN, *SECCOMP),
        "unconfined": contained(*UNCONFINED, *CGROUPS),
        "privileged": contained("--privileged"),
        "beside_a_shell": contained("--privileged", words=["sh", "-c", f"{required} 2>/tmp/said; {PASTE}; {required}; exit $?"]),
    }, "--systemd", "--memory", "2048", files=[*subject.files(), *(programs / name for name in engine.PROGRAMS)])


class Confined(rows.Row):
    """AppArmor refuses mounts, beside all that the seccomp filter refuses."""

    def assert_refused(self, name, advice):
        self.assertEqual((ran[name].status, ran[name].stdout), (CANNOT_ISOLATE, ""), f"{ran[name]}")
        for flag in advice:
            self.assertIn(flag, ran[name].stderr)

    def test_the_engine_confines_with_apparmor(self):
        self.assertRegex(ran["engine"].stdout, r"(?s)Cgroup Version: 2.*Security Options:\s+apparmor\s+seccomp")

    def test_the_default_is_refused_with_the_flags_that_help(self):
        self.assert_refused("default", ["SYS_ADMIN", "seccomp=unconfined", "apparmor=unconfined"])

    def test_a_refusal_of_apparmor_is_named(self):
        self.assert_refused("without_apparmor_flag", ["apparmor=unconfined"])


class Lifted(rows.Row):
    """Without those refusals everything is in force, and measured where cgroups may be written."""

    ALL = ("memory", "cpu", "pids", "io", "pressure")

    def test_with_the_flags_and_the_cgroups_of_the_host(self):
        self.assert_isolates(ran["unconfined"], self.ALL)

    def test_privileged(self):
        report = self.assert_isolates(ran["privileged"], self.ALL)
        self.assertEqual(set(report.figures("memory_source")), {"memory.peak"})

    def test_the_advice_helps_where_a_shell_is_in_the_same_cgroup(self):
        self.assertIn("this cgroup contains other processes: move them to a child cgroup", ran["beside_a_shell"].stderr)
        self.assert_isolates(ran["beside_a_shell"], self.ALL)
