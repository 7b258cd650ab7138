"""The manual builds as a book, every page is in it, and each of its links leads to a page and a heading that are there."""

import html.parser
import pathlib
import tempfile
import urllib.parse

import needs
import places
from running import CheckError

NEEDS = needs.Needs(debian=needs.TO_BUILD)
MDBOOK = "0.5.4"
MANUAL = places.ROOT / "cargo-isotest"


def check(run):
    with tempfile.TemporaryDirectory() as directory:
        book = pathlib.Path(directory, "book")
        printed = run.call([needs.program("mdbook", MDBOOK), "build", "--dest-dir", book, MANUAL])
        if "WARN" in printed or "ERROR" in printed:
            raise CheckError("mdBook is not content with the pages")
        names = {page.stem for page in (MANUAL / "docs").glob("*.md")} - {"SUMMARY"}
        pages = {name: Page(book / f"{name}.html") for name in names}
        lost = [f"{name}: {link}" for name, page in sorted(pages.items()) for link in page.lost(book, pages)]
        if lost:
            raise CheckError(f"links that lead nowhere in the book: {', '.join(lost)}")
        links = sum(len(page.links) for page in pages.values())
        run.say(f"{len(pages)} pages with {links} links")
        if links == 0:
            raise CheckError("no link was found, so none was tried")


class Page(html.parser.HTMLParser):
    """One page of the book: where it leads, and what can be led to in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.path = path
        self._in_text = 0
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._in_text += tag == "main"
        if "id" in given:
            self.anchors.add(given["id"])
        if self._in_text and tag == "a" and given.get("href"):
            self.links.append(given["href"])

    def handle_endtag(self, tag):
        self._in_text -= tag == "main"

    def lost(self, book, pages):
        """The links in the text that lead to no page, or to no heading of it."""
        for link in self.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme:
                continue
            target = self.path if not parts.path else book / parts.path
            page = pages.get(target.stem)
            if page is None or (parts.fragment and urllib.parse.unquote(parts.fragment) not in page.anchors):
                yield link
