"""What is read: an object's chosen fields, and the few names by which its rows are found again. Pure data.

A stream's rows are told apart by `key`. Where the key is not to be trusted (GLDETAIL, a view in which one key may stand
in several books), rows are read and replaced by `group`, the field that all rows of one journal entry share, and
the whole is cut into windows of `window`, a date. A stream of lines knows the header it belongs to. A stream that is no
object's (`feed`) names what reads it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.streams.names import VirtualStream
from intacct_bridge.model import keys
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.query.query import Filter
from intacct_bridge.wire.values import Kind

MARKS = ("_run", "_read_at", "_deleted_at")
"""The columns we add: the run that wrote the row last, the company's time at that moment, and when it was gone."""


@dataclass(frozen=True, slots=True)
class View:
    """How to read an object whose key is not to be trusted."""

    group: str
    window: str


VIEWS: Mapping[str, View] = {"GLDETAIL": View(group="BATCHKEY", window="BATCH_DATE")}

APPENDED: Mapping[str, tuple[str, ...]] = {"AUDITHISTORY": ("ACCESSTIME",)}
"""Objects to which records are only added, and late; the time that says when they should have been there."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One object on its way to one table."""

    name: str
    """The table's name; the object's unless the caller renames it."""
    object: str
    fields: Mapping[str, Kind]
    """The chosen fields in the gateway's order, those we need for ourselves included."""
    key: str
    text_key: bool = False
    """The key is text whose order only the gateway knows."""
    group: str = ""
    window: str = ""
    modified: str = ""
    """The time of the last change; empty where the object has none, so that every read is of everything."""
    created: str = ""
    """The time of creation, for the rows that were never modified."""
    natural_key: str = ""
    header: str = ""
    by: str = ""
    """The field of a line that names its header."""
    refers_to: str = ""
    """The header's field that `by` holds."""
    where: Filter | None = field(default=None, compare=False)
    doc_par_id: str | None = None
    feed: VirtualStream | None = None
    """Where it is no object's stream: what reads it. It is then read whole, and replaced by key."""
    open_ended: bool = False
    """Rows may have columns that only reading them shows."""
    custom: tuple[str, ...] = ()
    """Fields that somebody made in the company, where all are read: such come and go without anybody choosing so."""
    inner: tuple[str, ...] = ()
    """Fields that only help us to find rows again, for whoever need not see them."""
    nested: Mapping[str, Any] = field(default_factory=dict)
    """Texts that hold JSON, each with its JSON schema."""
    closed: tuple[str, ...] = field(default=(), compare=False)
    """Fields of related objects that nobody can ask for, since the gateway would not describe those."""
    identity: tuple[str, ...] = ()
    """The fields that tell rows apart together, where `key` is only our own sum of them."""

    @property
    def asked(self) -> str:
        """What a stream of this name is to hold, where one of the same name may be to hold something else: the
        arguments of what is no object, and the transaction definition. Empty where there is only one such stream.
        """
        if self.feed is not None:
            return self.feed.asked
        return f"{self.object}:{self.doc_par_id}" if self.where is not None and self.doc_par_id else ""

    @property
    def keys(self) -> tuple[str, ...]:
        """What tells rows apart, for whoever cannot use our own key; nothing where no field can be trusted to."""
        return () if self.group else self.identity or (self.key,)

    @property
    def walked(self) -> str:
        """The field that a read walks along."""
        return self.group or self.key

    @property
    def without_header(self) -> "Stream":
        """The stream where its header cannot be asked about: only its own changes are followed."""
        return replace(self, header="", by="", refers_to="")

    @property
    def walks_text(self) -> bool:
        """Whether the walked field is text."""
        return not self.group and self.text_key


def stream_of(
    described: ObjectDef,
    *,
    select: Iterable[str] = (),
    name: str = "",
    where: Filter | None = None,
    doc_par_id: str = "",
    related: Mapping[str, Kind] | None = None,
) -> Stream:
    """The stream of an object with all its fields, or with the chosen ones and those that the bridge itself needs.

    `related` are fields of related objects, by their paths.
    """
    found = keys.keys_of(described)
    if not found.record:
        raise InvalidRequestError(
            f"{described.name} has no key, so its rows cannot be told apart",
            fix=f"read it once with: intacct query {described.name} --select ...",
        )
    view = VIEWS.get(described.name, View("", ""))
    owner = keys.owner(described.name)
    refers = tuple(line.key for line in keys.lines(described.name) if described.get(line.key))
    by = owner.by if owner and described.get(owner.by) else ""
    modified = found.modified or next((name for name in APPENDED.get(described.name, ()) if described.get(name)), "")
    ours = (found.record, view.group, view.window, modified, found.natural, by, *refers)
    chosen = tuple(select)
    return Stream(
        name=name or described.name,
        object=described.name,
        fields=_chosen(described, chosen, ours) | dict(related or {}),
        custom=tuple(one.name for one in described.fields.values() if one.custom),
        key=found.record,
        text_key=found.opaque,
        group=view.group,
        window=view.window,
        modified=modified,
        created=found.created,
        natural_key=found.natural,
        header=owner.header if owner and by else "",
        by=by,
        refers_to=owner.key if owner and by else "",
        where=where,
        doc_par_id=doc_par_id or described.document_type or None,
    )


def _chosen(described: ObjectDef, select: tuple[str, ...], ours: tuple[str, ...]) -> dict[str, Kind]:
    if not select:
        return {one.name: one.kind for one in described.fields.values()}
    wanted = {described.find(one).name for one in (*select, *(one for one in ours if one))}
    return {one.name: one.kind for one in described.fields.values() if one.name in wanted}


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """What became of one stream in one run."""

    stream: str
    rows: int = 0
    deleted: int = 0
    pages: int = 0
    transactions: int = 0
    seconds: float = 0.0
    full: bool = False
    """Everything was read, not only what changed."""
    complete: bool = True
    """Read to the end; otherwise the next run goes on where this one stopped."""
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    """Fields that the gateway describes but does not let us query, and those of related objects that it does not."""
    error: str = ""
    fix: str = ""


TRAIL = Stream(
    "AUDITHISTORY",
    "AUDITHISTORY",
    {"ID": Kind.TEXT, "OBJECTTYPE": Kind.TEXT, "OBJECTKEY": Kind.TEXT, "ACCESSTIME": Kind.TIMESTAMP},
    "ID",
    text_key=True,
)
