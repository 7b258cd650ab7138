"""A cluster of Debian's Slurm on loopback: one controller and three nodes, without systemd, from packages that are only unpacked."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

import places
from running import CheckError

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
NODES = ("n1", "n2", "n3")
PATIENCE = 120
CONFIGURATION = """\
ClusterName=isotest
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
CredType=cred/munge
PluginDir={packages}/usr/lib/x86_64-linux-gnu/slurm-wlm
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool-%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd-%n.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
MessageTimeout=10
SlurmdParameters=config_overrides
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def unpacked(name, packages):
    """The directory in which packages of Debian and what they depend on are unpacked; nothing is installed."""
    tree = places.cache(name)
    if (tree / "complete").exists():
        return tree
    downloads = tree / "downloads"
    (downloads / "partial").mkdir(parents=True, exist_ok=True)
    apt = ["apt-get", "install", "--download-only", "--yes", "--no-install-recommends"]
    execute([*apt, "-o", f"Dir::Cache::archives={downloads}", *packages])
    for package in downloads.glob("*.deb"):
        execute(["dpkg-deb", "--extract", package, tree])
    (tree / "complete").touch()
    return tree


def execute(words, **settings):
    """Gives what a command writes to standard output."""
    done = subprocess.run([str(word) for word in words], check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, **settings)
    if done.returncode != 0:
        raise CheckError(f"`{words[0]} {words[1]}` ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-2000:]}")
    return done.stdout


def wait(what, is_so, patience=PATIENCE):
    """Waits until something is so."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with contextlib.suppress(CheckError):
            if is_so():
                return
        time.sleep(0.2)
    raise CheckError(f"{what} is not so after {patience} s")


class Cluster:
    """The daemons of a cluster. All are gone when the context ends."""

    def __init__(self, place):
        """Below a directory that is there."""
        self.place = pathlib.Path(place)
        self.packages = unpacked("slurm", PACKAGES)
        libraries = self.packages / "usr/lib/x86_64-linux-gnu"
        binaries = f"{self.packages}/usr/bin:{self.packages}/usr/sbin"
        self.environment = {"PATH": f"{binaries}:/usr/sbin:/usr/bin:/sbin:/bin", "SLURM_CONF": f"{self.place}/slurm.conf",
                            "LD_LIBRARY_PATH": f"{libraries}:{libraries}/slurm-wlm", "HOME": str(self.place / "home")}
        self.daemons = {}

    def __enter__(self):
        self.place.chmod(0o755)
        for name in ("state", "home", *(f"spool-{node}" for node in NODES)):
            (self.place / name).mkdir()
        ports = free_ports(1 + len(NODES))
        host = socket.gethostname()
        nodes = "\n".join(f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 State=UNKNOWN"
                          for node, port in zip(NODES, ports[1:], strict=True))
        text = CONFIGURATION.format(host=host, port=ports[0], place=self.place, packages=self.packages, nodes=nodes)
        (self.place / "slurm.conf").write_text(text)
        (self.place / "munge.key").write_bytes(os.urandom(1024))
        (self.place / "munge.key").chmod(0o600)
        try:
            self.start("munged", ["munged", "--foreground", "--force", f"--key-file={self.place}/munge.key",
                                  f"--socket={self.place}/munge.socket", f"--pid-file={self.place}/munged.pid",
                                  f"--log-file={self.place}/munged.log", f"--seed-file={self.place}/munged.seed"])
            wait("munged listens", (self.place / "munge.socket").exists)
            self.start("slurmctld", ["slurmctld-wlm", "-D"])
            for node in NODES:
                self.start_node(node)
            wait("all nodes are idle", lambda: self.call("sinfo", "-h", "-o", "%T %D").split() == ["idle", str(len(NODES))])
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, name, words):
        """Starts a daemon in a process group of its own."""
        log = (self.place / f"{name}.out").open("ab")
        self.daemons[name] = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                                              executable=self.program(words[0]), process_group=0)
        log.close()

    def program(self, name):
        """Where a program of the packages is."""
        return self.packages / "usr/sbin" / name

    def start_node(self, node):
        """Starts the daemon of a node."""
        self.start(node, ["slurmd-wlm", "-D", "-N", node, "-d", str(self.program("slurmstepd-wlm"))])

    def kill_node(self, node):
        """Kills what a node executes and its daemon, as if it had lost its power."""
        daemon = self.daemons.pop(node)
        victims = [daemon.pid, *of_node(node, self.place)]
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        daemon.wait()

    def call(self, *words):
        """Gives what a command of Slurm prints."""
        return execute(words, env=self.environment, cwd=self.place)

    def stop(self):
        """Ends all daemons and whatever jobs are left."""
        with contextlib.suppress(CheckError):
            self.call("scancel", "--state=RUNNING", "--full", "--user=root")
        for name in reversed(list(self.daemons)):
            self.daemons[name].terminate()
            try:
                self.daemons[name].wait(20)
            except subprocess.TimeoutExpired:
                self.daemons[name].kill()
                self.daemons[name].wait()
        self.daemons.clear()
        for node in NODES:
            for process in of_node(node, self.place):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def of_node(node, place):
    """The processes of the jobs on a node of the cluster at a place, by what Slurm put into their environment."""
    wanted = (f"SLURMD_NODENAME={node}".encode(), f"SLURM_CONF={place}/slurm.conf".encode())
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes()
            is_step = command.startswith(b"slurmstepd") and f"SLURM_CONF={place}/slurm.conf".encode() in variables
            if all(variable in variables for variable in wanted) or (is_step and node_of_step(process) == node):
                found.append(int(process.name))
    return found


def node_of_step(process):
    """The node on whose behalf a step's daemon runs, which is that of its children."""
    children = (process / "task" / process.name / "children").read_text().split()
    for child in children:
        for variable in pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            if variable.startswith(b"SLURMD_NODENAME="):
                return variable.partition(b"=")[2].decode()
    return None


def free_ports(count):
    """So many ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for listener in sockets:
        listener.bind(("127.0.0.1", 0))
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
