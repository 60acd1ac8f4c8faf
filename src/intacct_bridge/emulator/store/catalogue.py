"""The emulator's own description of every object, read from its data file, and how each is kept in the store.

The connector never reads this file, so a mistake in it cannot hide from the client that must learn the company from
`lookup`. A field is `[name, type letter, flags, label, values]`, a relation `[path, object, by]`.
"""

import json
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from intacct_bridge.emulator.store.labels import label_of
from intacct_bridge.emulator.store.store import TablePlan
from intacct_bridge.model.catalog import Catalog, FieldDef, ObjectDef, Relation, object_def
from intacct_bridge.model.keys import Keys, keys_of, owner
from intacct_bridge.wire.values import Kind

_KINDS = {
    "t": Kind.TEXT,
    "i": Kind.INTEGER,
    "d": Kind.DECIMAL,
    "D": Kind.DATE,
    "b": Kind.BOOLEAN,
    "T": Kind.TIMESTAMP,
    "e": Kind.ENUM,
    "c": Kind.CURRENCY,
    "p": Kind.PERCENT,
    "s": Kind.SEQUENCE,
}
_DATES = ("BATCH_DATE", "WHENCREATED", "ENTRY_DATE", "WHENPAID", "ACCESSTIME", "EFFECTIVE_START_DATE", "START_DATE")
_TIMES = ("WHENMODIFIED", "AUWHENCREATED")
_MORE = {
    "GLDETAIL": ("BATCHKEY", "GLENTRYKEY", "ENTRY_DATE"),
    "AUDITHISTORY": ("OBJECTTYPE", "OBJECTKEY"),
    "GLENTRY": ("ENTRY_DATE",),
    "CONTACT": ("CONTACTNAME",),
    "USERINFO": ("LOGINID",),
}
UNLISTED = frozenset(
    [
        "CONTACTTAXGROUP",
        "CUSTOMERBANKACCOUNT",
        "CUSTOMERCHARGECARD",
        "EXPENSEREPORTBATCH",
        "SMARTEVENTLOG",
        "VENDORENTITYACCOUNT",
    ]
)
"""Objects that only the older functions reach: they are described for our own use, and not listed."""
MODULES = {
    "CM": ("CHECKINGACCOUNT", "SAVINGSACCOUNT", "CREDITCARD", "DEPOSIT", "BANK", "CCTRANSACTION", "CHARGEPAYOFF",
           "FUNDSTRANSFER", "OTHERRECEIPTS", "ACHBANK"),
    "GL": ("GL", "STATACCOUNT", "REPORTINGPERIOD", "ALLOCATION", "JOURNAL", "STATJOURNAL", "ADJJOURNAL"),
    "AP": ("AP", "VENDOR", "VENDTYPE", "PROVIDER"),
    "AR": ("AR", "CUSTOMER", "CUSTTYPE", "DUNNING", "TERRITORY"),
    "EE": ("EE", "EMPLOYEE", "EXPENSE", "EPPAYMENT"),
    "PO": ("PO",),
    "SO": ("SO", "REVREC"),
    "INV": ("INV", "ITEM", "WAREHOUSE", "UOM", "ICCYCLE", "ICROW", "ICTRANSFER", "BIN", "AISLE", "ZONE",
            "AVAILABLEINVENTORY", "PRODUCTLINE"),
    "PA": ("PROJECT", "TASK", "TIMESHEET", "TRANSACTIONRULE", "POSITIONSKILL", "EARNINGTYPE"),
    "CN": ("CONTRACT", "GENINVOICE"),
    "CS": ("GC",),
}  # fmt: skip


@cache
def standard_catalog() -> Catalog:
    """Every standard object."""
    text = (files("intacct_bridge.data") / "emulator_catalog.json").read_text(encoding="utf-8")
    return Catalog([_object(name, entry[0], entry[1]) for name, entry in json.loads(text).items()])


def _object(name: str, fields: list[list[Any]], relations: list[list[str]]) -> ObjectDef:
    paths = [Relation(one[0], one[1], one[3] if len(one) > 3 else "MANY2ONE", by=one[2]) for one in relations]
    return object_def(name, [_field(one) for one in fields], paths, label=label_of(name))


def _field(parts: list[Any]) -> FieldDef:
    flags = parts[2] if len(parts) > 2 else ""
    label = parts[3] if len(parts) > 3 else ""
    values = tuple(parts[4]) if len(parts) > 4 else ()
    return FieldDef(parts[0], _KINDS[parts[1]], label, required="r" in flags, readonly="o" in flags, values=values)


def keys(described: ObjectDef) -> Keys:
    """The object's keys; where the table of keys knows none, the first field names a record."""
    found = keys_of(described)
    return found if found.record else replace(found, record=next(iter(described.fields)), opaque=True)


def table_plan(described: ObjectDef) -> TablePlan:
    """How the object is kept: searchable are its keys, its owner's key, its main date and its two stamps."""
    found, owned = keys(described), owner(described.name)
    names = [
        found.record if found.opaque else "",
        found.natural,
        owned.by if owned else "",
        next((name for name in _DATES if name in described.fields), ""),
        *_TIMES,
        *_MORE.get(described.name, ()),
        "MEGAENTITYID",
    ]
    chosen = dict.fromkeys(name for name in names if name in described.fields)
    searchable = tuple((name, described.fields[name].kind) for name in chosen)
    return TablePlan(described.name, found.record, not found.opaque, searchable)


def module_of(name: str) -> str:
    """The subscription that an object belongs to; CO, which every company has, for the rest."""
    best = max(
        ((len(start), module) for module, starts in MODULES.items() for start in starts if name.startswith(start)),
        default=(0, "CO"),
    )
    return best[1]
