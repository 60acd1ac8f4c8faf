"""The documentation as a site: every page is in the navigation, and no link or picture is broken."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from support.repository import DOCS, ROOT

CONFIG = ROOT / "mkdocs.yml"
_LINKS = {("a", "href"), ("link", "href"), ("script", "src"), ("img", "src"), ("source", "src"), ("object", "data")}


class Page(HTMLParser):
    """The links, pictures and anchors of a built page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.nameless: list[str] = []
        """Pictures without an alternative text."""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.places.add(value)
            if (tag, name) in _LINKS and value:
                self.links.append(value)
            if name == "srcset" and value:
                self.links += [source.split()[0] for source in value.split(",")]
        if tag == "img" and not dict(attrs).get("alt"):
            self.nameless.append(dict(attrs).get("src") or "")


def navigation() -> list[str]:
    """The pages of the navigation, in order."""
    _, _, nav = CONFIG.read_text("utf-8").partition("\nnav:\n")
    return re.findall(r":\s+(\S+\.md)\s*$", nav, re.MULTILINE)


def target(site: Path, page: Path, link: str) -> tuple[Path, str]:
    """The file and the anchor of a link on a page."""
    parts = urlsplit(link)
    path = unquote(parts.path)
    file = page if not path else site / path.lstrip("/") if path.startswith("/") else page.parent / path
    file = file.resolve()
    return (file / "index.html" if file.is_dir() else file), unquote(parts.fragment)


def broken_links(site: Path) -> list[str]:
    """Every broken link of a built site to its own pages."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            file, place = target(site, path, link)
            found = file.exists() and (not place or file not in pages or place in pages[file].places)
            broken += [] if found else [f"{path.relative_to(site.resolve())}: {link}"]
    return broken


def test_every_page_is_in_the_navigation_once() -> None:
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(navigation()) == pages


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "index.html").write_text('<h2 id="here"></h2><a href="../">back</a>')
    good = '<a href="there/#here">a</a><a href="#top" id="top">b</a><a href="https://example.com/x">c</a>'
    bad = '<a href="there/#gone">d</a><a href="nowhere/">e</a><img src="f.svg" alt="f" srcset="g.svg 2x, h.svg">'
    (tmp_path / "index.html").write_text(good + bad)
    lost = ("there/#gone", "nowhere/", "f.svg", "g.svg", "h.svg")
    assert broken_links(tmp_path) == [f"index.html: {link}" for link in lost]


def test_a_picture_without_alternative_text_is_found() -> None:
    assert Page('<img src="a.svg" alt="A"><img src="b.svg"><img src="c.svg" alt="">').nameless == ["b.svg", "c.svg"]


def test_the_site_is_built_and_no_link_in_it_is_broken(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    (tmp_path / "mkdocs.yml").write_bytes(CONFIG.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "-f", "mkdocs.yml"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "site"
    built = {path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")}
    assert {re.sub(r"(^|/)index$", "", page.removesuffix(".md")) or "." for page in navigation()} == built
    assert broken_links(site) == []
    texts = [page.read_text("utf-8") for page in site.rglob("*.html")]
    assert [picture for text in texts for picture in Page(text).nameless] == []
    assert sum(link.endswith(".svg") for text in texts for link in Page(text).links) >= 2
