"""Neighbours of what is measured or tried: processes that keep every CPU busy."""

import contextlib
import os
import signal
import subprocess

HASHING = "head -c 20000000 /dev/zero | sha256sum"


@contextlib.contextmanager
def busy(work=HASHING, each=1):
    """So many neighbours for each CPU, each with this work of a shell again and again, which end with this, however it ends."""
    loop = f"while kill -0 {os.getpid()} 2>/dev/null; do {work}; done"
    neighbours = [subprocess.Popen(["sh", "-c", loop], stdout=subprocess.DEVNULL, start_new_session=True)
                  for _ in range(each * os.cpu_count())]
    try:
        yield
    finally:
        for neighbour in neighbours:
            os.killpg(neighbour.pid, signal.SIGKILL)
            neighbour.wait()
