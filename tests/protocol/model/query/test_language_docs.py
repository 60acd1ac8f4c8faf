"""The examples in the pages on filters and mappings are read by the code they describe."""

import re

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.mapping.language import RuleText, _Document, _Lines, parse_map
from intacct_protocol.model.mapping.unify import native
from intacct_protocol.model.query.where import parse_where
from support.repository import DOCS

FILTERS = (DOCS / "filters.md").read_text()
MAPPING = (DOCS / "mapping.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_every_filter_in_the_page_is_read() -> None:
    lines = [line for line in blocks(FILTERS, "")[0].splitlines() if line]
    assert len(lines) >= 7
    for line in lines:
        parse_where(line)


def test_the_error_in_the_page_is_the_actual_error() -> None:
    (shown,) = blocks(FILTERS, "text")
    try:
        parse_where("STATE = Posted")
    except InvalidRequestError as error:
        lines = [f"error  {error.message}", f"  fix  {error.advice}"]
        assert "\n".join(lines).replace("\n    ", "\n" + " " * 11) + "\n" == shown  # as the console indents it
    else:
        raise AssertionError


def test_the_mapping_in_the_page_reads_a_bill() -> None:
    text, *_ = blocks(MAPPING, "toml")
    entity = parse_map(text, "bills.toml")
    head = {"Invoice No": "B-1", "Date": "31.01.2026", "Due": "28.02.2026", "Supplier": "Acme", "Text 1": "a"}
    line = {"Category": "rent", "Net": "10.50", "Line text": "January", "Cost centre": "20-100", "Comment": "x"}
    found = native(entity, [head | line])
    assert found.problems == ()
    assert found.fields["DESCRIPTION"] == "a"
    (first,) = found.lines["APBILLITEMS"]
    assert first.fields["ACCOUNTNO"] == "6400"
    assert first.fields["DEPARTMENTID"] == "20"


def test_every_key_of_the_language_is_explained() -> None:
    for struct in (RuleText, _Document, _Lines):
        for name in struct.__struct_encode_fields__:
            if name not in ("about", "aliases", "name", "fields", "write", "read", "lines"):
                assert f"`{name}`" in MAPPING or f"[{name}]" in MAPPING or f"{name} =" in MAPPING, name
