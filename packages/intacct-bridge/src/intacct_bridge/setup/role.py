"""The smallest role for one job: which permissions of which applications, with which rights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from intacct_bridge.setup.examination import Job
from intacct_bridge.setup.findings import tag_of
from intacct_protocol.model.keys import creator
from intacct_protocol.model.permissions import permission_of

_READ = ("List", "View")
_WRITE = ("Add", "Edit", "Delete")
_ALWAYS_THERE = {"Company", "Platform Services"}


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """One permission of a role."""

    application: str
    permission: str
    rights: tuple[str, ...]
    objects: tuple[str, ...]
    """The objects of the job that need it."""
    certain: bool
    """Whether the name on the screen is known, and not only inferred."""

    @property
    def name(self) -> str:
        """The permission under its application, as the form of a role shows it."""
        return f"{self.application} ▸ {self.permission}"

    def as_texts(self) -> dict[str, Any]:
        """Its facts as a page shows them."""
        return {
            "permission": self.name,
            "rights": ", ".join(self.rights),
            "objects": ", ".join(self.objects),
            "certain": self.certain,
        }


def role_for(job: Job) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The objects of a job, each with the rights that it needs; an object can appear twice."""
    for name in job.examined_streams:
        yield name, _READ
    for name in job.writes:
        yield name, (*_READ, *_WRITE)
    yield "AUDITHISTORY", ("View",)


def grants_for(job: Job) -> tuple[RoleGrant, ...]:
    """The permissions that a job needs, by application and name."""
    granted: dict[tuple[str, str], RoleGrant] = {}
    for name, rights in role_for(job):
        permission = permission_of(name)
        place = (permission.application, permission.permission) if permission else ("(the object's application)", name)
        sure = permission is not None and tag_of(permission.source) != "inferred"
        held = granted.get(place, RoleGrant(*place, (), (), sure))
        granted[place] = RoleGrant(
            *place,
            tuple(dict.fromkeys((*held.rights, *rights))),
            tuple(dict.fromkeys((*held.objects, name))),
            held.certain,
        )
    return tuple(granted[place] for place in sorted(granted))


def applications_for(job: Job) -> tuple[str, ...]:
    """The applications that the company must subscribe to for a job; every company has the others."""
    permissions = (permission_of(name) for name, _ in role_for(job))
    return tuple(sorted({one.application for one in permissions if one is not None} - _ALWAYS_THERE))


def created_otherwise(job: Job) -> tuple[tuple[str, str], ...]:
    """The objects that another function than `create` creates, which needs permissions of the application."""
    return tuple((name, creator(name)) for name in job.writes if creator(name) not in ("", "create"))
