"""Journeys in a real Chromium: a payroll workbook is loaded and corrected, an entry settled, a dead letter replayed."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from intacct_bridge.apps.cli.app import main
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from support.apps.console_site import RunningConsole, running_console, save_connection
from support.apps.http_reader import HttpReader
from support.browser import NARROW, expect, follow, opened_page, serious_barriers, shows
from support.small_company import Clock, little_company

pytestmark = pytest.mark.browser
ROWS: list[list[object]] = [
    ["journal", "date", "reference", "title", "account", "department", "location", "debit", "credit"],
    ["GJ", "2026-11-30", "PAY-1", "Payroll week 1", "68000", "100", "100", 1250.50, None],
    ["GJ", "2026-11-30", "PAY-1", "Payroll week 1", "21000", "100", "100", None, 1250.50],
    ["GJ", "2026-11-30", "PAY-2", "Payroll week 2", "68000", "100", "100", 900, None],
    ["GJ", "2026-11-30", "PAY-2", "Payroll week 2", "21000", "100", "100", None, 899],
]


class Village:
    """A company over HTTP, and a console on it."""

    def __init__(self, emulator: Emulator, url: str, console: RunningConsole) -> None:
        self.emulator, self.console, self.reader = emulator, console, HttpReader(url)


@pytest.fixture(scope="module")
def village(user: Path) -> Iterator[Village]:
    with closing(little_company(Clock())) as emulator, serve(emulator) as server:
        save_connection("town", server.url)
        with running_console(connection="town") as console:
            yield Village(emulator, server.url, console)


@pytest.fixture(params=["script", "no-script", "telephone"])
def page(request: pytest.FixtureRequest, browser: Any, village: Village) -> Iterator[Any]:
    """A person at a desk, one whose browser runs no script, and one with a telephone."""
    ways: dict[str, dict[str, Any]] = {"no-script": {"java_script_enabled": False}, "telephone": {"viewport": NARROW}}
    with opened_page(browser, accept_downloads=True, **ways.get(request.param, {})) as made:
        village.console.sign_in(made)
        made.way = request.param
        yield made


def payroll(page: Any, folder: Path) -> Path:
    """A workbook whose references are those of this page's journey."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in ROWS:
        sheet.append([f"{cell}-{page.way}" if str(cell).startswith("PAY-") else cell for cell in row])
    path = folder / "payroll.xlsx"
    book.save(path)
    return path


def dropped(page: Any, file: Path, kind: str = "journal-entries", attached: Sequence[Path] = ()) -> None:
    """Choose a file in the form, as what it is, and plan it."""
    follow(page.get_by_role("link", name="Load", exact=True))
    page.locator("#f-file").set_input_files(file)
    page.get_by_label("Files that its rows name").set_input_files(attached)
    if kind.isupper():
        page.get_by_label("Or an object of Intacct").fill(kind)
    else:
        page.get_by_label("What the rows are").select_option(kind)
    follow(page.get_by_role("button", name="Read the file"))
    worked(page, "Plan the file")


def worked(page: Any, button: str) -> None:
    """Press a button that begins a job, whose page leads to its result."""
    follow(page.get_by_role("button", name=button))
    page.wait_for_url(lambda url: "/jobs/" not in url)


def test_a_payroll_workbook_is_dropped_corrected_approved_and_posted(
    page: Any, village: Village, tmp_path: Path
) -> None:
    dropped(page, payroll(page, tmp_path))
    shows(page, "debits exceed credits by 1.00")
    worked(page, "Post 1 record")
    expect(page.locator(".notice").first).to_contain_text("1 posted")
    number = village.reader.rows("GLBATCH", "RECORDNO", REFERENCENO=f"PAY-1-{page.way}")[0]["RECORDNO"]
    expect(page.get_by_role("region", name="Receipts")).to_contain_text(f"GLBATCH {number}")
    follow(page.get_by_role("link", name="Its entries in the outbox"))
    expect(page.get_by_role("region", name="Entries")).to_contain_text(number)
    page.go_back()
    with page.expect_download() as saved:
        page.get_by_role("link", name="payroll.refused.xlsx").click()
    corrected = tmp_path / "payroll.refused.xlsx"
    saved.value.save_as(corrected)
    book = load_workbook(corrected)
    sheet = book.active
    assert sheet is not None
    sheet["I3"] = 900
    book.save(corrected)
    dropped(page, corrected)
    shows(page, "1 to create")
    expect(page.locator("main")).not_to_contain_text("2 refused", use_inner_text=True)
    worked(page, "Post 1 record")
    expect(page.locator(".notice").first).to_contain_text("1 posted")
    assert len(village.reader.rows("GLBATCH", "RECORDNO", REFERENCENO=f"PAY-2-{page.way}")) == 1


