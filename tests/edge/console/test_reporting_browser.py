"""A person drills from a balance to a bill, in a real browser, by clicks alone."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.edge.app import run_words
from intacct_bridge.edge.terminal.console import Console
from support.browser import NARROW
from support.edge.console_site import RunningConsole

pytestmark = pytest.mark.browser
STREAMS = "GLDETAIL GLBATCH GLENTRY GLACCOUNT LOCATION LOCATIONENTITY VENDOR APBILL APBILLITEM APPYMT APPYMTDETAIL"


@pytest.fixture(scope="module")
def copy(console: RunningConsole, user: Path) -> Path:
    words = ["extract", *STREAMS.split(), "--connection", "books", "--to", "duckdb:///books.duckdb", "-q"]
    assert run_words(words, Console(), "")[0] == 0
    return user / "work" / "books.duckdb"


def entered(browser: Any, console: RunningConsole, **how: Any) -> Any:
    page = browser.new_context(**how).new_page()
    page.goto(console.server.start_address())
    page.wait_for_url(f"{console.url}/")
    return page


@pytest.mark.parametrize("how", [{}, {"viewport": NARROW}, {"java_script_enabled": False}])
def test_from_a_balance_to_a_bill(browser: Any, console: RunningConsole, copy: Path, how: dict[str, Any]) -> None:
    page = entered(browser, console, **how)
    page.get_by_role("link", name="Reporting").click()
    page.get_by_role("link", name="duckdb:///books.duckdb").click()
    row = page.get_by_role("row").filter(has_text="20000").first
    closing = row.get_by_role("cell").last.inner_text()
    row.get_by_role("link").click()
    assert page.locator("h1").inner_text().startswith("Account 20000")
    assert closing in page.locator("main").inner_text()
    bill = page.get_by_role("link", name=re.compile("^bill ")).first
    number = bill.inner_text().removeprefix("bill ")
    bill.click()
    assert page.locator("h1").inner_text() == f"Bill {number}"
    with duckdb.connect(str(copy), read_only=True) as con:
        ((total, vendor),) = con.execute(
            "SELECT TOTALENTERED, VENDORNAME FROM APBILL WHERE RECORDID = ?", [number]
        ).fetchall()
    said = page.locator("main").inner_text()
    assert vendor in said
    assert f"{total:,.2f}" in said
    page.get_by_role("link", name=re.compile("^APJ ")).first.click()
    assert page.locator("h1").inner_text().startswith("Journal entry APJ")
    page.get_by_role("link", name=f"bill {number}").first.click()
    assert page.locator("h1").inner_text() == f"Bill {number}"
    width = page.evaluate("document.documentElement.scrollWidth") if "java_script_enabled" not in how else 0
    assert width <= how.get("viewport", {"width": 1280})["width"]
    page.context.close()


def test_reports_have_no_serious_barrier(browser: Any, console: RunningConsole, copy: Path) -> None:
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed").Axe()
    page = entered(browser, console)
    found = {}
    for report in ("trial-balance", "income-statement", "balance-sheet", "payables", "lines?account=20000"):
        page.goto(f"{console.url}/reporting/{report}")
        for closed in page.query_selector_all("details:not([open]) > summary"):
            closed.click()
        bad = [one for one in axe.run(page)["violations"] if one["impact"] in ("serious", "critical")]
        if bad:
            found[report] = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in bad]
    page.goto(f"{console.url}/browse/VENDOR?run=yes&select=VENDORID,NAME&limit=50")
    bad = [one["id"] for one in axe.run(page)["violations"] if one["impact"] in ("serious", "critical")]
    page.context.close()
    assert (found, bad) == ({}, [])
