"""Altered plans: a kept plan with a record that differs from what was planned is refused.

The digest, identity and label of each record are made a second time from the content that its input gave, and the
fields and lines to send are compared with that content. The outbox recognises a record by its digest, so a plan that
shows one amount and sends another must never be applied. For another amount, change the input and make a new plan.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import msgspec

from intacct_bridge.load.layouts.fields import label_of
from intacct_bridge.load.layouts.journal import entry_label
from intacct_bridge.load.plan.plan import WRITTEN, PlannedRecord, Verdict
from intacct_bridge.load.records.identity import (
    UNDO,
    content_digests,
    content_identity,
    existing_identity,
    key_identity,
)
from intacct_bridge.load.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Identity, RecordLine, Write, WriteOperation
from intacct_bridge.load.target.attachments import folder_write, with_files, with_sent_files
from intacct_bridge.load.target.references import References, referred
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.xml.values import Value
from intacct_protocol.xml.xml import Element

FOLDER_OBJECT = "SUPDOCFOLDER"


def refuse_altered(record: PlannedRecord, *, has_given: bool) -> None:
    """SettingsError if a kept record differs from what was planned.

    `has_given` is False for a plan of the first format, which kept no more of an update than what it sends.
    Content with references is checked by `refuse_altered_content`, which asks the company.
    """
    altered = next(_altered_parts(record, has_given=has_given), "")
    if altered:
        raise _refusal(record.write, altered)


def _refusal(write: Write, part: str) -> SettingsError:
    place = f"{write.position}: " if write.position else ""
    return SettingsError(
        f"{place}the plan was altered: {part} of {write.label!r} is not what was planned",
        fix="change the input, and make a new plan",
    )


def refuse_altered_content(write: Write, references: References) -> None:
    """SettingsError if the content of a new record in a plan of the first format is not what was planned.

    That format kept ids where the input had names, so the names are tried, column by column.
    """
    if write.operation is not WriteOperation.CREATE or write.digest in digests_of(write):
        return
    references.learn([write])
    columns = sorted(name for name in _reference_fields(write) if name in {**write.fields, **_line_fields(write)})
    for count in range(1, len(columns) + 1):
        for named in combinations(columns, count):
            if write.digest in digests_of(_with_names(write, references, named)):
                return
    raise _refusal(write, "the content")


def _reference_fields(write: Write) -> set[str]:
    return {
        name
        for object_name in (write.object, *(one.object for one in write.all_lines))
        for name in referred(object_name)
    }


def _line_fields(write: Write) -> Mapping[str, Value]:
    return {name: value for one in write.all_lines for name, value in one.fields.items()}


def _with_names(write: Write, references: References, named: Iterable[str]) -> Write:
    """The write with names instead of ids in these columns."""
    lines = {
        wrapper: tuple(
            msgspec.structs.replace(one, fields=_named(one.object, one.fields, references, named)) for one in members
        )
        for wrapper, members in write.lines.items()
    }
    return replace(write, fields=_named(write.object, write.fields, references, named), lines=lines)


def _named(
    object_name: str, fields: Mapping[str, Value], references: References, named: Iterable[str]
) -> Mapping[str, Value]:
    targets = referred(object_name)
    found = {
        name: known.name
        for name in named
        if name in targets and (known := references.known(targets[name]).get(comparable(fields.get(name)))) is not None
    }
    return {**fields, **found}


def _altered_parts(record: PlannedRecord, *, has_given: bool) -> Iterator[str]:
    write = record.write
    creates = write.operation is WriteOperation.CREATE
    named = write.operation.is_action or write.undoes is not None  # the digest of the plan has their labels
    if record.verdict in WRITTEN and record.verdict.value != write.operation.value:
        yield "the operation"
    if not creates and record.verdict in WRITTEN and not _names_receipt(record):
        yield "the record number"
    if (
        write.operation is WriteOperation.DELETE
        and record.verdict in WRITTEN
        and (len(write.fields) > 1 or write.lines or record.changes)
    ):
        yield "the operation"
    if creates or has_given:
        if has_given and write.digest not in digests_of(write):
            yield "the content, or a file that it attaches," if write.attachments else "the content"
        if record.verdict is not Verdict.REFUSED and not _is_identity(write):
            yield "the identity"
        if not named and write.label not in _labels(write):
            yield "the label"
        if not _sends_content(write):
            yield "the content"
    else:
        values = {change.name: change.after for change in record.changes}
        if any(comparable(value) != values.get(name, comparable(value)) for name, value in write.fields.items()):
            yield "the content"


def _names_receipt(record: PlannedRecord) -> bool:
    """Whether an update or delete is for the existing record that the plan shows."""
    name = next(iter(record.write.fields), "")  # the record number comes first
    return record.receipt is not None and comparable(record.write.fields.get(name)) == record.receipt.record


def digests_of(write: Write) -> tuple[str, ...]:
    """The digest of what a write's input gave, and those of earlier versions. SettingsError if a file is missing."""
    content = write.content
    try:
        digests = content_digests(write.object, content.fields, content.lines)
        return tuple(with_files(digest, write.attachments) for digest in digests)
    except OSError as error:
        raise SettingsError(
            f"cannot read {error.filename}, which {write.label!r} attaches: {error.strerror or error}",
            fix="put the file back, or make a new plan",
        ) from None


