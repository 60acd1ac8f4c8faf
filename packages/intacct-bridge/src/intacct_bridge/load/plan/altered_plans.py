"""Altered plans: a saved plan with a record that differs from what was planned is refused.

The digest, identity and label of each record are made a second time from the content that its input gave, and the
fields and lines to send are compared with that content. The outbox recognises a record by its digest, so a plan that
shows one amount and sends another must never be applied. For another amount, change the input and make a new plan.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from intacct_bridge.load.layouts.fields import label_of
from intacct_bridge.load.plan.plan import WRITTEN, PlannedRecord, Verdict
from intacct_bridge.load.records.identity import (
    UNDO,
    all_identities,
    content_digest,
    content_identity,
    existing_identity,
    key_identity,
)
from intacct_bridge.load.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Identity, RecordLine, Write, WriteOperation
from intacct_bridge.load.target.attachments import folder_write, with_files, with_sent_files
from intacct_bridge.load.target.document_currencies import CURRENCY, DOCUMENTS, JOURNAL_ENTRY
from intacct_bridge.load.target.references import referred
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.xml.values import Value
from intacct_protocol.xml.xml import Element

FOLDER_OBJECT = "SUPDOCFOLDER"
_PLACE = re.compile(r"~[0-9]+$")
"""The place of a record whose identity another live one has too."""


def refuse_altered(record: PlannedRecord) -> None:
    """SettingsError if a kept record differs from what was planned."""
    part = next(_altered_parts(record), "")
    if part:
        write = record.write
        place = f"{write.position}: " if write.position else ""
        raise SettingsError(
            f"{place}the plan was altered: {part} of {write.label!r} is not what was planned",
            fix="change the input, and make a new plan",
        )


def _altered_parts(record: PlannedRecord) -> Iterator[str]:
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
    if write.digest != digest_of(write):
        yield "the content, or a file that it attaches," if write.attachments else "the content"
    if record.verdict is not Verdict.REFUSED and not (_is_identity(record) and _has_identities(write)):
        yield "the identity"
    if not named and write.label not in _labels(write):
        yield "the label"
    if not _sends_content(write):
        yield "the content"


def _names_receipt(record: PlannedRecord) -> bool:
    """Whether an update or delete is for the existing record that the plan shows."""
    name = next(iter(record.write.fields), "")  # the record number comes first
    return record.receipt is not None and comparable(record.write.fields.get(name)) == record.receipt.record


def digest_of(write: Write) -> str:
    """The digest of what a write's input gave. SettingsError if a file is missing."""
    content = write.content
    try:
        return with_files(content_digest(write.object, content.fields, content.lines), write.attachments)
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
    digest = content_digest(write.object, content.fields, content.lines)
    if write.digest != with_sent_files(digest, write.attachments, function.children[0]):
        names = ", ".join(Path(one).name for one in write.attachments)
        raise InvalidRequestError(
            f"{write.label} attaches {names}, which is not as it was when the plan was made",
            fix="make a new plan and look at it",
        )


def identity_names(write: Write) -> tuple[str, ...]:
    """The fields by which an update or delete finds its record."""
    fields, text = write.content.fields, write.identity.text
    lookup = lookup_keys_of(write.object).without(write.labels)
    by_key = lookup.filled_key(fields)
    if by_key and text == key_identity(fields, by_key).text:
        return by_key
    places = {name: f" {text}".find(f" {name}=") for name in fields}
    return tuple(sorted((name for name, at in places.items() if at >= 0), key=lambda name: places[name]))


