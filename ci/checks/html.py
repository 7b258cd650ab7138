"""The page of a run's results is small, quick, readable by everyone, asks for nothing, and harmless whatever tests say."""

import json
import pathlib
import tempfile

import browser

import needs
import places
from running import CheckError

NEEDS = needs.Needs(debian=("chromium", "chromium-driver", "nodejs"))
LARGEST = 5_000_000
# Milliseconds.
SLOWEST_PAINT = 1000
WIDTHS = (1280, 400)
HOSTILE = "</script><script>document.title='forged'</script><img src=x onerror=\"document.title='forged'\">\u202e\u0007'\"{{ 7*7 }}"


def check(run):
    run.build()
    kept = places.TARGET / "ci/html"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="isotest-html.") as name, browser.opened() as window:
        place = pathlib.Path(name)
        lines = results(run, place)
        pages = {
            "run": page(run, place / "run", lines),
            "hostile": page(run, place / "hostile", [line if line["type"] != "attempt-finished" else hostile(line) for line in lines]),
            "large": page(run, place / "large", large(lines)),
        }
        valid(run, [pages["run"], pages["hostile"]])
        size = pages["large"].stat().st_size
        run.say(f"10000 tests: {size} bytes")
        if size >= LARGEST:
            raise CheckError("the page of 10000 tests is too large")
        readable(run, window, pages["run"], kept)
        walk(window, pages["run"])
        harmless(window, pages["hostile"])
        quick(run, window, pages["large"])
        without_script(window, pages["run"])
    run.say(f"pictures are in {kept}")


def results(run, place):
    """The lines of real runs: what fails, is killed with processes of its own, and is over its budget."""
    files = []
    for project, *words in (("tour",), ("hangs", "--timeout", "1s", "-j", "2"), ("budgets", "--retries", "1")):
        file = place / f"{project}.jsonl"
        manifest = places.FIXTURES / "projects" / project / "Cargo.toml"
        run.call([places.DEBUG / "cargo-isotest", "isotest", "--manifest-path", manifest, "--target-dir", places.TARGET / "ci/projects",
                  "--no-fail-fast", "--report", f"json={file}", *words], accept=(0, 99, 100))
        files.append(file)
    runs = [[json.loads(line) for line in file.read_text().splitlines()] for file in files]
    attempts = []
    # One run of all, one after the other.
    for lines in runs:
        begun = max((attempt["start_us"] + (attempt["wall_us"] or 0) for attempt in attempts), default=0)
        own = [line for line in lines if line["type"] == "attempt-finished"]
        attempts += [attempt | {"start_us": attempt["start_us"] + begun} for attempt in own]
    counts = {word: sum(attempt["outcome"] == word for attempt in attempts) for word in ("passed", "failed", "timed-out", "over-budget")}
    if not all(counts.values()):
        raise CheckError(f"the fixtures came to no such ends as are to be shown: {counts}")
    end = max(attempt["start_us"] + (attempt["wall_us"] or 0) for attempt in attempts)
    return [runs[0][0] | {"tests": len(attempts)}, *attempts, runs[0][-1] | {"wall_us": end}]


def hostile(line):
    """An attempt of which everything that a test can say is markup."""
    words = dict.fromkeys(("binary_id", "name", "cause"), HOSTILE)
    return line | words | {"effect": "fails", "outcome": HOSTILE, "stdout": HOSTILE, "stderr": HOSTILE, "remarks": [HOSTILE],
                           "suspect": HOSTILE, "changed_paths": [HOSTILE], "changed_paths_count": 2,
                           "leaked": [{"pid": 2, "command": HOSTILE}]}


