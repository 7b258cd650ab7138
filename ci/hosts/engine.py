"""A Docker engine of our own, without installing one: Debian's packages are fetched once and unpacked into the cache.

Nothing of it is seen by the rest of the machine: no service, no network, no firewall rule. The daemon and all it starts
live in a pid and a mount namespace of their own and die with it.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import places
from hosts import ran

PACKAGES = ["docker.io", "containerd", "runc", "libdevmapper1.02.1"]
# Of these, what it takes to run a container.
PROGRAMS = ["usr/sbin/dockerd", "usr/bin/docker", "usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/sbin/runc",
            "usr/bin/runc", "lib/x86_64-linux-gnu"]
LIBRARIES = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
PATIENCE = 60


def unpacked():
    """The directory with the engine's programs."""
    directory = places.cache("docker")
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        with tempfile.TemporaryDirectory() as place:
            subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *PACKAGES], cwd=place, check=True)
            for package in pathlib.Path(place).glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
        (directory / "complete").touch()
    return directory


class Engine:
    """A running engine with one image. Ends, with all it started, at the end of the `with` block."""

    def __init__(self, programs, tree):
        self._place = pathlib.Path(tempfile.mkdtemp(prefix="isotest-engine."))
        self._cgroups = f"isotest-ci-engine-{os.getpid()}"
        path = f"{programs}/usr/sbin:{programs}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        libraries = ":".join(str(programs / directory) for directory in LIBRARIES)
        self._environment = {"PATH": path, "LD_LIBRARY_PATH": libraries, "DOCKER_HOST": f"unix://{self._place}/socket",
                             "DOCKER_CONFIG": f"{self._place}/client"}
        self._daemon = None
        self._tree = tree

    def __enter__(self):
        try:
            self._start()
            archive = subprocess.Popen(["tar", "-c", "-C", self._tree, "."], stdout=subprocess.PIPE)
            self._docker(["import", "-", "debian"], stdin=archive.stdout)
            archive.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._daemon:
            # The first process of the pid namespace dies with this one, and the others with that.
            self._daemon.kill()
            self._daemon.wait()
        for hierarchy in pathlib.Path("/sys/fs/cgroup").glob(f"**/{self._cgroups}"):
            self._remove_cgroups(hierarchy)
        shutil.rmtree(self._place)

    def run(self, words, flags=(), seconds=PATIENCE):
        """Runs a command in a container without network, removed afterwards."""
        command = ["docker", "run", "--rm", "--network", "none", *flags, "debian", *words]
        return ran.run(command, seconds, env=self._environment)

    def _start(self):
        options = {"bridge": "none", "iptables": False, "ip6tables": False, "cgroup-parent": f"/{self._cgroups}",
                   "data-root": f"{self._place}/data", "exec-root": f"{self._place}/exec", "pidfile": f"{self._place}/pid",
                   "hosts": [f"unix://{self._place}/socket"], "deprecated-key-path": f"{self._place}/key"}
        (self._place / "daemon.json").write_text(json.dumps(options))
        daemon = f"mount -t tmpfs -o mode=755 run /run && exec dockerd --config-file {self._place}/daemon.json"
        with (self._place / "log").open("wb") as log:
            self._daemon = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", daemon],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE
        while not (self._place / "socket").exists():
            if self._daemon.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"no Docker engine: {(self._place / 'log').read_text()}")
            time.sleep(0.1)

    def _docker(self, words, **streams):
        subprocess.run(["docker", *words], env=self._environment, check=True, stdout=subprocess.DEVNULL, **streams)

    @staticmethod
    def _remove_cgroups(top):
        for directory, _, _ in os.walk(top, topdown=False):
            until = time.monotonic() + PATIENCE
            # Of processes that were killed just now some may not be gone.
            while os.path.isdir(directory) and time.monotonic() < until:
                try:
                    os.rmdir(directory)
                except OSError:
                    time.sleep(0.1)
