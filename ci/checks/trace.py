"""The trace of a run is one that Chrome's format allows, and another program reads it."""

import base64
import json
import pathlib
import tempfile

import browser

import needs
import places
from running import CheckError

NEEDS = needs.Needs(debian=("chromium", "chromium-driver", "nodejs"))
# What each kind of event must have.
FIELDS = {
    "M": {"name", "pid", "tid", "args"},
    "X": {"name", "cat", "pid", "tid", "ts", "dur", "args"},
    "C": {"name", "pid", "tid", "ts", "args"},
    "s": {"name", "cat", "id", "pid", "tid", "ts"},
    "f": {"name", "cat", "id", "pid", "tid", "ts", "bp"},
}


def check(run):
    run.build()
    kept = places.TARGET / "ci/trace"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="isotest-trace.") as name:
        path = pathlib.Path(name) / "trace.json"
        manifest = places.FIXTURES / "projects/tour/Cargo.toml"
        run.call([places.DEBUG / "cargo-isotest", "isotest", "--manifest-path", manifest, "--target-dir", places.TARGET / "ci/projects",
                  "--no-fail-fast", "--retries", "1", "-j", "2", "--report", f"trace={path}"], accept=(100,))
        trace = json.loads(path.read_text())
        slices = formed(trace["traceEvents"])
        with browser.opened() as window:
            shown(window, path, kept)
    run.say(f"{slices} slices; a picture is in {kept}")


def formed(events):
    """That events are what the format says; gives how many are slices."""
    for event in events:
        lacking = FIELDS.get(event["ph"], {"a known kind"}) - event.keys()
        if lacking:
            raise CheckError(f"{event} lacks {lacking}")
        if event["ph"] != "M" and not (isinstance(event["ts"], int) and event["ts"] >= 0):
            raise CheckError(f"{event} is at no time")
    slices = [event for event in events if event["ph"] == "X"]
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    if not slices or {event["tid"] for event in slices} != named:
        raise CheckError("tracks and their names are not the same")
    for end in (event for event in events if event["ph"] in "sf"):
        if not any(one["tid"] == end["tid"] and one["ts"] <= end["ts"] <= one["ts"] + one["dur"] for one in slices):
            raise CheckError(f"no slice contains {end}")
    if [event["ph"] for event in events].count("s") != 1:
        raise CheckError("the test that was tried again has no arrow, or others have")
    return len(slices)


def shown(window, path, kept):
    """That speedscope finds the slots in it."""
    window.show(1280, False)
    # As speedscope's own command hands it a file.
    script = path.with_suffix(".js")
    content = base64.b64encode(path.read_bytes()).decode()
    script.write_text(f"speedscope.loadFileFromBase64({json.dumps(path.name)}, {json.dumps(content)})")
    window.open(needs.node() / "speedscope/dist/release/index.html", f"localProfilePath={script}")
    window.awaited("let left = 400; const wait = () => document.body.innerText.includes('(1/2)') || --left === 0 ? done()"
                   " : setTimeout(wait, 50); wait()")
    text = window.script("return document.body.innerText")
    window.picture(kept / "speedscope.png")
    if "slot 0" not in text or "(1/2)" not in text:
        raise CheckError(f"speedscope shows no two slots: {text[:1000]}")
