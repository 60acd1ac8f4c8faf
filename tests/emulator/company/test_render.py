"""Pages whose columns are fields of other records: the same text as row by row, and each record reached once."""

import pytest

from intacct_emulator.company import relations
from intacct_emulator.company.relations import Column, columns, resolve_all
from intacct_emulator.company.render import page_text, page_xml
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.cells import Row, escaped
from intacct_emulator.store.store import StoreTable
from intacct_protocol.xml.values import DEFAULT


def page(demo: Emulator, name: str, *further: str) -> tuple[StoreTable, list[tuple[int, Row]], list[Column]]:
    """A table with its rows and columns: all fields of the object, and some of related ones."""
    company = demo.company()
    described = company.catalog[name]
    found = resolve_all(company, described, [*described.fields, *further])
    assert None not in found.values()
    table = company.table(name)
    return table, list(table.rows()), columns(company, [path for path in found.values() if path is not None])


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("SODOCUMENTENTRY", ("ITEM.PRODUCTLINE.DESCRIPTION",)),
        ("CUSTOMER", ("PARENT.NAME",)),
        ("APBILLITEM", ()),
        ("VENDTYPE", ()),
    ],
)
def test_a_page_has_the_texts_of_each_row(demo: Emulator, name: str, further: tuple[str, ...]) -> None:
    described = demo.company().catalog[name]
    paths = [one for one in further if described.relation(one.partition(".")[0]) is not None]
    table, rows, wanted = page(demo, name, *paths)
    if name == "SODOCUMENTENTRY":  # an own value counts, and so does a link to no record
        at = next(place for place, column in enumerate(wanted) if column.tag == "ITEM.ITEMTYPE")
        first, second = rows[0], rows[1]
        table.update(first[0], {**first[1], "ITEM.ITEMTYPE": "Own & <first>"})
        table.update(second[0], {**second[1], "ITEMID": "none"})
        rows = list(table.rows())
        joined = [wanted[at].text(row) for _, row in rows]
        assert (joined[0], joined[1]) == ("Own & <first>", "")
        assert all(joined[2:])
    numbers = [number for number, _ in rows]
    texts = [[column.text(row) for column in wanted] for _, row in rows]
    assert list(page_text(table, numbers, wanted, DEFAULT)) == texts
    written = page_xml(table, numbers, name, wanted, DEFAULT).rows(whitespace=False)
    assert written == [
        b"<%b>" % name.encode()
        + b"".join(
            f"<{column.tag}>".encode() + escaped(text) + f"</{column.tag}>".encode()
            for column, text in zip(wanted, row, strict=True)
        )
        + b"</%b>" % name.encode()
        for row in texts
    ]


def test_a_page_reaches_each_other_record_once(demo: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    table, rows, wanted = page(demo, "SODOCUMENTENTRY")
    assert sum(column.join is not None for column in wanted) > 20
    reached: list[tuple[str, str, str]] = []
    linked = relations.linked

    def counted(company: object, target: str, key: str, text: str) -> Row:
        reached.append((target, key, text))
        return linked(company, target, key, text)  # type: ignore[arg-type]

    monkeypatch.setattr(relations, "linked", counted)
    page_xml(table, [number for number, _ in rows], "SODOCUMENTENTRY", wanted, DEFAULT)
    assert 0 < len(reached) < len(rows)
