"""A real Chromium for tests, driven by Playwright. Tests that need it are skipped by name where there is none.

The fixture `browser` of all tests is one of them, started once a run.
"""

import shutil
from collections.abc import Iterator
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


def executable() -> str | None:
    """The browser's program; None where there is none."""
    usual = Path("/usr/bin/chromium")
    if usual.exists():
        return str(usual)
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def chromium() -> Iterator[Any]:
    """A Chromium without a window. Each test makes contexts of its own: `browser.new_context(...)`."""
    path = executable()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, headless=True, args=list(_FLAGS))
        yield started
        started.close()
