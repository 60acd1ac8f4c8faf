"""The doctor's check of the user's permission to write, which leaves no record.

Permissions that the user's own permissions grant are believed, if those can be read. Every other one is tried: updates
and deletes with a record number that no company has reached, and a create of an empty record in one transaction with a
function that must fail, which rolls the create back.
"""

from collections.abc import Iterator, Mapping, Sequence

from intacct_bridge.client.client import Client
from intacct_bridge.setup.findings import (
    DoctorFinding,
    Status,
    from_error,
    gateway_text,
    known_finding,
    ok,
    skipped,
)
from intacct_bridge.setup.queries import descendants, error_of, submit
from intacct_protocol.errors import IntacctError, InvalidRequestError
from intacct_protocol.model import keys
from intacct_protocol.model.permissions import permissions
from intacct_protocol.model.wording import listed
from intacct_protocol.xml.xml import element

RIGHTS = ("Add", "Edit", "Delete")
_VERBS = {"Add": "create", "Edit": "update", "Delete": "delete"}
_NO_RECORD = "999999999"
"""A record number that no company has reached."""


def writing(client: Client, objects: Sequence[str], user_id: str, ids: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Whether the user may create, update and delete records of each object."""
    names = tuple(dict.fromkeys(name.upper() for name in objects))
    if not names:
        yield skipped("writing", "no writes are planned (--writes names their objects)")
        return
    if client.connection.read_only:
        yield known_finding("writing", "read-only", "the connection is read-only", ids=ids, objects=names)
        return
    granted = _granted(client, user_id)
    denied: dict[str, dict[str, IntacctError]] = {}
    untested: list[str] = []
    for name in names:
        missing = [right for right in RIGHTS if right not in granted.get(name, ())]
        if "Add" in missing and keys.creator(name) != "create":
            missing.remove("Add")
            untested.append(name)
        for right, error in _refused_rights(client, name, missing).items():
            denied.setdefault(name, {})[right] = error
    yield from _unknown(denied)
    if any(denied.values()):
        yield from _denied({name: rights for name, rights in denied.items() if rights}, ids)
        return
    if not denied:
        note = f"; creating {listed(untested)} needs permissions of the application and was not tested"
        yield ok("writing", f"{listed(names)}{note if untested else ''}", objects=tuple(untested))


def _granted(client: Client, user_id: str) -> dict[str, frozenset[str]]:
    """The rights that the user's own permissions grant, by object; empty if they cannot be read."""
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


def _refused_rights(client: Client, name: str, rights: Sequence[str]) -> dict[str, IntacctError]:
    """Try these rights and return those that the gateway refuses, each with its error."""
    update = element("update", element(name, element(keys.record_key(name) or "RECORDNO", _NO_RECORD)))
    delete = element("delete", element("object", name), element("keys", _NO_RECORD))
    changes = {"Edit": update, "Delete": delete}
    chosen = [right for right in changes if right in rights]
    results = dict(zip(chosen, submit(client, [changes[right] for right in chosen], read=False), strict=True))
    if "Add" in rights:
        create = element("create", element(name))
        results["Add"] = submit(client, [create, delete], read=False, transaction=True)[0]
    errors = {right: error_of(results[right]) for right in RIGHTS if right in results}
    return {right: error for right, error in errors.items() if error is not None and _refuses(error)}


def _refuses(error: IntacctError) -> bool:
    diagnosis = error.diagnosis
    return diagnosis is not None and (diagnosis.kind == "not_permitted" or diagnosis.entry == "object-unknown")


def _unknown(denied: dict[str, dict[str, IntacctError]]) -> Iterator[DoctorFinding]:
    """Findings for unknown objects, whose rights are removed from `denied`."""
    for name, rights in denied.items():
        wrong = next((error for error in rights.values() if isinstance(error, InvalidRequestError)), None)
        if wrong is not None:
            yield from_error("writing", wrong, objects=(name,))
            rights.clear()


def _denied(denied: Mapping[str, Mapping[str, IntacctError]], ids: Mapping[str, str]) -> Iterator[DoctorFinding]:
    by_rights: dict[tuple[str, ...], list[str]] = {}
    for name, rights in denied.items():
        by_rights.setdefault(tuple(rights), []).append(name)
    for missing, names in by_rights.items():
        error = next(iter(denied[names[0]].values()))
        if error.diagnosis is not None and error.diagnosis.entry == "module-not-subscribed":
            yield from_error("writing", error, objects=tuple(names))
            continue
        text = gateway_text(error)
        values = {
            **ids,
            "operations": listed([_VERBS[right] for right in missing], "or"),
            "rights": ", ".join(missing),
        }
        yield known_finding(
            "writing",
            "write-right-missing",
            text if len(names) == 1 else f"{text} (the same for {listed(names[1:])})",
            status=Status.FAILURE,
            ids=values,
            objects=tuple(names),
        )
