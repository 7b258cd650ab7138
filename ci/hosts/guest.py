"""Runs commands in a guest, one boot for all of them, and brings back what each of them said."""

import io
import subprocess
import tarfile

import places
from hosts.ran import Ran

# Emulation, and possibly a busy machine.
SECONDS = 900


def run(lines, *options, files=(), seconds=SECONDS):
    """Runs shell lines, name to text, one after the other. `options` are those of `ci/check guest`; `files` are copied."""
    copies = [word for path in files for word in ("--copy", str(path))]
    command = [places.CHECK, "guest", *options, *copies, "--timeout", str(seconds), "--", "sh", "-c", script(lines)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
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
