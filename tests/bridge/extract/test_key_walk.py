"""A walk along the key misses nothing and doubles nothing while people edit, in the fewest calls."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_bridge.destination_suite import DETAIL, NOON
from intacct_bridge.extract.key_walk import WalkPage, walk
from intacct_bridge.streams.bookmark import KeySpan
from intacct_bridge.streams.partition import Partition
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.xml.values import Kind
from support.extract.table import Row, SameThreadExecutor, Table, lexical, numeric

NUMBERS = Stream("T", "T", {"RECORDNO": Kind.INTEGER, "V": Kind.INTEGER}, "RECORDNO")
TEXTS = Stream("T", "T", {"RECORDNO": Kind.TEXT, "V": Kind.INTEGER}, "RECORDNO", text_key=True)
KEYS = st.sets(st.integers(1, 5000), max_size=60)
WIDTHS = st.integers(1, 5)
PAGES = st.integers(1, 9)


def rows_of(keys: Any, stream: Stream = NUMBERS) -> list[Row]:
    return [{"RECORDNO": str(key) if stream.text_key else key, "V": 0} for key in keys]


def partition(stream: Stream = NUMBERS, size: int = 3, **more: Any) -> Partition:
    return Partition(stream, stream.walk_field, in_groups=bool(stream.group), page_size=size, **more)


def keys_of(pages: list[WalkPage]) -> list[Any]:
    return [key for page in pages for key in page.rows.column("RECORDNO").to_pylist()]


def read(table: Table, part: Partition, width: int = 1, pool: Executor | None = None) -> list[WalkPage]:
    return list(walk(table.ask, part, pool or SameThreadExecutor(), width))


@given(KEYS, PAGES, WIDTHS)
@settings(deadline=None)
def test_every_row_comes_once(keys: set[int], size: int, width: int) -> None:
    table = Table(NUMBERS, rows_of(keys))
    pages = read(table, partition(size=size), width)
    assert sorted(keys_of(pages)) == sorted(keys)
    assert pages[-1].unread == ()


@given(KEYS, PAGES)
@settings(deadline=None)
def test_one_or_two_readers_make_no_call_more_than_there_are_pages(keys: set[int], size: int) -> None:
    pages = max(1, -(-len(keys) // size))
    for width in (1, 2):
        table = Table(NUMBERS, rows_of(keys))
        read(table, partition(size=size), width)
        assert len(table.queries) == pages


@given(KEYS, PAGES, WIDTHS)
@settings(deadline=None)
def test_threads_change_nothing(keys: set[int], size: int, width: int) -> None:
    table = Table(NUMBERS, rows_of(keys))
    with ThreadPoolExecutor(width) as pool:
        pages = read(table, partition(size=size), width, pool)
    assert sorted(keys_of(pages)) == sorted(keys)


@given(KEYS, PAGES, WIDTHS, st.integers(1, 6))
@settings(deadline=None)
def test_a_walk_resumes_from_any_page(keys: set[int], size: int, width: int, stop: int) -> None:
    table = Table(NUMBERS, rows_of(keys))
    first = []
    for page in walk(table.ask, partition(size=size), SameThreadExecutor(), width):
        first.append(page)
        if len(first) == stop:
            break
    rest = read(table, partition(size=size, unread=first[-1].unread), width) if first[-1].unread else []
    assert sorted(keys_of([*first, *rest])) == sorted(keys)


EDITS = st.lists(st.tuples(st.sampled_from(["add", "drop", "none"]), st.integers(1, 5000)), min_size=1, max_size=80)


def editing(edits: list[tuple[str, int]], touched: set[Any], shape: Callable[[int], Any]) -> Callable[[Table], None]:
    """One edit before every call; keys that are added or deleted may or may not come, all others must."""
    left = list(edits)

    def edit(table: Table) -> None:
        what, number = left.pop() if left else ("none", 0)
        key = shape(number)
        held = {row["RECORDNO"] for row in table.rows}
        if what == "add" and key not in held and key not in touched:
            touched.add(key)
            table.rows.append({"RECORDNO": key, "V": 0})
        if what == "drop" and key in held:
            touched.add(key)
            table.rows = [row for row in table.rows if row["RECORDNO"] != key]

    return edit


@given(KEYS, PAGES, WIDTHS, EDITS)
@settings(deadline=None, max_examples=200)
def test_edits_between_calls_lose_and_double_nothing(
    keys: set[int], size: int, width: int, edits: list[tuple[str, int]]
) -> None:
    touched: set[Any] = set()
    table = Table(NUMBERS, rows_of(keys), edit=editing(edits, touched, int))
    found = Counter(keys_of(read(table, partition(size=size), width)))
    assert not [key for key, times in found.items() if times > 1]
    assert set(keys) - touched <= set(found)


@given(KEYS, PAGES, st.sampled_from([numeric, lexical]), EDITS)
@settings(deadline=None, max_examples=200)
def test_text_keys_in_either_order_lose_and_double_nothing(
    keys: set[int], size: int, order: Callable[[Any], Any], edits: list[tuple[str, int]]
) -> None:
    touched: set[Any] = set()
    table = Table(TEXTS, rows_of(keys, TEXTS), order, order, edit=editing(edits, touched, str))
    found = Counter(keys_of(read(table, partition(TEXTS, size), 3)))
    assert not [key for key, times in found.items() if times > 1]
    assert {str(key) for key in keys} - touched <= set(found)


@given(KEYS, PAGES)
@settings(deadline=None)
def test_text_keys_cost_nothing_extra_without_edits(keys: set[int], size: int) -> None:
    table = Table(TEXTS, rows_of(keys, TEXTS), lexical, lexical)
    read(table, partition(TEXTS, size))
    assert len(table.queries) == max(1, -(-len(keys) // size))


@pytest.mark.parametrize(("sorts", "compares"), [(numeric, lexical), (lexical, numeric)])
@given(size=st.integers(2, 9), keys=st.sets(st.integers(1, 2000), min_size=30, max_size=60))
@settings(deadline=None, max_examples=60)
def test_an_order_that_would_lose_rows_is_an_error(
    sorts: Callable[[Any], Any], compares: Callable[[Any], Any], size: int, keys: set[int]
) -> None:
    table = Table(TEXTS, rows_of(keys, TEXTS), sorts, compares)
    try:
        found = keys_of(read(table, partition(TEXTS, size)))
    except RemoteProtocolError:
        return
    assert sorted(found) == sorted(str(key) for key in keys)


def detail(key: str, group: int) -> Row:
    return {"RECORDNO": key, "BATCHKEY": group, "BATCH_DATE": NOON.date(), "AMOUNT": None}


GROUPS = st.dictionaries(st.integers(1, 400), st.integers(1, 12), max_size=12)


@given(GROUPS, st.integers(3, 8), WIDTHS, st.sampled_from([numeric, lexical]))
@settings(deadline=None, max_examples=200)
def test_groups_are_complete_even_where_their_keys_repeat(
    sizes: dict[int, int], size: int, width: int, order: Callable[[Any], Any]
) -> None:
    """Every second row of a group repeats the key before it, as the row of another book may."""
    rows = [detail(str(group * 100 + index // 2), group) for group, many in sizes.items() for index in range(many)]
    table = Table(DETAIL, rows, order, order)
    begun: Counter[Any] = Counter()
    found: Counter[Any] = Counter()
    open_group = None
    for page in walk(table.ask, partition(DETAIL, size), SameThreadExecutor(), width):
        begun.update(page.groups)
        here = page.rows.column("BATCHKEY").to_pylist()
        assert set(here) <= {*page.groups, open_group}
        open_group = here[-1] if here else open_group
        found.update(zip(here, page.rows.column("RECORDNO").to_pylist(), strict=True))
    assert found == Counter((row["BATCHKEY"], row["RECORDNO"]) for row in rows)
    assert set(begun.values()) <= {1}


@given(GROUPS, st.integers(3, 8), st.integers(1, 6))
@settings(deadline=None)
def test_a_walk_along_groups_resumes_from_any_page(sizes: dict[int, int], size: int, stop: int) -> None:
    rows = [detail(f"{group}-{index}", group) for group, many in sizes.items() for index in range(many)]
    table = Table(DETAIL, rows, lexical, lexical)
    held: dict[Any, list[Any]] = {}

    def store(page: WalkPage) -> None:
        for group in page.groups:
            held[group] = []
        for group, key in zip(*(page.rows.column(name).to_pylist() for name in ("BATCHKEY", "RECORDNO")), strict=True):
            held[group].append(key)

    unread: tuple[KeySpan, ...] = (KeySpan(),)
    for index, page in enumerate(walk(table.ask, partition(DETAIL, size), SameThreadExecutor(), 2)):
        store(page)
        unread = page.unread
        if index == stop:
            break
    if unread:
        for page in read(table, partition(DETAIL, size, unread=unread)):
            store(page)
    assert Counter((g, key) for g, keys in held.items() for key in keys) == Counter(
        (row["BATCHKEY"], row["RECORDNO"]) for row in rows
    )


def test_a_long_span_is_cut_when_more_calls_may_run() -> None:
    table = Table(NUMBERS, rows_of(range(1, 601)))
    pages = read(table, partition(size=3), 6)
    assert sorted(keys_of(pages)) == list(range(1, 601))
    assert max(len(page.unread) for page in pages) >= 3
    assert len(table.queries) <= 220


def test_the_number_of_rows_to_come_is_known_from_the_first_page() -> None:
    pages = read(Table(NUMBERS, rows_of(range(1, 11))), partition(size=4))
    assert [page.expected for page in pages] == [6, 2, 0]


def test_an_answer_out_of_order_or_out_of_bounds_is_an_error() -> None:
    table = Table(NUMBERS, rows_of(range(1, 11)))
    with pytest.raises(RemoteProtocolError, match=r"order of T\.RECORDNO"):
        list(
            walk(
                lambda query: table.ask(replace(query, order=(replace(query.order[0], descending=True),))),
                partition(),
                SameThreadExecutor(),
            )
        )
    with pytest.raises(RemoteProtocolError, match="outside"):
        list(walk(lambda query: table.ask(replace(query, where=None)), partition(), SameThreadExecutor()))


def test_an_error_of_a_call_reaches_the_reader_and_ends_the_walk() -> None:
    table = Table(NUMBERS, rows_of(range(1, 101)))

    def ask(query: Any) -> Any:
        if len(table.queries) == 5:
            raise RemoteProtocolError("cut short")
        return table.ask(query)

    got = []
    with pytest.raises(RemoteProtocolError, match="cut short"):
        for page in walk(ask, partition(), SameThreadExecutor(), 2):
            got.append(page)
    assert 0 < len(got) < 34
    assert len(table.queries) == 5
