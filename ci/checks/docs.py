"""Every link of the manual leads somewhere, its console blocks print what stands there, and the program says the messages it explains."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import places
from needs import FOR_TESTS, Needs
from running import CheckError

NEEDS = Needs(debian=(*FOR_TESTS, "jq"))
PAGES = places.ROOT / "cargo-isotest/docs"
TROUBLE = PAGES / "troubleshooting.md"
# What is known of messages: the texts that tests keep, and the sources of those that depend on the host.
MESSAGES = ["src/testing/errors/*.txt", "tests/cli/help/*.txt", "src/report/human/whole_run/*.txt", "src/remedy.rs",
            "src/report/human/closing.rs"]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# What differs from machine to machine: quantities, process ids, hashes in names of binaries.
VARIABLE = re.compile(r"\d+(?:\.\d+)?(?= ?(?:s\b|ms\b|us\b|[KMG]iB|tasks?\b|jobs?\b|CPUs?\b))|(?<=pid )\d+|(?<=-)[0-9a-f]{16}\b")
# What a block's commands need beside a shell.
OF_ROOT = re.compile(r"\b(unshare|chroot|setpriv|mount)\b")
V1 = pathlib.Path("/sys/fs/cgroup/memory")


def check(run):
    pages = [places.ROOT / "README.md", *sorted(page for page in PAGES.glob("*.md") if page.name != "SUMMARY.md")]
    outside = [page.name for page in pages[1:] if "](../" in page.read_text()]
    if outside:
        raise CheckError(f"pages with links that a book of the manual alone cannot have: {', '.join(outside)}")
    wrong = [f"{page.name}: {link}" for page in pages for link in lost(page)]
    if wrong:
        raise CheckError(f"links that lead nowhere: {', '.join(wrong)}")
    unnamed = [page.name for page in pages[1:] if f"docs/{page.name}" not in pages[0].read_text()]
    if unnamed:
        raise CheckError(f"README.md does not lead to {', '.join(unnamed)}")
    unsaid = [text for text in promised() if not said(text)]
    if unsaid:
        raise CheckError(f"{TROUBLE.name} explains what the program does not say: {'; '.join(unsaid)}")
    run.build()
    for page in pages:
        blocks = [block for _, kind, block in FENCE.findall(page.read_text()) if kind == "console"]
        if blocks:
            tried(run, page, blocks)


def promised():
    """The messages of the program that the page on troubles explains, from where it speaks of runs that do not start."""
    _, messages = TROUBLE.read_text().split("## The run does not start\n")
    headings = [heading for heading in HEADING.findall(messages) if "`" in heading]
    return [text for heading in headings for text in re.findall(r"`([^`]+)`", heading)]


def said(text):
    """Whether the program says a text, in which `...` is anything."""
    pattern = re.compile(".*?".join(map(re.escape, text.split("..."))))
    files = [path for place in MESSAGES for path in (places.ROOT / "cargo-isotest").glob(place)]
    return any(pattern.search(path.read_text().replace("`", "")) for path in files)


def lost(page):
    """Links of a page to files or headings that are not there."""
    for of_words, of_picture in LINK.findall(FENCE.sub("", page.read_text())):
        link = of_words or of_picture
        path, _, heading = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (heading and heading not in anchors(target)):
            yield link


def anchors(page):
    """The names by which headings of a page are linked to."""
    text = FENCE.sub("", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def tried(run, page, blocks):
    """Types the commands of a page, all in one copy of the tour."""
    by_hand = [block for block in blocks if OF_ROOT.search(block)]
    if by_hand and (os.geteuid() != 0 or not (V1 / "memory.limit_in_bytes").exists()):
        run.skip(page.name, "its commands are for root, and for cgroup version 1")
        return
    with tempfile.TemporaryDirectory(dir=places.TARGET) as place:
        project = pathlib.Path(place) / "tour"
        shutil.copytree(places.FIXTURES / "projects/tour", project, ignore=shutil.ignore_patterns("target"))
        for block in blocks:
            for command, expected in typed(block):
                printed = answer(command, project)
                if not fits(expected, printed):
                    raise CheckError(f"{page.name}: `{command}` printed\n{printed}\nand not\n{expected}")
    run.say(f"{page.name}: {len(blocks)} blocks")


def typed(block):
    """Each command of a block, and what stands below it."""
    pairs = []
    for line in block.splitlines():
        if line.startswith("$ "):
            pairs.append((line[2:], ""))
        elif line.startswith("> ") and pairs:
            pairs[-1] = (f"{pairs[-1][0]}\n{line[2:]}", "")
        elif pairs:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}{line}\n")
    return pairs


def answer(command, project):
    """What a command prints in the project, on both streams."""
    # What a variable of somebody's says of all runs stands on no page.
    others = {name: value for name, value in os.environ.items() if not name.startswith("ISOTEST_")}
    variables = {**others, "XDG_CONFIG_HOME": "/nonexistent", "PATH": f"{places.DEBUG}:{os.environ['PATH']}", "COLUMNS": "120",
                 "CARGO_TERM_COLOR": "never", "CARGO_TARGET_DIR": f"{project}/target", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-c", command], cwd=project, env=variables, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
    return done.stdout.decode(errors="replace")


def fits(expected, printed):
    """Whether a text is what is expected: `...` is anything, and a quantity is any quantity."""
    pattern = "".join(line_pattern(line) for line in expected.splitlines())
    return re.fullmatch(pattern, "".join(f"{' '.join(line.split())}\n" for line in printed.splitlines())) is not None


def line_pattern(line):
    if line.strip() == "...":
        return r"(?:.*\n)*?"
    words = " ".join(line.split())
    parts = [re.escape(part) for part in VARIABLE.sub("\0", words).split("\0")]
    pattern = r"[0-9a-f.]+".join(parts)
    # Figures stand in columns.
    return pattern.replace(r"\[\ ", r"\[\ *").replace(r"\.\.\.", ".*") + r"\n"
