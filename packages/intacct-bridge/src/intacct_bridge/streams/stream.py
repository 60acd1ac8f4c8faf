"""A stream: the selected fields of an object, and the fields by which its rows are found again. Pure data.

The `key` tells rows apart. If the key cannot be trusted (GLDETAIL, a view in which one key may stand in several
books), rows are read and replaced by `group`, the field that all rows of one journal entry share, and a full refresh is
cut into windows of `window`, a date. A stream of lines knows its header's object. A virtual stream (`virtual`) is not
an object's; it names the reader that reads it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from intacct_bridge.streams.names import VirtualStream
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model import keys
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import Filter
from intacct_protocol.xml.values import Kind

COPY_COLUMNS = ("_run", "_read_at", "_deleted_at")
"""The columns that a copy adds: the run that wrote the row last, the company's time then, and when it was deleted."""


@dataclass(frozen=True, slots=True)
class View:
    """How to read an object whose key cannot be trusted."""

    group: str
    window: str


VIEWS: Mapping[str, View] = {"GLDETAIL": View(group="BATCHKEY", window="BATCH_DATE")}

APPEND_ONLY: Mapping[str, tuple[str, ...]] = {"AUDITHISTORY": ("ACCESSTIME",)}
"""Objects to which records are only added, and late, each with the time that a record should have been there."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One object on its way to one table."""

    name: str
    """The table's name: the object's, unless the user renames it."""
    object: str
    """The object's name; empty for a virtual stream."""
    fields: Mapping[str, Kind]
    """The selected fields in the gateway's order, with those that the bridge itself needs."""
    key: str
    text_key: bool = False
    """The key is text; only the gateway knows its order."""
    group: str = ""
    window: str = ""
    modified: str = ""
    """The time of the last change; empty if the object has none, so that every read is a full refresh."""
    created: str = ""
    """The time of creation, for rows that were never modified."""
    natural_key: str = ""
    header: str = ""
    """The object of the headers, for a stream of lines."""
    header_key: str = ""
    """The field of a line that names its header."""
    refers_to: str = ""
    """The header's field that `header_key` holds."""
    where: Filter | None = field(default=None, compare=False)
    doc_par_id: str | None = None
    virtual: VirtualStream | None = None
    """What reads a virtual stream. Each read gives all its rows, which are replaced by key."""
    open_ended: bool = False
    """Rows may have further columns, which only reading them shows."""
    custom: tuple[str, ...] = ()
    """Custom fields, if all fields are read: such appear and disappear although no selection changed."""
    internal: tuple[str, ...] = ()
    """Fields that only find rows again; a consumer need not see them."""
    nested: Mapping[str, Any] = field(default_factory=dict)
    """Text fields that hold JSON, each with its JSON schema."""
    unreadable: tuple[str, ...] = field(default=(), compare=False)
    """Fields of related objects that the gateway would not describe, so that they cannot be read."""
    identity: tuple[str, ...] = ()
    """The fields that together tell rows apart, if `key` is a column of ours that is made of them."""

    @property
    def variant(self) -> str:
        """What the stream holds, if a stream of the same name may hold something else: the arguments of a virtual
        stream, or the transaction definition. Empty if there is only one such stream.
        """
        if self.virtual is not None:
            return self.virtual.variant
        return f"{self.object}:{self.doc_par_id}" if self.where is not None and self.doc_par_id else ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The fields that tell rows apart for a consumer that cannot use our key; none if none can be trusted."""
        return () if self.group else self.identity or (self.key,)

    @property
    def walk_field(self) -> str:
        """The field along which the stream is read."""
        return self.group or self.key

    @property
    def without_header(self) -> "Stream":
        """The stream if its headers cannot be read: only its own changes are followed."""
        return replace(self, header="", header_key="", refers_to="")


def stream_of(
    described: ObjectDef,
    *,
    select: Iterable[str] = (),
    name: str = "",
    where: Filter | None = None,
    doc_par_id: str = "",
    related: Mapping[str, Kind] | None = None,
) -> Stream:
    """The stream of an object with all its fields, or with the selected ones and those that the bridge itself needs.

    `related` are fields of related objects, by their paths. InvalidRequestError for an object without a key.
    """
    object_keys = keys.keys_of(described)
    if not object_keys.record:
        raise InvalidRequestError(
            f"{described.name} has no key, so its rows cannot be told apart",
            fix=f"read it once with: intacct query {described.name} --select ...",
        )
    view = VIEWS.get(described.name, View("", ""))
    owner = keys.owner(described.name)
    refers = tuple(line.key for line in keys.lines(described.name) if described.get(line.key))
    header_key = owner.by if owner and described.get(owner.by) else ""
    appended = (name for name in APPEND_ONLY.get(described.name, ()) if described.get(name))
    modified = object_keys.modified or next(appended, "")
    needed = (object_keys.record, view.group, view.window, modified, object_keys.natural, header_key, *refers)
    return Stream(
        name=name or described.name,
        object=described.name,
        fields=_selected(described, tuple(select), needed) | dict(related or {}),
        custom=tuple(one.name for one in described.fields.values() if one.custom),
        key=object_keys.record,
        text_key=object_keys.opaque,
        group=view.group,
        window=view.window,
        modified=modified,
        created=object_keys.created,
        natural_key=object_keys.natural,
        header=owner.header if owner and header_key else "",
        header_key=header_key,
        refers_to=owner.key if owner and header_key else "",
        where=where,
        doc_par_id=doc_par_id or described.document_type or None,
    )


def _selected(described: ObjectDef, select: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, Kind]:
    if not select:
        return {one.name: one.kind for one in described.fields.values()}
    selected = {described.find(one).name for one in (*select, *(one for one in needed if one))}
    return {one.name: one.kind for one in described.fields.values() if one.name in selected}


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """The outcome of one stream in one run."""

    name: str
    rows: int = 0
    deleted: int = 0
    pages: int = 0
    transactions: int = 0
    seconds: float = 0.0
    full: bool = False
    """All rows were read, not only those that changed."""
    complete: bool = True
    """Read to the end; otherwise the next run continues where this one stopped."""
    added: tuple[str, ...] = ()
    """Columns that the copy did not have before."""
    widened: tuple[str, ...] = ()
    """Columns whose type now holds more."""
    unqueryable: tuple[str, ...] = ()
    """Fields that the gateway describes but does not let us query, and unreadable ones of related objects."""
    error: str = ""
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


AUDIT_TRAIL = Stream(
    "AUDITHISTORY",
    "AUDITHISTORY",
    {"ID": Kind.TEXT, "OBJECTTYPE": Kind.TEXT, "OBJECTKEY": Kind.TEXT, "ACCESSTIME": Kind.TIMESTAMP},
    "ID",
    text_key=True,
)
