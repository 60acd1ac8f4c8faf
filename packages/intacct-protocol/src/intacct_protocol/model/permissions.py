"""The permissions of objects: the application and the name of the permission by which a role grants an object.

They are in `data/permissions.json`. Most names are inferred from the screens, since no source lists them.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from intacct_protocol.model import keys


class Permission(msgspec.Struct, frozen=True):
    """The application and the name of the permission by which a role grants an object."""

    application: str
    permission: str
    source: str = "inferred"


@cache
def permissions() -> Mapping[str, Permission]:
    """The known permissions, by object."""
    raw = files("intacct_protocol.data").joinpath("permissions.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, Permission])


def permission_of(name: str) -> Permission | None:
    """The permission for an object; a line object has its header's. None if it is unknown."""
    owner = keys.owner(name)
    return permissions().get(name) or (permissions().get(owner.header) if owner is not None else None)


def objects_of(application: str, permission: str) -> tuple[str, ...]:
    """The objects that a permission is known to grant, with their line objects; capitals do not matter."""
    right = (application.lower(), permission.lower())
    named = [name for name, one in permissions().items() if (one.application.lower(), one.permission.lower()) == right]
    return tuple(dict.fromkeys([*named, *(line.line for name in named for line in keys.lines(name))]))
