"""What is said to be needed by every dynamic program in `/usr/bin` is what `ldd` says, and with musl what its loader says."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=FOR_TESTS)
SOURCES = {
    "inner.c": "int inner(void) { return 0; }\n",
    "outer.c": "int inner(void); int outer(void) { return inner(); }\n",
    "main.c": "int outer(void); int main(void) { return outer(); }\n",
}


def check(run):
    run.cargo("test", "--workspace", "--test", "closure")
    run.build()
    loaders = sorted(pathlib.Path("/lib").glob("ld-musl-*.so.1"))
    if not loaders:
        raise CheckError("there is no loader of musl: install musl-tools")
    with tempfile.TemporaryDirectory() as made:
        place = pathlib.Path(made).resolve()
        build(run, place)
        compare(run, "run paths", loaders[0], place)
        (place / "other").mkdir()
        (place / "lib/inner/libinner.so").rename(place / "other/libinner.so")
        if subprocess.run([place / "program"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            raise CheckError("the library is still found")
        compare(run, "LD_LIBRARY_PATH", loaders[0], place, LD_LIBRARY_PATH=str(place / "other"))


def build(run, place):
    """A program that needs a library that needs another. Nothing of that library's own leads to what it needs: musl looks
    where the program says."""
    (place / "lib/inner").mkdir(parents=True)
    for name, text in SOURCES.items():
        (place / name).write_text(text)
    run.call(["musl-gcc", "-shared", "-fPIC", "-o", "lib/inner/libinner.so", "inner.c"], cwd=place)
    run.call(["musl-gcc", "-shared", "-fPIC", "-o", "lib/libouter.so", "outer.c", "-Llib/inner", "-linner"], cwd=place)
    run.call(["musl-gcc", "-o", "program", "main.c", "-Llib", "-louter", "-Wl,-rpath-link,lib/inner",
              "-Wl,-rpath,$ORIGIN/lib:$ORIGIN/lib/inner"], cwd=place)
    run.call([place / "program"], cwd=place)


def compare(run, what, loader, place, **variables):
    environment = os.environ | variables
    said = run.read([loader, "--list", "program"], cwd=place, env=environment)
    expected = {os.path.realpath(place / path) for path in re.findall(r" => (\S+)", said)}
    found = run.read([places.DEBUG / "cargo-isotest", "isotest", "closure", "--message-format", "json", "program"], cwd=place,
                     env=environment)
    found = {entry["real_path"] for entry in json.loads(found)["objects"][1:]}
    if found != expected or not found:
        raise CheckError(f"{what}: the loader says {sorted(expected)}, and cargo isotest {sorted(found)}")
    run.say(f"{what}: {len(found)} libraries, as the loader says")
    run.passed += 1
