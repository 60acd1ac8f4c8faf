"""What identifies a record on every run: its identities, the digest of its content, and its control ids.

An identity must be the same on the second run as on the first, even after a crash or a lost answer. So it rests on
the record alone. A record has all of these at once, and each of them finds it again after another was corrected:

- its key in the company, such as the vendor and the number of a bill;
- its key in its source, such as the column that the user names, the key properties of a stream, or an external id;
- the number of the document where that is not a key in the company, within the party;
- its content. Equal contents of one input are numbered, because two equal payments are two payments.

The outbox enters the record under the strongest of them. A control id is a digest of that identity and of the target of
the write; the attempt in it rises only after an outcome that proves that nothing was applied.

Strings count in NFC: an accented letter is the same letter in either of its forms.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.values import number_text
from intacct_bridge.load.records.write import CORRECTED, Identity, RecordLine, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Value

_VERSION = "ib1"
_quoted = json.encoder.encode_basestring_ascii
_quoted_plain = json.encoder.encode_basestring
"""A text as JSON with its letters as they are."""
_SORTED_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_Texts = list[tuple[str, str]]
"""Values as strings, with the names of their fields."""
DOCUMENT_DATES = ("BATCH_DATE", "WHENPOSTED", "PAYMENTDATE", "RECEIPTDATE", "WHENCREATED")
"""The fields with the day of a document, of which the first that is filled counts."""
UNDO = "undo"
"""The kind of identity of a new record that takes another back."""


class Identifier:
    """Gives each record of one input its identity; it counts equal contents, so each input needs its own."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def identify(
        self,
        object_name: str,
        fields: Mapping[str, Value],
        *,
        digest: str,
        source_key: tuple[str, ...] = (),
        is_number: bool = False,
        labels: frozenset[str] = frozenset(),
    ) -> Identity:
        """The strongest identity of the record. `is_number`: its source key is only a number among equal records."""
        lookup = lookup_keys_of(object_name).without(labels)
        names = lookup.filled_key(fields)
        if names and (is_number or not (lookup.number and source_key)):
            return key_identity(fields, names)
        if source_key:
            return source_identity(source_key)
        self._counts[object_name, digest] += 1
        return content_identity(digest, self._counts[object_name, digest])


def key_identity(fields: Mapping[str, Value], names: Iterable[str]) -> Identity:
    """The identity of a record by its key in the company."""
    return Identity(nfc(_joined("key", [_canonical(fields.get(name)) for name in names])), "key")


def source_identity(key: Iterable[str], source: str = "") -> Identity:
    """The identity of a record by its key in a source; the source without a name is one that all inputs share."""
    return Identity(nfc(_joined("source", [source, *key])), "source", detail=source)


def number_identity(object_name: str, fields: Mapping[str, Value]) -> Identity | None:
    """The identity of a document by its number; None if it has none, or if Intacct's own key has the number.

    A text without a digit, such as `ACH` or `RENT`, identifies a document only together with its date.
    """
    lookup = lookup_keys_of(object_name)
    number = _as_given(fields.get(lookup.number)).casefold() if lookup.number else ""
    if not number:
        return None
    day = next((_as_given(fields[name]) for name in DOCUMENT_DATES if fields.get(name) not in (None, "")), "")
    parts = [_as_given(fields.get(lookup.party)).casefold() if lookup.party else "", number]
    if not any(letter.isdigit() for letter in number):
        parts.append(day)
    detail = _joined("", [day, *(_as_given(fields.get(name)).casefold() for name in ("JOURNAL", "BATCH_TITLE"))])
    return Identity(nfc(_joined("number", parts)), "number", detail=nfc(detail))


def all_identities(write: Write, source: str) -> tuple[Identity, ...]:
    """Everything that a new record is known by, the strongest first. One that takes another back is known by nothing.

    Numbers and contents are given their places when the record is matched with those that were posted before.
    """
    if write.operation is not WriteOperation.CREATE or write.undoes is not None:
        return ()
    fields, lookup = write.content.fields, lookup_keys_of(write.object).without(write.labels)
    versions = (fields, write.fields) if write.input_content is not None or write.fields is not fields else (fields,)
    identities: list[Identity] = []
    for values in versions:  # a party by its name, and by its id
        if not lookup.number:
            keys = (names for names in lookup.keys if all(values.get(name) not in (None, "") for name in names))
            identities += [key_identity(values, names) for names in keys]
        if (number := number_identity(write.object, values)) is not None:
            identities.append(number)
    if write.source_key:
        by_source = source_identity(write.source_key, source)
        identities.append(replace(by_source, kind="equal") if numbers_equals(write.rows) else by_source)
    identities.append(Identity(content_text(write.digest), "content", detail=source))
    return tuple({(identity.kind, identity.text): identity for identity in identities}.values())


def corrected_identities(before: Iterable[Identity], after: Sequence[Identity]) -> Iterator[Identity]:
    """What a record is known by after a correction: a new key or number takes the place of the old one.

    It keeps its keys in sources, and each of its contents: its source may send the old content again.
    """
    replaced = {identity.kind for identity in after} & set(CORRECTED)
    held = {(identity.kind, identity.text) for identity in after}
    yield from (one for one in before if one.kind not in replaced or (one.kind, one.text) in held)
    yield from after


