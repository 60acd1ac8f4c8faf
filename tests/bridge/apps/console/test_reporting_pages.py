"""Extract makes a copy, and Reporting shows it: every amount leads to its lines, and a line to its document."""

import re
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.apps.cli.app import run_words
from intacct_bridge.apps.console import copies
from intacct_bridge.apps.console.app import TeamMode
from intacct_bridge.apps.console.sign_in import SECRET_HEADER
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.copies.copy import open_copy
from support.apps.console_site import RunningConsole, Visitor, job_id, running_console

URI = "duckdb:///books.duckdb"
STREAMS = "GLDETAIL GLBATCH GLENTRY GLACCOUNT LOCATION LOCATIONENTITY VENDOR APBILL APBILLITEM APPYMT APPYMTDETAIL"


@pytest.fixture(scope="module")
def copy(console: RunningConsole, user: Path) -> Path:
    """A copy that the page Extract made."""
    visitor = console.signed_in()
    empty = visitor.get("/reporting")
    assert "No copy exists yet" in empty.text
    assert 'href="/extract"' in empty.html
    assert "No copy exists yet" in visitor.get("/reporting/trial-balance").text
    began = visitor.post("/extract/run", {"connection": "books", "others": STREAMS, "to": URI})
    assert began.status == 303, began.text
    done = visitor.until_done(began.location)
    assert done["job"]["state"] == "done", done
    assert done["totals"]["rows"] > 100
    assert {one["stream"] for one in done["streams"]} >= {"GLDETAIL", "APBILL"}
    assert done["job"]["done"] == done["job"]["total"] == done["totals"]["rows"]
    assert done["job"]["unit"] == "rows"
    assert done["command"] == f"intacct extract --connection books --to {URI} -- {STREAMS}"
    page = visitor.get(began.location)
    assert "Reports from this copy" in page.text
    asked = remembered()
    for report in ("trial-balance", "income-statement", "balance-sheet", "payables"):
        assert visitor.get(f"/reporting/{report}").status == 200
    assert remembered() == asked, "the extraction left the rows of the reports remembered"
    assert any("ap_ageing" in sql for sql in asked)
    return user / "work" / "books.duckdb"


def remembered() -> set[str]:
    """The statements whose rows are remembered for the copy as it is now."""
    return {sql for uri, stamp, sql in copies._answers if (uri, stamp) == (URI, copies._stamp(URI))}


def rows(copy: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(copy), read_only=True) as con:
        return con.execute(sql).fetchall()


def links(html: str, start: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'href="([^"]+)"', html) if unescape(one).startswith(start)]


def test_rows_asked_together_are_those_of_each_statement_alone(copy: Path) -> None:
    uri = f"duckdb:///{copy}"
    together = sorted(remembered())
    with open_copy(uri).answering(*together) as ask:
        for sql in together:
            assert ask(sql) == open_copy(uri).sql(sql)
    assert sum("reporting.trial_balance" in sql for sql in together) >= 2


def test_the_copy_is_listed_with_its_age_and_its_proof(copy: Path, visitor: Visitor) -> None:
    (listed,) = visitor.get("/reporting.json").json["listed"]
    assert (listed["uri"], listed["company"], listed["proof"]) == (URI, "demo-company", None)
    assert listed["extracted"]
    assert run_words(["reconcile", "--connection", "books", "--copy", URI, "-q"], Output())[0] == 0
    (proved,) = visitor.get("/reporting.json").json["listed"]
    assert proved["proof"]["verdict"] == "equal"
    assert visitor.get(f"/runs/{proved['proof']['run']}").status == 200
    assert "equal" in visitor.get("/reporting/trial-balance").text
    with duckdb.connect(str(copy)) as con:
        con.execute("UPDATE VENDOR SET NAME = 'x' WHERE RECORDNO = (SELECT min(RECORDNO) FROM VENDOR)")
    assert run_words(["reconcile", "--connection", "books", "--copy", URI, "-q"], Output())[0] == 1
    assert visitor.get("/reporting.json").json["listed"][0]["proof"]["verdict"] == "different"


