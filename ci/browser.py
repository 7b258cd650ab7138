"""A browser that is driven over WebDriver."""

import base64
import contextlib
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from running import CheckError

# It shall ask for nothing by itself, so that every request that is seen is the page's.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"]
# As WebDriver writes keys.
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Space": "\ue00d", "Escape": "\ue00c"}


class Browser:
    """One window."""

    def __init__(self, server):
        self._server = server
        capabilities = {"goog:chromeOptions": {"args": FLAGS}, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        made = self._call("POST", f"{server}/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"{server}/session/{made['sessionId']}"

    def close(self):
        """Ends the browser."""
        self._call("DELETE", self._session)

    def open(self, path, fragment=""):
        """Shows a file and forgets what was said of those before."""
        self.events()
        self._post("url", url=pathlib.Path(path).as_uri() + (f"#{fragment}" if fragment else ""))

    def show(self, width, dark):
        """Takes a width in pixels and a scheme of colours."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in wishes.items()])

    def script(self, text, *arguments):
        """What a function with this body returns."""
        return self._post("execute/sync", script=text, args=list(arguments))

    def awaited(self, text):
        """What a function with this body hands to `done`."""
        return self._post("execute/async", script=f"const done = arguments[0];{text}", args=[])

    def press(self, *keys):
        """Presses keys one after the other; what has no name is typed."""
        actions = []
        for key in keys:
            for character in KEYS.get(key, key):
                actions += [{"type": "keyDown", "value": character}, {"type": "keyUp", "value": character}]
        self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def picture(self, path, whole=False):
        """Keeps what is seen, or the whole page, as PNG."""
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def events(self):
        """What the page said on the console, and the addresses that it asked for, since it was asked last."""
        said = [entry["message"] for entry in self._post("se/log", type="browser")]
        messages = [json.loads(entry["message"])["message"] for entry in self._post("se/log", type="performance")]
        sent = [message for message in messages if message["method"] == "Network.requestWillBeSent"]
        return said, [message["params"]["request"]["url"] for message in sent]

    def devtools(self, method, **parameters):
        """Calls a method of the browser's tools for developers."""
        return self._post("goog/cdp/execute", cmd=method, params=parameters)

    def _post(self, command, **parameters):
        return self._call("POST", f"{self._session}/{command}", parameters)

    @staticmethod
    def _call(method, address, parameters=None):
        data = None if parameters is None else json.dumps(parameters).encode()
        request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]
            raise CheckError(f"the browser says of {address.rsplit('/', 1)[1]}: {said['message'].splitlines()[0]}") from error


@contextlib.contextmanager
def opened():
    """A browser that is gone afterwards, and what it kept, too."""
    with tempfile.TemporaryDirectory(prefix="isotest-browser.") as home:
        words = ["chromedriver", "--port=0", f"--log-path={home}/log"]
        driver = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment(home))
        try:
            browser = Browser(f"http://127.0.0.1:{port(driver)}")
            try:
                yield browser
            finally:
                browser.close()
        finally:
            driver.terminate()
            driver.wait()


def environment(home):
    """A home of its own and a path, so that nothing of the caller's is used."""
    return {"HOME": home, "TMPDIR": home, "PATH": "/usr/local/bin:/usr/bin:/bin"}


def port(driver):
    """Where the driver listens, which it says itself."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        line = driver.stdout.readline()
        if not line:
            break
        if "started successfully on port " in line:
            return int(line.rsplit(" ", 1)[1].strip().rstrip("."))
    raise CheckError("chromedriver did not start")
