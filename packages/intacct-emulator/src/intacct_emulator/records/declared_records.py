"""Records by their ids, kept as they are with the cells that follow from their references: the start of a company.

A record without a record number gets the next one, and one without stamps is stamped now. The gateway's rules do not
apply, but every name that a record uses must exist.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.records.references import apply_references, reference_of
from intacct_emulator.settings.cells import Row, text_of, timestamp_text
from intacct_emulator.settings.company_source import NextNumber, Records
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_protocol.errors import InvalidRequestError, RecordError, SettingsError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import natural_key
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.values import NUMBERS, Kind, Value, parse_value

_FIXES = dict.fromkeys(NUMBERS, "give a number, such as 12.50") | {
    Kind.INTEGER: "give a whole number",
    Kind.DATE: "give a date, such as 2026-07-31",
    Kind.TIMESTAMP: "give a date and a time, such as 2026-07-31T12:00:00Z",
    Kind.BOOLEAN: "give true or false",
}
_STAMPS = ("WHENMODIFIED", "WHENCREATED", "AUWHENCREATED")


def number_giver(company: CompanyData) -> NextNumber:
    """Gives numbers beyond those that the tables have given, each once."""
    last_number: dict[str, int] = {}

    def number(name: str) -> int:
        last_number[name] = max(last_number.get(name, 0) + 1, company.table(name).next_number())
        return last_number[name]

    return number


def keep_records(company: CompanyData, records: Records, *, now: float, where: str) -> int:
    """Keep the records one after the other; gives their number. Raises SettingsError with the record and the field."""
    stamp = datetime.fromtimestamp(int(now), UTC)
    count = 0
    for name, cells in records:
        try:
            described = company.catalog.find(name)
        except InvalidRequestError as error:
            raise SettingsError(f"{where}: {error.message}", fix=error.fix) from None
        _keep(company, described, cells, stamp, f"{where}: {described.name} {_named(described, cells)}".rstrip())
        count += 1
    return count


def _named(described: ObjectDef, cells: Mapping[str, Value]) -> str:
    """The record as messages name it."""
    keys = (natural_key(described.name) or "", "name", "NAME", "DOCID", "SYMBOL", "RECORDNO", "id")
    return next((str(cells[key]) for key in keys if cells.get(key) not in (None, "")), "")


def _keep(company: CompanyData, described: ObjectDef, cells: Mapping[str, Value], stamp: datetime, where: str) -> None:
    values = {name: value for name, value in cells.items() if value is not None}
    row = {name: text_of(value) for name, value in typed_cells(described, values, stamp, where).items()}
    try:
        apply_references(company, described, {name: text for name, text in row.items() if text}, row)
    except FunctionRefusedError as error:
        fault = error.faults[0]
        field = f", field {fault.field}" if fault.field else ""
        near = _like(company, described, fault.field, row.get(fault.field, ""))
        raise SettingsError(f"{where}{field}: {fault.text.rstrip('.')}{near or '.'}", fix=fault.correction) from None
    table = company.table(described)
    if "STATUS" in described.fields and "active" in described.fields["STATUS"].values:
        row.setdefault("STATUS", "active")
    for name, text in _stamps(company, described, stamp).items():
        row.setdefault(name, text)
    if not table.plan.key_is_integer:
        row.setdefault(table.plan.key, str(table.next_number()))
    table.insert({name: text for name, text in row.items() if text})


def _like(company: CompanyData, described: ObjectDef, field: str, text: str) -> str:
    """The end of a message about a record that does not exist: the ids that are like its own."""
    refers = reference_of(described, field)
    candidates = [
        row.get(natural_key(name) or "", "")
        for name in (refers.objects if refers is not None else ())
        for _, row in company.table(name).rows()
    ]
    return did_you_mean(text, candidates)


def check_accounts(company: CompanyData, named: Mapping[str, str], where: str) -> None:
    """Refuse accounts that the company does not have, by the key that names each; a company without any has them later.

    Raises SettingsError.
    """
    table = company.table("GLACCOUNT")
    for key, number in named.items() if table.count() else ():
        if number and not table.find("ACCOUNTNO", number):
            numbers = [row.get("ACCOUNTNO", "") for _, row in table.rows()]
            raise SettingsError(
                f"{where}: {key} cannot be {number!r}{did_you_mean(number, numbers)}",
                fix=f"accounts: {', '.join(numbers[:12])}{', ...' if len(numbers) > 12 else ''}",
            )


def _stamps(company: CompanyData, described: ObjectDef, stamp: datetime) -> Row:
    """Who created the record, and when: the first user of the company, now."""
    user = next((one.user_id for one in company.settings.users), "")
    numbers = company.table("USERINFO").find("LOGINID", user)
    key, now = (str(numbers[0]) if numbers else ""), timestamp_text(stamp)
    stamps = {"CREATEDBY": key, "MODIFIEDBY": key, "CREATEDBYLOGINID": user, "MODIFIEDBYLOGINID": user}
    stamps |= {"createdBy": user, "updatedBy": user, "createdAt": now, "updatedAt": now}
    return {
        name: text
        for name, text in stamps.items()
        if name in described.fields and (not name.endswith("At") or described.kind_of(name) is Kind.TIMESTAMP)
    }


# --- the cells of a record


def typed_cells(described: ObjectDef, row: Mapping[str, Any], stamp: datetime, where: str) -> dict[str, Value]:
    """The values of a record by its object's fields, stamped. Raises SettingsError with the field and its value."""
    cells: dict[str, Value] = {}
    for name, value in row.items():
        definition = described.get(name or "")
        if definition is None:
            near = did_you_mean(name or "", described.fields)
            raise SettingsError(
                f"{where}: {described.name} has no field {name}{near}",
                fix="use a field of the object, or declare a custom field",
            )
        if value is None or value == "":
            continue
        if isinstance(value, (list, dict)):
            text = f"{where}, field {definition.name}: {value!r} is no value"
            raise SettingsError(text, fix="give text, a number or a date")
        cells[definition.name] = _value(definition.kind, value, f"{where}, field {definition.name}")
    for name in _STAMPS:
        if described.kind_of(name) is Kind.TIMESTAMP and name in described.fields:
            cells.setdefault(name, stamp)
    return cells


def _value(kind: Kind, value: Any, where: str) -> Value:
    if isinstance(value, (bool, int, Decimal, date)) and kind is not Kind.TEXT:
        return value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        return parse_value(kind, text)
    except RecordError as error:
        raise SettingsError(f"{where}: {error.message}", fix=error.fix or _FIXES.get(kind, "")) from None
