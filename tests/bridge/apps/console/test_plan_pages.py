"""The page of a plan: its totals hide nothing, every record can be reached, and a long plan is not approved unseen."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.web.pages import company_run
from intacct_bridge.operations.loads import LoadRequest, plan_load
from intacct_bridge.operations.plans import apply_plan, save_plan, saved_plans
from support.apps.console_site import RunningConsole, Visitor, running_console, save_connection
from support.apps.http_reader import HttpReader
from support.browser import NARROW, expect, follow, opened_page, serious_barriers, without_complaints

Bills = Callable[..., str]
HEAD = {"WHENCREATED": "2026-11-20", "WHENDUE": "2026-12-20", "BASECURR": "USD", "CURRENCY": "USD",
        "ACCOUNTNO": "60100", "LOCATIONID": "100", "DEPARTMENTID": "100"}  # fmt: skip


@pytest.fixture(scope="module")
def site(user: object, gateway: str) -> Iterator[RunningConsole]:
    """A console with the connection `strict`, which requires approvals, and `free`, which does not."""
    save_connection("strict", gateway, approval="required")
    save_connection("free", gateway)
    with running_console() as made:
        yield made


@pytest.fixture
def visitor(site: RunningConsole) -> Visitor:
    return site.signed_in()


@pytest.fixture
def vendor(gateway: str) -> tuple[str, str]:
    row = HttpReader(gateway).rows("VENDOR", "VENDORID", "NAME", STATUS="active")[0]
    return row["VENDORID"], row["NAME"]


@pytest.fixture
def bills(site: RunningConsole, vendor: tuple[str, str]) -> Bills:
    """Saves a plan of bills with these numbers and amounts; the address of its page."""

    def save(records: dict[str, str], connection: str = "strict", **more: str) -> str:
        rows = [
            {"VENDORID": vendor[0], "RECORDID": number, "TRX_AMOUNT": amount, **HEAD, **more}
            for number, amount in records.items()
        ]
        with company_run(connection, "load", person="zoe") as run:
            saved = save_plan(run, plan_load(run, LoadRequest(source=rows, layout="APBILL", name="bills")))
        return f"/plans/{connection}/{saved.id}"

    return save


def long(start: str) -> dict[str, str]:
    """118 bills of 1.00, and in their middle two that cancel each other out."""
    numbers = {f"{start}-{number}": "1.00" for number in range(118)}
    return dict(sorted({**numbers, f"{start}-5x": "900000.00", f"{start}-5y": "-900000.00"}.items()))


def plan(visitor: Visitor, address: str) -> dict[str, Any]:
    path, _, query = address.partition("?")
    found: dict[str, Any] = visitor.get(f"{path}.json{'?' + query if query else ''}").json["plan"]
    return found


def approvals(visitor: Visitor, here: str) -> list[str]:
    return [approval["by"] for approval in plan(visitor, here)["approvals"]]


def test_amounts_that_cancel_out_are_on_the_first_page_and_every_record_is_on_one(
    visitor: Visitor, bills: Bills, vendor: tuple[str, str]
) -> None:
    here = bills(long("L"))
    page = visitor.get(here)
    for text in ("120 to create", "positive 900,118.00, negative −900,000.00 USD", " ".join(vendor), "L-5x", "L-5y"):
        assert text in page.text, text
    seen: list[str] = []
    address = f"{here}?page=1"
    while address:
        shown = plan(visitor, address)
        seen += [record["record"] for record in shown["records"]]
        address = shown["lists"]["records"]["next"]
    assert seen == [f"APBILL {vendor[0]} {number}" for number in long("L")]
    assert [record["record"][-4:] for record in plan(visitor, f"{here}?sort=amount")["records"][:2]] == ["L-5x", "L-5y"]
    (found,) = plan(visitor, f"{here}?find=L-117")["records"]
    assert "Records: 1 that match" in visitor.get(f"{here}?find=L-117").text
    alone = visitor.get(f"{here}?record={found['number']}").text
    assert "L-117" in alone and "60100" in alone and "1.00" in alone and "L-116" not in alone
    assert "No record matches" in visitor.get(f"{here}?find=nothing+such").text
    for odd in ("page=0", "page=-1", "page=x", "page=9999", "sort=x", "line=3", "record=0"):
        assert visitor.get(f"{here}?{odd}").status == 200, odd
    assert visitor.get(f"{here}?record=121").status == 400


def test_a_long_plan_is_approved_after_its_last_page(visitor: Visitor, bills: Bills, site: RunningConsole) -> None:
    here = bills(long("P"))
    fields = {"digest": plan(visitor, here)["digest"]}
    refused = visitor.post(f"{here}/approve", fields)
    assert (refused.status, "you have not seen all of them" in refused.text) == (400, True)
    visitor.get(f"{here}?page=3")  # the last page alone is not all of them
    assert "You have not seen 50 records" in visitor.get(here).text
    assert visitor.post(f"{here}/approve", fields).status == 400
    visitor.get(f"{here}?page=2")
    other = site.signed_in()
    assert other.post(f"{here}/approve", fields).status == 400, "what one visitor saw, another has not seen"
    assert approvals(visitor, here) == []
    assert "You have not seen" not in visitor.get(here).text
    assert visitor.post(f"{here}/approve", fields).status == 303
    assert approvals(visitor, here) != []


def test_a_long_plan_is_approved_by_its_figures(visitor: Visitor, bills: Bills) -> None:
    here = bills(long("F"))
    fields = {"digest": plan(visitor, here)["digest"], "currency": "USD", "above": "900,118.00", "below": "900,000.00"}
    wrong = visitor.post(f"{here}/approve", {**fields, "records": "119"})
    assert (wrong.status, "the number of records" in wrong.text) == (400, True)
    assert visitor.post(f"{here}/approve", {**fields, "records": "120", "below": "0"}).status == 400
    assert approvals(visitor, here) == []
    assert visitor.post(f"{here}/approve", {**fields, "records": "120"}).status == 303
    assert approvals(visitor, here) != []


def test_without_the_rule_a_button_approves(visitor: Visitor, bills: Bills) -> None:
    here = bills(long("N"), "free")
    assert visitor.post(f"{here}/approve", {"digest": plan(visitor, here)["digest"]}).status == 303


@pytest.mark.parametrize(
    "text", ["T\nAPBILL V-1 T-2 create 9.00", "T \u202e00.9\u2066\x85\u2028", "<b onclick=x>T</b>", "y" * 10_000]
)
def test_a_text_of_a_record_is_text_on_every_page(visitor: Visitor, bills: Bills, text: str) -> None:
    number = f"H-{abs(hash(text)) % 10**6}"
    here = bills({number: "1.00"}, DESCRIPTION=text)
    for address in (here, f"{here}?record=1", f"{here}?find={number}", "/approvals"):
        page = visitor.get(address)
        assert not set(page.html) & set("\u202e\u2066\x85\u2028")
        assert "<b onclick" not in page.html
        assert "T\nAPBILL" not in page.html
    if "\n" in text:
        assert r"T\nAPBILL V-1 T-2" in visitor.get(f"{here}?record=1").text


def test_an_undo_shows_what_is_taken_back_and_ends_with_its_receipts(
    visitor: Visitor, bills: Bills, gateway: str, vendor: tuple[str, str]
) -> None:
    posted = bills({"U-1": "12.50", "U-2": "-2.50"}, "free")
    with company_run("free", "plan apply", person="zoe") as run:
        receipts = apply_plan(run, posted.rpartition("/")[2])
    assert receipts.complete
    made = visitor.post(f"/runs/{receipts.run}/undo", {})
    assert made.status == 303, made.text
    here = made.location.partition("?")[0]
    page = visitor.get(here).text
    for text in (*vendor, "U-1", "U-2", "2 to reverse", "positive 12.50, negative −2.50 USD"):
        assert text in page, text
    job = visitor.until_done(visitor.post(f"{here}/apply").location)["job"]
    assert job["state"] == "done", job
    after = visitor.get(here).text
    rows = HttpReader(gateway).rows("APBILL", "RECORDNO", "RECORDID", VENDORID=vendor[0])
    originals = {outcome.key for outcome in receipts}
    reversals = [
        row["RECORDNO"] for row in rows if row["RECORDID"] in ("U-1", "U-2") and row["RECORDNO"] not in originals
    ]
    assert "2 reversed" in after and "already in Intacct" not in after
    for number in reversals:
        assert f"APBILL {number}" in after


def test_every_plan_is_on_a_page_of_the_list(visitor: Visitor, bills: Bills) -> None:
    made = {bills({f"A-{number}": "1.00"}).rpartition("/")[2] for number in range(3)}
    with company_run("strict", "plan list", person="zoe") as run:
        everything = [saved.id for saved in saved_plans(run, limit=1000).plans]
    assert made <= set(everything)
    listed = [row["plan"] for row in visitor.get("/approvals.json").json["plans"] if row["connection"] == "strict"]
    assert sorted(listed) == sorted(everything)
    lines = visitor.get("/approvals.csv").body.decode().splitlines()
    assert lines[0].startswith("plan,digest,connection,environment,address,made,made_by,source,first,records")
    assert all(any(line.startswith(name) for line in lines) for name in everything)
    assert re.search("waits for you", visitor.get("/approvals").text)


# --- in a browser

HOSTILE = {"DESCRIPTION": "<b>Rent</b>\nAPBILL V-1 FORGED create 9.00 \u202e00.9\u2066 " + "y" * 10_000}


@pytest.mark.browser
@pytest.mark.parametrize("screen", [{"width": 1280, "height": 900}, NARROW], ids=["desktop", "telephone"])
def test_the_pages_fit_their_screen_and_have_no_barrier(
    browser: Any, site: RunningConsole, bills: Bills, screen: dict[str, int], tmp_path: Path
) -> None:
    here = bills(long("S") | {"S-0": "1.00"})
    hostile = bills({"S-hostile": "-7.25", "S\nAPBILL V-1 S-9": "1.00"}, **HOSTILE)
    with opened_page(browser, viewport=screen) as page, without_complaints(page):
        site.sign_in(page)
        for name, address in (
            ("approvals", "/approvals"),
            ("plan", here),
            ("last", f"{here}?page=3#records"),
            ("search", f"{here}?find=S-5&sort=amount"),
            ("hostile", hostile),
            ("record", f"{hostile}?record=1"),
        ):
            page.goto(site.url + address)
            fits(page, screen, tmp_path / f"{name}.png")


@pytest.mark.browser
@pytest.mark.parametrize("screen", [{"width": 1280, "height": 900}, NARROW], ids=["desktop", "telephone"])
def test_lists_entries_and_receipts_of_hostile_records_fit_their_screen_and_run_nothing(
    browser: Any, site: RunningConsole, bills: Bills, screen: dict[str, int], tmp_path: Path
) -> None:
    start = f"X{screen['width']}"
    numbers = {f"{start}-<img src=x onerror=alert(1)>": "7.25", f"{start}-b \u202e00.9\u2066": "1.00"}
    here = bills(numbers | {f"{start}-{number}": "1.00" for number in range(120)}, "free", **HOSTILE)
    with company_run("free", "plan apply", person="<i>zoe</i>") as run:
        receipts = apply_plan(run, here.rpartition("/")[2])
    assert len(receipts) == 121  # the plan refuses the one with marks of direction in its number
    entry = site.signed_in().get(f"/outbox.json?connection=free&find={start}-%3Cimg").json["entries"][0]["number"]
    with opened_page(browser, viewport=screen) as page, without_complaints(page):
        page.on("dialog", lambda _: pytest.fail("a text of a record ran as a script"))
        site.sign_in(page)
        for name, address in (
            ("receipts", here),
            ("done", "/approvals?state=done&find=yyyyyyyy"),
            ("outbox", f"/outbox?connection=free&find={start}"),
            ("outbox-2", f"/outbox?connection=free&find={start}&sort=-amount&page=2"),
            ("entry", f"/outbox/free/{entry}"),
            ("runs", "/runs?sort=-started&find=%3Ci%3Ezoe"),
            ("dead-letters", "/dead-letters?connection=free&find=%3Cb%3E"),
            ("reconcile", "/reconcile?find=%3Cb%3E"),
        ):
            page.goto(site.url + address)
            fits(page, screen, tmp_path / f"{name}.png")
            assert page.locator("main img, main b, main i").count() == 0, name
            assert not set(page.content()) & set("\u202e\u2066"), name
        page.goto(f"{site.url}/outbox?connection=free&find={start}")
        expect(page.get_by_text("Entries: 1 to 100 of 121 that match")).to_be_visible()
        follow(page.get_by_role("link", name="Next page"))
        expect(page.get_by_text("Page 2 of 2")).to_be_visible()
        follow(page.get_by_role("link", name="Amount"))
        expect(page.get_by_role("columnheader", name="Amount")).to_have_attribute("aria-sort", "ascending")


def fits(page: Any, screen: dict[str, int], picture: Path) -> None:
    """A page is not wider than its screen, and has no serious barrier."""
    page.screenshot(path=picture, full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], picture.stem
    assert serious_barriers(page) == {}, picture.stem


@pytest.mark.browser
def test_a_person_pages_to_the_end_and_approves(browser: Any, site: RunningConsole, bills: Bills) -> None:
    here = bills(long("W"))
    with opened_page(browser, viewport=NARROW, java_script_enabled=False) as page:
        site.sign_in(page)
        page.goto(site.url + here)
        expect(page.get_by_text("You have not seen 70 records")).to_be_visible()
        for number in ("2", "3"):
            follow(page.get_by_role("link", name="Next page"))
            expect(page.get_by_text(f"Page {number} of 3")).to_be_visible()
        expect(page.get_by_role("link", name="Next page")).to_have_count(0)
        expect(page.get_by_text("You have not seen")).to_have_count(0)
        follow(page.get_by_role("button", name="Approve as"))
        expect(page.get_by_text("Approved by")).to_be_visible()
