"""Browse: objects, fields, and queries whose command and program give the same rows."""

import csv
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from intacct_bridge.apps.cli.app import run_words
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.runs.history import open_history
from intacct_bridge.runs.run import Run
from support.apps.console_site import RunningConsole, Visitor

FORM = {
    "select": "VENDORID, NAME, TOTALDUE",
    "field1": "TOTALDUE", "op1": ">", "value1": "0",
    "field2": "vendorid", "op2": "like", "value2": "V%",
    "where": "STATUS = 'active' or ONHOLD = true",
    "order": "TOTALDUE desc", "limit": "50",
}  # fmt: skip


def address(**form: str) -> str:
    return f"/browse/VENDOR?{urlencode({**FORM, 'run': 'yes', **form})}"


def data(visitor: Visitor, path: str) -> Any:
    return visitor.get(path.replace("?", ".json?", 1)).json


def test_objects_lead_to_fields_and_fields_to_related_objects(visitor: Visitor) -> None:
    found = visitor.get("/browse.json?pattern=vendor").json
    assert "VENDOR" in {one["name"] for one in found["objects"]}
    assert all("VENDOR" in one["name"] or "vendor" in one["label"].lower() for one in found["objects"])
    (href,) = {one["href"] for one in found["objects"] if one["name"] == "VENDOR"}
    page = visitor.get(href)
    assert "TOTALDUE" in page.text
    vendor = data(visitor, href)
    assert {one["name"]: one["type"] for one in vendor["fields"]}["TOTALDUE"] in ("decimal", "currency")
    (related,) = {one["href"] for one in vendor["relations"] if one["path"] == "DISPLAYCONTACT"}
    assert visitor.get(related).status == 200
    assert not vendor["ran"]


def test_the_command_and_the_program_give_the_rows_of_the_page(
    visitor: Visitor, capsys: pytest.CaptureFixture[str]
) -> None:
    found = data(visitor, address())
    rows = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
    assert rows
    assert [one["TOTALDUE"] for one in rows] == sorted((one["TOTALDUE"] for one in rows), key=float, reverse=True)
    expected = "TOTALDUE > 0 and VENDORID like 'V%' and (STATUS = 'active' or ONHOLD = true)"
    assert found["where"] == expected
    words = shlex.split(found["command"])
    capsys.readouterr()
    assert run_words(words[1:], Output())[0] == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(one["VENDORID"], one["NAME"], f"{one['TOTALDUE']:.2f}") for one in printed] == [
        (one["VENDORID"], one["NAME"], f"{float(one['TOTALDUE']):.2f}") for one in rows
    ]
    exec(found["program"], {})
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(rows)
    assert [re.search(r"'VENDORID': '([^']*)'", line)[1] for line in said] == [  # type: ignore[index]
        one["VENDORID"] for one in rows
    ]
    page = visitor.get(address())
    assert re.search(r"\d API transactions? used", page.text)
    assert "TOTALDUE &gt; 0" in page.html


def test_a_look_at_known_objects_is_no_run_and_a_query_is_one(visitor: Visitor) -> None:
    """What costs API transactions is a run, since the history counts those of the month."""
    pages = ("/browse", "/browse?pattern=vendor", "/browse/VENDOR", "/browse/VENDOR.json")
    for path in pages:  # the objects become known
        assert visitor.get(path).status == 200

    def runs() -> list[Run]:
        with open_history() as history:
            return list(history.runs())

    before = len(runs())
    for path in pages:
        assert visitor.get(path).status == 200
    assert len(runs()) == before
    assert visitor.get(address()).status == 200
    added = runs()[: len(runs()) - before]
    assert [(one.command, one.status, bool(one.transactions)) for one in added] == [("query", 0, True)]


EVERY = {"field1": "", "op1": "", "value1": "", "field2": "", "op2": "", "value2": "", "where": ""}


@pytest.mark.parametrize("order", ["", "NAME desc, VENDORID"])
def test_the_pages_of_a_query_hold_each_row_once_in_the_order_of_the_whole(visitor: Visitor, order: str) -> None:
    href, seen, pages = address(**EVERY, order=order), [], 0
    while href:
        page = data(visitor, href)
        assert (len(page["rows"]) == 50) == bool(page["next"]), "each page but the last is full"
        seen += [row[0] for row in page["rows"]]
        pages += 1
        assert (page["page"], bool(page["previous"])) == (pages, pages > 1)
        assert ("Next page" in visitor.get(href).text) == bool(page["next"])
        href = page["next"]
    whole = json.loads(visitor.get(page["exports"]["json"]).body)
    assert pages > 1
    assert (sorted(seen), len(set(seen))) == (sorted(row["VENDORID"] for row in whole), len(whole))
    if order:
        assert seen == [row["VENDORID"] for row in whole]


