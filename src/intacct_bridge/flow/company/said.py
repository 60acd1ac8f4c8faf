"""References that say by what they name a record: `RECORDNO=36`, `EXTERNALID=CRM-9`, `NAME=Acme`.

Without such a word a text is an id, else a name; a number alone never means a record number, for an id with a slip in
it could then be another record's. All of a load is asked for together: a query for record numbers and names, and for
external ids, which no query knows, `get` functions, a hundred to a request.
"""

from collections.abc import Iterable, Sequence

from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.company.find_by_key import trace_text
from intacct_bridge.flow.company.gateway import Company
from intacct_bridge.flow.company.legacy import speaking
from intacct_bridge.model.batched import batched
from intacct_bridge.model.legacy.objects import older
from intacct_bridge.model.query.query import Query
from intacct_bridge.model.query.query import field as field_named
from intacct_bridge.wire.envelope import SUCCESS, Result
from intacct_bridge.wire.values import parse_value
from intacct_bridge.wire.xml import Element

RECORDNO, EXTERNALID, NAME = "RECORDNO", "EXTERNALID", "NAME"
_WAYS = (RECORDNO, EXTERNALID, NAME)
_QUERIED, _GOT = 500, 100


def way_of(text: str) -> tuple[str, str]:
    """By what a text names a record, and the rest of it; two empty texts where it does not say."""
    way, equals, value = text.partition("=")
    return (way.upper(), value.strip()) if equals and way.upper() in _WAYS and value.strip() else ("", "")


def ids_said(company: Company, target: str, texts: Iterable[str], *, key: str, name: str) -> dict[str, list[str]]:
    """The ids that such texts mean: none, one, or several of a name.

    InvalidRequestError where the object cannot be looked for that way.
    """
    by: dict[str, dict[str, list[str]]] = {}
    for text in texts:
        way, value = way_of(text)
        by.setdefault(way, {}).setdefault(value, []).append(text)
    found: dict[str, list[str]] = {}
    for way, values in by.items():
        for value, record in (
            _outside(company, target, sorted(values))
            if way == EXTERNALID
            else _queried(company, target, sorted(values), by=name if way == NAME else way, key=key)
        ):
            for text in values.get(value, ()):
                found.setdefault(text, []).append(record)
    return found


def _queried(company: Company, target: str, values: Sequence[str], *, by: str, key: str) -> Iterable[tuple[str, str]]:
    if not by or (by == RECORDNO and company.connection.older):
        raise InvalidRequestError(f"{target} cannot be found by its {by or 'name'} here", fix=f"use its {key}")
    described = company.describe(target)
    for some in batched(values, _QUERIED):
        where = field_named(by).is_in([parse_value(described.kind_of(by), one) for one in some])
        for row in company.query(Query(target, tuple(dict.fromkeys((key, by))), where=where, show_private=True)):
            yield trace_text(row.get(by)), trace_text(row.get(key))


def _outside(company: Company, target: str, keys: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Ids by the external ids that other systems gave to records."""
    one = older(target)
    if not one.single:
        raise InvalidRequestError(f"{target} cannot be found by an external id", fix="use its id")
    for some in batched(keys, _GOT):
        asked = [Element("get", attributes={"object": one.name, "key": key, "externalkey": "true"}) for key in some]
        for key, result in zip(some, speaking(company).ask_each(asked), strict=True):
            yield from ((key, record) for record in _keys_in(result, one.cell(one.key)))


def _keys_in(result: Result, names: Sequence[str]) -> Iterable[str]:
    if result.status == SUCCESS and result.data is not None:
        yield from (next((text for name in names if (text := record.findtext(name))), "") for record in result.data)
