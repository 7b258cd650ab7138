"""The project that the bench executes: `fixtures/projects/trivial`, in as many tests as asked for."""

import json
import os
import pathlib
import shutil
import subprocess

import places

TRIVIAL = places.FIXTURES / "projects/trivial"


def copy(directory):
    """A copy of the project at its present state; what was built of it before stays."""
    shutil.copytree(TRIVIAL, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target"), copy_function=renew)
    return directory


def renew(source, target):
    """Copies a file unless it is there already, so that nothing looks newer than what was built from it."""
    source, target = pathlib.Path(source), pathlib.Path(target)
    if not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copy(source, target)


def wide(directory, binaries, tests):
    """A project of so many test binaries, with so many tests in all."""
    (directory / "src").mkdir(parents=True, exist_ok=True)
    (directory / "tests").mkdir(exist_ok=True)
    files = {"Cargo.toml": '[package]\nname = "wide"\nversion = "0.0.0"\nedition = "2024"\n[lib]\ntest = false\ndoctest = false\n'
                           "[profile.test]\ndebug = false\n[workspace]\n",
             "src/lib.rs": ""}
    text = "".join(f"#[test]\nfn t{number:04}() {{}}\n" for number in range(tests // binaries))
    files |= {f"tests/b{number:02}.rs": text for number in range(binaries)}
    for name, content in files.items():
        if not (directory / name).exists():
            (directory / name).write_text(content)
    return directory


def environment(size):
    """The project's build script generates this many tests. Every command on it must say so, or cargo builds it again."""
    inherited = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    return inherited | {"TRIVIAL_TESTS": str(size)}


def list_tests(directory, size):
    """A file with a test binary and a test name in each line, with a tab between them."""
    command = ["cargo", "test", "--no-run", "--quiet", "--message-format=json"]
    build = subprocess.run(command, cwd=directory, env=environment(size), text=True, stdout=subprocess.PIPE, check=True)
    messages = [json.loads(line) for line in build.stdout.splitlines()]
    binaries = [message["executable"] for message in messages if message.get("executable")]
    path = directory.with_name(directory.name + ".tsv")
    path.write_text("".join(f"{binary}\t{name}\n" for binary in binaries for name in names_in(binary)))
    return path


def names_in(binary):
    listed = subprocess.run([binary, "--list", "--format=terse"], text=True, stdout=subprocess.PIPE, check=True)
    return [line.removesuffix(": test") for line in listed.stdout.splitlines() if line.endswith(": test")]
