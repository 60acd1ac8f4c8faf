"""What a record is known by, in words for people."""

from datetime import date

import pytest

from intacct_bridge.load.outbox.audit import identity_text
from intacct_bridge.load.records.identity import content_identity, key_identity, number_identity, source_identity
from intacct_bridge.load.records.write import Identity

PAYMENT: dict[str, str | date] = {"VENDORID": "V-1", "DOCNUMBER": "C-77", "PAYMENTDATE": date(2026, 11, 20)}


def number(object_name: str, **fields: str | date) -> Identity:
    identity = number_identity(object_name, fields)
    assert identity is not None
    return identity


IDENTITIES = {
    "number of a payment": (number("APPYMT", **PAYMENT), "V-1 C-77 10.00", "number C-77 of V-1"),
    "number of an entry": (number("GLBATCH", REFERENCENO="PR-1"), "GJ PR-1", "number PR-1"),
    "not in the label": (number("GLBATCH", REFERENCENO="PR-1"), "", "number pr-1"),
    "a word": (
        number("APPYMT", **{**PAYMENT, "DOCNUMBER": "ACH"}),
        "V-1 ACH 2026-11-20",
        "number ACH of V-1 on 2026-11-20",
    ),
    "key of the company": (
        key_identity({"VENDORID": "V-1", "RECORDID": "B:1"}, ("VENDORID", "RECORDID")),
        "",
        "key V-1 B:1 in Intacct",
    ),
    "key of a source": (source_identity(("7", "x"), "shop"), "", "key 7 x of source shop"),
    "key of the source without a name": (source_identity(("7",)), "", "key 7 of its source"),
    "content": (content_identity("d"), "", "its content"),
    "a second one with the number": (
        Identity(number("GLBATCH", REFERENCENO="A1").text, "number", place=2),
        "",
        "number a1 (2)",
    ),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_an_identity_is_told_in_words(case: str) -> None:
    identity, label, text = IDENTITIES[case]
    assert identity_text(identity, label) == text
