"""Intacct Bridge: move data between Sage Intacct and other systems, in both directions.

This module holds the public names. Each is imported on first use, so that a command's help imports no more than it
needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intacct_bridge.changes.event import ChangeEvent
    from intacct_bridge.client.client import Client
    from intacct_bridge.client.gateway.meter import Meter
    from intacct_bridge.client.writing import Outcome
    from intacct_bridge.connections.connection import Connection
    from intacct_bridge.connections.sources import list_connections, load_connection
    from intacct_bridge.library import BridgeClient, connect, open_copy
    from intacct_bridge.results.checks import DoctorReport
    from intacct_bridge.results.copies import Copy, ExtractResult, Reconciliation
    from intacct_bridge.results.loads import Plan, Receipts
    from intacct_protocol.errors import (
        CapError,
        Diagnosis,
        Fault,
        InDoubtError,
        IntacctError,
        InvalidRequestError,
        NotPermittedError,
        ProtocolError,
        RecordError,
        RefusedError,
        SettingsError,
        SignInError,
        ThrottledError,
        TransientError,
    )
    from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef, Relation
    from intacct_protocol.model.query.query import Aggregate, Order, Query, field
    from intacct_protocol.xml.envelope import Function, Result
    from intacct_protocol.xml.strict_page import Page
    from intacct_protocol.xml.values import UNSET, Formatting, Kind
    from intacct_protocol.xml.xml import Element, element

__version__ = "0.1.0"

__all__ = [
    "UNSET",
    "Aggregate",
    "BridgeClient",
    "CapError",
    "Catalog",
    "ChangeEvent",
    "Client",
    "Connection",
    "Copy",
    "Diagnosis",
    "DoctorReport",
    "Element",
    "ExtractResult",
    "Fault",
    "FieldDef",
    "Formatting",
    "Function",
    "InDoubtError",
    "IntacctError",
    "InvalidRequestError",
    "Kind",
    "Meter",
    "NotPermittedError",
    "ObjectDef",
    "Order",
    "Outcome",
    "Page",
    "Plan",
    "ProtocolError",
    "Query",
    "Receipts",
    "Reconciliation",
    "RecordError",
    "RefusedError",
    "Relation",
    "Result",
    "SettingsError",
    "SignInError",
    "ThrottledError",
    "TransientError",
    "__version__",
    "connect",
    "element",
    "field",
    "list_connections",
    "load_connection",
    "open_copy",
]

_HOMES = {
    "intacct_bridge.client.client": ("Client",),
    "intacct_bridge.connections.connection": ("Connection",),
    "intacct_bridge.client.gateway.meter": ("Meter",),
    "intacct_bridge.connections.sources": ("list_connections", "load_connection"),
    "intacct_bridge.client.writing": ("Outcome",),
    "intacct_bridge.changes.event": ("ChangeEvent",),
    "intacct_bridge.library": ("BridgeClient", "connect", "open_copy"),
    "intacct_bridge.results.checks": ("DoctorReport",),
    "intacct_bridge.results.copies": ("Copy", "ExtractResult", "Reconciliation"),
    "intacct_bridge.results.loads": ("Plan", "Receipts"),
    "intacct_protocol.model.catalog": ("Catalog", "FieldDef", "ObjectDef", "Relation"),
    "intacct_protocol.model.query.query": ("Aggregate", "Order", "Query", "field"),
    "intacct_protocol.xml.envelope": ("Function", "Result"),
    "intacct_protocol.xml.strict_page": ("Page",),
    "intacct_protocol.xml.values": ("UNSET", "Formatting", "Kind"),
    "intacct_protocol.xml.xml": ("Element", "element"),
}


if not TYPE_CHECKING:  # with `__getattr__`, a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'intacct_bridge' has no attribute {name!r}")
        home = next((module for module, names in _HOMES.items() if name in names), "intacct_protocol.errors")
        public: object = getattr(import_module(home), name)
        globals()[name] = public
        return public

    def __dir__() -> list[str]:
        return list(__all__)
