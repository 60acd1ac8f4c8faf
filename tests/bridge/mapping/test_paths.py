from typing import Any

import pytest

from intacct_bridge.mapping.paths import column, has, items, put, steps, value_at

RECORD: dict[str, Any] = {
    "Invoice No.": "INV-1",
    "address": {"city": "Lyon", "zip": None},
    "addresses": [{"addressType": "billing", "city": "Paris"}, {"addressType": "shipping", "city": "Nice"}],
    "phone": {"number": "1"},
    "a.b": "verbatim",
    "a": {"b": "nested"},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Invoice No.", "INV-1"),
        ("address.city", "Lyon"),
        ("address.zip", None),
        ("address.street", None),
        ("addresses[1].city", "Nice"),
        ("addresses[7].city", None),
        ("addresses[addressType=BILLING].city", "Paris"),
        ("addresses[addressType=home].city", None),
        ("phone[0].number", "1"),
        ("a.b", "verbatim"),
        ("nowhere.at.all", None),
        ("address.city.deeper", None),
        ("address[0].city", "Lyon"),
        ("Invoice No[0]", None),
    ],
)
def test_values_are_found(path: str, value: object) -> None:
    assert value_at(RECORD, path) == value


def test_null_differs_from_a_missing_value() -> None:
    assert has(RECORD, "address.zip")
    assert not has(RECORD, "address.street")
    assert has(RECORD, "Invoice No.")
    assert has(RECORD, "addresses[0]")
    assert not has(RECORD, "addresses[2]")


def test_paths_are_parsed() -> None:
    assert steps("a[type=x y][0].b") == ("a", ("type", "x y"), 0, "b")
    assert column("addresses[0].city") == "addresses"
    assert column("Invoice No.") == "Invoice No"
    for name in ("a[", "Amount [USD]", "a..b", "[0]", ".", "a]b"):
        assert steps(name) == (name,)


def test_values_are_put() -> None:
    record: dict[str, object] = {}
    put(record, "name", "x")
    put(record, "address.city", "Lyon")
    put(record, "address.zip", "69000")
    put(record, "addresses[0].city", "Paris")
    put(record, "phones[type=mobile].number", "1")
    put(record, "phones[type=fax].number", "2")
    put(record, "phones[type=mobile].area", "3")
    assert record == {
        "name": "x",
        "address": {"city": "Lyon", "zip": "69000"},
        "addresses": [{"city": "Paris"}],
        "phones": [{"type": "mobile", "number": "1", "area": "3"}, {"type": "fax", "number": "2"}],
    }


def test_lists_are_walked() -> None:
    assert [(place, item["city"]) for place, item in items(RECORD, "addresses")] == [(0, "Paris"), (1, "Nice")]
    assert list(items(RECORD, ".")) == [(0, RECORD)]
    assert [place for place, _ in items(RECORD, "phone")] == [0]
    assert list(items(RECORD, "Invoice No.")) == []
