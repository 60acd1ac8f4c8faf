"""The pages of the console as tests visit them: each page of the registry with values for the names in its path."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from intacct_bridge.apps.console.pages.registry import PAGES
from intacct_bridge.apps.web.pages import Page

NAMES = {"name": "books"}
_PART = re.compile(r"{(\w+)(?::\w+)?}")


def visited(page: Page) -> str | None:
    """The page's address with its example values, else those of all tests; None where there is no value."""
    values = {**NAMES, **page.examples}
    if any(name not in values for name in _PART.findall(page.path)):
        return None
    return _PART.sub(lambda found: quote(values[found[1]], safe=""), page.path)


def visited_pages() -> Iterator[str]:
    """Every address that can be visited without work before."""
    yield from (address for page in PAGES if not page.is_file and (address := visited(page)) is not None)
    yield "/jobs"


def json_of(address: str) -> str:
    """The address of a page's data."""
    path, _, query = address.partition("?")
    return ("/index.json" if path == "/" else f"{path}.json") + (f"?{query}" if query else "")