def test_the_trial_balance_adds_up_to_the_raw_lines(copy: Path, visitor: Visitor) -> None:
    found = visitor.get("/reporting/trial-balance.json").json
    until, book = found["until"], found["book"]
    raw = rows(
        copy,
        "SELECT BASECURR, ACCOUNTNO, sum(coalesce(DEBITAMOUNT, 0) - coalesce(CREDITAMOUNT, 0)) FROM GLDETAIL "
        f"WHERE BATCH_DATE <= '{until}' AND BOOKID = '{book}' AND STATISTICAL = 'F' GROUP BY 1, 2",
    )
    expected = {(currency, account): balance for currency, account, balance in raw if balance}
    shown = {
        (table["currency"], row["account_no"]): Decimal(row["closing"])
        for table in found["tables"]
        for row in table["rows"]
    }
    assert {key: value for key, value in shown.items() if value} == expected
    for table in found["tables"]:
        assert Decimal(table["total"]["closing"]) == 0
        assert all(isinstance(row["closing"], str) for row in table["rows"])  # no reader makes a float of money


def test_a_number_leads_to_lines_an_entry_and_a_bill(copy: Path, visitor: Visitor) -> None:
    page = visitor.get("/reporting/trial-balance")
    ((number, key, vendor),) = rows(
        copy, "SELECT RECORDID, RECORDNO, VENDORID FROM APBILL WHERE STATE <> 'Draft' ORDER BY RECORDNO LIMIT 1"
    )
    (payable,) = {one for one in links(page.html, "/reporting/lines") if "account=20000" in one}
    lines = visitor.get(payable.replace("since=", "before="))  # from the first line on
    data = visitor.get(payable.replace("since=", "before=").replace("/lines?", "/lines.json?")).json
    assert all(row["entry_page"] for row in data["rows"])
    bills = [one for one in links(lines.html, "/reporting/document") if f"key={key}" in one and "type=bill" in one]
    assert bills, lines.text
    bill = visitor.get(bills[0])
    assert number in bill.text
    assert vendor in bill.text
    assert "What it posted" in bill.text
    assert "Lines: APBILLITEM" in bill.text
    (entry, *_) = links(bill.html, "/reporting/entry")
    shown = visitor.get(entry)
    assert shown.status == 200
    assert number in shown.text
    back = links(shown.html, "/reporting/document")
    assert bills[0] in back


def test_statements_and_ageing_have_charts_with_their_numbers(copy: Path, visitor: Visitor) -> None:
    income = visitor.get("/reporting/income-statement")
    assert "<svg" in income.html
    assert "Net income" in income.text
    sheet = visitor.get("/reporting/balance-sheet.json").json
    assert {Decimal(table["off"]) for table in sheet["tables"]} == {Decimal(0)}
    day = "2026-11-30"
    ageing = visitor.get(f"/reporting/payables.json?day={day}").json
    shown = sum(Decimal(row["total"]) for table in ageing["tables"] for row in table["rows"])
    assert visitor.get(f"/reporting/payables?day={day}").status == 200
    (row, *_) = ageing["tables"][0]["rows"]
    items = visitor.get(row["items_page"].replace("/open-items?", "/open-items.json?")).json["rows"]
    assert sum(Decimal(one["open_base"]) for one in items) == Decimal(row["total"])
    unpaid = rows(copy, "SELECT sum(TOTALDUE) FROM APBILL WHERE STATE IN ('Posted', 'Partially Paid', 'Selected')")
    assert shown == unpaid[0][0]


@pytest.mark.parametrize("words", ["side=zz", "side=AP", "basis=due"])
def test_an_unknown_side_or_basis_of_open_items_is_refused(copy: Path, visitor: Visitor, words: str) -> None:
    assert copy.exists()
    assert visitor.get("/reporting/open-items?side=ap").status == 200
    answer = visitor.get(f"/reporting/open-items?{words}")
    assert (answer.status, "There is no " in answer.text) == (400, True)


