"""Runs commands in a guest of `ci/vm/`, one boot for all of them, and brings back what each of them said."""

import io
import pathlib
import subprocess
import tarfile

from ran import Ran

RUN = pathlib.Path(__file__).resolve().parents[1] / "vm/run.sh"
# Emulation, and possibly a busy machine.
SECONDS = 900


def run(lines, *options, files=(), seconds=SECONDS):
    """Runs shell lines, name to text, one after the other. `options` are those of run.sh; `files` are copied."""
    copies = [word for path in files for word in ("--copy", str(path))]
    command = [RUN, *options, *copies, "--timeout", str(seconds), "--", "sh", "-c", script(lines)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        # With the guest's console, if it did not come to its end.
        raise AssertionError(f"the guest failed with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return unpacked(done.stdout, lines)


def script(lines):
    """Runs each line in a shell of its own, and writes an archive of what came of them to standard output."""
    text = ["d=$(mktemp -d)"]
    for name, shell_line in lines.items():
        text.append(f"( {shell_line}\n) </dev/null >$d/{name}.stdout 2>$d/{name}.stderr; echo $? >$d/{name}.status")
    return "\n".join([*text, "tar -c -C $d ."])


def unpacked(archive, names):
    """What each line left in the archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        def read(name):
            return files.extractfile(f"./{name}").read().decode(errors="replace")
        return {name: Ran(int(read(f"{name}.status")), read(f"{name}.stdout"), read(f"{name}.stderr")) for name in names}
