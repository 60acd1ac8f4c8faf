"""Requests for documented operations, and checks of their answers."""

from collections.abc import Callable, Iterator

from intacct_emulator.records.references import reference_of
from intacct_emulator.store.catalogue import keys
from intacct_protocol.model.catalog import FieldDef, ObjectDef
from intacct_protocol.model.keys import natural_key
from intacct_protocol.xml.envelope import Result
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import parse
from support.emulator.calls import one, results
from support.emulator.operations.world import FUNCTIONS, World, record_number

READS = frozenset(
    [
        "lookup",
        "inspect",
        "query",
        "readByQuery",
        "read",
        "readByName",
        "get_list",
        "get",
        "getAPISession",
        "getVendorsToApprove",
        "readReport",
        "readMore",
        "getVendorApprovalHistory",
        "get_araging",
        "getAuditTrail",
        "readEntityDetails",
        "getFinancialSetup",
        "get_applications",
        "retrievepdf",
        "get_companyprefs",
        "getUserPermissions",
        "readUserFormatting",
        "getDdsObjects",
        "getDdsDdl",
        "get_accountbalances",
        "readView",
        "get_accountbalancesbydimensions",
        "get_trialbalance",
        "getDimensions",
        "getDimensionRelationships",
        "getApprovalHistory",
        "getDimensionAutofillDetails",
        "getDimensionRestrictions",
        "getDimensionRestrictedData",
        "getTransactionsToApprove",
    ]
)


def request(world: World, function: str, name: str, title: str, field: str) -> str:
    """A valid request for one entry of the list."""
    for key in (f"{function} {title}", f"{function} {name}", function):
        if key in FUNCTIONS:
            return world.function(function, FUNCTIONS[key])
    if function == "get_list":
        world.key(name)
        return f'<get_list object="{name}" maxitems="5"/>'
    return _GENERIC[function](world, world.company.find(name), field)


def _lookup(_world: World, described: ObjectDef, _field: str) -> str:
    return f"<lookup><object>{described.name}</object></lookup>"


def _query(world: World, described: ObjectDef, _field: str) -> str:
    world.key(described.name)
    record = keys(described).record
    closed = world.company.settings.unqueryable.get(described.name, ())
    named = [record, *(name for name in described.fields if name != record and name not in closed and "#" not in name)][
        :4
    ]
    chosen = "".join(f"<field>{name}</field>" for name in named)
    return (
        f"<query><object>{described.name}</object><select>{chosen}</select>"
        f"<filter><isnotnull><field>{record}</field></isnotnull></filter>"
        f"<orderby><order><field>{record}</field><descending/></order></orderby><pagesize>5</pagesize></query>"
    )


def _read_by_query(world: World, described: ObjectDef, field: str) -> str:
    world.key(described.name)
    record = keys(described).record
    asked = f"{record} IS NOT NULL"
    known = described.get(field)
    if described.name == "GLACCOUNTBALANCE":
        asked = f"PERIOD = '{world.row('REPORTINGPERIOD')['NAME']}'"
    elif known is not None and "active" in known.values:
        asked = f"{field} = 'T'"
    elif described.kind_of(record) is Kind.INTEGER:
        asked = f"{record} &gt; 0"
    return (
        f"<readByQuery><object>{described.name}</object><fields>*</fields><query>{asked}</query>"
        "<pagesize>5</pagesize></readByQuery>"
    )


def _read(world: World, described: ObjectDef, _field: str) -> str:
    number = record_number(world.emulator, described.name, world.key(described.name))
    return f"<read><object>{described.name}</object><keys>{number}</keys><fields>*</fields></read>"


def _read_by_name(world: World, described: ObjectDef, _field: str) -> str:
    key = world.text(described.name)
    return f"<readByName><object>{described.name}</object><keys>{key}</keys><fields>*</fields></readByName>"


def _create(world: World, described: ObjectDef, _field: str) -> str:
    return f"<create>{world.record(described.name)}</create>"