def test_a_file_shows_what_it_is_and_its_page_asks_for_what_it_lacks(
    page: Any, village: Village, tmp_path: Path
) -> None:
    """A payroll as its program writes it: neither a kind, nor a journal, a date and a title."""
    title = f"June {page.way}"
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Account", "Debit", "Credit", "Department", "Location"],
                ["68000", 1250.50, None, "100", "100"], ["21000", None, 1250.50, "100", "100"]):  # fmt: skip
        sheet.append(row)
    file = tmp_path / f"payroll {page.way}.xlsx"
    book.save(file)
    follow(page.get_by_role("link", name="Load", exact=True))
    page.locator("#f-file").set_input_files(file)
    follow(page.get_by_role("button", name="Read the file"))
    shows(page, "Its columns are those of journal-entries")
    if page.way != "no-script":  # axe is a script
        assert serious_barriers(page) == {}
    page.get_by_label("Journal").fill("GJ")
    page.get_by_label("Date", exact=False).first.fill("2026-11-30")
    page.get_by_label("Title").fill(title)
    worked(page, "Plan the file with these values")
    shows(page, "1 to create")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    worked(page, "Post 1 record")
    expect(page.locator(".notice.good").first).to_contain_text("1 posted")
    expect(page.locator(".notice.warn")).to_have_count(0)
    assert len(village.reader.rows("GLBATCH", "RECORDNO", BATCH_TITLE=title)) == 1
    follow(page.get_by_role("button", name="Plan to take it back"))
    shows(page, "This plan takes back run")
    worked(page, "Post 1 record")
    expect(page.get_by_role("region", name="Records")).to_contain_text(title)
    assert len(village.reader.rows("GLBATCH", "RECORDNO", BATCH_TITLE=title)) == 1, "it is reversed, not deleted"


def test_bills_are_dropped_with_their_files_and_a_missing_one_is_added(
    page: Any, village: Village, tmp_path: Path
) -> None:
    names = (f"first {page.way}.pdf", f"second {page.way}.pdf")
    head = "VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,APBILLITEM.ACCOUNTNO,APBILLITEM.TRX_AMOUNT,"
    rows = [
        f"V10001,ATT-{page.way}-{at},2026-11-15,2026-12-15,USD,68000,12.50,100,{name}" for at, name in enumerate(names)
    ]
    table = tmp_path / "bills.csv"
    table.write_text("\n".join([f"{head}APBILLITEM.LOCATIONID,Attachments", *rows]))
    for name in names:
        (tmp_path / name).write_bytes(f"%PDF {name}".encode())
    dropped(page, table, "APBILL", [tmp_path / names[0]])
    shows(page, f"there is no file {names[1]} among the files that came with the table")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("window.innerWidth")
    page.get_by_label("Add files").set_input_files([tmp_path / names[1]])
    follow(page.get_by_role("button", name="Add the files"))
    shows(page, names[1])
    worked(page, "Plan the file")
    worked(page, "Post ")
    expect(page.locator(".notice").first).to_contain_text(" posted")
    expect(page.locator(".notice").first).not_to_contain_text("refused")
    for at in range(2):
        (bill,) = village.reader.rows("APBILL", "SUPDOCID", RECORDID=f"ATT-{page.way}-{at}")
        assert bill["SUPDOCID"]


def test_an_entry_in_doubt_is_settled_by_a_person(page: Any, village: Village) -> None:
    name = f"B-{page.way}"[:20]
    village.emulator.fault_plan = FaultPlan((ScriptedFault("cut-after", function="create", object="CLASS"),))
    assert main(["create", "CLASS", f"CLASSID={name}", "NAME=Doubtful", "--connection", "town"]) == 5
    follow(page.get_by_role("link", name="Outbox", exact=True))
    page.get_by_label("State").select_option("in_doubt")
    follow(page.get_by_role("button", name="Search"))
    follow(page.get_by_role("region", name="Entries").locator("tbody").get_by_role("link").first)
    worked(page, "Settle")
    expect(page.locator("main .badge").first).to_contain_text("applied")
    assert len(village.reader.rows("CLASS", "NAME", CLASSID=name)) == 1


def test_a_dead_letter_is_replayed_by_a_person(page: Any, village: Village, user: Path) -> None:
    watch = ["watch", "DEPARTMENT", "--once", "--attempts", "1", "--connection", "town", "--name", page.way, "--to"]
    number = f"D{page.way[:3].upper()}"
    assert main([*watch, "exec:true"]) == 0
    assert main(["create", "DEPARTMENT", f"DEPARTMENTID={number}", "TITLE=New", "--connection", "town"]) == 0
    assert main([*watch, "exec:false"]) == 1
    follow(page.get_by_role("link", name="Dead letters", exact=True).first)
    expect(page.get_by_role("checkbox", name="Event")).to_have_count(1)
    follow(page.get_by_role("button", name="Replay"))
    expect(page.get_by_role("status").first).to_contain_text("delivered again")
    assert main([*watch, f"jsonl:{page.way}"]) == 0
    assert number in (user / "work" / page.way / "DEPARTMENT.jsonl").read_text()


def test_the_pages_of_postings_have_no_serious_barrier(village: Village, browser: Any, tmp_path: Path) -> None:
    """The pages that exist only after work: a file with its plan, its mapping, an entry, a run, a flow."""
    (Path.cwd() / "intacct.toml").write_text(
        '[flows.nightly]\ncommand = "extract"\nconnection = "town"\nto = "csv:c"\n'
    )
    with opened_page(browser, viewport=NARROW) as page:
        page.way = "axe"
        village.console.sign_in(page)
        dropped(page, payroll(page, tmp_path))
        file = page.url
        addresses = [file, f"{file}/mapping?object=GLBATCH", "/outbox?connection=town", "/runs", "/flows/nightly"]
        page.goto(f"{village.console.url}/outbox?connection=town")
        entries = page.get_by_role("region", name="Entries").locator("tbody")
        addresses.append(entries.get_by_role("link").first.get_attribute("href"))
        page.goto(f"{village.console.url}/runs")
        addresses.append(
            page.get_by_role("region", name="Runs").locator("tbody").get_by_role("link").first.get_attribute("href")
        )
        for address in addresses:
            page.goto(address if address.startswith("http") else village.console.url + address)
            assert serious_barriers(page) == {}, address
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], address
