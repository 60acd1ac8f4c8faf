"""All pages of a query together equal one evaluation over all rows, rows written meanwhile included."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.cells import text_of
from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.model.query.evaluate import predicate, sort_key
from intacct_protocol.model.query.filter_xml import query_element
from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or, Order, Query, all_of
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import serialize
from support.emulator.calls import results, rows
from support.protocol.strategies import TEXTS

OBJECT = "APBILL"
VALUES: dict[str, st.SearchStrategy[object]] = {
    "RECORDNO": st.integers(1, 60),
    "RECORDID": st.one_of(st.sampled_from(["a", "A", "b%", "_", "x & y <z>"]), TEXTS.filter(str.strip)),
    "STATE": st.sampled_from(["Draft", "Posted", "Paid"]),
    "TOTALDUE": st.sampled_from([Decimal(text) for text in ("0", "-1", "10", "9.5", "100.25")]),
    "WHENCREATED": st.sampled_from([date(2025, 12, 31), date(2026, 1, 1), date(2026, 10, 9)]),
    "WHENMODIFIED": st.sampled_from([datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (0, 9, 10, 23)]),
    "ONHOLD": st.booleans(),
}
DESCRIBED = standard_catalog()[OBJECT]
TEXT_FIELDS = [name for name in VALUES if DESCRIBED.kind_of(name) in (Kind.TEXT, Kind.ENUM)]
PLAIN = [Op.EQUALTO, Op.NOTEQUALTO, Op.LESSTHAN, Op.LESSTHANOREQUALTO, Op.GREATERTHAN, Op.GREATERTHANOREQUALTO]


def compare(name: str) -> st.SearchStrategy[Compare]:
    value = VALUES[name]
    kinds = [
        st.builds(Compare, st.just(name), st.sampled_from(PLAIN), st.tuples(value)),
        st.builds(Compare, st.just(name), st.sampled_from([Op.ISNULL, Op.ISNOTNULL])),
        st.builds(Compare, st.just(name), st.sampled_from([Op.IN, Op.NOTIN]), st.lists(value, min_size=1).map(tuple)),
        st.builds(Compare, st.just(name), st.just(Op.BETWEEN), st.tuples(value, value)),
    ]
    if name in TEXT_FIELDS:
        patterns = st.sampled_from(["%", "a%", "_", "%&%", "Dr_ft", "P%"])
        kinds.append(st.builds(Compare, st.just(name), st.sampled_from([Op.LIKE, Op.NOTLIKE]), st.tuples(patterns)))
    return st.one_of(kinds)


LEAVES = st.sampled_from(sorted(VALUES)).flatmap(compare)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=4)
        .map(tuple)
        .flatmap(lambda parts: st.sampled_from([And(parts), Or(parts)]))
    ),
    max_leaves=6,
)
ROW = st.fixed_dictionaries({}, optional={name: value for name, value in VALUES.items() if name != "RECORDNO"})
ORDERS = st.lists(st.builds(Order, st.sampled_from(sorted(VALUES)), st.booleans()), max_size=2).map(tuple)


def expected(seeded: dict[int, dict[str, str]], asked: Query) -> list[int]:
    kind_of = standard_catalog()[asked.object].kind_of
    numbers = sorted(seeded)
    if asked.where is not None:
        holds = predicate(asked.where, kind_of, case_insensitive=asked.case_insensitive)
        numbers = [number for number in numbers if holds(seeded[number])]
    if asked.order:
        key = sort_key(asked.order, kind_of)
        numbers.sort(key=lambda number: key(seeded[number]))
    return numbers


def walked(emulator: Emulator, asked: Query) -> list[int]:
    """All pages together; the four numbers of each page must agree with the total."""
    found: list[int] = []
    while True:
        page = Query(**{**{name: getattr(asked, name) for name in asked.__slots__}, "offset": len(found)})
        (result,) = results(emulator, serialize(query_element(page)))
        assert result.status == "success", result.faults
        assert result.data is not None
        cells = rows(result.data)
        found += [int(row["RECORDNO"]) for row in cells]
        counts = [int(result.data.get(name)) for name in ("totalcount", "offset", "count", "numremaining")]
        assert counts[1:] == [len(found) - len(cells), len(cells), counts[0] - len(found)]
        if counts[3] == 0:
            return found


@settings(max_examples=60, deadline=None)
@given(
    seeds=st.lists(ROW, max_size=25),
    where=st.one_of(st.none(), FILTERS),
    order=ORDERS,
    page_size=st.integers(1, 7),
    fold=st.booleans(),
    written=st.lists(st.tuples(st.integers(1, 30), ROW), max_size=6),
)
def test_all_pages_together_equal_one_evaluation(
    seeds: list[dict[str, object]],
    where: Filter | None,
    order: tuple[Order, ...],
    page_size: int,
    fold: bool,
    written: list[tuple[int, dict[str, object]]],
) -> None:
    emulator = Emulator.empty()
    table = emulator.company().table(OBJECT)
    seeded: dict[int, dict[str, str]] = {}
    asked = Query(
        OBJECT, ("RECORDNO", "RECORDID"), where, order, page_size=page_size, case_insensitive=fold, show_private=True
    )
    for cells in seeds:
        row = {name: text_of(value) for name, value in cells.items()}  # type: ignore[arg-type]
        seeded[table.insert(row)] = row
    assert walked(emulator, asked) == expected(seeded, asked)
    for number, cells in written:  # cached lists must include later writes
        row = {name: text_of(value) for name, value in cells.items()}  # type: ignore[arg-type]
        if number in seeded and not row:
            table.delete(number)
            del seeded[number]
        elif number in seeded:
            seeded[number] = row | {"RECORDNO": str(number)}
            table.update(number, seeded[number])
        else:
            seeded[table.insert(row)] = row
        assert walked(emulator, asked) == expected(seeded, asked)
    assert emulator.incidents == []
    emulator.close()


PARENT = st.one_of(st.none(), st.integers(1, 6))
BOUNDS = st.lists(
    st.builds(Compare, st.just("RECORDKEY"), st.sampled_from(PLAIN), st.tuples(st.integers(0, 7))), max_size=2
)


@settings(max_examples=60, deadline=None)
@given(
    parents=st.lists(PARENT, max_size=25),
    bounds=BOUNDS,
    descending=st.booleans(),
    page_size=st.integers(1, 7),
    changed=st.lists(st.tuples(st.integers(1, 25), PARENT), max_size=4),
)
def test_pages_by_a_number_that_several_rows_share(
    parents: list[int | None],
    bounds: list[Compare],
    descending: bool,
    page_size: int,
    changed: list[tuple[int, int | None]],
) -> None:
    emulator = Emulator.empty()
    table = emulator.company().table("APBILLITEM")
    rows_of = [{} if parent is None else {"RECORDKEY": str(parent)} for parent in parents]
    seeded: dict[int, dict[str, str]] = {table.insert(row): row for row in rows_of}
    where = all_of(bounds) if bounds else None
    order = (Order("RECORDKEY", descending),)
    asked = Query("APBILLITEM", ("RECORDNO",), where, order, page_size=page_size, show_private=True)
    assert walked(emulator, asked) == expected(seeded, asked)
    for number, parent in changed:
        if number in seeded:
            seeded[number] = {"RECORDNO": str(number)} | ({} if parent is None else {"RECORDKEY": str(parent)})
            table.update(number, seeded[number])
            assert walked(emulator, asked) == expected(seeded, asked)
    assert emulator.incidents == []
    emulator.close()