def _update(world: World, described: ObjectDef, field: str) -> str:
    wanted = described.name + ("+" if world.seeding else "")
    number = record_number(world.emulator, described.name, world.key(wanted))
    record = keys(described).record
    known = described.get(field) or next(_plain(described), None)
    cells = {record: number}
    if known is not None or field:
        listed = known is not None and known.values
        name = field or (known.name if known is not None else "")
        cells[name] = world.value(described, known) if known is not None and listed else world.text("new")
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in cells.items())
    return f"<update><{described.name}>{inner}</{described.name}></update>"


def _plain(described: ObjectDef) -> Iterator[FieldDef]:
    """Text fields without dependencies."""
    return (
        one
        for name, one in described.fields.items()
        if one.kind is Kind.TEXT
        and not (one.readonly or one.values or "." in name or name == natural_key(described.name))
        and reference_of(described, name) is None
    )


def _delete(world: World, described: ObjectDef, _field: str) -> str:
    number = record_number(world.emulator, described.name, world.key(f"{described.name}+"))
    return f"<delete><object>{described.name}</object><keys>{number}</keys></delete>"


_GENERIC: dict[str, Callable[[World, ObjectDef, str], str]] = {
    "lookup": _lookup,
    "query": _query,
    "readByQuery": _read_by_query,
    "read": _read,
    "readByName": _read_by_name,
    "create": _create,
    "update": _update,
    "delete": _delete,
}


def shortfall(world: World, function: str, name: str, sent: str, result: Result) -> str:
    """A sentence about missing parts of a successful answer; empty if it is complete."""
    check = _CHECKS.get(function)
    return check(world, name, sent, result) if check is not None else ""


def _has_rows(world: World, name: str, sent: str, result: Result) -> str:
    if result.data is None or not result.data.children:
        return f"{sent[:200]} -> success without a record"
    return ""


def _describes(world: World, name: str, _sent: str, result: Result) -> str:
    assert result.data is not None
    return "" if result.data.children and result.data.children[0].get("Name") else "no description"


def _is_kept(world: World, name: str, sent: str, result: Result) -> str:
    """A sentence about a record that reads back differently than it was sent."""
    (record,) = parse(sent.encode()).children
    described = world.company.find(name)
    assert result.data is not None
    (written,) = result.data.children
    number = written.children[0].text
    body = f"<read><object>{described.name}</object><keys>{number}</keys><fields>*</fields></read>"
    read = one(world.emulator, body)
    if read.status != "success" or read.data is None or not read.data.children:
        return f"{sent[:200]} -> cannot be read back: {read.faults}"
    cells = {cell.tag: cell.text for cell in read.data.children[0]}
    lost = [
        f"{cell.tag}: {cell.text} became {cells.get(cell.tag)}"
        for cell in record
        if not cell.children and cell.tag in described.fields and not _same(cell.text, cells.get(cell.tag, ""))
    ]
    return f"{sent[:300]} -> {'; '.join(lost)}" if lost else ""


def _same(sent: str, kept: str) -> bool:
    return sent == kept or (sent.replace(".", "").isdecimal() and kept.rstrip("0").rstrip(".") == sent)


def _is_gone(world: World, name: str, sent: str, _result: Result) -> str:
    keys_ = sent.partition("<keys>")[2].partition("</keys>")[0]
    (read,) = results(world.emulator, f"<read><object>{name.upper()}</object><keys>{keys_}</keys></read>")
    there = read.data is not None and read.data.children
    return f"{sent} -> still there" if there else ""


_CHECKS: dict[str, Callable[[World, str, str, Result], str]] = {
    "lookup": _describes,
    "get_list": _has_rows,
    "get": _has_rows,
    "query": _has_rows,
    "readByQuery": _has_rows,
    "read": _has_rows,
    "readByName": _has_rows,
    "create": _is_kept,
    "update": _is_kept,
    "delete": _is_gone,
}
