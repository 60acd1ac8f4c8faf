"""Records and values for the requests of a trial: existing records, records created first, and plain values.

A placeholder names a record. Where the demo company has none, or none that may be changed, that is a precondition: a
world that is not seeding notes it and uses an unknown key; a seeding world creates the record.
"""

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from intacct_emulator.ledger.computed_objects import refresh
from intacct_emulator.records.references import reference_of
from intacct_emulator.records.required import required_fields
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.store.catalogue import keys
from intacct_protocol.model.catalog import FieldDef, ObjectDef
from intacct_protocol.model.keys import creator, lines, natural_key, owner, record_key
from intacct_protocol.xml.envelope import Result
from intacct_protocol.xml.values import Kind
from support.emulator.calls import LOGIN, results

HERE = Path(__file__).parent
_TABLES: dict[str, Any] = tomllib.loads((HERE / "requests.toml").read_text(encoding="utf-8"))
FUNCTIONS: dict[str, str] = _TABLES["functions"]
MAKE: dict[str, str] = _TABLES["make"]
NAMED: dict[str, str] = _TABLES["named"]
PICKS: dict[str, str] = _TABLES["picks"]
CELLS: dict[str, str] = _TABLES["cells"]
RECORDS: dict[str, str] = _TABLES["records"]
NOWHERE = "999999"
ENTITY = "a session in an entity"
Row = dict[str, str]


