"""The doctor's question whether the user may write, asked without leaving anything behind.

Where the user's permissions can be read, they are; a right that they plainly grant is believed. Every other right is
tried: changing and deleting on a record number that no company has reached, creating as an empty record beside a
function that must fail, in one transaction, which undoes whatever the first one did.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

import msgspec

from intacct_bridge.client.client import Client
from intacct_bridge.edge.doctor.findings import (
    DoctorFinding,
    Status,
    from_error,
    gateway_text,
    known_finding,
    ok,
    skipped,
)
from intacct_bridge.edge.doctor.queries import descendants, error_of, submit
from intacct_bridge.errors import IntacctError, InvalidRequestError
from intacct_bridge.model import keys
from intacct_bridge.model.wording import listed
from intacct_bridge.wire.xml import element

RIGHTS = ("Add", "Edit", "Delete")
_VERBS = {"Add": "create", "Edit": "update", "Delete": "delete"}
_NOBODY = "999999999"


class Permission(msgspec.Struct, frozen=True):
    """Where a role grants an object: the application and the permission's name in it."""

    application: str
    permission: str
    source: str = "inferred"


@cache
def permissions() -> Mapping[str, Permission]:
    """What is known of where objects are granted."""
    raw = files("intacct_bridge.data").joinpath("permissions.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, Permission])


def permission_of(name: str) -> Permission | None:
    """Where a role grants an object; a line object goes with its header. None where nothing is known."""
    owner = keys.owner(name)
    return permissions().get(name) or (permissions().get(owner.header) if owner is not None else None)


def writing(client: Client, objects: Sequence[str], user_id: str, words: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Whether each object may be created, changed and deleted."""
    names = tuple(dict.fromkeys(name.upper() for name in objects))
    if not names:
        yield skipped("writing", "no writes are planned (--writes names them)")
        return
    if client.connection.read_only:
        yield known_finding("writing", "read-only", "the connection is read-only", words=words, objects=names)
        return
    granted = _granted(client, user_id)
    denied: dict[str, dict[str, IntacctError]] = {}
    untried: list[str] = []
    for name in names:
        wanted = [right for right in RIGHTS if right not in granted.get(name, ())]
        if "Add" in wanted and keys.creator(name) != "create":
            wanted.remove("Add")
            untried.append(name)
        for right, error in _tried(client, name, wanted).items():
            denied.setdefault(name, {})[right] = error
    yield from _unknown(denied)
    if any(denied.values()):
        yield from _denied({name: rights for name, rights in denied.items() if rights}, words)
        return
    if not denied:
        aside = f"; creating {', '.join(untried)} goes by the application's own rights and was not tried"
        yield ok("writing", f"{len(names)} of {len(names)} objects{aside if untried else ''}")


def _granted(client: Client, user_id: str) -> dict[str, frozenset[str]]:
    """The rights that the user's own permissions plainly grant, by object; nothing where they cannot be read."""
    (result,) = submit(client, [element("getUserPermissions", element("userId", user_id))], read=True)
    if error_of(result) is not None or result.data is None:
        return {}
    listed = {
        (application.findtext("applicationName").lower(), policy.findtext("policyName").lower()): frozenset(
            policy.findtext("rights").split("|")
        )
        for application in descendants(result.data, "appSubscription")
        for policy in descendants(application, "policy")
    }
    return {
        name: listed.get((one.application.lower(), one.permission.lower()), frozenset())
        for name, one in permissions().items()
    }


def _tried(client: Client, name: str, rights: Sequence[str]) -> dict[str, IntacctError]:
    """The rights among these that the gateway refuses, each with its refusal."""
    update = element("update", element(name, element(keys.record_key(name) or "RECORDNO", _NOBODY)))
    delete = element("delete", element("object", name), element("keys", _NOBODY))
    changes = {"Edit": update, "Delete": delete}
    chosen = [right for right in changes if right in rights]
    results = dict(zip(chosen, submit(client, [changes[right] for right in chosen], read=False), strict=True))
    if "Add" in rights:
        create = element("create", element(name))
        results["Add"] = submit(client, [create, delete], read=False, transaction=True)[0]
    errors = {right: error_of(results[right]) for right in RIGHTS if right in results}
    return {right: error for right, error in errors.items() if error is not None and _refuses(error)}


def _refuses(error: IntacctError) -> bool:
    known = error.diagnosis
    return known is not None and (known.kind == "not_permitted" or known.entry == "object-unknown")


def _unknown(denied: dict[str, dict[str, IntacctError]]) -> Iterator[DoctorFinding]:
    """Objects that are not there; they are taken out of what is denied, but leave their name."""
    for name, rights in denied.items():
        wrong = next((error for error in rights.values() if isinstance(error, InvalidRequestError)), None)
        if wrong is not None:
            yield from_error("writing", wrong, objects=(name,))
            rights.clear()


def _denied(denied: Mapping[str, Mapping[str, IntacctError]], words: Mapping[str, str]) -> Iterator[DoctorFinding]:
    by_rights: dict[tuple[str, ...], list[str]] = {}
    for name, rights in denied.items():
        by_rights.setdefault(tuple(rights), []).append(name)
    for missing, names in by_rights.items():
        error = next(iter(denied[names[0]].values()))
        if error.diagnosis is not None and error.diagnosis.entry == "module-not-subscribed":
            yield from_error("writing", error, objects=tuple(names))
            continue
        said = gateway_text(error)
        blanks = {
            **words,
            "operations": listed([_VERBS[right] for right in missing], "or"),
            "rights": ", ".join(missing),
        }
        yield known_finding(
            "writing",
            "write-right-missing",
            said if len(names) == 1 else f"{said} (the same for {', '.join(names)})",
            status=Status.FAILURE,
            words=blanks,
            objects=tuple(names),
        )
