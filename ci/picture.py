"""Makes the pictures of a run that README.md shows, one for light pages and one for dark ones.

    ci/check picture [--columns N]

Runs the tour with the built program, in colour, and draws what it printed: `.github/run-light.svg` and `run-dark.svg`.
"""

import argparse
import html
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import places

COMMAND = ["cargo", "isotest", "--memory-limit", "100MiB", "tour::index", "tour::network", "tour::parser", "tour::processes"]
PICTURES = places.ROOT / ".github"
# Lines of cargo, which differ by what is built already.
OF_CARGO = re.compile("Blocking|Compiling|Finished")
STYLES = re.compile(r"\x1b\[([\d;]*)m")
# Width of a character and height of a line, in units of the picture, at a font of 14 units.
WIDTH, HEIGHT, MARGIN = 8.43, 19, 16
NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]
THEMES = {
    "light": {"paper": "#ffffff", "edge": "#d0d7de", "plain": "#1f2328", "black": "#1f2328", "red": "#c1121f", "green": "#116329",
              "yellow": "#7d4e00", "blue": "#0550ae", "magenta": "#6f1fb5", "cyan": "#0b6470", "white": "#59636e"},
    "dark": {"paper": "#0d1117", "edge": "#30363d", "plain": "#e6edf3", "black": "#8b949e", "red": "#ff7b72", "green": "#56d364",
             "yellow": "#e3b341", "blue": "#79c0ff", "magenta": "#d2a8ff", "cyan": "#56d4dd", "white": "#e6edf3"},
}


def main(arguments):
    parser = argparse.ArgumentParser(prog="ci/check picture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=108, help="the width of the terminal (108)")
    columns = parser.parse_args(arguments).columns
    lines = [line for text in printed().splitlines() for line in wrapped(runs(text), columns)]
    for theme, colours in THEMES.items():
        (PICTURES / f"run-{theme}.svg").write_text(drawn(lines, columns, colours))
    return 0


def printed():
    """What the command prints, with the command."""
    with tempfile.TemporaryDirectory(dir=places.TARGET) as place:
        variables = {**os.environ, "PATH": f"{places.DEBUG}:{os.environ['PATH']}", "CARGO_TARGET_DIR": f"{place}/target",
                     "CLICOLOR_FORCE": "1", "RUST_BACKTRACE": "0", "XDG_STATE_HOME": place}
        project = pathlib.Path(place) / "tour"
        shutil.copytree(places.FIXTURES / "projects/tour", project, ignore=shutil.ignore_patterns("target"))
        subprocess.run([*COMMAND, "--no-run", "-q"], cwd=project, env=variables, check=True)
        done = subprocess.run(COMMAND, cwd=project, env=variables, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    # A test fails on purpose, and one has not enough memory.
    if done.returncode != 100:
        raise SystemExit(f"the run ended with {done.returncode}:\n{done.stdout.decode()}")
    said = [line for line in done.stdout.decode().splitlines() if not OF_CARGO.search(line)]
    return "\n".join([f"$ {' '.join(COMMAND)}", *said])


def runs(line):
    """The pieces of a line, each with its style."""
    pieces, style = [], {}
    for index, piece in enumerate(STYLES.split(line)):
        if index % 2:
            style = styled(style, piece)
        elif piece:
            pieces.append((piece, style))
    return pieces


def styled(style, codes):
    """The style after codes of a terminal."""
    for code in (int(code or 0) for code in codes.split(";")):
        if code == 0:
            style = {}
        elif code == 1:
            style = {**style, "bold": True}
        elif code == 2:
            style = {**style, "dim": True}
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = {**style, "colour": NAMES[code % 10]}
    return style


def wrapped(pieces, columns):
    """The lines that a terminal of so many columns makes of a line."""
    lines, room = [[]], columns
    for piece, style in pieces:
        rest = piece
        while len(rest) > room:
            lines[-1].append((rest[:room], style))
            rest, room = rest[room:], columns
            lines.append([])
        lines[-1].append((rest, style))
        room -= len(rest)
    return lines


def drawn(lines, columns, colours):
    """The picture, with each piece at its place, whatever the font."""
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    text = []
    for number, line in enumerate(lines):
        column = 0
        for piece, style in line:
            if piece.strip():
                text.append(span(piece, style, (MARGIN + column * WIDTH, MARGIN + (number + 0.75) * HEIGHT), colours))
            column += len(piece)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
            'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14">\n'
            f'<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8" fill="{colours["paper"]}" '
            f'stroke="{colours["edge"]}"/>\n' + "".join(text) + "</svg>\n")


def span(piece, style, place, colours):
    lead = len(piece) - len(piece.lstrip(" "))
    words = piece.strip(" ")
    look = f' fill="{colours[style.get("colour", "plain")]}"'
    look += ' font-weight="bold"' if style.get("bold") else ""
    look += ' opacity="0.7"' if style.get("dim") else ""
    return (f'<text xml:space="preserve" x="{place[0] + lead * WIDTH:.1f}" y="{place[1]:.1f}" textLength="{len(words) * WIDTH:.1f}"{look}>'
            f"{html.escape(words)}</text>\n")
