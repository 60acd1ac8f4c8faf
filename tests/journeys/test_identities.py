"""What a record is known by after it was corrected, taken back, settled or superseded, in both kinds of outbox."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.retry import settle_doubts
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.layouts.refused_rows import write_refused
from intacct_bridge.load.outbox.audit import identities_of
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.plan import MatchRules, Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from intacct_bridge.shared_state.place import Place
from intacct_protocol.xml.reply import ConnectionCutError
from support.journeys.corrections import BY_ID, CREATE, REFUSED, SAME, UPDATE, Bill, bill, bills_file
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client

SHOP: dict[str, Any] = {**BY_ID, "rules": MatchRules(source_name="shop")}


@pytest.fixture
def shop(desk: LoadScenario, place: Place) -> LoadScenario:
    """A company with vendors, and an outbox of either kind."""
    with_place = replace(desk, place=place)
    with_place.load(VENDORS, "VENDOR")
    return with_place


def load(desk: LoadScenario, bills: tuple[Bill, ...], mode: str = "create") -> list[RecordStatus]:
    return [one.status for one in desk.load(bills_file(bills), "bills", mode, **SHOP)]


def verdicts(desk: LoadScenario, bills: tuple[Bill, ...], mode: str = "create") -> list[Verdict]:
    return [one.verdict for one in desk.plan(bills_file(bills), "bills", mode, **SHOP).records]


def known_by(desk: LoadScenario, number: int) -> dict[str, object]:
    """What the record of an entry is known by, with the state of each; its content is left out."""
    with desk.outbox() as outbox:
        entry = outbox.entry(number)
        identities = identities_of(entry, outbox.holders_of(entry))
    return {str(one["text"]): one["state"] for one in identities if one["kind"] != "content"}


def newest(desk: LoadScenario) -> OutboxEntry:
    with desk.outbox() as outbox:
        return list(outbox.entries())[-1]


def undo(desk: LoadScenario, number: int) -> list[RecordStatus]:
    with client(desk.transport or desk.emulator) as gateway, desk.outbox() as outbox:
        plan = plan_undo(gateway, outbox, [outbox.entry(number)], UndoSettings(date(2026, 11, 30))).plan
        assert plan is not None
        return [one.status for one in Loader(gateway, outbox).apply(plan)]


OLD, NEW, KEY = "key V-1 B-1 in Intacct", "key V-1 B-2 in Intacct", "key 1 of source shop"


def test_a_corrected_number_takes_the_place_of_the_old_one(shop: LoadScenario) -> None:
    assert load(shop, bill(key="1")) == [RecordStatus.APPLIED]
    created = newest(shop).number
    assert known_by(shop, created) == {OLD: "held", KEY: "held"}
    assert load(shop, bill("B-2", key="1"), "upsert") == [RecordStatus.APPLIED]
    assert known_by(shop, created) == {NEW: "held", KEY: "held"}
    assert known_by(shop, newest(shop).number) == {OLD: "replaced", KEY: f"held by entry {created}"}
    assert verdicts(shop, bill("B-2")) == [SAME], "known by its new number"
    assert verdicts(shop, bill(key="2")) == [CREATE], "the old number is free for another bill"
    assert load(shop, bill(key="2")) == [RecordStatus.APPLIED]
    other = newest(shop).number
    assert known_by(shop, other) == {OLD: "held", "key 2 of source shop": "held"}
    assert verdicts(shop, bill(key="2") + bill("B-2", key="1")) == [SAME, SAME]
    assert sorted(row["RECORDID"] for row in shop.rows("APBILL")) == ["B-1", "B-2"]


def test_the_old_content_under_its_old_number_is_not_posted_again(shop: LoadScenario) -> None:
    """An earlier copy of the file, without keys."""
    assert load(shop, bill(key="1")) == [RecordStatus.APPLIED]
    assert load(shop, bill("B-2", key="1"), "upsert") == [RecordStatus.APPLIED]
    plain = bills_file(bill(key="1"))
    (record,) = shop.plan(plain, "bills").records
    assert record.verdict is REFUSED
    assert len(shop.rows("APBILL")) == 1


def test_a_number_may_be_corrected_twice_and_used_again(shop: LoadScenario) -> None:
    for number, (first, second) in enumerate((("B-1", "B-2"), ("B-1", "B-3"), ("B-1", "B-4")), 1):
        assert load(shop, bill(first, key=str(number))) == [RecordStatus.APPLIED]
        assert load(shop, bill(second, key=str(number)), "upsert") == [RecordStatus.APPLIED]
    assert load(shop, bill("B-1", key="9")) == [RecordStatus.APPLIED]
    everything = bill("B-2", key="1") + bill("B-3", key="2") + bill("B-4", key="3") + bill("B-1", key="9")
    assert verdicts(shop, everything) == [SAME] * 4
    assert len(shop.rows("APBILL")) == 4


def test_undoing_a_correction_gives_the_old_number_back(shop: LoadScenario) -> None:
    assert load(shop, bill(key="1")) == [RecordStatus.APPLIED]
    created = newest(shop).number
    assert load(shop, bill("B-2", key="1"), "upsert") == [RecordStatus.APPLIED]
    assert load(shop, bill("B-3", key="1"), "upsert") == [RecordStatus.APPLIED]
    last = newest(shop).number
    assert undo(shop, last) == [RecordStatus.APPLIED]
    assert known_by(shop, created) == {NEW: "held", KEY: "held"}
    assert undo(shop, last - 1) == [RecordStatus.APPLIED]
    assert known_by(shop, created) == {OLD: "held", KEY: "held"}
    assert verdicts(shop, bill(key="1")) == [SAME]


def test_an_undone_record_releases_all_its_identities(shop: LoadScenario) -> None:
    assert load(shop, bill(key="1")) == [RecordStatus.APPLIED]
    created = newest(shop).number
    assert load(shop, bill("B-2", key="1"), "upsert") == [RecordStatus.APPLIED]
    assert undo(shop, newest(shop).number) == [RecordStatus.APPLIED]
    assert undo(shop, created) == [RecordStatus.APPLIED]
    assert known_by(shop, created) == {OLD: "released", KEY: "released"}
    assert verdicts(shop, bill("B-5", key="1")) == [CREATE]


def cut(desk: LoadScenario, function: str, *, before: bool) -> None:
    """Lose the answer to one function: its request does not arrive, or it does and the answer is lost."""
    left = [True]

    def transport(endpoint: str, body: bytes) -> Any:
        if left and f"<{function}>".encode() in body:
            left.clear()
            if not before:
                desk.emulator(endpoint, body)
            raise ConnectionCutError("cut", sent=True)
        return desk.emulator(endpoint, body)

    desk.transport = transport


@pytest.mark.parametrize("applied", [True, False])
def test_settling_an_undo_or_a_create_in_doubt(shop: LoadScenario, *, applied: bool) -> None:
    """A create in doubt holds its identities until it is proven not to be applied."""
    cut(shop, "create", before=not applied)
    shop.settle = SettleSettings(timedelta(hours=1))
    assert load(shop, bill(key="1")) == [RecordStatus.SETTLED if applied else RecordStatus.IN_DOUBT]
    created = newest(shop).number
    assert known_by(shop, created) == {OLD: "held", KEY: "held"}
    with client(shop.emulator) as gateway, shop.outbox() as outbox:
        settled = settle_doubts(gateway, outbox, SettleSettings(timedelta(0)))
    assert [one.status for one in settled] == [] if applied else [RecordStatus.APPLIED]
    assert known_by(shop, created) == {OLD: "held", KEY: "held"}
    assert len(shop.rows("APBILL")) == 1


WAITING, AT_ONCE = SettleSettings(timedelta(hours=1)), SettleSettings(timedelta(0))


def settled(desk: LoadScenario) -> list[RecordStatus]:
    """What the entries in doubt are once they are settled, by a loader that has an answer to everything."""
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        return [one.status for one in settle_doubts(gateway, outbox, AT_ONCE)]


@pytest.mark.parametrize("arrived", [True, False])
def test_an_undo_in_doubt_releases_nothing_until_it_is_settled(shop: LoadScenario, *, arrived: bool) -> None:
    """The connection is lost after the reversal was sent: the bill may stand, and is not posted again."""
    assert load(shop, bill(key="1")) == [RecordStatus.APPLIED]
    created = newest(shop).number
    cut(shop, "reverse_bill", before=not arrived)
    with client(shop.transport or shop.emulator) as gateway, shop.outbox() as outbox:
        plan = plan_undo(gateway, outbox, [outbox.entry(created)], UndoSettings(date(2026, 11, 30))).plan
        assert plan is not None
        loader = Loader(gateway, outbox, LoadSettings(settle=WAITING))
        (status,) = [one.status for one in loader.apply(plan)]
    assert newest(shop).undoes == created, "the function was the one that was cut"
    if status is RecordStatus.IN_DOUBT:
        assert known_by(shop, created) == {OLD: "held", KEY: "held"}
        assert CREATE not in verdicts(shop, bill(key="1")) + verdicts(shop, bill(key="1", amount="7"))
        assert settled(shop) == [RecordStatus.APPLIED]
    assert known_by(shop, created) == {OLD: "released", KEY: "released"}
    assert verdicts(shop, bill(key="1")) == [CREATE]
    states = Counter(row["STATE"] for row in shop.rows("APBILL"))
    assert sum(states.values()) == 2, f"the bill and one reversal: {states}"


@pytest.mark.parametrize("arrived", [True, False])
def test_another_load_does_not_post_the_number_of_a_correction_in_doubt(shop: LoadScenario, *, arrived: bool) -> None:
    """The bill is renumbered, and the answer is lost. Until that is settled there may be a bill of the new number."""
    assert load(shop, bill(key="1")) == [RecordStatus.APPLIED]
    created = newest(shop).number
    shop.settle = WAITING
    cut(shop, "update", before=not arrived)
    (status,) = load(shop, bill("B-2", key="1"), "upsert")
    other = bills_file(bill("B-2", amount="7"))
    if status is RecordStatus.IN_DOUBT:
        assert known_by(shop, created) == {OLD: "held", KEY: "held"}
        shop.transport = None
        assert all(one.status is not RecordStatus.APPLIED for one in shop.load(other, "bills"))
        assert len(shop.rows("APBILL")) == 1
        assert settled(shop) == [RecordStatus.APPLIED]
    assert known_by(shop, created) == {NEW: "held", KEY: "held"}
    (record,) = shop.plan(other, "bills").records
    assert record.verdict is REFUSED
    assert [row["RECORDID"] for row in shop.rows("APBILL")] == ["B-2"]
    assert verdicts(shop, bill("B-2", key="1"), "upsert") == [SAME]


@pytest.mark.parametrize("mode", ["upsert", "update"])
@pytest.mark.parametrize("posted_since", [True, False])
def test_a_file_of_refused_rows_does_not_change_back_what_was_posted_since(
    shop: LoadScenario, *, posted_since: bool, mode: str
) -> None:
    assert load(shop, bill(key="1")) == [RecordStatus.APPLIED]
    wrong = bills_file(bill(key="1", amount="50")).replace("60100", "99999")
    plan = shop.plan(wrong, "bills", mode, **SHOP)
    assert [one.verdict for one in plan.records] == [REFUSED]
    letters = shop.folder / "refused.csv"
    write_refused(open_table(shop.folder / "input.csv"), plan.refused_rows, letters, at=plan.position)
    if posted_since:
        assert load(shop, bill(key="1", amount="70"), "upsert") == [RecordStatus.APPLIED]
    mended = letters.read_text().replace("99999", "60100")
    (record,) = shop.plan(mended, "bills", mode, name="refused.csv", **SHOP).records
    assert record.verdict is (REFUSED if posted_since else UPDATE)
    if posted_since:
        (finding,) = record.reasons
        assert (finding.rule, "after this version was refused" in finding.message) == ("superseded", True)


LABELLED = """VENDORID,EXTERNALID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID
V-1,batch 7,2026-11-02,2026-12-02,USD,USD,60100,100,100,100
V-2,batch 7,2026-11-03,2026-12-03,USD,USD,60100,15,100,100
"""


@pytest.mark.parametrize(
    ("setting", "expected", "kinds"), [("unique", [REFUSED], {"key"}), ("label", [CREATE, CREATE], {"content"})]
)
def test_an_external_id_identifies_unless_it_is_a_label(
    shop: LoadScenario, setting: str, expected: list[Verdict], kinds: set[str]
) -> None:
    shop.connecting = {"external_ids": setting}
    records = shop.plan(LABELLED, "APBILL").records
    assert [one.verdict for one in records] == expected
    assert {one.write.identity.kind for one in records} == kinds
    save_plan(shop.plan(LABELLED, "APBILL"), shop.folder / "plan.json")
    assert [one.write.labels for one in open_plan(shop.folder / "plan.json").records] == [
        frozenset(["EXTERNALID"] if setting == "label" else [])
    ] * len(expected)
