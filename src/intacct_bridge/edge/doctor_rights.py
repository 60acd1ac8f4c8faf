"""The doctor's middle steps: what this user may read and write, and what the company has subscribed to.

A right is tried, not asked for, because few users may read the roles' own tables. Reading is one row of every stream in
one request. Writing is a change to a record that cannot exist, which leaves nothing behind whatever the answer is.
`lookup` and `inspect` prove nothing: they answer whatever the user's rights.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from intacct_bridge.client.client import Client
from intacct_bridge.diagnosis import as_error
from intacct_bridge.edge.findings import Finding, Level, from_error, ok
from intacct_bridge.errors import IntacctError, InvalidRequestError
from intacct_bridge.model import keys
from intacct_bridge.wire.envelope import SUCCESS, Result
from intacct_bridge.wire.xml import Element, element

READING, WRITING, AUDIT, MODULES, OBJECTS = (
    "right to read",
    "right to write",
    "audit history",
    "module subscriptions",
    "objects",
)
STREAMS = (
    "GLACCOUNT",
    "GLBATCH",
    "GLENTRY",
    "GLDETAIL",
    "VENDOR",
    "APBILL",
    "APBILLITEM",
    "CUSTOMER",
    "ARINVOICE",
    "ARINVOICEITEM",
    "EMPLOYEE",
    "DEPARTMENT",
    "LOCATION",
    "CLASS",
    "PROJECT",
    "ITEM",
)
"""What is tried where no job is named: the streams most people want."""
_NOBODY = "999999999"
"""A record number that no company has reached."""
_MANY = 50


def tried(client: Client, bodies: Sequence[Element], *, read: bool) -> list[Result]:
    """Each function's result, failed ones among them."""
    found: list[Result] = []
    for start in range(0, len(bodies), _MANY):
        found += client.call(*bodies[start : start + _MANY], read=read)
    return found


def refusal(result: Result) -> IntacctError | None:
    """The error that a failed result stands for."""
    return None if result.status == SUCCESS else as_error(result.faults, "function", function=result.function)


def reading(client: Client, streams: Iterable[str]) -> Iterator[Finding]:
    """One row of every stream: rights, subscriptions and names in one request."""
    names = list(dict.fromkeys(name.upper() for name in streams))
    bodies = [_one_row(name) for name in names]
    refused: dict[str, list[tuple[str, IntacctError]]] = defaultdict(list)
    for name, result in zip(names, tried(client, bodies, read=True), strict=True):
        error = refusal(result)
        if error is not None:
            refused[_step(error)].append((name, error))
    yield from _modules(refused.pop(MODULES, []))
    yield from _unknown(refused.pop(OBJECTS, []))
    yield from _unreadable(refused.pop(READING, []), names)


def _one_row(name: str) -> Element:
    key = keys.record_key(name)
    return element(
        "query",
        element("object", name),
        element("select", element("field", key)),
        element("pagesize", "1"),
    )


def _step(error: IntacctError) -> str:
    entry = error.diagnosis.entry if error.diagnosis is not None else ""
    if entry == "module-not-subscribed":
        return MODULES
    return OBJECTS if isinstance(error, InvalidRequestError) else READING


def _modules(refused: list[tuple[str, IntacctError]]) -> Iterator[Finding]:
    if not refused:
        yield ok(MODULES, "every stream's module is there")
        return
    by_text: dict[str, list[tuple[str, IntacctError]]] = defaultdict(list)
    for name, error in refused:
        by_text[error.faults[0].text].append((name, error))
    for same in by_text.values():
        names = tuple(name for name, _ in same)
        finding = from_error(MODULES, same[0][1], objects=names)
        yield _named(finding, names)


def _unknown(refused: list[tuple[str, IntacctError]]) -> Iterator[Finding]:
    for name, error in refused:
        yield from_error(
            OBJECTS,
            error,
            objects=(name,),
            causes=(
                f"{name} is misspelt",
                "it belongs to a module or an application that this company does not have",
                "it is a custom object that is not deployed here",
            ),
        )


def _unreadable(refused: list[tuple[str, IntacctError]], names: Sequence[str]) -> Iterator[Finding]:
    if not refused:
        yield ok(READING, f"{len(names)} of {len(names)} streams")
        return
    objects = tuple(name for name, _ in refused)
    everything = len(refused) == len(names) and len(names) > 1
    causes = (
        ("no role is assigned to the user", "the assigned role is empty", "the user's type is too small (use Business)")
        if everything
        else ()
    )
    finding = from_error(READING, refused[0][1], objects=objects, causes=causes)
    yield _named(finding, objects)


def _named(finding: Finding, names: tuple[str, ...]) -> Finding:
    """The finding about one object, told for all that it holds for."""
    if len(names) == 1:
        return finding
    listed = ", ".join(names)
    return Finding(
        finding.step,
        finding.level,
        f"{finding.seen} (the same for {listed})",
        finding.means,
        finding.fix,
        finding.menu,
        finding.who,
        finding.causes,
        names,
    )


def writing(client: Client, objects: Iterable[str]) -> Iterator[Finding]:
    """A change to a record that cannot exist: refused for the right, or for the record."""
    names = list(dict.fromkeys(name.upper() for name in objects))
    if not names:
        return
    if client.connection.read_only:
        yield Finding(WRITING, Level.SKIPPED, "the connection is read-only")
        return
    bodies = [element("delete", element("object", name), element("keys", _NOBODY)) for name in names]
    bodies += [element("update", element(name, element(keys.record_key(name), _NOBODY))) for name in names]
    denied: dict[str, IntacctError] = {}
    for name, result in zip((*names, *names), tried(client, bodies, read=False), strict=True):
        error = refusal(result)
        if error is not None and error.diagnosis is not None and error.diagnosis.kind == "not_permitted":
            denied.setdefault(name, error)
    if not denied:
        yield ok(WRITING, f"{len(names)} of {len(names)} objects")
        return
    yield _named(from_error(WRITING, next(iter(denied.values())), objects=tuple(denied)), tuple(denied))


def audit(client: Client) -> Iterator[Finding]:
    """Whether deletes can be seen."""
    body = element(
        "query", element("object", "AUDITHISTORY"), element("select", element("field", "ID")), element("pagesize", "1")
    )
    error = refusal(tried(client, [body], read=True)[0])
    if error is None:
        yield ok(AUDIT, "readable: deletes are seen as they happen")
    else:
        yield from_error(AUDIT, error, level=Level.WARNING, objects=("AUDITHISTORY",))
