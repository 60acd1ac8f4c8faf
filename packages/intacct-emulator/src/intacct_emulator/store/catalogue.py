"""The emulator's description of every object, from its data file, and how each object is stored.

The connector never reads this file: it must learn the company from `lookup`, and so a mistake here is noticed. A field
is `[name, type letter, flags, label, values]`, a relation `[path, object, by]`.

An object's label is made from the words of its name: APACCOUNTLABEL is an AP account label. No source lists the labels
of all objects, and a company may rename them.
"""

import json
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from intacct_emulator.store.store import TablePlan
from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef, Relation, object_def
from intacct_protocol.model.keys import ObjectKeys, keys_of, owner
from intacct_protocol.xml.values import Kind

_PLAIN = """
account accrual accumulation activity address adjustment adjustments advance affiliate aisle allocation application
approval asset assignment audit available balance bank batch bill billing bin book budget bundle by card change charge
check checking child class closed company completed compliance contact contract cost count credit cross currencies
customer cycle default definition department deposit detail document dunning earning email employee entity entry
estimate event exchange expense face fee feed fixed funds gross group groups header hierarchy history info inter
inventory invoice item job joint journal label labor line list location log mail member method modifier order other
override ownership pay payee payment payoff payroll period policy position preview price product project provider
purpose queue rate receipts record release report reporting request resources restriction retainage revenue rights
role roles row rule run savings schedule setup shift ship size smart solution standard status structure subtotal
subtotals table task tax template term territory tier time timecard timesheet title total trade transaction transfer
type types union usage user users vendor version visibility warehouse zone
"""
_SPELT = {
    "ACCT": "account", "ADJ": "adjusting", "ADV": "advanced", "CUST": "customer", "EE": "employee",
    "EEXPENSES": "expense report", "ELIM": "elimination", "ENTY": "entry", "EP": "employee",
    "EXPENSE2": "expense 2", "GC": "consolidation", "GEN": "generated", "GRP": "group", "IC": "inventory",
    "INV": "inventory", "LOC": "location", "OBS": "observed", "PARAMS": "parameters", "PCT": "percent",
    "PJ": "project", "PRCLST": "price list", "PREF": "preference", "PT": "platform", "PYMT": "payment",
    "REC": "recognition", "RECON": "reconciliation", "RECUR": "recurring", "REF": "reference", "REV": "revenue",
    "REVENUE2": "revenue 2", "STAT": "statistical", "TRX": "transaction", "TXN": "transaction", "VEND": "vendor",
}  # fmt: skip
_ACRONYMS = ["ACH", "AFR", "AP", "AR", "CC", "COGS", "DDS", "GL", "JE", "MEA", "PO", "PTO", "SO", "TS", "UOM", "WQ"]
_LABELS = {
    "POSITIONSKILL": "Position skill",
    "POSUBTOTALTEMPLATE": "PO subtotal template",
    "SODOCUMENT": "Order entry transaction",
    "PODOCUMENT": "Purchasing transaction",
    "INVDOCUMENT": "Inventory transaction",
    "GLBATCH": "Journal entry",
    "GLENTRY": "Journal entry line",
    "GLDETAIL": "General ledger detail",
    "USERINFO": "User",
    "UOM": "Unit of measure",
}
"""Labels that differ from the words of the name."""


@cache
def _words() -> dict[str, str]:
    return {
        **{word.upper(): word for word in _PLAIN.split()},
        **_SPELT,
        **{word: word for word in _ACRONYMS},
    }


def label_of(name: str) -> str:
    """The label of an object; a part of its name that is not a known word stays as it is."""
    if name in _LABELS:
        return _LABELS[name]
    parts = [word for part in re.split(r"[_\W]+", name) if part for word in (_split(part) or (part.lower(),))]
    text = " ".join(parts)
    return text[:1].upper() + text[1:]


def _split(name: str) -> tuple[str, ...] | None:
    """The name as the fewest words; None if it does not consist of words."""
    best: list[tuple[str, ...] | None] = [()]
    for end in range(1, len(name) + 1):
        ways = [
            (*before, _words()[name[start:end]])
            for start in range(end)
            if (before := best[start]) is not None and name[start:end] in _words()
        ]
        best.append(min(ways, key=len, default=None))
    return best[len(name)]


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
"""Objects that only legacy functions use: they are described for the emulator, and not listed."""
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


