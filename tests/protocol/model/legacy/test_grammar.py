"""The table of the object-specific functions: order, required elements, attributes."""

import pytest

from intacct_protocol.model.legacy.grammar import function_def, function_names


def test_every_function_of_the_schema_compiles() -> None:
    assert len(function_names()) == 295
    for name in function_names():
        found = function_def(name)
        assert found is not None
        assert found.model.names or not found.text.strip("() ")


@pytest.mark.parametrize(
    ("function", "children", "index", "expected"),
    [
        # orders as documented for the object-specific functions
        ("create_bill", ["vendorid", "datecreated", "datedue", "billno", "billitems"], None, ()),
        ("create_bill", ["vendorid", "datecreated", "termname", "billitems"], None, ()),
        ("create_bill", ["datecreated", "vendorid"], 0, ("vendorid",)),
        ("create_bill", ["vendorid", "datecreated", "billitems"], 2, ("dateposted", "datedue", "termname")),
        ("create_gltransaction", ["journalid", "datecreated", "description"], 3, None),
        ("get_list", ["sorts", "filter"], 1, None),
    ],
)
def test_children_are_checked_against_the_order(
    function: str, children: list[str], index: int | None, expected: tuple[str, ...] | None
) -> None:
    found = function_def(function)
    assert found is not None
    unexpected = found.model.check(children)
    if index is None:
        assert unexpected is None
    else:
        assert unexpected is not None
        assert unexpected.index == index
        assert expected is None or unexpected.expected == expected


def test_arranging_puts_children_in_order() -> None:
    found = function_def("create_bill")
    assert found is not None
    shuffled = ["billitems", "billno", "datecreated", "datedue", "vendorid"]
    assert found.model.check(found.model.arrange(shuffled)) is None


def test_required_names() -> None:
    found = function_def("create_bill")
    assert found is not None
    assert found.model.required == ("vendorid", "datecreated", "billitems")


def test_attributes() -> None:
    found = function_def("get_list")
    assert found is not None
    by_name = {one.name: one for one in found.attributes}
    assert by_name["object"].required
    assert "bill" in by_name["object"].values
    assert not by_name["start"].required
