"""Referential integrity: a record in use cannot be deleted, a required field not cleared, and an id not changed.

A record is in use if a relation of the catalogue, or a field that names a record by its id, leads to it from another
record. Its own lines, and the users that every record names as its authors, do not count.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.company.relations import linked_key
from intacct_emulator.records.drafts import Draft
from intacct_emulator.records.references import reference_of
from intacct_emulator.records.required import required_fields
from intacct_emulator.settings.cells import Row, escaped
from intacct_emulator.settings.refusals import FunctionRefusedError, refused
from intacct_protocol.errors import Fault
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import lines, natural_key

_AUTHORS = ("CREATEDBY", "MODIFIEDBY")
_VERSIONS = ("CONTACTVERSION", "GLACCOUNTBALANCE", "AVAILABLEINVENTORY", "ADVAUDITHISTORY")
"""Objects whose rows are earlier states of another record, or are computed from others."""
_SAME_OBJECT = {"GLJOURNAL": "JOURNAL", "STATJOURNAL": "JOURNAL", "LOCATIONENTITY": "LOCATION"}
"""Objects whose records another object shows too; relations may lead to either."""
_SCANS = 3
"""The scans of a table after which the strings in its fields are kept: one delete is cheaper without them."""


@dataclass(frozen=True, slots=True)
class _Use:
    """A field by which another object names records of one object."""

    object: str
    field: str
    key: str
    """The field of the named record that it holds."""


@dataclass(slots=True)
class _Texts:
    """The strings that fields of an object have, and some that they had: a text that is not here is in no row."""

    scans: int = 0
    version: int = -1
    """The version of the table that the strings are from; below 0 without strings."""
    by_field: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def read(self, company: CompanyData, name: str, fields: frozenset[str]) -> None:
        """Read the rows that were written since the last time, or all of them."""
        table, version = company.table(name), company.store.version(name)
        changed = None if self.version < 0 else company.store.changes_since(name, self.version)
        rows = (row for _, row in table.rows()) if changed is None else (table.get(key) or {} for key in set(changed))
        for row in rows:
            for name_of_field in fields:
                self.by_field[name_of_field].add(row.get(name_of_field, ""))
        self.version = version


def check_unused(call: FunctionCall, name: str, row: Row) -> None:
    """Refuse to delete a record that another record, or the company's set-up, names."""
    for user, uses in _uses(call.company, name).items():
        columns = call.company.table(user).columns
        unsearchable = frozenset(use.field for use in uses if use.field not in columns)
        for use in uses:
            text = row.get(use.key, "")
            if text and (use.field in columns or _may_hold(call.company, user, use.field, text, unsearchable)):
                _check_not_named(call, name, row, use)
    roles = call.company.facts.posting_accounts.values() if name == "GLACCOUNT" else []
    if row.get("ACCOUNTNO") in roles:
        raise refused(f"Glaccount '{row['ACCOUNTNO']}' is an account that documents post to and cannot be deleted.")


def _may_hold(company: CompanyData, user: str, name: str, text: str, fields: frozenset[str]) -> bool:
    """Whether a field that no index covers may hold a text; a scan of the table settles it."""
    key = ("texts", user, fields)
    texts: _Texts | None = company.related.recall(key)
    if texts is None:
        texts = _Texts()
        company.related.put(key, texts)
    texts.scans += 1
    if texts.scans <= _SCANS * len(fields):
        return True
    if texts.version != company.store.version(user):
        texts.read(company, user, fields)
    return text in texts.by_field[name]


def is_used(call: FunctionCall, name: str, row: Row) -> bool:
    """Whether another record names this one."""
    try:
        check_unused(call, name, row)
    except FunctionRefusedError:
        return True
    return False


def _check_not_named(call: FunctionCall, name: str, row: Row, use: _Use) -> None:
    table, record_key, text = call.company.table(use.object), row.get(_key(call.company, name), ""), row[use.key]
    if use.field in table.columns:
        users: Iterator[tuple[int, Row]] = ((one, table.get(one) or {}) for one in table.find(use.field, text))
    else:
        users = table.rows("instr(body, ?)", (escaped(text),))
    for number, other in users:
        if other.get(use.field) == text and not (use.object == name and str(number) == record_key):
            shown, there = row.get(natural_key(name) or "", "") or record_key, other.get(table.plan.key, number)
            raise refused(
                f"{name.capitalize()} '{shown}' is used by {use.object.lower()} {there} and cannot be deleted.",
                correction="Make it inactive instead.",
            )


def _key(company: CompanyData, name: str) -> str:
    return company.table(name).plan.key


def _uses(company: CompanyData, name: str) -> dict[str, tuple[_Use, ...]]:
    """By object, the fields that can name a record of an object; kept until an object gets its first record."""
    state = (company.catalog, company.store.populated())
    cached = company.related.recall(("uses", name))
    if cached is None or cached[0][0] is not state[0] or cached[0][1] != state[1]:
        cached = (state, {user: uses_by for user in state[1] if (uses_by := tuple(_uses_by(company, user, name)))})
        company.related.put(("uses", name), cached)
    uses: dict[str, tuple[_Use, ...]] = cached[1]
    return uses


def _uses_by(company: CompanyData, user: str, name: str) -> Iterator[_Use]:
    """The fields by which one object can name a record of another."""
    catalog, natural = company.catalog, natural_key(name)
    if user not in catalog or user in _VERSIONS or user in {one.line for one in lines(name)}:
        return
    described, targets = catalog[user], {name, _SAME_OBJECT.get(name, name)}
    record_keys = (natural or "", _key(company, name))
    pairs = {(field, key) for field, key in _related(described, targets, catalog[name], record_keys) if key}
    pairs |= {(field, natural) for field in described.fields if natural and _names(described, field, name)}
    yield from (_Use(user, field, key) for field, key in sorted(pairs))


def _related(
    described: ObjectDef, targets: set[str], target: ObjectDef, record_keys: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    for relation in described.relations.values():
        itself = described.name == target.name and relation.by in record_keys
        if relation.object in targets and relation.by not in _AUTHORS and not itself:
            yield relation.by, linked_key(described, relation, target)


def _names(described: ObjectDef, field: str, name: str) -> bool:
    refers = reference_of(described, field)
    return refers is not None and refers.objects[0] == name


def check_not_cleared(draft: Draft) -> None:
    """Refuse an update that clears a required field."""
    described = draft.described
    named = {*required_fields(described), natural_key(described.name)}
    cleared = [field for field in draft.values if field in named and not draft.values[field].strip()]
    if cleared:
        faults = (
            Fault("BL01001973", description2=f"Required field {field} is missing for {described.name}.", field=field)
            for field in cleared
        )
        raise FunctionRefusedError(*faults)


def check_not_renamed(call: FunctionCall, described: ObjectDef, row: Row, changed: Row) -> None:
    """Refuse another id for a record; by a setting it may change while no other record names it.

    A name that stands for an id, such as that of a term, may change while no other record names it.
    """
    natural = natural_key(described.name)
    if natural is None or changed.get(natural, row.get(natural)) == row.get(natural) or not row.get(natural):
        return
    is_name = natural.endswith("NAME")
    if (is_name or call.company.behaviour.rename_ids == "unused") and not is_used(call, described.name, row):
        return
    raise refused(
        f"{natural} of {described.name.lower()} '{row[natural]}' cannot be changed.",
        correction="Create another record, or leave the id as it is.",
        field=natural,
    )