class World:
    """The company for one entry."""

    def __init__(self, emulator: Emulator, *, seeding: bool) -> None:
        self.emulator = emulator
        self.company = emulator.company()
        self.seeding = seeding
        self.missing: list[str] = []
        """Names of the missing records."""
        self._made: dict[str, str] = {}
        self._depth = 0
        self.login = LOGIN
        self._count = 0

    # --- requests

    def function(self, name: str, inner: str) -> str:
        """A function's element from its template: attributes in front, each after an @."""
        attributes = ""
        inner = self.fill(inner)
        while inner.startswith("@"):
            attribute, _, inner = inner[1:].partition("=")
            found = re.match(r"([^<@]*)", inner)
            assert found is not None
            attributes += f' {attribute}="{found[1]}"'
            inner = inner[found.end() :]
        return f"<{name}{attributes}>{inner}</{name}>"

    def fill(self, template: str) -> str:
        """The template with its placeholders filled."""
        return re.sub(r"\{([^{}]+)\}", lambda found: self.text(found[1]), template)

    def text(self, placeholder: str) -> str:
        """The text for a placeholder."""
        if placeholder.startswith("day:"):
            tag = placeholder[4:]
            return f"<{tag}><year>2026</year><month>11</month><day>16</day></{tag}>"
        if placeholder == "new":
            self._count += 1
            return f"Trial {self._count}"
        if placeholder == ENTITY:
            self.missing.append(ENTITY)
            self.login = replace(LOGIN, location_id=self.text("LOCATIONENTITY")) if self.seeding else LOGIN
            return ""
        if placeholder in ("number", "account"):
            self._count += 1
            return f"{98000 + self._count}"
        if placeholder in PICKS and "=" not in PICKS[placeholder]:
            return PICKS[placeholder]
        name, dot, field = placeholder.partition(".")
        if dot:
            return _escaped(self.row(name).get(field, NOWHERE))
        return _escaped(self.key(placeholder))

    # --- records

    def key(self, wanted: str) -> str:
        """The key of a record: `NAME`, `NAME+` for an unused one, or a name of the table."""
        name = wanted.removesuffix("+")
        if name in MAKE:
            return self._make(wanted) if self.seeding else self._lacking(wanted)
        known = [] if name not in self.company.catalog else self._rows(name)
        if wanted != name and self.seeding:
            return self._make(wanted)
        if known:
            if wanted != name:
                self.missing.append(wanted)
            return key_text(name, known[0])
        return self._make(wanted) if self.seeding else self._lacking(wanted)

    def row(self, name: str) -> Row:
        """A record's cells."""
        text = self.key(name)
        table = self.company.table(MAKE[name][1:].partition("|")[0] if MAKE.get(name, "").startswith("=") else name)
        name = table.name
        for field in filter(None, (natural_key(name), table.plan.key)):
            for number in table.find(field, text):
                return table.get(number) or {}
        return {}

    def name_of(self, missing: str) -> str:
        """The table's sentence for a precondition."""
        name = missing.removesuffix("+")
        if not name.isupper():
            return missing
        if missing in NAMED:
            return NAMED[missing]
        used = missing != name and name in self.company.catalog and self._rows(name)
        return f"one of {name} that nothing uses" if used else f"one of {name}"

    def _lacking(self, wanted: str) -> str:
        self.missing.append(wanted)
        return NOWHERE

    def _rows(self, name: str) -> list[Row]:
        """The candidate records, the best first."""
        table = self.company.table(name)
        if name in PICKS:
            (field, text), *more = (part.split("=") for part in PICKS[name].split("|"))
            rows = [table.get(number) or {} for number in table.find(field, text)]
            return [row for row in rows if all(row.get(one) == other for one, other in more)][-1:]
        for _, row in table.rows("1"):
            if row.get("STATUS", "active") == "active":
                return [row]
        return []

    def _make(self, wanted: str) -> str:
        """Create a record, by its documented function if there is one."""
        if wanted in self._made:
            return self._made[wanted]
        if not self._depth:
            self.missing.append(wanted)
        self._depth += 1
        self._made[wanted] = made = self._made_new(wanted)
        self._depth -= 1
        return made

    def _made_new(self, wanted: str) -> str:
        name = wanted.removesuffix("+")
        template = MAKE.get(wanted) or MAKE.get(name, "")
        if template.startswith(">"):
            changed, _, template = template[1:].partition(">")
            made = self._changed(changed, self.function(*template.split("|", 1)))
        elif template.startswith("="):
            made = self._insert(*template[1:].split("|"))
        elif template.startswith("~"):
            self._written(template[1:], self.function(template[1:], FUNCTIONS[template[1:]]), name)
            refresh(self.company, name, None)
            made = key_text(name, self._rows(name)[0])
        elif template:
            function, _, inner = template.partition("|")
            made = self._written(function, self.function(function, inner), name)
        elif creator(name) == "create" and name in self.company.catalog:
            made = self._written("create", f"<create>{self.record(name)}</create>", name)
        elif (function := _maker(name)) in FUNCTIONS:
            made = self._written(function, self.function(function, FUNCTIONS[function]), name)
        else:
            made = self._insert(name)
        return made

    def _written(self, function: str, request: str, name: str) -> str:
        (result,) = results(self.emulator, request)
        assert result.status == "success", f"to have {name}: {request}: {result.faults}"
        return written_key(result, function, name)

    def _changed(self, wanted: str, request: str) -> str:
        """A record created by a function, in a state that no function of this company leads to."""
        name, *cells = wanted.split("|")
        key = self._written(request, request, name)
        table = self.company.table(name)
        (number,) = table.find(table.plan.key, key)
        table.update(number, (table.get(number) or {}) | dict(cell.split("=") for cell in cells))
        return key

    def _insert(self, name: str, *cells: str) -> str:
        described = self.company.find(name)
        row = {one.name: self.value(described, one) for one in described.fields.values() if self._is_needed(name, one)}
        held = owner(name)
        if held is not None:
            above = self.row(held.header)
            row[held.by] = above.get(held.key, NOWHERE)
        row |= dict(cell.split("=") for cell in cells)
        table = self.company.table(name)
        if not table.plan.key_is_integer and not row.get(table.plan.key):
            row[table.plan.key] = str(table.next_number())
        table.insert(row)
        return key_text(name, row)

    def _is_needed(self, name: str, one: FieldDef) -> bool:
        if "." in one.name or one.name in ("RECORDNO", "RECORD_URL"):
            return False
        return one.name == natural_key(name) or one.required or one.name in ("STATUS", "STATE")

    # --- a record to be created

    def record(self, name: str, cells: Row | None = None) -> str:
        """The element of a new record with all required fields."""
        described = self.company.find(name)
        wanted = dict.fromkeys(required_fields(described), "") | {one: "" for one in (natural_key(name),) if one}
        wanted |= dict(part.partition("=")[::2] for part in RECORDS.get(described.name, "").split("|") if part) | (
            cells or {}
        )
        return f"<{name}>{self._parts(described, wanted)}</{name}>"

    def _parts(self, described: ObjectDef, wanted: Row) -> str:
        wrappers = {one.wrapper: one.line for one in lines(described.name) if one.wrapper}
        parts: dict[str, str] = {}
        for path, given in wanted.items():
            group, dot, last = path.rpartition(".")
            if path in wrappers:
                count = int(given or 1)
                held = (self.record(wrappers[path], _side(place, count)) for place in range(count))
                parts[path] = "".join(held)
            elif dot:
                field = described.get(path) or FieldDef(last, Kind.TEXT)
                text = self.fill(given) or self.value(described, field)
                parts[group] = parts.get(group, "") + f"<{last}>{text}</{last}>"
            elif any(other.startswith(f"{path}.") for other in wanted):
                parts.setdefault(path, "")
            else:
                known = described.get(path) or FieldDef(path, Kind.TEXT)
                parts[path] = self.fill(given) or self.value(described, known)
        return "".join(f"<{path}>{text}</{path}>" for path, text in parts.items())

    def value(self, described: ObjectDef, field: FieldDef) -> str:
        """A valid value of the field."""
        name = field.name.rpartition(".")[2]
        if field.values:
            return next(value for value in (*field.values, "") if value) if any(field.values) else ""
        target = CELLS.get(name, "")
        if target and natural_key(described.name) != name:
            return self.fill(target)
        refers = reference_of(described, name)
        if refers is not None:
            return _escaped(self.key(refers.objects[0]))
        return {
            Kind.DATE: "11/16/2026",
            Kind.TIMESTAMP: "11/16/2026 12:00:00",
            Kind.INTEGER: "1",
            Kind.DECIMAL: "10",
            Kind.CURRENCY: "10",
            Kind.PERCENT: "10",
            Kind.BOOLEAN: "true",
        }.get(field.kind) or self.text("new")


def _maker(name: str) -> str:
    """The legacy function that creates a record."""
    return creator(name) if creator(name) not in ("", "create") else f"create_{name.lower()}"


def _side(place: int, count: int) -> Row:
    """The side of a line: of two lines, the second balances the first."""
    return {"TR_TYPE": "1" if place % 2 == 0 else "-1"} if count > 1 else {}


def key_text(name: str, row: Row) -> str:
    """The key that names a record in requests."""
    natural = natural_key(name)
    return row.get(natural or "", "") or row.get(record_key(name), "") or next(iter(row.values()), "")


def written_key(result: Result, function: str, name: str) -> str:
    """The key in the answer of a write."""
    if function == "readReport" and result.data is not None:
        return result.data.children[0].findtext("REPORTID")
    if function != "create":
        return result.key or ""
    assert result.data is not None
    (made,) = result.data.children
    return key_text(name, {cell.tag: cell.text for cell in made})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def record_number(emulator: Emulator, name: str, key: str) -> str:
    """The record key of the record with a natural key."""
    described = emulator.company().find(name)
    table = emulator.company().table(described)
    for field in filter(None, (natural_key(described.name), table.plan.key)):
        for number in table.find(field, key):
            return (table.get(number) or {}).get(keys(described).record, key)
    return key
