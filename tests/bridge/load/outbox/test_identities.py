"""What records are known by: one live record holds each key, and every number and content has a place for each.

Each test runs on a file and on a database server, which hold the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from intacct_bridge.load.outbox.entry import OutboxEntry, Resolution, ResolutionKind, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, Receipt, WriteOperation
from intacct_bridge.shared_state.place import Place

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
BILLS = WriteTarget("acme", "", WriteOperation.CREATE, "APBILL")
UPDATES = replace(BILLS, operation=WriteOperation.UPDATE)
APPLIED, IN_DOUBT, REJECTED = RecordStatus.APPLIED, RecordStatus.IN_DOUBT, RecordStatus.REJECTED


@pytest.fixture
def outbox(place: Place) -> Iterator[Outbox]:
    with Outbox(place, clock=lambda: NOW, user="me") as opened:
        yield opened


def key(text: str) -> Identity:
    return Identity(text, "key")


def source(text: str, name: str = "shop") -> Identity:
    return Identity(text, "source", detail=name)


def number(text: str, place: int = 0) -> Identity:
    return Identity(text, "number", place, "2026-01-31")


def content(text: str, place: int = 0) -> Identity:
    return Identity(text, "content", place)


def planned(outbox: Outbox, name: str, *known_by: Identity, target: WriteTarget = BILLS) -> OutboxEntry:
    """An entry that is planned, under an identity of its own."""
    (entry,) = outbox.plan([new_entry(target, name, "d", f"<{name}/>", label=name, identities=known_by)])
    return entry


def sent(outbox: Outbox, name: str, *known_by: Identity, target: WriteTarget = BILLS) -> OutboxEntry:
    (entry,) = outbox.begin([planned(outbox, name, *known_by, target=target)])
    return entry


def ended(outbox: Outbox, entry: OutboxEntry, status: RecordStatus, record: str = "") -> OutboxEntry:
    (done,) = outbox.conclude([entry.ended(status, Receipt(record))])
    return done


def posted(outbox: Outbox, name: str, *known_by: Identity, record: str = "") -> OutboxEntry:
    return ended(outbox, sent(outbox, name, *known_by), APPLIED, record or name)


def updated(outbox: Outbox, record: str, *known_by: Identity, name: str = "update") -> OutboxEntry:
    """An update that was applied to a record of the company."""
    return ended(outbox, sent(outbox, name, *known_by, target=UPDATES), APPLIED, record)


def holders(outbox: Outbox, *identities: Identity, target: WriteTarget = BILLS) -> list[list[tuple[int, int]]]:
    """The place and the entry of every live record that holds each of these."""
    held = outbox.holders(target, identities)
    return [
        [(one.place, one.entry.number) for one in held.get((identity.kind, identity.text), ()) if one.entry.is_live]
        for identity in identities
    ]


def known_by(outbox: Outbox, entry: OutboxEntry) -> list[tuple[str, str, int]]:
    """What an entry says that its record is known by."""
    return [(one.kind, one.text, one.place) for one in outbox.entry(entry.number).identities]


# --- before bytes leave


@pytest.mark.parametrize("status", [None, IN_DOUBT, APPLIED])
@pytest.mark.parametrize("shared", [key("K"), source("S")])
def test_a_second_record_of_a_key_is_not_sent(outbox: Outbox, shared: Identity, status: RecordStatus | None) -> None:
    """Two loaders know one record by different keys, and share one of these: one of them sends it."""
    first = sent(outbox, "a", shared, number("N"))
    if status is not None:
        ended(outbox, first, status, "1")
    second = planned(outbox, "b", key("other"), shared)
    assert outbox.begin([second]) == []
    now = outbox.entry(second.number)
    assert now.status is RecordStatus.NOT_SENT
    assert now.note == "entry 1, which is the same record, was sent by another load; run this load again"
    assert (now.changed_at, now.sendings) == (NOW, 0)
    assert holders(outbox, shared, key("other")) == [[(1, first.number)], []]


@pytest.mark.parametrize("status", [REJECTED, RecordStatus.ABORTED, RecordStatus.NOT_SENT])
def test_a_record_that_is_not_in_the_company_holds_nothing(outbox: Outbox, status: RecordStatus) -> None:
    ended(outbox, sent(outbox, "a", key("K"), number("N")), status)
    second = sent(outbox, "b", key("K"), number("N"))
    assert holders(outbox, key("K"), number("N")) == [[(1, second.number)], [(1, second.number)]]


def test_of_records_that_are_sent_together_one_has_a_key(outbox: Outbox) -> None:
    entries = [planned(outbox, name, key("K"), number(name)) for name in ("a", "b")]
    begun = outbox.begin([*entries, planned(outbox, "c", key("L"))])
    assert [one.label for one in begun] == ["a", "c"]
    assert [outbox.entry(one.number).status for one in entries] == [RecordStatus.SENT, RecordStatus.NOT_SENT]


def test_records_of_one_number_have_places_of_their_own(outbox: Outbox) -> None:
    first = sent(outbox, "a", number("N"), content("C"))
    begun = outbox.begin([planned(outbox, name, number("N"), content("C")) for name in ("b", "c")])
    assert [[one.place for one in entry.identities] for entry in (first, *begun)] == [[1, 1], [2, 2], [3, 3]]
    assert [known_by(outbox, entry) for entry in begun] == [
        [("number", "N", 2), ("content", "C", 2)], [("number", "N", 3), ("content", "C", 3)]
    ]  # fmt: skip
    assert holders(outbox, number("N")) == [[(1, 1), (2, 2), (3, 3)]]


def test_a_place_that_a_plan_chose_is_taken_once(outbox: Outbox) -> None:
    posted(outbox, "a", number("N", 1))
    posted(outbox, "c", number("N", 3))
    assert outbox.begin([planned(outbox, "b", number("N", 3))]) == [], "another load has taken it since"
    assert holders(outbox, number("N")) == [[(1, 1), (3, 2)]]
    assert [one.place for one in sent(outbox, "d", number("N")).identities] == [2], "the first that is free"


def test_an_entry_that_is_sent_again_keeps_its_places(outbox: Outbox) -> None:
    refused = ended(outbox, sent(outbox, "a", key("K"), number("N")), REJECTED)
    again = sent(outbox, "a", key("K"), number("N", 1))
    assert (again.number, again.attempt) == (refused.number, 2)
    assert holders(outbox, key("K"), number("N")) == [[(1, 1)], [(1, 1)]]


def test_keys_count_within_object_and_entity(outbox: Outbox) -> None:
    sent(outbox, "a", key("K"))
    for other in (replace(BILLS, entity="100"), replace(BILLS, object="ARINVOICE"), replace(BILLS, company="other")):
        entry = sent(outbox, "a", key("K"), target=other)
        assert holders(outbox, key("K"), target=other) == [[(1, entry.number)]]
    assert holders(outbox, key("K")) == [[(1, 1)]]


def test_a_key_is_of_its_kind(outbox: Outbox) -> None:
    sent(outbox, "a", key("K"))
    assert sent(outbox, "b", source("K")).label == "b"
    assert holders(outbox, key("K"), source("K")) == [[(1, 1)], [(1, 2)]]


# --- what is learned


def test_a_record_learns_a_key(outbox: Outbox) -> None:
    entry = posted(outbox, "a", number("N"))
    outbox.learn({entry.number: (number("N", 0), source("S"))})
    assert known_by(outbox, entry) == [("number", "N", 1), ("source", "S", 1)]
    assert holders(outbox, number("N"), source("S")) == [[(1, 1)], [(1, 1)]]
    assert outbox.begin([planned(outbox, "b", source("S"))]) == []


def test_a_key_of_another_live_record_is_not_learned(outbox: Outbox) -> None:
    entry, other = posted(outbox, "a", number("N")), posted(outbox, "b", source("S"))
    outbox.learn({entry.number: (source("S"),)})
    assert known_by(outbox, entry) == [("number", "N", 1)]
    assert holders(outbox, source("S")) == [[(1, other.number)]]


def test_a_number_of_another_live_record_is_learned_in_a_place_of_its_own(outbox: Outbox) -> None:
    entry, other = posted(outbox, "a", key("K")), posted(outbox, "b", number("N"), content("C"))
    outbox.learn({entry.number: (number("N"), content("C"))})
    assert known_by(outbox, entry) == [("key", "K", 1), ("number", "N", 2), ("content", "C", 2)]
    assert holders(outbox, number("N"), content("C")) == [[(1, other.number), (2, 1)], [(1, other.number), (2, 1)]]


def test_a_number_is_learned_in_its_own_place_if_that_is_free(outbox: Outbox) -> None:
    entry, other = posted(outbox, "a", key("K")), posted(outbox, "b", number("N"))
    outbox.learn({entry.number: (number("N", 5),)})
    assert holders(outbox, number("N")) == [[(1, other.number), (5, entry.number)]]


@pytest.mark.parametrize("status", [REJECTED, RecordStatus.NOT_SENT])
def test_a_record_that_was_not_posted_learns_nothing(outbox: Outbox, status: RecordStatus) -> None:
    entry = ended(outbox, sent(outbox, "a", number("N")), status)
    outbox.learn({entry.number: (source("S"),)})
    assert known_by(outbox, entry) == [("number", "N", 1)]
    assert holders(outbox, source("S")) == [[]]


def test_several_records_learn_at_once(outbox: Outbox) -> None:
    first, second = posted(outbox, "a", number("N")), posted(outbox, "b", number("M"))
    outbox.learn({first.number: (source("S"),), second.number: (source("T"),)})
    assert holders(outbox, source("S"), source("T")) == [[(1, 1)], [(1, 2)]]


def test_a_key_of_a_source_takes_the_place_of_another(outbox: Outbox) -> None:
    """A stream is given key properties: its records had numbers among equals before."""
    equal = Identity("E", "equal")
    entry = posted(outbox, "a", equal, number("N"), content("C"))
    outbox.rename(entry, source("S"))
    assert outbox.entry(entry.number).identity == "S"
    assert known_by(outbox, entry) == [("number", "N", 1), ("content", "C", 1), ("source", "S", 1)]
    assert holders(outbox, equal, source("S")) == [[], [(1, 1)]]


# --- corrections by updates


def test_a_correction_gives_a_record_its_new_number(outbox: Outbox) -> None:
    """Its old number is free, and it keeps the key of its source and each of its contents."""
    entry = posted(outbox, "a", key("K1"), source("S"), content("C1"), record="7")
    update = updated(outbox, "7", key("K2"), source("S"), content("C2"))
    assert known_by(outbox, entry) == [
        ("source", "S", 1), ("content", "C1", 1), ("key", "K2", 1), ("content", "C2", 1)
    ]  # fmt: skip
    assert holders(outbox, key("K1"), key("K2"), source("S"), content("C1"), content("C2")) == [
        [], [(1, 1)], [(1, 1)], [(1, 1)], [(1, 1)]
    ]  # fmt: skip
    assert known_by(outbox, update) == [("key", "K1", 1), ("source", "S", 1), ("content", "C1", 1)], "what it was"
    assert sent(outbox, "b", key("K1")).label == "b"
    assert outbox.begin([planned(outbox, "c", key("K2"))]) == []


def test_a_correction_of_another_value_keeps_the_place_of_a_number(outbox: Outbox) -> None:
    posted(outbox, "a", number("N"), record="6")
    posted(outbox, "b", number("N"), content("C1"), record="7")
    updated(outbox, "7", number("N"), content("C2"))
    assert holders(outbox, number("N"), content("C1"), content("C2")) == [[(1, 1), (2, 2)], [(1, 2)], [(1, 2)]]


@pytest.mark.parametrize("status", [REJECTED, IN_DOUBT])
def test_a_correction_that_was_not_applied_changes_nothing(outbox: Outbox, status: RecordStatus) -> None:
    entry = posted(outbox, "a", key("K1"), record="7")
    ended(outbox, sent(outbox, "update", key("K2"), target=UPDATES), status, "7")
    assert known_by(outbox, entry) == [("key", "K1", 1)]
    assert holders(outbox, key("K1")) == [[(1, 1)]]


def test_a_correction_that_is_settled_gives_the_new_number(outbox: Outbox) -> None:
    entry = posted(outbox, "a", key("K1"), record="7")
    in_doubt = ended(outbox, sent(outbox, "update", key("K2"), target=UPDATES), IN_DOUBT)
    ended(outbox, in_doubt, APPLIED, "7")
    assert known_by(outbox, entry) == [("key", "K2", 1)]


def test_an_update_without_identities_changes_none(outbox: Outbox) -> None:
    entry = posted(outbox, "a", key("K1"), record="7")
    updated(outbox, "7")
    assert known_by(outbox, entry) == [("key", "K1", 1)]


@pytest.mark.parametrize("record", ["8", ""])
def test_an_update_of_a_record_that_we_did_not_create_holds_nothing(outbox: Outbox, record: str) -> None:
    entry = posted(outbox, "a", key("K1"), record="7")
    update = updated(outbox, record, key("K2"))
    assert (known_by(outbox, entry), known_by(outbox, update)) == ([("key", "K1", 1)], [("key", "K2", 1)])


def test_an_undo_of_a_correction_restores_what_the_record_was_known_by(outbox: Outbox) -> None:
    entry = posted(outbox, "a", key("K1"), source("S"), record="7")
    update = updated(outbox, "7", key("K2"), source("S"))
    (back,) = outbox.plan([new_entry(UPDATES, "undo", "u", "<undo/>", undoes=update.number)])
    ended(outbox, outbox.begin([back])[0], APPLIED, "7")
    assert known_by(outbox, entry) == [("key", "K1", 1), ("source", "S", 1)]
    assert holders(outbox, key("K1"), key("K2")) == [[(1, 1)], []]
    assert outbox.entry(update.number).status is RecordStatus.RELEASED


def test_an_undo_in_doubt_releases_nothing(outbox: Outbox) -> None:
    """Its answer was lost, so the record may stand: it holds its keys until the undo is settled."""
    entry = posted(outbox, "a", key("K"), number("N"), record="7")
    (back,) = outbox.plan([new_entry(BILLS, "undo", "u", "<undo/>", undoes=entry.number)])
    in_doubt = ended(outbox, outbox.begin([back])[0], IN_DOUBT)
    assert holders(outbox, key("K"), number("N")) == [[(1, 1)], [(1, 1)]]
    assert outbox.begin([planned(outbox, "b", key("K"))]) == []
    ended(outbox, in_doubt, APPLIED, "8")
    assert holders(outbox, key("K"), number("N")) == [[], []]
    assert [one.label for one in outbox.begin([planned(outbox, "c", key("K"))])] == ["c"]


def test_holders_of_an_entry_are_named_by_its_identities(outbox: Outbox) -> None:
    entry = posted(outbox, "a", key("K"), number("N"), record="7")
    other = posted(outbox, "b", number("N"))
    assert outbox.holders_of(entry) == dict.fromkeys(entry.identities, 1)
    assert outbox.holders_of(other) == {replace(number("N"), place=2): other.number}
    outbox.release(entry, "deleted")
    assert outbox.holders_of(entry) == {}


def test_a_deleted_record_releases_its_keys(outbox: Outbox) -> None:
    posted(outbox, "a", key("K"), record="7")
    posted(outbox, "b", key("L"), record="8")
    ended(outbox, sent(outbox, "x", target=replace(BILLS, operation=WriteOperation.DELETE)), APPLIED, "7")
    assert holders(outbox, key("K"), key("L")) == [[], [(1, 2)]]


def labels(entries: Sequence[OutboxEntry]) -> list[str]:
    return [one.label for one in entries]


def test_two_loaders_cannot_both_send_a_record_that_they_know_by_different_keys(place: Place, outbox: Outbox) -> None:
    with Outbox(place, clock=lambda: NOW, user="me") as second:
        mine = planned(outbox, "a", source("S"), number("N"), content("C"))
        theirs = planned(second, "b", key("K"), source("S"), content("D"))
        assert labels(second.begin([theirs])) == ["b"]
        assert labels(outbox.begin([mine])) == []


# --- decisions of people


def resolved(outbox: Outbox, entry: OutboxEntry, record: str) -> OutboxEntry:
    return outbox.decide(entry.number, Resolution(ResolutionKind.POSTED_AS, "Ann", "seen", record))


def test_an_undo_that_a_person_has_seen_takes_the_record_back(outbox: Outbox) -> None:
    entry = posted(outbox, "a", key("K"), record="7")
    (back,) = outbox.plan([new_entry(BILLS, "undo", "u", "<undo/>", undoes=entry.number)])
    resolved(outbox, ended(outbox, outbox.begin([back])[0], IN_DOUBT), "8")
    assert outbox.entry(entry.number).status is RecordStatus.RELEASED
    assert holders(outbox, key("K")) == [[]]


def test_a_correction_that_a_person_has_seen_gives_the_new_number(outbox: Outbox) -> None:
    entry = posted(outbox, "a", key("K1"), record="7")
    resolved(outbox, ended(outbox, sent(outbox, "update", key("K2"), target=UPDATES), IN_DOUBT), "7")
    assert known_by(outbox, entry) == [("key", "K2", 1)]


def test_a_deletion_that_a_person_has_seen_releases_the_record(outbox: Outbox) -> None:
    entry = posted(outbox, "a", key("K"), record="7")
    delete = sent(outbox, "x", target=replace(BILLS, operation=WriteOperation.DELETE))
    resolved(outbox, ended(outbox, delete, IN_DOUBT), "7")
    assert outbox.entry(entry.number).status is RecordStatus.RELEASED
    assert outbox.entry(entry.number).note == "deleted by entry 2"


def test_a_record_that_a_person_has_not_seen_holds_nothing(outbox: Outbox) -> None:
    entry = ended(outbox, sent(outbox, "a", key("K")), IN_DOUBT)
    outbox.decide(entry.number, Resolution(ResolutionKind.NOT_POSTED, "Ann", "looked"))
    assert holders(outbox, key("K")) == [[]]


# --- corrections in flight


@pytest.mark.parametrize("status", [None, IN_DOUBT])
def test_a_correction_in_flight_has_the_new_number(outbox: Outbox, status: RecordStatus | None) -> None:
    """Else another load would post a second record of that number before the outcome is known."""
    entry = posted(outbox, "a", key("K1"), number("N1"), source("S"), record="7")
    update = sent(outbox, "update", key("K2"), number("N2"), source("S"), content("C"), target=UPDATES)
    if status is not None:
        update = ended(outbox, update, status)
    for name, taken in (("b", key("K2")), ("c", number("N2", 1)), ("d", key("K1"))):
        second = planned(outbox, name, taken)
        assert outbox.begin([second]) == []
        assert "which is the same record" in outbox.entry(second.number).note
    assert sent(outbox, "e", content("C", 1)).label == "e", "equal contents are no numbers"
    ended(outbox, update, APPLIED, "7")
    assert holders(outbox, key("K2"), number("N2"), key("K1")) == [[(1, entry.number)], [(1, entry.number)], []]


def test_corrections_that_are_sent_together_have_their_numbers(outbox: Outbox) -> None:
    posted(outbox, "a", key("K1"), record="7")
    posted(outbox, "b", key("L1"), record="8")
    updates = [planned(outbox, name, key(name), target=UPDATES) for name in ("K2", "L2")]
    assert len(outbox.begin(updates)) == 2
    assert outbox.begin([planned(outbox, name, key(name)) for name in ("K2", "L2", "M2")])[0].identity == "M2"


def test_a_correction_that_was_refused_leaves_the_number_free(outbox: Outbox) -> None:
    posted(outbox, "a", key("K1"), record="7")
    ended(outbox, sent(outbox, "update", key("K2"), target=UPDATES), REJECTED)
    assert sent(outbox, "b", key("K2")).label == "b"


def test_a_correction_in_flight_takes_no_number_from_a_record_that_has_it(outbox: Outbox) -> None:
    first, second = posted(outbox, "a", number("N"), record="6"), posted(outbox, "b", number("N"), record="7")
    sent(outbox, "update", number("N"), key("K"), target=UPDATES)
    assert holders(outbox, number("N"), key("K")) == [[(1, first.number), (2, second.number)], []]


def test_an_applied_correction_of_another_record_claims_no_number(outbox: Outbox) -> None:
    """The company knows the number of a record that a person entered, and a plan asks it."""
    updated(outbox, "99", key("K2"))
    assert sent(outbox, "b", key("K2")).label == "b"
