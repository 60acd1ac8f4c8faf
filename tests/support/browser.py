"""A real Chromium for tests, driven by Playwright. Tests that need it are skipped by name where there is none.

The fixture `browser` of all tests is one of them, started once a run.

A click can return before the next page is there, and a browser shows a page while it still arrives. So a test presses
links and buttons that lead to another page with `follow`, which waits for the complete page. It states with `expect` or
`shows` what a page shows; these wait too. Only after that it states what the page does not show, or reads a value.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NARROW = {"width": 390, "height": 844}
"""A telephone's screen."""
_PATIENCE = 60_000
"""Milliseconds that a step or an assertion waits at most: a machine can be busy."""
_BARRIERS = ("serious", "critical")


def executable() -> str | None:
    """The browser's program; None where there is none."""
    usual = Path("/usr/bin/chromium")
    if usual.exists():
        return str(usual)
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def chromium() -> Iterator[Any]:
    """A Chromium without a window. Each test opens pages of its own: `opened_page`."""
    path = executable()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    sync_api.expect.set_options(timeout=_PATIENCE)
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, headless=True, args=list(_FLAGS))
        yield started
        started.close()


@contextmanager
def opened_page(browser: Any, **settings: Any) -> Iterator[Any]:
    """A page in a context of its own, with these settings of `browser.new_context`."""
    context = browser.new_context(**settings)
    context.set_default_timeout(_PATIENCE)
    try:
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def without_complaints(page: Any) -> Iterator[None]:
    """Errors of scripts, and what the page's own security policy forbids, end the test."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    yield
    assert complaints == []


def follow(place: Any) -> None:
    """Click a link or a button that leads to another page, and wait until that page is complete.

    It waits for the link first: a page that loads itself again until a job has ended shows it last.
    """
    place.wait_for()
    with place.page.expect_navigation():
        place.click()


def expect(shown: Any) -> Any:
    """Playwright's assertions about a page or a part of it. Each waits until it is true."""
    from playwright import sync_api  # the package can be missing

    return sync_api.expect(shown)


def shows(page: Any, text: str) -> None:
    """A person reads the text in the page's main part, and the page is complete."""
    expect(page.locator("main")).to_contain_text(text, use_inner_text=True)
    page.wait_for_load_state()


def serious_barriers(page: Any) -> dict[str, list[str]]:
    """What axe calls serious or critical on a page with all its details opened: the elements of each rule."""
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed").Axe()
    for closed in page.query_selector_all("details:not([open]) > summary"):
        closed.click()
    found = [one for one in axe.run(page)["violations"] if one["impact"] in _BARRIERS]
    return {one["id"]: [node["html"] for node in one["nodes"]] for one in found}