def content_identity(digest: str, number: int = 1) -> Identity:
    """The identity of a record without any key; `number` counts equal records of an input."""
    return Identity(_joined("content", [digest, number]), "content")


def numbers_equals(rows: Sequence[SourceRow]) -> bool:
    """Whether the source key of these rows is no key, but a number that the source has among equal records."""
    return bool(rows) and rows[0].equal is not None and rows[0].equal.number > 0


def content_text(digest: str) -> str:
    """The text of the identity by content, which equal records share."""
    return _joined("content", [digest])


def existing_identity(fields: Mapping[str, Value], names: Iterable[str]) -> Identity:
    """The identity of an update or delete: the fields by which its record is found, with their values."""
    return Identity(nfc(" ".join(f"{name}={_as_given(fields.get(name))}" for name in names)), "key")


def undo_identity(control: str) -> Identity:
    """The identity of a record that takes another back, by the control id of that one: the same on all machines."""
    return Identity(_joined(UNDO, [control]), UNDO)


def content_digest(object_name: str, fields: Mapping[str, Value], lines: Mapping[str, Iterable[RecordLine]]) -> str:
    """A digest of a record's content; the order of its fields and of its lines does not matter.

    That a record is a draft is its state and not its content: a draft that is live later is still the same record.
    """
    fields = without_draft(object_name, fields)
    header = sorted(_texts(fields))
    owned = {
        wrapper: sorted([_line_text(line.object, sorted(_texts(line.fields))) for line in members])
        for wrapper, members in lines.items()
    }
    return _text_sha(_content_text(object_name, header, owned))


def in_source(write: Write, source: str) -> Write:
    """A write that an input of this source gives, with everything that its record is known by."""
    identities = all_identities(write, source)
    by_source = next((one for one in identities if one.kind in ("source", "equal")), write.identity)
    identity = replace(by_source, kind="source") if write.identity.kind == "source" else write.identity
    return replace(write, identity=identity, identities=identities)


def free_place(used: Container[int]) -> int:
    """The first place that is not used."""
    return next(place for place in count(1) if place not in used)


def without_draft(object_name: str, fields: Mapping[str, Value]) -> Mapping[str, Value]:
    """The fields without those that make a new record a draft; a field that is cleared stays."""
    draft = lookup_keys_of(object_name).draft
    if not any(name in fields and fields[name] == value for name, value in draft.items()):
        return fields
    return {name: value for name, value in fields.items() if name not in draft or draft[name] != value}


def _texts(fields: Mapping[str, Value]) -> _Texts:
    return [(name, f"s:{nfc(value)}" if type(value) is str else _canonical(value)) for name, value in fields.items()]


def _content_text(object_name: str, header: _Texts, lines: Mapping[str, list[str]]) -> str:
    """A record as JSON, as `_SORTED_JSON` writes it; this is faster."""
    pairs = ",".join([f"[{_quoted_plain(name)},{_quoted_plain(text)}]" for name, text in header])
    owned = ",".join(
        [
            f"{_quoted_plain(wrapper)}:[{','.join([_quoted_plain(one) for one in members])}]"
            for wrapper, members in sorted(lines.items())
        ]
    )
    return f"[{_quoted_plain(object_name)},[{pairs}],{{{owned}}}]"


def _line_text(name: str, values: _Texts) -> str:
    """A line as JSON, in the form of Python's own encoder; this is faster."""
    pairs = ", ".join([f"[{_quoted(one)}, {_quoted(text)}]" for one, text in values])
    return f"[{_quoted(name)}, [{pairs}]]"


def control_id(target: Iterable[str], identity: str, attempt: int) -> str:
    """The control id of one attempt; `target` is company, entity, operation and object."""
    return f"{_VERSION}-{_sha([*target, identity, attempt])}"


def _canonical(value: Value) -> str:
    """A value as text that is equal for equal values and differs between kinds."""
    if type(value) is str:  # most of them
        return f"s:{value}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"b:{value}"
    if isinstance(value, Decimal | int):
        return f"n:{number_text(Decimal(value))}"
    if isinstance(value, datetime):
        return f"t:{(value.astimezone(UTC) if value.tzinfo else value).isoformat()}"
    if isinstance(value, date):
        return f"d:{value.isoformat()}"
    return f"s:{value}"


def _as_given(value: Value) -> str:
    return "" if value is None else str(value).strip()


def _joined(kind: str, parts: Sequence[object]) -> str:
    texts = [part for part in parts if type(part) is str]
    if len(texts) == len(parts):  # as JSON's encoder writes them, at less cost
        return f"{kind}:[{','.join(map(_quoted_plain, texts))}]"
    return f"{kind}:{_JSON.encode(parts)}"


def _sha(parts: object) -> str:
    return _text_sha(_SORTED_JSON.encode(parts))


def _text_sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
