"""The demo company as a whole: the same every time, large enough, made of fields that the catalogue knows."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from itertools import islice

import pytest

from emulator.company_books import AS_OF, books
from intacct_bridge.emulator.company import demo_company


def test_the_same_seed_and_day_make_the_same_company() -> None:
    day = date(2026, 1, 31)
    first, again = demo_company(7, as_of=day), demo_company(7, as_of=day)
    assert all(one == other for one, other in zip(first, again, strict=True))
    for other_company in (demo_company(8, as_of=day), demo_company(7, as_of=date(2026, 2, 28))):
        pairs = zip(islice(demo_company(7, as_of=day), 3000), other_company, strict=False)
        assert any(one != other for one, other in pairs)


@pytest.mark.parametrize("as_of", [date(2026, 3, 1), date(2024, 2, 29), date(2026, 12, 31)])
def test_it_is_large_enough_on_any_day(as_of: date) -> None:
    found = books(1, as_of)
    assert 20_000 <= len(found["GLDETAIL"]) <= 26_000
    assert len(found) >= 40
    days = [row["BATCH_DATE"] for row in found["GLDETAIL"]]
    assert max(days, key=str) <= as_of  # type: ignore[operator]
    assert len({str(day)[:7] for day in days}) == 24


def test_nothing_is_known_before_it_happens() -> None:
    latest = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) - timedelta(hours=14)
    for name, rows in books().items():
        for row in rows:
            for field, value in row.items():
                if isinstance(value, datetime):
                    assert value <= latest, (name, field)
                    assert value.tzinfo is UTC


def test_record_numbers_are_unique() -> None:
    for name, rows in books().items():
        keys = [row["RECORDNO"] for row in rows if "RECORDNO" in row]
        assert len(keys) in (0, len(rows)), name
        assert len(set(keys)) == len(keys), name


def test_every_field_is_in_the_catalogue_and_of_its_kind() -> None:
    if not (files("intacct_bridge.data") / "emulator_catalog.json").is_file():
        pytest.skip("the emulator's catalogue is not here yet")
    catalogue = json.loads((files("intacct_bridge.data") / "emulator_catalog.json").read_text("utf-8"))
    kinds = {"i": int, "d": Decimal, "c": Decimal, "p": Decimal, "D": date, "T": datetime, "b": bool}
    wrong = Counter[str]()
    for name, rows in books().items():
        known = {field[0]: (field[1], field[4] if len(field) > 4 else []) for field in catalogue[name][0]}
        for row in rows:
            for field, value in row.items():
                if field not in known:
                    wrong[f"{name}.{field} is unknown"] += 1
                    continue
                letter, values = known[field]
                kind = kinds.get(letter, str)
                if value is None:
                    continue
                if not isinstance(value, kind) or (kind is date and isinstance(value, datetime)):
                    wrong[f"{name}.{field} is {type(value).__name__}, not {letter}"] += 1
                if values and str(value) not in values and letter != "b":
                    wrong[f"{name}.{field} has {value!r}, not of {values}"] += 1
    assert dict(wrong) == {}


def test_a_private_record_names_its_owner_and_a_shared_one_none() -> None:
    for name in ("VENDOR", "CUSTOMER", "APBILL", "ARINVOICE", "GLBATCH"):
        owners = Counter(row.get("MEGAENTITYID") for row in books()[name])
        assert owners[None] > 0, name
        assert owners["300"] > 0, name
