"""Load and plans: a workbook is dropped, read, mapped, planned, approved and posted, as a person's browser sends it."""

import base64
import io
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from intacct_bridge.apps.console.pages.postings.dropped_files import changing_outcomes, find_file
from support.apps.console_site import RunningConsole, Seen, Visitor, running_console, save_connection
from support.apps.http_reader import HttpReader

HEADER = ["journal", "date", "reference", "title", "account", "department", "location", "debit", "credit"]
PAYROLL: list[list[object]] = [
    list(HEADER),
    ["GJ", "2026-11-30", "PAY-1", "Payroll week 1", "68000", "100", "100", 1250.50, None],
    ["GJ", "2026-11-30", "PAY-1", "Payroll week 1", "21000", "100", "100", None, 1250.50],
    ["GJ", "2026-11-30", "PAY-2", "Payroll week 2", "68000", "100", "100", 900, None],
    ["GJ", "2026-11-30", "PAY-2", "Payroll week 2", "21000", "100", "100", None, 899],
]


def workbook(rows: list[list[object]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def drop(visitor: Visitor, name: str, content: bytes, **fields: str) -> Seen:
    return visitor.upload("/load/add", {"file": (name, content)}, {"connection": "books", **fields})


AS_JOURNAL = {"as": "journal-entries"}


def planned(visitor: Visitor, seen: Seen) -> str:
    """Plan a file that was dropped, and give its address."""
    assert seen.status == 303, seen.text
    started = visitor.post(f"{seen.location}/plan")
    done = visitor.until_done(started.location)["job"]
    assert (done["state"], done["result"]) == ("done", seen.location), done
    return seen.location


def plan_of(visitor: Visitor, here: str) -> str:
    """The id of the plan that the page of a file shows, as its form to post has it."""
    return str(visitor.get(f"{here}.json").json["plan"]["id"])


def posted(visitor: Visitor, here: str, **fields: str) -> dict[str, str]:
    """Post the plan of a file, and give the outcomes by record."""
    started = visitor.post(f"{here}/apply", {"plan": plan_of(visitor, here), **fields})
    done = visitor.until_done(started.location)["job"]
    assert done["state"] == "done", done
    return {one["record"]: one["outcome"] for one in visitor.get(f"{here}.json").json["outcomes"]}


def entries(reader: HttpReader, reference: str) -> list[dict[str, str]]:
    return reader.rows("GLBATCH", "RECORDNO", "BATCH_TITLE", REFERENCENO=reference)


def test_a_workbook_is_planned_posted_and_its_refused_rows_are_corrected(visitor: Visitor, gateway: str) -> None:
    reader = HttpReader(gateway)
    here = planned(visitor, drop(visitor, "payroll.xlsx", workbook(PAYROLL), **AS_JOURNAL))
    page = visitor.get(here)
    plan = visitor.get(f"{here}.json").json["plan"]
    assert plan["counts"] == {"create": 1, "refused": 1}
    assert plan["totals"][0] == {"currency": "USD", "debit": "1250.5", "credit": "1250.5", "amount": "0"} or (
        float(plan["totals"][0]["debit"]) == 1250.5
    )
    assert "1,250.50" in page.text
    assert "debits exceed credits by 1.00" in page.text
    assert plan["transactions"] == 1
    assert entries(reader, "PAY-1") == [], "a plan sends nothing"
    outcomes = posted(visitor, here)
    assert list(outcomes.values()) == ["posted"]
    assert len(entries(reader, "PAY-1")) == 1
    receipt = visitor.get(f"{here}.json").json["outcomes"][0]["receipt"]
    assert receipt == f"GLBATCH {entries(reader, 'PAY-1')[0]['RECORDNO']}"
    assert "Nothing is left to post" in visitor.get(here).body.decode()

    refused = visitor.get(f"{here}/refused-rows")
    assert "payroll.refused.xlsx" in refused.headers["content-disposition"]
    sheet = load_workbook(io.BytesIO(refused.body)).active
    assert sheet is not None
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert [row[2] for row in rows[1:]] == ["PAY-2", "PAY-2"]
    rows[2][8] = 900
    again = planned(visitor, drop(visitor, "payroll.refused.xlsx", workbook(rows), **AS_JOURNAL))
    assert list(posted(visitor, again).values()) == ["posted"]
    assert len(entries(reader, "PAY-2")) == 1

    whole = planned(visitor, drop(visitor, "payroll.xlsx", workbook(PAYROLL), **AS_JOURNAL))
    counts = visitor.get(f"{whole}.json").json["plan"]["counts"]
    assert counts.get("create") is None, "what was posted is not posted again"


def test_a_file_is_read_in_another_way_and_by_a_mapping(visitor: Visitor) -> None:
    text = b"Code;Class name;Remark\nL-7;Seven;x\nL-8;Eight;y\n"
    seen = drop(visitor, "classes.csv", text)
    here = seen.location
    assert "It is not known what classes.csv holds" in visitor.follow(seen).text
    form = visitor.get(f"{here}/mapping?object=CLASS")
    assert 'value="CLASSID"' in form.html
    mapped = visitor.ask(
        "POST",
        f"{here}/map",
        (f"csrf={visitor.csrf}&object=CLASS&column=Code&field=CLASSID&column=Class+name&field=NAME"
         "&column=Remark&field=&group_by=").encode(),
        {"Origin": visitor.url, "Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert mapped.status == 303, mapped.text
    kept = visitor.get(f"{here}/mapping-file")
    assert kept.body.decode() == (
        'object = "CLASS"\nignore = ["Remark"]\n\n[fields]\nCLASSID = "Code"\nNAME = "Class name"\n'
    )
    planned(visitor, seen)
    assert visitor.get(f"{here}.json").json["plan"]["counts"] == {"create": 2}
    wrong = visitor.post(f"{here}/map", {"as-text": "yes", "text": "object = ", "object": "CLASS"})
    assert wrong.status == 400
    visitor.post(f"{here}/unmap")
    visitor.post(f"{here}/read", {"as": "CLASS", "delimiter": ";", "set": "STATUS=active"})
    shown = visitor.get(f"{here}.json").json
    assert shown["as_command"] == (
        "intacct load classes.csv --as CLASS --delimiter ';' --set STATUS=active --connection books"
    )
    assert shown["plan"] is None, "the plan was made for another way to read"
    visitor.post(f"{here}/read", {"as": "CLASS", "decimal": ","})
    assert visitor.get(f"{here}.json").json["as_command"] == (
        "intacct load classes.csv --as CLASS --decimal , --connection books"
    )
    assert '<option value="," selected>a comma: 1.234,50</option>' in visitor.get(here).body.decode()
    visitor.post(f"{here}/remove")
    assert visitor.get(here).status == 404


def runs(visitor: Visitor) -> list[str]:
    return [one["what"] for one in visitor.get("/runs.json").json["runs"]]


def test_a_look_at_a_file_is_a_run_only_where_intacct_is_asked(visitor: Visitor) -> None:
    here = drop(visitor, "first.csv", b"CLASSID,NAME\nL-30,Thirty\n", **{"as": "CLASS"}).location
    before = runs(visitor)
    assert "describe" not in before
    visitor.post(f"{here}/read", {"as": "CLASS", "set": "STATUS=active"})
    assert visitor.get(f"{here}/mapping?object=CLASS").status == 200
    assert runs(visitor) == before, "the object is known by now"
    planned(visitor, Seen(303, {"location": here}, b""))
    assert runs(visitor) == ["load", *before]
    fresh = drop(visitor, "second.csv", b"PROJECTID,NAME\nP-30,Thirty\n", **{"as": "PROJECT"})
    assert fresh.status == 303
    assert runs(visitor) == ["load preview", "load", *before]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "is empty"),
        ("notes.docx", b"x", "unsupported format"),
        ("broken.xlsx", b"not a workbook", "broken.xlsx"),
        ("binary.csv", b"\x00\x01\x02", "binary.csv"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(visitor: Visitor, name: str, content: bytes, said: str) -> None:
    seen = drop(visitor, name, content, **{"as": "CLASS"})
    page = visitor.follow(seen) if seen.status == 303 else seen
    assert page.status in (200, 422)
    assert said in page.text
    assert "Traceback" not in page.text


def test_the_pages_of_a_long_file_stay_small(visitor: Visitor) -> None:
    """25 entries of 40 lines."""
    lines = (
        f"GJ,2026-11-15,LONG-{entry},Long {entry},68000,200,100,{'' if line % 2 else '10.00'},"
        f"{'10.00' if line % 2 else ''},A memo of some words {line}"
        for entry in range(25)
        for line in range(40)
    )
    text = "\n".join([",".join([*HEADER, "memo"]), *lines])
    here = planned(visitor, drop(visitor, "long.csv", text.encode(), **AS_JOURNAL))
    plan = visitor.get(f"{here}.json").json["plan"]
    assert plan["counts"] == {"create": 25}
    assert f'href="/plans/books/{plan["id"]}"' in visitor.get(here).html
    for address in (here, f"/plans/books/{plan['id']}"):
        assert len(visitor.get(address).body) < 100_000, address


def test_without_a_file_the_form_comes_back(visitor: Visitor) -> None:
    seen = visitor.post("/load/add", {"connection": "books", "as": "bills"})
    assert seen.status == 422
    assert "No file was chosen." in seen.text
    assert 'value="bills"' in seen.html


# --- files that the rows name

BILL_ROWS = (
    "VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,APBILLITEM.ACCOUNTNO,APBILLITEM.TRX_AMOUNT,"
    "APBILLITEM.LOCATIONID,Attachments"
)


def bills(start: str, *cells: str) -> bytes:
    """A bill for each cell of the column of files."""
    rows = (f"V10001,{start}-{at},2026-11-15,2026-12-15,USD,68000,12.50,100,{cell}" for at, cell in enumerate(cells, 1))
    return "\n".join([BILL_ROWS, *rows]).encode()


def dropped(visitor: Visitor, table: bytes, *attached: tuple[str, bytes]) -> Seen:
    """A table of bills with the files that came with it."""
    files = [("file", "bills.csv", table), *(("attached", name, content) for name, content in attached)]
    return visitor.send_files("/load/add", files, {"connection": "books", "as": "APBILL"})


def attached_files(gateway: str, bill: str) -> list[tuple[str, str, bytes]]:
    """The files of a bill as another program reads them."""
    reader = HttpReader(gateway)
    (row,) = reader.rows("APBILL", "SUPDOCID", RECORDID=bill)
    found = reader.call(f'<get object="supdoc" key="{row["SUPDOCID"]}"/>')
    return [
        (one.findtext("attachmentname", ""), one.findtext("attachmenttype", ""),
         base64.b64decode(one.findtext("attachmentdata", "")))
        for one in found.iter("attachment")
    ]  # fmt: skip


def test_a_window_with_an_earlier_plan_posts_nothing(visitor: Visitor, gateway: str) -> None:
    rows = [["TAB-1" if cell == "PAY-1" else cell for cell in row] for row in PAYROLL[:3]]
    here = planned(visitor, drop(visitor, "twice.xlsx", workbook(rows), **AS_JOURNAL))
    assert f'name="plan" value="{plan_of(visitor, here)}"' in visitor.get(here).html
    earlier = plan_of(visitor, here)
    visitor.post(f"{here}/read", {"as": "journal-entries", "mode": "create", "draft": "yes"})  # in another window
    planned(visitor, Seen(303, {"location": here}, b""))
    for stale in ({"plan": earlier}, {}):
        refused = visitor.post(f"{here}/apply", stale)
        assert (refused.status, "another plan than the one that you saw" in refused.text) == (400, True), refused.text
    assert entries(HttpReader(gateway), "TAB-1") == []
    assert set(posted(visitor, here).values()) == {"posted"}


def test_a_form_that_is_sent_twice_posts_once_and_the_receipts_stay(visitor: Visitor, gateway: str) -> None:
    rows = [["TWO-1" if cell == "PAY-1" else cell for cell in row] for row in PAYROLL[:3]]
    here = planned(visitor, drop(visitor, "again.xlsx", workbook(rows), **AS_JOURNAL))
    plan = plan_of(visitor, here)
    assert set(posted(visitor, here).values()) == {"posted"}
    first = visitor.get(f"{here}.json").json
    again = visitor.post(f"{here}/apply", {"plan": plan})
    assert visitor.until_done(again.location)["job"]["state"] == "done"
    now = visitor.get(f"{here}.json").json
    assert (now["tally"], now["outcomes"], now["file"]["run"]) == ("1 posted", first["outcomes"], first["file"]["run"])
    assert len(entries(HttpReader(gateway), "TWO-1")) == 1


def test_what_another_window_did_meanwhile_is_not_undone_by_receipts(visitor: Visitor) -> None:
    seen = drop(visitor, "windows.csv", b"CLASSID,NAME\nW-1,One\n", **{"as": "CLASS"})
    file_id = seen.location.rpartition("/")[2]
    before = find_file(file_id, "anna")
    before.plan = "plan-000000000001"
    before.save()
    with changing_outcomes(before) as one:
        one.outcomes["W-1"] = {"record": "W-1"}
    with changing_outcomes(before) as other:
        other.outcomes["W-2"] = {"record": "W-2"}
    assert list(find_file(file_id, "anna").outcomes) == ["W-1", "W-2"]
    later = find_file(file_id, "anna")
    later.forget_plan()
    later.save()
    with changing_outcomes(before) as late:
        late.outcomes["W-3"] = {"record": "W-3"}
    assert find_file(file_id, "anna").outcomes == {}


def test_a_hidden_mark_in_the_name_of_a_column_comes_back_with_the_form(visitor: Visitor) -> None:
    """Windows writes such marks into exports; a page shows them, and a form must not change them."""
    column = "Class\u200eID"
    seen = drop(visitor, "marked.csv", f"{column},Label\nM-1,One\n".encode(), **{"as": "CLASS"})
    form = visitor.get(f"{seen.location}/mapping?object=CLASS").html
    assert f'name="column" value="{column}"' in form
    assert "Class\\u200eID" in visitor.get(f"{seen.location}/mapping?object=CLASS").text


def test_a_plan_of_a_file_that_another_window_changed_meanwhile_is_not_kept(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from intacct_bridge.operations import loads

    seen = drop(visitor, "meanwhile.csv", b"CLASSID,NAME\nW-5,One\n", **{"as": "CLASS"})
    here, plan_load = seen.location, loads.plan_load

    def read_meanwhile(*words: Any, **more: Any) -> Any:
        visitor.post(f"{here}/read", {"as": "DEPARTMENT", "mode": "create"})
        return plan_load(*words, **more)

    monkeypatch.setattr(loads, "plan_load", read_meanwhile)
    job = visitor.until_done(visitor.post(f"{here}/plan").location)["job"]
    assert "was changed in another window meanwhile" in job["problem"]["error"]
    shown = visitor.get(f"{here}.json").json
    assert (shown["plan"], shown["given"]["as"]) == (None, "DEPARTMENT")


def test_windows_that_save_at_once_do_not_fail(visitor: Visitor) -> None:
    seen = drop(visitor, "at-once.csv", b"CLASSID,NAME\nW-1,One\n", **{"as": "CLASS"})
    file = find_file(seen.location.rpartition("/")[2], "anna")
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(file.save) for _ in range(400)]:
            done.result()
    assert [one.name for one in file.folder.glob("load.json*")] == ["load.json"]


def test_bills_are_posted_with_the_files_that_came_with_them(visitor: Visitor, gateway: str) -> None:
    odd = unicodedata.normalize("NFD", "Rechnung Müller & Söhne (1).pdf")
    table = bills("ATT", f"scan.pdf; {odd}", "", "scan.pdf")
    seen = dropped(visitor, table, ("scan.pdf", b"%PDF one"), (unicodedata.normalize("NFC", odd), b"%PDF two"))
    here = planned(visitor, seen)
    plan = visitor.get(f"{here}.json").json
    assert plan["attached"] == ["scan.pdf", "Rechnung Müller & Söhne (1).pdf"]
    assert plan["plan"]["counts"].get("refused") is None, visitor.get(here).text
    assert set(posted(visitor, here).values()) == {"posted"}
    assert attached_files(gateway, "ATT-1") == [
        ("scan", "pdf", b"%PDF one"),
        ("Rechnung Müller & Söhne (1)", "pdf", b"%PDF two"),
    ]
    assert attached_files(gateway, "ATT-3") == [("scan", "pdf", b"%PDF one")]
    assert HttpReader(gateway).rows("APBILL", "SUPDOCID", RECORDID="ATT-2")[0]["SUPDOCID"] == ""


def test_a_missing_file_is_named_with_its_row_and_column_and_can_be_added(visitor: Visitor, gateway: str) -> None:
    here = planned(visitor, dropped(visitor, bills("MISS", "one.pdf", "two.pdf"), ("one.pdf", b"1")))
    assert visitor.get(f"{here}.json").json["plan"]["counts"]["refused"] == 1
    said = visitor.get(here).text
    assert "bills.csv:3" in said
    assert "Attachments: there is no file two.pdf among the files that came with the table" in said
    without = visitor.post(f"{here}/attach")
    assert (without.status, "No file was chosen." in without.text) == (400, True)
    again = visitor.send_files(f"{here}/attach", [("attached", "One.PDF", b"x")], {})
    assert (again.status, "There are two files One.PDF." in again.text) == (400, True)
    added = visitor.send_files(f"{here}/attach", [("attached", "two.pdf", b"2")], {})
    assert visitor.get(f"{here}.json").json["plan"] is None, "the plan was made without the file"
    planned(visitor, Seen(303, {"location": here}, added.body))
    assert set(posted(visitor, here).values()) == {"posted"}
    assert [attached_files(gateway, f"MISS-{at}") for at in (1, 2)] == [[("one", "pdf", b"1")], [("two", "pdf", b"2")]]


def test_a_missing_file_of_a_further_line_is_named_with_that_row_and_the_columns_own_name(visitor: Visitor) -> None:
    table = (
        b"Vendor,Bill no,Date,Due date,Account,Location,Amount,Scan\n"
        b"V10001,LINES-1,2026-11-15,2026-12-15,68000,100,5.00,one.pdf\n"
        b",,,,68000,100,6.00,gone.pdf\n"
    )
    files = [("file", "lines.csv", table), ("attached", "one.pdf", b"1")]
    here = planned(visitor, visitor.send_files("/load/add", files, {"connection": "books", "as": "bills"}))
    assert "lines.csv:3: Scan: there is no file gone.pdf" in visitor.get(here).text


@pytest.mark.parametrize(
    "named", ["{secret}", "../load.json", "../file/bills.csv", "sub/one.pdf", "..\\one.pdf", "./one.pdf"]
)
def test_rows_reach_only_the_files_that_came_with_the_table(visitor: Visitor, user: Path, named: str) -> None:
    secret = user / "secret.txt"
    secret.write_text("not for Intacct")
    table = bills("REACH", named.format(secret=secret))
    here = planned(visitor, dropped(visitor, table, ("one.pdf", b"1")))
    assert visitor.get(f"{here}.json").json["plan"]["counts"] == {"refused": 1}
    said = visitor.get(here).text
    assert "among the files that came with the table" in said
    assert str(user) not in said.replace(str(secret), ""), "no folder of the machine is named"


@pytest.mark.parametrize("name", ["../../up.pdf", "..\\..\\up.pdf", "/etc/cron.d/up.pdf", "C:\\up.pdf"])
def test_a_path_in_the_name_of_an_attached_file_stays_in_its_folder(visitor: Visitor, user: Path, name: str) -> None:
    here = dropped(visitor, bills("UP", "up.pdf"), (name, b"1")).location
    (kept,) = user.rglob("up.pdf")
    assert kept.parent.name == "attached"
    visitor.post(f"{here}/remove")
    assert list(user.rglob("up.pdf")) == []


@pytest.mark.parametrize(
    "name", ["..", ".hidden", "CON.pdf", "a\x01.pdf", "a:b.pdf", "a?.pdf", f"{'ü' * 120}.pdf", "dot."]
)
def test_a_name_that_means_something_to_a_system_is_refused(visitor: Visitor, user: Path, name: str) -> None:
    before = sorted(user.rglob("*.csv"))
    seen = dropped(visitor, bills("ODD", name), (name, b"1"))
    assert seen.status == 422
    assert "has a name that cannot be kept" in seen.text
    assert sorted(user.rglob("*.csv")) == before, "nothing of the table is left"


def test_the_files_of_a_table_are_bounded_together(user: Path, gateway: str) -> None:
    save_connection("small", gateway)
    with running_console(connection="small", largest_upload=1 << 20) as console:
        visitor = console.signed_in()
        half = b"x" * 600_000
        files = [("file", "bills.csv", bills("BIG", "a.pdf")), ("attached", "a.pdf", half)]
        seen = visitor.send_files("/load/add", files, {"connection": "small", "as": "APBILL"})
        assert seen.status == 303
        more = visitor.send_files(f"{seen.location}/attach", [("attached", "b.pdf", half)], {})
        assert (more.status, "have more than 1 MB" in more.text) == (400, True)
        assert visitor.get(f"{seen.location}.json").json["attached"] == ["a.pdf"]
        assert list(user.rglob("b.pdf")) == []


# --- attacks


def bomb(megabytes: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/worksheets/s.xml", "w") as part:
        for _ in range(megabytes):
            part.write(bytes(1 << 20))
    return made.getvalue()


def parquet_of_long_texts() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = io.BytesIO()
    names = pa.DictionaryArray.from_arrays(pa.array([0] * 3_000, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"NAME": names}), made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.xlsx", lambda: bomb(30), "a.xlsx is not readable as Excel"),
        ("a.csv", lambda: b"a" + b"," * 500_000 + b"\n1", "a.csv:1 has 500,001 columns, and at most 16,384 are read"),
        ("a.jsonl", lambda: b'{"a":' * 100_000, "a.jsonl:1 is nested 100,000 levels deep"),
        ("a.parquet", parquet_of_long_texts, "reading it takes more than 1,024 MB of memory"),
    ],
)
def test_a_file_that_would_take_all_memory_is_a_problem_of_its_page(
    visitor: Visitor, name: str, content: Callable[[], bytes], problem: str
) -> None:
    here = visitor.follow(drop(visitor, name, content(), **AS_JOURNAL))
    assert here.status == 200
    assert problem in here.text
    assert visitor.get("/load").status == 200


@pytest.mark.parametrize("name", ["../../x.csv", "..\\..\\x.csv", "/etc/cron.d/x.csv", "C:\\x.csv"])
def test_a_path_in_the_name_of_a_file_stays_in_its_folder(visitor: Visitor, user: Path, name: str) -> None:
    here = visitor.follow(drop(visitor, name, b"CLASSID,NAME\nL-9,Nine\n", **{"as": "CLASS"}))
    assert here.status == 200
    (kept,) = user.rglob("x.csv")
    assert kept.parent.name == "file"
    for one in visitor.get("/load.json").json["files"]:
        visitor.post(f"/load/{one['id']}/remove")


def test_rows_of_a_dropped_file_name_no_file_of_this_machine(visitor: Visitor, user: Path) -> None:
    secret = user / "secret.txt"
    secret.write_text("not for Intacct")
    text = f"BILLNO,VENDORID,DATE,ACCOUNT,AMOUNT,ATTACHMENTS\nB-1,V10001,2026-11-30,68000,1.00,{secret}\n"
    here = planned(visitor, drop(visitor, "bills.csv", text.encode(), **{"as": "bills"}))
    assert visitor.get(f"{here}.json").json["plan"]["counts"] == {"refused": 1}


@pytest.mark.parametrize("other", ["0", "..", "%2e%2e", "a" * 16])
def test_the_file_of_nobody_is_not_found(visitor: Visitor, other: str) -> None:
    assert visitor.get(f"/load/{other}").status == 404
    assert visitor.post(f"/load/{other}/plan").status == 404


def test_text_of_a_file_is_text(visitor: Visitor) -> None:
    text = "CLASSID,NAME,<script>alert(1)</script>\n<b>1</b>,=1+1,<a href='https://evil.example'>x</a>\n"
    page = visitor.follow(drop(visitor, "<img src=x>.csv", text.encode(), **{"as": "CLASS"}))
    assert "<script>" not in page.html
    assert "<b>1" not in page.html
    assert "evil.example'>" not in page.html


# --- approvals


@pytest.fixture(scope="module")
def strict(user: Path, gateway: str) -> Iterator[RunningConsole]:
    """A console whose connection posts approved plans only, and whose plans need a second person."""
    save_connection("strict", gateway, approval="required", four_eyes=True, environment="production")
    with running_console(connection="strict") as made:
        yield made


def test_a_plan_is_posted_only_once_another_person_approved_it(strict: RunningConsole, gateway: str) -> None:
    visitor = strict.signed_in()
    text = b"CLASSID,NAME\nL-20,Twenty\n"
    here = planned(visitor, drop(visitor, "classes.csv", text, connection="strict", **{"as": "CLASS"}))
    plan = visitor.get(f"{here}.json").json["plan"]
    assert (plan["may_apply"], plan["made_by"]) == (False, "anna")
    assert visitor.post(f"{here}/approve", {"digest": plan["digest"]}).status == 400
    form = {"plan": str(plan["id"])}
    started = visitor.post(f"{here}/apply", {**form, "production": "yes"})
    job = visitor.until_done(started.location)["job"]
    assert (job["state"], "has no approval that holds" in job["problem"]["error"]) == ("failed", True)
    with running_console(person="bert") as others:
        second = others.signed_in()
        where = f"/plans/strict/{plan['id']}"
        assert second.get(here).status == 404, "the file is another person's; the plan is for all approvers"
        assert "L-20" in second.get(where).text
        assert second.post(f"{where}/approve", {"digest": "0" * 64}).status == 400
        assert second.post(f"{where}/approve", {"digest": plan["digest"]}).status == 303
        assert [one["by"] for one in second.get(f"{where}.json").json["plan"]["approvals"]] == ["bert"]
    refused = visitor.post(f"{here}/apply", form)
    assert refused.status == 400
    assert "Tick the box" in refused.text
    assert list(posted(visitor, here, production="yes").values()) == ["posted"]
    assert len(HttpReader(gateway).rows("CLASS", "NAME", CLASSID="L-20")) == 1
    again = visitor.post(f"{here}/apply", {**form, "production": "yes"})
    visitor.until_done(again.location)
    assert len(HttpReader(gateway).rows("CLASS", "NAME", CLASSID="L-20")) == 1, "applying twice posts once"


def test_a_plan_that_nobody_made_is_not_found(visitor: Visitor) -> None:
    for plan in ("plan-000000000000", "..", "plan-x", "%2e%2e%2fx"):
        assert visitor.get(f"/plans/books/{plan}").status == 404