def refuse_changed_files(write: Write, function: Element) -> None:
    """InvalidRequestError if a function has other files than those that its write was planned with."""
    if not write.attachments:
        return
    content = write.content
    digests = content_digests(write.object, content.fields, content.lines)
    files = function.children[0]
    if write.digest not in (with_sent_files(one, write.attachments, files) for one in digests):
        names = ", ".join(Path(one).name for one in write.attachments)
        raise InvalidRequestError(
            f"{write.label} attaches {names}, which is not as it was when the plan was made",
            fix="make a new plan and look at it",
        )


def identity_names(write: Write) -> tuple[str, ...]:
    """The fields by which an update or delete finds its record."""
    fields, text = write.content.fields, write.identity.text
    lookup = lookup_keys_of(write.object)
    by_key = lookup.filled_key(fields)
    if by_key and _has(key_identity(fields, by_key), text):
        return by_key
    places = {name: f" {text}".find(f" {name}=") for name in fields}
    return tuple(sorted((name for name, at in places.items() if at >= 0), key=lambda name: places[name]))


def _is_identity(write: Write) -> bool:
    """Whether the identity follows from the content; a key of the source is in the input only."""
    kind, fields = write.identity.kind, write.content.fields
    by_key = lookup_keys_of(write.object).filled_key(fields)
    if write.operation is not WriteOperation.CREATE:
        names = identity_names(write)
        known = (existing_identity(fields, names), key_identity(fields, names))
        return bool(names) and any(one.kind == kind and _has(one, write.identity.text) for one in known)
    if write.undoes is not None and kind == UNDO:
        return write.identity.text.startswith(f"{UNDO}:[")
    if by_key:
        return kind == "key" and _has(key_identity(fields, by_key), write.identity.text)
    if kind == "source":
        return write.identity.text.startswith("source:[")
    return kind == "content" and any(_is_content_identity(write.identity, one) for one in digests_of(write))


def _has(identity: Identity, text: str) -> bool:
    """Whether this text is the identity's own or a former one."""
    return text in (identity.text, *identity.former)


def _is_content_identity(identity: Identity, digest: str) -> bool:
    try:
        number = json.loads(identity.text.removeprefix("content:"))[1]
    except (ValueError, LookupError, TypeError):
        return False
    return isinstance(number, int) and number > 0 and identity == content_identity(digest, number)


def _labels(write: Write) -> Iterator[str]:
    """The labels that layouts give to such a record; an object's own description may name another record number."""
    fields = write.content.fields
    if write.object == "GLBATCH":
        yield entry_label(fields)
    if write.object == FOLDER_OBJECT:
        yield folder_write(comparable(fields.get("SUPDOCFOLDERNAME"))).label
    lookup: LookupKeys = lookup_keys_of(write.object)
    for name in (lookup.record_key, *fields):
        yield label_of(replace(lookup, record_key=name), fields, write.rows)


def _sends_content(write: Write) -> bool:
    """Whether what would be sent is the content, with references resolved, and nothing else.

    A reference is resolved and compared again when the plan is applied.
    """
    content = write.content
    if write.operation is WriteOperation.CREATE and (
        write.fields.keys() != content.fields.keys() or write.lines.keys() != content.lines.keys()
    ):
        return False
    fields = list(write.fields.items())
    sent = dict(fields if write.operation is WriteOperation.CREATE else fields[1:])
    return _follows(write.object, sent, content.fields) and all(
        wrapper in content.lines and _same_lines(lines, content.lines[wrapper])
        for wrapper, lines in write.lines.items()
    )


def _same_lines(sent: tuple[RecordLine, ...], given: tuple[RecordLine, ...]) -> bool:
    return len(sent) == len(given) and all(
        one.object == other.object
        and one.fields.keys() == other.fields.keys()
        and _follows(one.object, one.fields, other.fields)
        for one, other in zip(sent, given, strict=True)
    )


def _follows(object_name: str, sent: Mapping[str, Value], given: Mapping[str, Value]) -> bool:
    references = referred(object_name)
    return all(name in given and (value == given[name] or name in references) for name, value in sent.items())
