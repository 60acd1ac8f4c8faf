"""A person drills from a balance to a bill, in a real browser, by clicks alone."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.apps.cli.app import run_words
from intacct_bridge.apps.terminal.output import Output
from support.apps.console_site import RunningConsole
from support.browser import NARROW, expect, follow, opened_page, serious_barriers, shows

pytestmark = pytest.mark.browser
STREAMS = "GLDETAIL GLBATCH GLENTRY GLACCOUNT LOCATION LOCATIONENTITY VENDOR APBILL APBILLITEM APPYMT APPYMTDETAIL"


@pytest.fixture(scope="module")
def copy(console: RunningConsole, user: Path) -> Path:
    words = ["extract", *STREAMS.split(), "--connection", "books", "--to", "duckdb:///books.duckdb", "-q"]
    assert run_words(words, Output())[0] == 0
    return user / "work" / "books.duckdb"


@pytest.mark.parametrize("how", [{}, {"viewport": NARROW}, {"java_script_enabled": False}])
def test_from_a_balance_to_a_bill(browser: Any, console: RunningConsole, copy: Path, how: dict[str, Any]) -> None:
    with opened_page(browser, **how) as page:
        console.sign_in(page)
        title = page.locator("h1")
        follow(page.get_by_role("link", name="Reporting"))
        follow(page.get_by_role("link", name="duckdb:///books.duckdb"))
        row = page.get_by_role("row").filter(has_text="20000").first
        closing = row.get_by_role("cell").last.inner_text()
        follow(row.get_by_role("link"))
        expect(title).to_have_text(re.compile("^Account 20000"))
        shows(page, closing)
        bill = page.get_by_role("link", name=re.compile("^bill ")).first
        number = bill.inner_text().removeprefix("bill ")
        follow(bill)
        expect(title).to_have_text(f"Bill {number}")
        with duckdb.connect(str(copy), read_only=True) as con:
            ((total, vendor),) = con.execute(
                "SELECT TOTALENTERED, VENDORNAME FROM APBILL WHERE RECORDID = ?", [number]
            ).fetchall()
        shows(page, vendor)
        shows(page, f"{total:,.2f}")
        follow(page.get_by_role("link", name=re.compile("^APJ ")).first)
        expect(title).to_have_text(re.compile("^Journal entry APJ"))
        follow(page.get_by_role("link", name=f"bill {number}").first)
        expect(title).to_have_text(f"Bill {number}")
        width = page.evaluate("document.documentElement.scrollWidth") if "java_script_enabled" not in how else 0
        assert width <= how.get("viewport", {"width": 1280})["width"]


def test_reports_have_no_serious_barrier(browser: Any, console: RunningConsole, copy: Path) -> None:
    reports = ("trial-balance", "income-statement", "balance-sheet", "payables", "lines?account=20000")
    rows = "browse/VENDOR?run=yes&select=VENDORID,NAME&limit=50"
    found = {}
    with opened_page(browser) as page:
        console.sign_in(page)
        for address in (*(f"reporting/{one}" for one in reports), rows):
            page.goto(f"{console.url}/{address}")
            found[address] = serious_barriers(page)
    assert [address for address, barriers in found.items() if barriers] == [], found


def test_captions_and_choices_can_be_read(browser: Any, console: RunningConsole, copy: Path) -> None:
    """The caption of a table says the currency; a choice shows its whole text."""
    with opened_page(browser, viewport=NARROW) as page:
        console.sign_in(page)
        for report in ("trial-balance", "balance-sheet", "payables"):
            page.goto(f"{console.url}/reporting/{report}")
            for caption in page.locator(".scroll > table > caption").all():
                box = caption.bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= NARROW["width"], caption.inner_text()
    with opened_page(browser) as page:
        console.sign_in(page)
        page.goto(f"{console.url}/reporting/payables")
        basis = page.get_by_label("Counted by")
        needed = basis.evaluate(
            "one => { const free = one.cloneNode(true); free.style.width = 'max-content'; "
            "one.parentNode.append(free); const width = free.offsetWidth; free.remove(); return width }"
        )
        assert basis.bounding_box()["width"] >= needed
