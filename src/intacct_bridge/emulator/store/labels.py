"""What an object is called for people, from the words that its name is made of: APACCOUNTLABEL is an AP account label.

No source lists the labels of all objects, and a company may rename them; these are readable, and that is all.
"""

import re
from functools import cache

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
_WHOLE = {
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
"""Names that are not the sum of their words."""


@cache
def _words() -> dict[str, str]:
    return {
        **{word.upper(): word for word in _PLAIN.split()},
        **_SPELT,
        **{word: word for word in _ACRONYMS},
    }


def label_of(name: str) -> str:
    """The label of an object; a name with a part that is no known word keeps that part as it is."""
    if name in _WHOLE:
        return _WHOLE[name]
    parts = [word for part in re.split(r"[_\W]+", name) if part for word in (_split(part) or (part.lower(),))]
    text = " ".join(parts)
    return text[:1].upper() + text[1:]


def _split(name: str) -> tuple[str, ...] | None:
    """The fewest words that the name is made of; None where there are none."""
    best: list[tuple[str, ...] | None] = [()]
    for end in range(1, len(name) + 1):
        ways = [
            (*before, _words()[name[start:end]])
            for start in range(end)
            if (before := best[start]) is not None and name[start:end] in _words()
        ]
        best.append(min(ways, key=len, default=None))
    return best[len(name)]
