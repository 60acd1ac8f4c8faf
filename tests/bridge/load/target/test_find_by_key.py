"""A record is found by its key exactly: another case makes another record, another form of accents does not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.load.target.find_by_key import accepts_numbers, find_by_key, key_of, key_values
from intacct_protocol.errors import NotPermittedError
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import Value
from support.load.ledger import Ledger

GLBATCH = lookup_keys_of("GLBATCH")


@dataclass
class AnyCase(Ledger):
    """A company whose queries compare texts without their case, as some databases do."""

    def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
        if query.where is None or query.object != "GLBATCH":
            yield from super().query(query)
            return
        for row in self.rows.get("GLBATCH", []):
            yield {str(name): row.get(str(name)) for name in query.select}


def batch(number: int, reference: str, **more: Value) -> dict[str, Value]:
    fields: dict[str, Value] = {
        "JOURNAL": "GJ",
        "BATCH_DATE": date(2026, 11, 30),
        "BATCH_TITLE": "T",
        "REFERENCENO": reference,
    }
    return {"RECORDNO": number, **fields, "REVERSEDFROM": None, "CREATEDBYLOGINID": "loader", **more}


def keys(*references: str) -> list[dict[str, str]]:
    return [key_values(GLBATCH, batch(0, one)) for one in references]


@pytest.fixture(params=[Ledger, AnyCase])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return cast("Ledger", request.param())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("inv-1", ["1"]),
        ("INV-1", ["2"]),
        ("Inv-1", []),
        ("re\u0301f", ["3"]),  # the accent as a character of its own
        ("r\u00e9f", ["3"]),
        ("10", ["4", "11"]),
        ("none", []),
    ],
)
def test_a_record_is_found_by_its_own_key_only(ledger: Ledger, wanted: str, found: list[str]) -> None:
    references = [(1, "inv-1"), (2, "INV-1"), (3, "r\u00e9f"), (11, "10"), (4, "10")]
    ledger.rows["GLBATCH"] = [batch(number, text) for number, text in references]
    matches = find_by_key(cast("Gateway", ledger), GLBATCH, keys(wanted))
    assert [one.record for some in matches.values() for one in some] == found
    assert all(key == key_of(keys(wanted)[0]) for key in matches)


def test_what_a_found_record_is_judged_by() -> None:
    ledger = Ledger()
    ledger.rows["GLBATCH"] = [batch(1, "A"), batch(2, "A", REVERSEDFROM="1", CREATEDBYLOGINID="clerk")]
    ((own, copy),) = find_by_key(cast("Gateway", ledger), GLBATCH, keys("A")).values()
    assert (own.creator, own.copy, own.taken_back) == ("loader", False, False)
    assert (copy.creator, copy.copy) == ("clerk", True)


@dataclass
class Definitions:
    """The definitions of orders."""

    rows: list[dict[str, Value]] = field(default_factory=list)
    refused: bool = False

    def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
        if self.refused:
            raise NotPermittedError("no")
        yield from self.rows


@pytest.mark.parametrize(
    ("company", "accepts"),
    [
        (Definitions([{"DOCID": "Order", "ENABLE_SEQNUM": False}]), True),
        (Definitions([{"DOCID": "Order", "ENABLE_SEQNUM": True}]), False),
        (Definitions([{"DOCID": "Order", "ENABLE_SEQNUM": None}]), False),
        (Definitions(), False),
        (Definitions(refused=True), False),
    ],
)
def test_a_number_that_the_company_may_replace_proves_nothing(company: Definitions, accepts: bool) -> None:
    assert accepts_numbers(cast("Gateway", company), "SODOCUMENTPARAMS", "Order") == accepts


def test_a_record_without_a_full_key_has_none() -> None:
    assert key_values(GLBATCH, batch(0, "")) == {}
    assert key_values(LookupKeys("X"), batch(0, "A")) == {}
