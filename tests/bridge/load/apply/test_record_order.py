"""Parents before children, whatever the input's order, and nothing else moved."""

from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_bridge.load.apply.record_order import in_order, waves
from intacct_bridge.load.records.write import Identity, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow

ROW = SourceRow("f.csv", 1, {})
TREES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=10, unique_by=lambda pair: pair[0])


def department(number: int, parent: int, operation: WriteOperation = WriteOperation.CREATE) -> Write:
    fields = {"DEPARTMENTID": str(number), "TITLE": f"D{number}", "PARENTID": str(parent)}
    return Write(operation, "DEPARTMENT", fields, Identity(str(number), "key"), "", f"{number}", (ROW,))


@settings(deadline=None, max_examples=200)
@given(TREES)
def test_every_record_comes_once_and_after_its_references_except_in_a_ring(
    pairs: list[tuple[int, int]],
) -> None:
    writes = [department(*pair) for pair in pairs]
    found = in_order(writes)
    assert sorted(one.label for one in found) == sorted(one.label for one in writes)
    parents, places = dict(pairs), {one.label: place for place, one in enumerate(found)}
    for number, parent in pairs:
        seen, at = {number}, parent
        while at in parents and at not in seen:
            seen.add(at)
            at = parents[at]
        if parent in parents and at not in seen:
            assert places[str(parent)] < places[str(number)]


def test_a_chain_has_a_wave_for_each_link_and_unrelated_records_go_first() -> None:
    chain = [department(3, 2), department(2, 1), department(1, 0), department(7, 0)]
    assert waves(chain) == [[2, 3], [1], [0]]


def test_an_update_is_not_waited_for() -> None:
    assert waves([department(2, 1), department(1, 0, WriteOperation.UPDATE)]) == [[0, 1]]
