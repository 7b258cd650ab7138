"""The project that the bench executes: trivial tests in four binaries."""

import json
import subprocess

BINARIES = 4


def generate(directory, size):
    """Writes a project of `size` tests that pass and do nothing, unless it is there already."""
    manifest = directory / "Cargo.toml"
    if not manifest.exists():
        (directory / "tests").mkdir(parents=True, exist_ok=True)
        (directory / "src").mkdir(exist_ok=True)
        (directory / "src/lib.rs").write_text("//! Nothing: the tests are what counts.\n")
        for index in range(BINARIES):
            names = range(index, size, BINARIES)
            text = "".join(f"#[test]\nfn test_{name:05}() {{}}\n" for name in names)
            (directory / f"tests/binary_{index}.rs").write_text(text)
        # The target tables leave the library without a test binary of its own.
        manifest.write_text('[package]\nname = "trivial"\nversion = "0.0.0"\nedition = "2024"\n'
                            '[lib]\ntest = false\ndoctest = false\n[workspace]\n')
    return directory


def list_tests(directory):
    """A file with a test binary and a test name in each line, with a tab between them."""
    path = directory / "tests.tsv"
    if not path.exists():
        build = subprocess.run(["cargo", "test", "--no-run", "--quiet", "--message-format=json"], cwd=directory,
                               text=True, stdout=subprocess.PIPE, check=True)
        messages = [json.loads(line) for line in build.stdout.splitlines()]
        binaries = [message["executable"] for message in messages if message.get("executable")]
        lines = [f"{binary}\t{name}\n" for binary in binaries for name in names_in(binary)]
        path.write_text("".join(lines))
    return path


def names_in(binary):
    listed = subprocess.run([binary, "--list", "--format=terse"], text=True, stdout=subprocess.PIPE, check=True)
    return [line.removesuffix(": test") for line in listed.stdout.splitlines() if line.endswith(": test")]
