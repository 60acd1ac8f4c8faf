"""The company's records that an update, upsert or delete means, as they stand now: a few queries for all of a load.

A record is found by its record number, else by the fields that the user names, else by its key. Only what the input
mentions is read; line sets are read for those records whose lines the input gives.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.key_lookup import rows_by_keys
from intacct_bridge.errors import RecordError
from intacct_bridge.flow.company.writable import Subject
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Write
from intacct_bridge.model.keys import owner
from intacct_bridge.model.query.query import Query

_AT_ONCE = 500
POSTED_ON = ("WHENPOSTED", "WHENCREATED", "BATCH_DATE")
"""The days that a record may be posted on."""
_STATES = ("STATE", "WHENMODIFIED", "MODIFIEDBYLOGINID", *POSTED_ON)
"""Read of every record, to know whether it may be changed, in which period it stands and who changed it last."""
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CurrentRecord:
    """A record of the company as it is."""

    record: str
    row: Row
    lines: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    """By wrapper, for the sets that were asked for."""


def key_names(write: Write, subject: Subject, match: Names = ()) -> Names:
    """The fields by which the company's record is found. RecordError where the input has no key."""
    number = subject.lookup.record_key
    if match:
        missing = [name for name in match if write.fields.get(name) in (None, "")]
        if missing:
            raise RecordError(f"{missing[0]} is empty, and it is what {subject.name} is found by", field=missing[0])
        return match
    if write.fields.get(number) not in (None, ""):
        return (number,)
    way = subject.lookup.filled_key(write.fields)
    if not way:
        ways = [" and ".join(names) for names in ((number,), *subject.lookup.keys)]
        raise RecordError(f"there is no key to find the {subject.name} by", fix=f"give {', or '.join(ways)}")
    return way


def key_texts(write: Write, names: Names) -> tuple[tuple[str, str], ...]:
    """The key as fields with their values as text."""
    return tuple((name, comparable(write.fields.get(name))) for name in names)


class Locator:
    """Finds records of one object."""

    def __init__(self, company: Gateway, subject: Subject) -> None:
        self._company = company
        self._subject = subject

    def locate(self, keyed: Sequence[tuple[Write, Names]]) -> list[list[CurrentRecord]]:
        """For each write the records that bear its key: none, one, or several."""
        by_names: dict[Names, list[Write]] = {}
        for write, names in keyed:
            by_names.setdefault(names, []).append(write)
        found: dict[tuple[tuple[str, str], ...], dict[str, CurrentRecord]] = {}
        for names, writes in by_names.items():
            for row in self._rows(names, writes):
                record = comparable(row.get(self._subject.lookup.record_key))
                key = tuple((name, comparable(row.get(name))) for name in names)
                found.setdefault(key, {})[record] = CurrentRecord(record, row)
        met = [list(found.get(key_texts(write, names), {}).values()) for write, names in keyed]
        self._add_lines([write for write, _ in keyed], met)
        return met

    def _rows(self, names: Names, writes: Sequence[Write]) -> Iterable[Row]:
        described = self._subject.described
        mentioned = {name for write in writes for name in write.fields}
        select = (self._subject.lookup.record_key, *names, *_STATES, *sorted(mentioned))
        known = tuple(dict.fromkeys(name for name in select if described.get(name) is not None))
        keys = [{name: write.fields[name] for name in names} for write in writes]
        query = Query(self._subject.name, known, show_private=True)
        return rows_by_keys(self._company.query, query, keys, described.kind_of, batch=_AT_ONCE)

    def _add_lines(self, writes: Sequence[Write], met: list[list[CurrentRecord]]) -> None:
        for line_set in self._subject.lines:
            held = owner(line_set.object)
            of = [
                (number, write)
                for number, write in enumerate(writes)
                if line_set.wrapper in write.lines and len(met[number]) == 1
            ]
            if held is None or line_set.described is None or not of:
                continue
            keys = {comparable(met[number][0].row.get(held.key)) or met[number][0].record for number, _ in of}
            mentioned = {name for _, write in of for line in write.lines[line_set.wrapper] for name in line.fields}
            rows = self._line_rows(line_set.object, held.by, sorted(keys), mentioned)
            for number, _ in of:
                one = met[number][0]
                own = tuple(rows.get(comparable(one.row.get(held.key)) or one.record, ()))
                met[number] = [replace(one, lines={**one.lines, line_set.wrapper: own})]

    def _line_rows(self, name: str, by: str, keys: Sequence[str], mentioned: set[str]) -> dict[str, list[Row]]:
        described = self._company.describe(name)
        select = tuple(dict.fromkeys((by, *(one for one in sorted(mentioned) if described.get(one) is not None))))
        query = Query(name, select, show_private=True)
        found: dict[str, list[Row]] = {}
        for row in rows_by_keys(
            self._company.query, query, [{by: key} for key in keys], described.kind_of, batch=_AT_ONCE
        ):
            found.setdefault(comparable(row.get(by)), []).append(row)
        return found