def test_a_page_after_the_last_says_so(visitor: Visitor) -> None:
    page = visitor.get(address(**EVERY, page="999"))
    assert (page.status, "There are no more rows" in page.text) == (200, True)


def test_a_heading_sorts_the_rows_and_sorts_them_downwards_the_second_time(visitor: Visitor) -> None:
    def sorted_names(href: str) -> tuple[list[str], str]:
        page = data(visitor, href)
        at = page["columns"].index("NAME")
        return [row[at] for row in page["rows"]], page["sorted_by"][at]["href"]

    _, upwards = sorted_names(address(**EVERY, order="", page="2"))
    assert "page=" not in upwards, "another order begins on the first page"
    rising, downwards = sorted_names(upwards)
    falling, _ = sorted_names(downwards)
    assert rising == sorted(rising, key=str.casefold)
    assert falling == sorted(falling, key=str.casefold, reverse=True)
    assert rising != falling
    assert 'aria-sort="descending"' in visitor.get(downwards).html
    totals = data(visitor, address(**EVERY, order="", select="VENDORID, sum(TOTALDUE)"))
    assert [bool(column["href"]) for column in totals["sorted_by"]] == [True, False]


def test_the_list_of_objects_has_pages_and_a_sort(visitor: Visitor) -> None:
    first = visitor.get("/browse?sort=-name")
    names = re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', first.html)
    assert (len(names), names) == (100, sorted(names, reverse=True))
    assert "Next page" in first.text
    assert len(visitor.get("/browse.json").json["objects"]) > 200


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_an_export_holds_all_rows(visitor: Visitor, kind: str) -> None:
    found = data(visitor, address(field1="", op1="", value1=""))
    seen = visitor.get(found["exports"][kind])
    assert seen.headers["content-disposition"] == f'attachment; filename="vendor.{kind}"'
    text = seen.body.decode()
    if kind == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
    else:
        rows = json.loads(text) if kind == "json" else [json.loads(line) for line in text.splitlines()]
    assert len(rows) >= len(found["rows"]) > 0
    assert {one["VENDORID"] for one in rows} >= {row[found["columns"].index("VENDORID")] for row in found["rows"]}


@pytest.mark.parametrize("select", ["VENDORID, NAME", "VENDORID, sum(TOTALDUE)", "*"])
def test_an_export_without_rows_has_the_header(visitor: Visitor, select: str) -> None:
    asked = {"field2": "", "op2": "", "value2": "", "where": "", "order": "", "select": select}
    headers = [
        visitor.get(data(visitor, address(**asked, value1=least))["exports"]["csv"]).body.splitlines(keepends=True)
        for least in ("0", "99999999999")
    ]
    assert len(headers[0]) > 1
    assert headers[1] == headers[0][:1]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"where": "TOTALDUE > x"}, "Put text in quotes"),
        ({"field1": "TOTALDEU"}, "TOTALDUE"),
        ({"op1": ""}, "no comparison is chosen"),
        ({"value1": "much"}, "cannot be read"),
        ({"select": "NOPE"}, "NOPE"),
        ({"order": "TOTALDUE upwards"}, "upwards"),
        ({"limit": "0"}, "50, 100 or 200"),
    ],
)
def test_a_wrong_query_is_told_beside_what_was_entered(visitor: Visitor, form: dict[str, str], says: str) -> None:
    seen = visitor.get(address(**form))
    assert (seen.status, says in seen.text) == (422, True), seen.text[:600]
    assert 'value="TOTALDUE desc"' in seen.html or "order" in form


def test_unknown_objects_connections_and_formats(visitor: Visitor, console: RunningConsole, user: Path) -> None:
    assert visitor.get("/browse/NOSUCH").status in (400, 404, 502)
    assert visitor.get("/browse?connection=nobody").status == 404
    assert visitor.get("/browse/VENDOR/rows.xml").status == 404
    assert visitor.get("/browse/VENDOR/rows.csv?select=NOPE").status in (400, 502)
