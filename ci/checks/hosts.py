"""On every kind of host of the page `hosts` what is said there holds, and the advice given there helps."""

import importlib

from hosts import rows
from needs import FOR_GUESTS, FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=(*FOR_TESTS, *FOR_GUESTS, "mmdebstrap"), apt=True)
HOSTS = ["handed_over", "systemd", "container", "privileged", "refused", "initramfs", "swap", "nested", "step"]


def check(run):
    """Tries all hosts, or those named by the options: HOST[.CLASS[.TEST]]. To its end, so that each has its verdict."""
    for name in run.options or HOSTS:
        host = name.partition(".")[0]
        if host not in HOSTS:
            raise CheckError(f"there is no host `{host}`; there are {' '.join(HOSTS)}")
        run.say(f"on the host: {importlib.import_module(f'hosts.{host}').__doc__.splitlines()[0]}")
        rows.attempt(run, f"hosts.{name}")
