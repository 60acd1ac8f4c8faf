"""The entity of a record: a text means one entity, or the record is refused."""

from dataclasses import replace

import pytest

from intacct_bridge.load.records.write import Identity, Write, WriteOperation
from intacct_bridge.load.target.entities import with_entities
from support.load.ledger import Ledger

WRITE = Write(WriteOperation.CREATE, "GLBATCH", {}, Identity("k", "key"), "d", "entry", ())


@pytest.fixture
def ledger() -> Ledger:
    found = Ledger()
    found.rows["LOCATIONENTITY"] = [
        {"RECORDNO": 1, "LOCATIONID": "E1", "NAME": "Main"},
        {"RECORDNO": 2, "LOCATIONID": "E2", "NAME": "West"},
        {"RECORDNO": 3, "LOCATIONID": "E3", "NAME": "West"},
    ]
    return found


def placed(ledger: Ledger, text: str, by: str = "") -> tuple[str, list[str]]:
    """The entity of a record that names this one, and what is wrong with it."""
    (write,) = with_entities(
        [replace(WRITE, entity=text, entity_by=by)], "", lambda: list(ledger.rows["LOCATIONENTITY"])
    )
    return write.entity, [one.message for one in write.findings]


@pytest.mark.parametrize(
    ("text", "by", "entity"),
    [("E2", "", "E2"), ("Main", "", "E1"), ("2", "", "E2"), ("Main", "NAME", "E1"), ("3", "RECORDNO", "E3")],
)
def test_an_entity_is_named_by_id_name_or_record_number(ledger: Ledger, text: str, by: str, entity: str) -> None:
    assert placed(ledger, text, by) == (entity, [])


@pytest.mark.parametrize("by", ["", "NAME"])
def test_a_name_that_two_entities_have_is_refused(ledger: Ledger, by: str) -> None:
    assert placed(ledger, "West", by) == ("", ["'West' is the name of more than one entity (E2, E3)"])


def test_an_entity_that_the_company_does_not_have_is_refused(ledger: Ledger) -> None:
    assert placed(ledger, "North") == ("", ["the company has no entity 'North'"])
    assert placed(ledger, "West", "LOCATIONID") == ("", ["the company has no entity 'West'"])