def test_the_command_of_a_page_gives_its_rows(copy: Path, visitor: Visitor, capsys: Any) -> None:
    import json
    import shlex

    found = visitor.get("/reporting/trial-balance.json").json
    words = shlex.split(found["command"])
    assert words[0] == "intacct"
    capsys.readouterr()
    assert run_words([*words[1:], "--json"], Output())[0] == 0
    printed = json.loads(capsys.readouterr().out)
    shown = [row for table in found["tables"] for row in table["rows"]]
    assert [(one["account_no"], Decimal(str(one["closing"]))) for one in printed] == [
        (one["account_no"], Decimal(one["closing"])) for one in shown
    ]


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        ("/reporting/trial-balance?month=2020-01-01", 400, "Choose a book and a month"),
        ("/reporting/trial-balance?month=x", 400, "is not a date"),
        ("/reporting/trial-balance?copy=duckdb:///none.duckdb", 400, "there is no file"),
        ("/reporting/trial-balance?copy=mysql://x", 400, "Unsupported destination"),
        ("/reporting/trial-balance?copy=postgresql://me:secret-word@127.0.0.1/x", 400, "must hold no password"),
        ("/reporting/receivables", 400, "Extract it, too"),
        ("/reporting/entry?key=0", 404, "no posted entry"),
        ("/reporting/entry?key='+OR+1=1+--", 404, "no posted entry"),
        ("/reporting/document?type=bill&key=0", 404, "no bill"),
        ("/reporting/document", 404, "no document"),
        ("/reporting/lines?account=20000&skip=-1", 400, "is not a number"),
        ("/reporting/payables?basis=cash", 400, "no basis"),
    ],
)
def test_what_cannot_be_shown_is_told(copy: Path, visitor: Visitor, address: str, status: int, says: str) -> None:
    seen = visitor.get(address)
    assert (seen.status in (400, status), says in seen.text) == (True, True), (seen.status, seen.text)
    assert "secret-word" not in seen.text


def test_an_estimate_reads_nothing_and_a_wrong_form_keeps_what_was_entered(copy: Path, visitor: Visitor) -> None:
    began = visitor.post("/extract/estimate", {"connection": "books", "others": "VENDOR", "to": "csv:elsewhere"})
    done = visitor.until_done(began.location)
    assert (done["job"]["state"], done["is_estimate"]) == ("done", True)
    assert [one["stream"] for one in done["streams"]] == ["VENDOR"]
    assert not Path("elsewhere").exists()
    singer = visitor.post("/extract/run", {"connection": "books", "others": "VENDOR", "to": " -"})
    assert singer.status == 422
    assert "a page is none" in singer.text
    assert 'value="VENDOR"' in singer.html
    failed = visitor.post("/extract/run", {"connection": "books", "others": "NOSUCH", "to": "csv:elsewhere"})
    ended = visitor.until_done(failed.location)
    assert ended["job"]["state"] == "failed"
    assert "NOSUCH" in visitor.get(failed.location).text
    option = visitor.post("/extract/run", {"connection": "books", "others": "--all", "to": "csv:elsewhere"})
    assert visitor.until_done(option.location)["job"]["state"] == "failed"


def test_the_lines_of_a_month_lead_from_the_opening_to_the_closing_balance(copy: Path, visitor: Visitor) -> None:
    found = visitor.get("/reporting/trial-balance.json").json
    row = next(one for table in found["tables"] for one in table["rows"] if one["account_no"] == "20000")
    lines = visitor.get(row["lines"].replace("/lines?", "/lines.json?")).json
    (balance,) = (one for one in lines["balances"].values() if one["closing"] == row["closing"])
    (sums,) = (one for one in lines["totals"] if one["base_currency"] == balance["base_currency"])
    moved = Decimal(sums["debit"]) - Decimal(sums["credit"])
    assert Decimal(balance["opening"]) + moved == Decimal(balance["closing"])
    assert sums["lines"] == sum(1 for one in lines["rows"] if one["base_currency"] == balance["base_currency"])


