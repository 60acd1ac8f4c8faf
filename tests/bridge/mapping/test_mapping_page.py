"""The examples in the page on mappings are read by the code they describe."""

import re

from intacct_bridge.mapping.language import RuleText, _Document, _Lines, parse_map
from intacct_bridge.mapping.unify import native
from support.repository import DOCS

MAPPING = (DOCS / "mapping.md").read_text()


def test_the_mapping_in_the_page_reads_a_bill() -> None:
    text, *_ = re.findall(r"^```toml\n(.*?)^```", MAPPING, re.MULTILINE | re.DOTALL)
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