_PROJECT_DIMENSIONS = {
    **dict.fromkeys(
        (
            *("GLENTRY", "GLDETAIL", "GLACCOUNTBALANCE", "APBILLITEM", "APADJUSTMENTITEM", "ARINVOICEITEM"),
            *("ARADJUSTMENTITEM", "CCTRANSACTIONENTRY", "EEXPENSESITEM", "EXPENSEADJUSTMENTSITEM"),
        ),
        ("TASK", "COSTTYPE", "CONTRACT", "WAREHOUSE"),
    ),
    **dict.fromkeys(("SODOCUMENTENTRY", "PODOCUMENTENTRY", "INVDOCUMENTENTRY"), ("TASK", "COSTTYPE", "CONTRACT")),
    "OTHERRECEIPTSENTRY": ("TASK", "COSTTYPE"),
    "ARADVANCEITEM": ("TASK", "CONTRACT", "WAREHOUSE"),
    "ALLOCATIONENTRY": ("CONTRACT", "WAREHOUSE"),
}
"""Dimensions that the pages of these lines document, and that the recorded company did not subscribe to."""
_REQUIRED_DIMENSIONS = ("REQUIRETASK", "REQUIRECONTRACT", "REQUIREWAREHOUSE")


@cache
def standard_catalog() -> Catalog:
    """Every standard object."""
    text = (files("intacct_emulator.data") / "generated" / "emulator_catalogue.json").read_text(encoding="utf-8")
    return Catalog([_object(name, entry[0], entry[1]) for name, entry in json.loads(text).items()])


def _object(name: str, fields: list[list[Any]], relations: list[list[str]]) -> ObjectDef:
    paths = [Relation(one[0], one[1], one[3] if len(one) > 3 else "MANY2ONE", by=one[2]) for one in relations]
    described = [_field(one) for one in fields]
    added = [one for one in _dimension_fields(name) if one.name not in {field.name for field in described}]
    return object_def(name, [*described, *added], paths, label=label_of(name))


def _dimension_fields(name: str) -> list[FieldDef]:
    """The fields of dimensions that the recorded description of a line, or of an account, lacks."""
    if name in ("GLACCOUNT", "STATACCOUNT"):
        return [FieldDef(one, Kind.BOOLEAN, values=("true", "false")) for one in _REQUIRED_DIMENSIONS]
    return [
        FieldDef(f"{dimension}{end}", kind)
        for dimension in _PROJECT_DIMENSIONS.get(name, ())
        for end, kind in (("DIMKEY", Kind.INTEGER), ("ID", Kind.TEXT), ("NAME", Kind.TEXT))
    ]


def _field(parts: list[Any]) -> FieldDef:
    flags = parts[2] if len(parts) > 2 else ""
    label = parts[3] if len(parts) > 3 else ""
    values = tuple(parts[4]) if len(parts) > 4 else ()
    return FieldDef(parts[0], _KINDS[parts[1]], label, required="r" in flags, readonly="o" in flags, values=values)


def keys(described: ObjectDef) -> ObjectKeys:
    """The object's keys; the first field identifies a record if the table of keys has none."""
    keys_found = keys_of(described)
    return keys_found if keys_found.record else replace(keys_found, record=next(iter(described.fields)), opaque=True)


_ONE_TABLE = (
    ("GLACCOUNT", "STATACCOUNT"),
    ("JOURNAL", "GLJOURNAL", "STATJOURNAL", "ADJJOURNAL"),
    ("LOCATION", "LOCATIONENTITY"),
    ("CHECKINGACCOUNT", "SAVINGSACCOUNT"),
    ("SODOCUMENTPARAMS", "PODOCUMENTPARAMS", "INVDOCUMENTPARAMS"),
)
"""Objects that are kinds of one thing. An id, and a record number, belongs to one record of them. Inferred: fields such
as ACCOUNTKEY, JOURNALKEY and BANKACCOUNTKEY hold a number without saying which kind it is of."""


def table_plan(described: ObjectDef) -> TablePlan:
    """How the object is stored. Searchable are its keys, its owner's key, its main date and its audit times."""
    object_keys, owned = keys(described), owner(described.name)
    names = [
        object_keys.record if object_keys.opaque else "",
        object_keys.natural,
        owned.by if owned else "",
        next((name for name in _DATES if name in described.fields), ""),
        *_TIMES,
        *_MORE.get(described.name, ()),
        "MEGAENTITYID",
    ]
    fields = dict.fromkeys(name for name in names if name in described.fields)
    searchable = tuple((name, described.fields[name].kind) for name in fields)
    kinds = next((names for names in _ONE_TABLE if described.name in names), ())
    others = tuple(name for name in kinds if name != described.name)
    return TablePlan(described.name, object_keys.record, not object_keys.opaque, searchable, others)


def module_of(name: str) -> str:
    """The subscription that an object belongs to; CO, which every company has, for all others."""
    best = max(
        ((len(start), module) for module, starts in MODULES.items() for start in starts if name.startswith(start)),
        default=(0, "CO"),
    )
    return best[1]