def test_a_team_uses_known_copies_and_only_administrators_name_others(
    copy: Path, user: Path, gateway: str, tmp_path: Path
) -> None:
    mode = TeamMode("X-Forwarded-User", "a-long-secret-of-the-proxy")
    with running_console(team=mode, hosts=("books.example",), administrators=("berta",)) as console:
        for person, allowed in (("carl", False), ("berta", True)):
            headers = {"Host": "books.example", "X-Forwarded-User": person, SECRET_HEADER: mode.secret}
            visitor = console.visitor()
            other = f"duckdb:///{tmp_path}/other.duckdb"
            assert visitor.get("/reporting/trial-balance", **headers).status == 200
            named = visitor.get(f"/reporting/trial-balance?copy={other}", **headers)
            assert (named.status, "there is no file" in named.text) == ((400, True) if allowed else (403, False))
            page = visitor.get("/extract", **headers)
            token = re.search(r'name="csrf" value="([^"]+)"', page.html)
            assert token is not None
            form = {"connection": "books", "others": "LOCATION", "to": f"csv:{tmp_path / person}", "csrf": token[1]}
            began = visitor.post("/extract/run", form, Origin="https://books.example", **headers)
            assert began.status == (303 if allowed else 403)
            if allowed:
                visitor.get(f"/jobs/{job_id(began.location)}/events", **headers)
            assert (tmp_path / person).exists() == allowed
            form = {"connection": "books", "copy": other, "csrf": token[1]}
            compared = visitor.post("/reconcile/run", form, Origin="https://books.example", **headers)
            assert compared.status == (303 if allowed else 403)
            if allowed:
                visitor.get(f"/jobs/{job_id(compared.location)}/events", **headers)


def test_the_reports_of_a_person_are_that_persons_own(copy: Path, user: Path, gateway: str) -> None:
    """Two directories may have an `anna` each, whom the proxy tells apart."""
    mode = TeamMode("X-Forwarded-User", "a-long-secret-of-the-proxy")
    with running_console(team=mode, hosts=("books.example",)) as console:
        reports: list[int] = []
        for person in ("NORTH\\anna", "SOUTH\\anna"):
            headers = {"Host": "books.example", "X-Forwarded-User": person, SECRET_HEADER: mode.secret}
            visitor = console.visitor()
            token = re.search(r'name="csrf" value="([^"]+)"', visitor.get("/reconcile", **headers).html)
            assert token is not None
            if not reports:
                form = {"connection": "books", "copy": URI, "csrf": token[1]}
                job = visitor.post("/reconcile/run", form, Origin="https://books.example", **headers).location
                visitor.get(f"/jobs/{job_id(job)}/events", **headers)
            reports.append(len(visitor.get("/reconcile.json", **headers).json["reports"]))
    assert reports == [1, 0]


def test_texts_of_records_are_escaped_and_are_no_links(copy: Path, visitor: Visitor) -> None:
    hostile = "<script>alert(1)</script><a href=''https://evil.example''>x</a>{{ 7 * 7 }}"
    with duckdb.connect(str(copy)) as con:
        con.execute(f"UPDATE APBILL SET VENDORNAME = '{hostile}', DESCRIPTION = '{hostile}'")
        con.execute(f"UPDATE GLDETAIL SET DESCRIPTION = '{hostile}', BATCH_TITLE = '{hostile}'")
        con.execute(f"UPDATE GLACCOUNT SET TITLE = '{hostile}'")
        ((key, entry),) = con.execute(
            "SELECT min(RECORDNO), (SELECT min(BATCHKEY) FROM GLDETAIL) FROM APBILL"
        ).fetchall()
    for address in (
        "/reporting/trial-balance", "/reporting/income-statement", "/reporting/balance-sheet", "/reporting/payables",
        "/reporting/lines?account=20000", f"/reporting/entry?key={entry}", f"/reporting/document?type=bill&key={key}",
    ):  # fmt: skip
        seen = visitor.get(address)
        assert seen.status == 200, (address, seen.text)
        assert "<script>alert" not in seen.html
        assert "href='https://evil" not in seen.html
        assert "evil.example" not in str(links(seen.html, "https"))
        assert len(seen.body) < 100_000
    assert "&lt;script&gt;" in visitor.get("/reporting/trial-balance").html
