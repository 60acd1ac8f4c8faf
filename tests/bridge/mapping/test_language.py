import pytest

from intacct_bridge.mapping.language import condition_parts, parse_map, unified_map, unified_maps
from intacct_protocol.errors import SettingsError

BILLS = """
object = "APBILL"
group_by = ["Invoice No"]
ignore = ["Comment"]

[fields]
RECORDID = "Invoice No"
WHENCREATED = { from = "Date", as = "date", format = "DD.MM.YYYY" }
STATUS = { from = "Active", map = { true = "active", false = "inactive" } }
VENDORID = { from = "Supplier", lookup = { object = "VENDOR", by = "NAME" } }

[[lines]]
object = "APBILLITEM"
[lines.fields]
TRX_AMOUNT = { from = "Net", as = "number", required = true }
ACCOUNTNO = ["Account", { from = "Category", map = { Travel = "6100", Rent = "6400" } }]
"""


def test_a_map_is_read() -> None:
    found = parse_map(BILLS, "bills.toml")
    assert (found.name, found.object, found.read_object) == ("bills", "APBILL", "APBILL")
    (rule,) = found.write["RECORDID"]
    assert (rule.from_, rule.paths, rule.sources) == ("Invoice No", ("Invoice No",), ("Invoice No",))
    (lookup,) = found.write["VENDORID"][0].lookups
    assert lookup.give == "VENDORID"
    (lines,) = found.lines
    assert (lines.object, lines.wrapper, lines.sources, lines.into) == ("APBILLITEM", "APBILLITEMS", (), "")
    assert len(lines.write["ACCOUNTNO"]) == 2
    assert set(found.columns) == {
        "Invoice No", "Date", "Active", "Supplier", "Net", "Account", "Category", "Comment",
    }  # fmt: skip


def test_renamings_are_reversed_and_lookups_are_not() -> None:
    found = parse_map(BILLS, "bills.toml")
    assert set(found.read) == {"Invoice No", "Date", "Active"}
    assert found.read["Active"][0].map == {"active": True, "inactive": False}
    assert found.read["Date"][0].format == "DD.MM.YYYY"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("object = ", "m.toml is not TOML"),
        ("[fields]", "missing required field `object`"),
        ('object = "X"\nobjekt = "Y"', "unknown field `objekt`"),
        ('object = "X"\n[fields]\nA = { form = "B" }', "unknown field `form`"),
        ('object = "X"\n[fields]\nA = { as = "number" }', "fields.A: a rule takes one of from, join, constant"),
        ('object = "X"\n[fields]\nA = { from = "B", constant = 1 }', "fields.A: a rule takes one of"),
        ('object = "X"\n[fields]\nA = { from = "B", as = "money" }', "Invalid enum value 'money'"),
        ('object = "X"\n[fields]\nA = { from = "B", format = "DD" }', "a format needs as"),
        ('object = "X"\n[fields]\nA = { from = "B", negate = true }', "absolute and negate need as"),
        ('object = "X"\n[fields]\nA = { from = "B", split = ",", part = 0 }', "counted from 1"),
        ('object = "X"\n[fields]\nA = { from = "B", lookup = { object = "GLENTRY", by = "MEMO" } }', "say which field"),
        ('object = "X"\n[fields]\nA = { reference = "thing", object = "GLENTRY" }', "a reference needs an object"),
        ('object = "X"\n[[lines]]\nobject = "THING"', "lines.THING: unknown lines"),
        ('object = "X"\nrest = "perhaps"', "Invalid enum value 'perhaps'"),
    ],
)
def test_mistakes_name_the_file_and_the_place(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as raised:
        parse_map(text, "m.toml")
    assert raised.value.message.startswith("m.toml")


def test_a_header_is_compared_with_the_map() -> None:
    found = parse_map(BILLS, "bills.toml")
    columns = ("Invoice No", "Date", "Active", "Supplier", "Net", "Account", "Category")
    found.check_columns(columns, "a.csv")
    with pytest.raises(SettingsError, match=r"a.csv has no column 'Date', which the mapping uses; did you mean Dates"):
        found.check_columns(("Invoice No", "Dates", *columns[2:]), "a.csv")
    with pytest.raises(SettingsError, match=r"a.csv has the column 'Tax', which the mapping does not use") as raised:
        found.check_columns((*columns, "Tax", "Comment"), "a.csv")
    assert "ignore = ['Tax']" in raised.value.fix
    parse_map('rest = "drop"\n' + BILLS, "bills.toml").check_columns((*columns, "Tax"), "a.csv")


def test_conditions_are_parsed() -> None:
    assert condition_parts("debitAmount") == ("debitAmount", False, "")
    assert condition_parts("TR_TYPE=-1") == ("TR_TYPE", True, "-1")
    assert condition_parts("phones[type=fax].number") == ("phones[type=fax].number", False, "")
    assert condition_parts("phones[type=fax].kind = x") == ("phones[type=fax].kind", True, "x")


@pytest.mark.parametrize(("version", "count"), [("v1", 18), ("v2", 22)])
def test_every_shipped_entity_reads(version: str, count: int) -> None:
    found = unified_maps(version)
    assert len(found) == count
    for name, entity in found.items():
        assert unified_map(name.lower(), version) is entity
        assert entity.about.endswith(".")
        assert entity.read or entity.write


def test_entities_are_found_by_name_and_alias() -> None:
    assert unified_map("bills").name == "Bills"
    assert unified_map("Bill").name == "Bill"
    assert unified_map("Bills", "v2").name == "Bill"
    with pytest.raises(SettingsError, match="no unified entity Billz; did you mean Bill"):
        unified_map("Billz")
    with pytest.raises(SettingsError, match="no unified schema 'v3'"):
        unified_map("Bills", "v3")