def _is_identity(record: PlannedRecord) -> bool:
    """Whether the identity follows from the content; a key of the source is in the input only.

    A new record that was posted before is entered under the identity of that record, which the outbox must have.
    """
    write = record.write
    kind, fields = write.identity.kind, write.content.fields
    if write.operation is WriteOperation.CREATE and record.verdict in (Verdict.UNCHANGED, Verdict.IN_DOUBT):
        return True
    by_key = lookup_keys_of(write.object).without(write.labels).filled_key(fields)
    if write.operation is not WriteOperation.CREATE:
        names, record_key = identity_names(write), next(iter(write.fields), "")
        if write.identity == existing_identity(write.fields, (record_key,)):
            return True  # found by its key in the source, and named by its number
        return bool(names) and write.identity in (existing_identity(fields, names), key_identity(fields, names))
    if write.undoes is not None and kind == UNDO:
        return write.identity.text.startswith(f"{UNDO}:[")
    text = _PLACE.sub("", write.identity.text)
    if kind == "key" and (names := identity_names(write)) and text == existing_identity(fields, names).text:
        return True  # an upsert looked for it by these fields
    if kind == "source" and (not by_key or lookup_keys_of(write.object).number):
        return text.startswith("source:[")
    if by_key:
        return text == key_identity(fields, by_key).text
    return kind == "content" and _is_content_identity(write.identity, digest_of(write))


def _has_identities(write: Write) -> bool:
    """Whether a new record is known by everything that its content says."""
    if write.operation is not WriteOperation.CREATE or write.object == FOLDER_OBJECT:
        return True
    held = {(one.kind, one.text) for one in write.identities}
    as_read = replace(write, fields=write.content.fields, input_content=None)
    return {(one.kind, one.text) for one in all_identities(as_read, "")} <= held


def _is_content_identity(identity: Identity, digest: str) -> bool:
    try:
        number = json.loads(identity.text.removeprefix("content:"))[1]
    except (ValueError, LookupError, TypeError):
        return False
    return isinstance(number, int) and number > 0 and identity == content_identity(digest, number)


def _labels(write: Write) -> Iterator[str]:
    """The labels that layouts give to such a record; an object's own description may name another record number."""
    fields = write.content.fields
    if write.object == FOLDER_OBJECT:
        yield folder_write(comparable(fields.get("SUPDOCFOLDERNAME"))).label
    lookup: LookupKeys = lookup_keys_of(write.object).without(write.labels)
    for name in (lookup.record_key, *fields):
        yield label_of(replace(lookup, record_key=name), fields, write.rows)


def _sends_content(write: Write) -> bool:
    """Whether what would be sent is the content, with references resolved and the decided currency, and nothing else.

    A reference is resolved and compared again when the plan is applied.
    """
    content = write.content
    creates = write.operation is WriteOperation.CREATE
    decides = creates or write.object == JOURNAL_ENTRY  # of which an update may replace the lines
    currency = {CURRENCY: write.currency} if decides and write.object in DOCUMENTS else {}
    decided = {} if write.object == JOURNAL_ENTRY else currency
    if creates and (
        write.fields.keys() - decided.keys() != content.fields.keys() - decided.keys()
        or write.lines.keys() != content.lines.keys()
    ):
        return False
    fields, lookup = list(write.fields.items()), lookup_keys_of(write.object)
    states = () if creates else (*lookup.draft.items(), *lookup.posts.items())
    sent = dict(fields if creates else (pair for pair in fields[1:] if pair not in states))
    of_lines = currency if write.object == JOURNAL_ENTRY else {}
    return _follows(write.object, sent, {**decided, **content.fields}) and all(
        wrapper in content.lines and _same_lines(lines, content.lines[wrapper], of_lines)
        for wrapper, lines in write.lines.items()
    )


def _same_lines(sent: tuple[RecordLine, ...], read: tuple[RecordLine, ...], decided: Mapping[str, Value]) -> bool:
    """Whether lines are those of the input; `decided` are fields that the plan may have added to each."""
    return len(sent) == len(read) and all(
        one.object == other.object
        and one.fields.keys() - decided.keys() == other.fields.keys() - decided.keys()
        and _follows(one.object, one.fields, {**decided, **other.fields})
        for one, other in zip(sent, read, strict=True)
    )


def _follows(object_name: str, sent: Mapping[str, Value], content: Mapping[str, Value]) -> bool:
    references = referred(object_name)
    return all(name in content and (value == content[name] or name in references) for name, value in sent.items())