def large(lines):
    """A run of 10000 tests, of which one in twenty fails."""
    attempts = [line for line in lines if line["type"] == "attempt-finished"]
    passed = next(line for line in attempts if line["outcome"] == "passed")
    failed = next(line for line in attempts if line["outcome"] == "failed")
    many = []
    for number in range(10_000):
        of = failed if number % 20 == 0 else passed
        name = {"binary_id": f"package-{number % 40}::integration", "name": f"module::part_{number % 300}::a_test_of_some_name_{number}"}
        place = {"slot": number % 16, "start_us": number // 16 * 21_000, "wall_us": 20_000 - number % 977, "is_last": True}
        many.append(of | name | place)
    return [lines[0] | {"tests": len(many)}, *many, lines[-1] | {"wall_us": 14_000_000}]


def page(run, path, lines):
    """The page of these lines."""
    json_lines = path.with_suffix(".jsonl")
    json_lines.write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = path.with_suffix(".html")
    run.call([places.DEBUG / "cargo-isotest", "isotest", "report", "--html", made, json_lines])
    return made


def valid(run, pages):
    """That the markup is valid."""
    configuration = places.CI / "npm/htmlvalidate.json"
    run.call([needs.node() / ".bin/html-validate", "--config", configuration, *pages])


def readable(run, window, path, kept):
    """That axe finds nothing that keeps anyone from reading the page, at each width and in each scheme."""
    axe = (needs.node() / "axe-core/axe.min.js").read_text()
    for width in WIDTHS:
        for dark in False, True:
            window.show(width, dark)
            window.open(path)
            window.script(axe)
            found = window.awaited("axe.run(document, {resultTypes: ['violations']}).then((result) => done(result.violations.map("
                                   "(each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3).join(' ')}`)))")
            scheme = "dark" if dark else "light"
            if found:
                raise CheckError(f"at {width} pixels, {scheme}: {'; '.join(found)}")
            if window.script("return document.documentElement.scrollWidth > innerWidth"):
                raise CheckError(f"at {width} pixels the page is wider than its window")
            for name, whole in ("top", False), ("whole", True):
                window.picture(kept / f"{width}-{scheme}-{name}.png", whole)
            for part in "slots", "all":
                window.script(f"document.getElementById('{part}').scrollIntoView()")
                window.picture(kept / f"{width}-{scheme}-{part}.png")
            silent(window)
    run.say(f"axe: no violation in {2 * len(WIDTHS)} pages")


def silent(window):
    """That the page said nothing on the console and asked for nothing but itself."""
    said, asked = window.events()
    asked = [address for address in asked if not address.startswith(("file:", "data:"))]
    if said or asked:
        raise CheckError(f"the page said {said} and asked for {asked}")


def walk(window, path):
    """That all can be done with keys."""
    window.show(1280, False)
    window.open(path)
    total = window.script("return document.querySelectorAll('#results tbody tr').length")
    window.press("/", "rejects")
    shown = "return [...document.querySelectorAll('#results tbody tr')].filter((row) => !row.hidden).map((row) => row.cells[1].textContent)"
    window.awaited("setTimeout(done, 300)")
    found = window.script(shown)
    if not found or len(found) == total or not all("rejects" in name for name in found):
        raise CheckError(f"the search for `rejects` finds {found}")
    status = window.script("return document.getElementById('found').textContent")
    if status != f"{len(found)} of {total} tests":
        raise CheckError(f"the search says: {status}")
    window.press(*["\ue003"] * len("rejects"))
    window.awaited("setTimeout(done, 300)")
    # The box, the region that scrolls, then the heads.
    window.press("Tab", "Space")
    only = window.script(shown)
    if not 0 < len(only) < total:
        raise CheckError(f"{len(only)} of {total} tests are said not to have passed at once")
    window.press("Space", "Tab", *["Tab"] * 4)
    focused = "return document.activeElement.textContent"
    if window.script(focused) != "Memory peak":
        raise CheckError(f"the keyboard leads to `{window.script(focused)}`")
    figures = "return [...document.querySelectorAll('#results tbody tr')].map((row) => Number(row.cells[3].dataset.by ?? NaN))"
    for sort, sign in ("descending", -1), ("ascending", 1):
        window.press("Enter")
        order = window.script("return document.activeElement.closest('th').getAttribute('aria-sort')")
        values = [value for value in window.script(figures) if value is not None]
        if order != sort or values != sorted(values, key=lambda value: sign * value):
            raise CheckError(f"sorted {order}: {values[:8]}")
    window.script("document.querySelector('details summary').focus()")
    folded = "return document.querySelector('details').open"
    before = window.script(folded)
    window.press("Enter")
    if window.script(folded) == before:
        raise CheckError("details do not open by Enter")
    silent(window)


def harmless(window, path):
    """That nothing that a test said is executed or shown as anything but text."""
    window.open(path)
    forged = window.script("return [document.title, document.querySelectorAll('img').length, document.scripts.length]")
    if "forged" in forged[0] or forged[1:] != [0, 1]:
        raise CheckError(f"tests have changed the page: {forged}")
    text = window.script("return document.body.innerText")
    if "document.title='forged'" not in text or "\u2407" not in text or "\u202e" in text:
        raise CheckError("what tests said is not shown as it is to be")
    # That the policy holds at all: without it this would be executed.
    window.script("const own = document.createElement('script'); own.textContent = 'document.title = \"forged\"';"
                  " document.body.append(own)")
    if window.script("return document.title") == "forged":
        raise CheckError("the policy allows scripts that are not the page's")
    window.events()


def quick(run, window, path):
    """That a large page is seen at once, and searched and sorted without a wait."""
    window.show(1280, False)
    window.open(path)
    paint = window.script("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
    loaded = window.script("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    sort = window.script("const from = performance.now(); document.querySelectorAll('thead button')[2].click(); document.body.offsetHeight;"
                         " return performance.now() - from")
    run.say(f"10000 tests: first paint after {paint:.0f} ms, loaded after {loaded:.0f} ms, sorted in {sort:.0f} ms")
    if paint >= SLOWEST_PAINT:
        raise CheckError("the page of 10000 tests takes too long to be seen")
    silent(window)


def without_script(window, path):
    """That all stands there for those whose browser executes nothing."""
    window.devtools("Emulation.setScriptExecutionDisabled", value=True)
    window.open(path)
    window.devtools("Emulation.setScriptExecutionDisabled", value=False)
    rows, buttons, shown = window.script("return [document.querySelectorAll('#results tbody tr').length, document.querySelectorAll("
                                         "'thead button').length, document.getElementById('controls').offsetHeight]")
    if rows == 0 or buttons or shown:
        raise CheckError(f"without scripts there are {rows} rows, {buttons} buttons, and controls of height {shown}")
