"""Fleets: the companies of many customers, each with a connection, flows, a schedule and limits, in one database."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intacct_bridge.fleet.fleet import Fleet

__all__ = ["Fleet"]


def __getattr__(name: str) -> Any:
    if name == "Fleet":
        from intacct_bridge.fleet.fleet import Fleet

        return Fleet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
