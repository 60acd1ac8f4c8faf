"""`intacct setup` without a company: the checklist, the letter, the page, and wrong input."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.apps.command_line import Intacct

PLAN = ("--read", "APBILL", "--write", "ARINVOICE")


def test_the_checklist_needs_no_connection(intacct: Intacct) -> None:
    ran = intacct("setup", *PLAN, "--sender-id", "acme-WS", "--role", "Reader & writer")
    assert ran.status == 1
    assert "Web Services authorizations ▸ Add" in ran.out
    assert "Sender ID    acme-WS" in ran.out
    assert "Accounts Receivable ▸ Invoices      List, View, Add, Edit, Delete (name inferred)" in ran.out
    assert "ARINVOICE by create_invoice" in ran.out
    assert "0 of 11 steps done" in ran.err
    again = json.loads(intacct("setup", "--json").out)
    assert (again["reads"], again["writes"]) == (["APBILL"], ["ARINVOICE"])
    assert {one["state"] for one in again["steps"]} == {"unknown", "missing"}
    assert again["steps"][2]["fields"][0] == {"label": "Sender ID", "kind": "text", "value": "acme-WS"}


def test_the_letter_has_the_steps_of_the_administrator_only(intacct: Intacct) -> None:
    ran = intacct("setup", *PLAN, "--email", "dev@example.com", "--company-id", "acme-imp", "--print", "letter")
    assert ran.status == 0
    assert ran.out.startswith("Subject: ")
    assert "dev@example.com" in ran.out and "acme-imp" in ran.out
    assert "Accounts Payable > Bills: List, View" in ran.out
    assert "Get the sender ID" not in ran.out and "intacct connections add" not in ran.out
    assert all(len(line) <= 100 for line in ran.out.splitlines())


def test_the_page_is_one_document_with_pictures_that_loads_nothing(intacct: Intacct) -> None:
    name = "<script>alert(1)</script>"
    ran = intacct("setup", *PLAN, "--role", name, "--print", "page")
    assert ran.status == 0
    root = ElementTree.fromstring(
        ran.out.replace("<!doctype html>", "")
        .replace('<meta charset="utf-8">', "")
        .replace('<meta name="viewport" content="width=device-width">', "")
    )
    svg = "{http://www.w3.org/2000/svg}"
    pictures = list(root.iter(f"{svg}svg"))
    assert len(pictures) == 8  # the administrator's steps that have a form
    for one in pictures:
        labels = str(one.get("aria-labelledby")).split()
        texts = {child.get("id"): child.text for child in one if child.tag in (f"{svg}title", f"{svg}desc")}
        assert one.get("role") == "img" and all(texts[label] for label in labels)
    assert "<script" not in ran.out and "&lt;script&gt;" in ran.out
    loading = {name for one in root.iter() for name in one.attrib if name in ("src", "href", "onload")}
    assert loading == set()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "The planned use of the connection new is not known"),
        (("--read", "GL DETAIL;DROP--"), "'DROP--' is not the name of an object"),
        ((*PLAN, "--done", "testrs"), "did you mean testers"),
        ((*PLAN, "--done", "12"), "There is no step 12"),
        ((*PLAN, "--environment", "sandbox"), "'sandbox' is not one of"),
    ],
)
def test_a_mistake_is_a_sentence(words: tuple[str, ...], says: str, intacct: Intacct) -> None:
    ran = intacct("setup", *words)
    assert ran.status == 2
    assert says in ran.err


def test_an_object_that_is_not_standard_is_named_with_the_nearest(intacct: Intacct) -> None:
    ran = intacct("setup", "--read", "vendr")
    assert "VENDR is not a standard object. Did you mean VENDOR or VENDTYPE?" in ran.out


def test_the_kept_state_is_private_and_a_broken_one_begins_anew(intacct: Intacct, home: Path) -> None:
    intacct("setup", *PLAN)
    (kept,) = (home / "user").rglob("setup/*.json")
    assert kept.stat().st_mode & 0o077 == 0
    kept.write_text("{")
    assert intacct("setup").status == 2
    assert intacct("setup", *PLAN).status == 1


def test_a_state_that_cannot_be_kept_is_said(intacct: Intacct, home: Path) -> None:
    (home / "state").mkdir()
    (home / "state" / "intacct-bridge").write_text("a file where the folder should be")
    ran = intacct("setup", *PLAN, XDG_STATE_HOME=str(home / "state"))
    assert ran.status == 2
    assert "The plan cannot be kept in" in ran.err and "Not a directory" in ran.err
