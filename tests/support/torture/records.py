"""The records of the torture tests: every kind of write and of identity, each record with a token of its own."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intacct_emulator.server.gateway import Emulator

Cells = Mapping[str, Any]

BY_HAND = "Web Order"
"""A transaction definition that leaves the numbers to whoever makes the orders."""


@dataclass(frozen=True)
class WriteKind:
    """One kind of write."""

    name: str
    object: str
    make: Callable[[Emulator, str], Cells]
    """A row of the input."""
    done: Callable[[Emulator, str], int]
    """How often what it asks for was done, as the company stands."""
    mode: str = "create"
    finds: bool = True
    """Whether looking finds it if it was done."""
    absent: bool = True
    """Whether not finding it proves, in time, that it was not done."""
    never_resent: bool = False
    """Whether it is not sent a second time even where the company's memory is proven."""
    copies: int = 1
    """How many equal ones an input has."""
    before: Callable[[str], Sequence[tuple[str, Cells]]] = lambda _: ()
    """Records that the company has of it beforehand."""

    @property
    def settles(self) -> bool:
        """Whether nothing of it may be in doubt in the end."""
        return self.finds and self.absent


def rows_of(emulator: Emulator, object_name: str, field: str, text: str) -> list[Cells]:
    """The company's records with that text in a field."""
    return [row for _, row in emulator.company().table(object_name).rows() if row.get(field) == text]


TAKEN_BACK = ("Reversed", "Reversal", "Voided", "V")
"""States of documents that were taken back, and of the documents that did it."""
_TOKEN_IN = {"VENDOR": "NAME", "GLBATCH": "BATCH_TITLE", "APBILL": "DESCRIPTION", "ARINVOICE": "DESCRIPTION",
             "APPYMT": "DESCRIPTION", "SODOCUMENT": "PONUMBER"}  # fmt: skip
CORRECTIONS: Mapping[str, Cells] = {
    "VENDOR": {"COMMENTS": "Corrected"},
    "GLBATCH": {"BATCH_DATE": "2026-11-29"},
    "APBILL": {"WHENDUE": "2026-12-09"},
    "ARINVOICE": {"WHENDUE": "2026-12-09"},
    "SODOCUMENT": {"WHENDUE": "2026-12-09"},
}
"""What a correction of an object's record changes: never what the record is known by."""


def in_force(emulator: Emulator, kind: WriteKind, token: str) -> list[Cells]:
    """The records of a token that stand: not deleted, not reversed, and a journal entry not undone by its opposite."""
    field = _TOKEN_IN[kind.object]
    found = rows_of(emulator, kind.object, field, f"New {token}" if kind.object == "VENDOR" else token)
    in_effect = [row for row in found if row.get("STATE") not in TAKEN_BACK]
    if kind.object == "GLBATCH":
        return in_effect[len(rows_of(emulator, kind.object, field, f"Reversed - {token}")) :]
    return in_effect


def _counted(object_name: str, field: str) -> Callable[[Emulator, str], int]:
    return lambda emulator, token: len(rows_of(emulator, object_name, field, token))


def _journal(token: str, **more: str) -> dict[str, Any]:
    lines = [
        {"ACCOUNTNO": "68000", "TR_TYPE": "1", "TRX_AMOUNT": "10.05", "LOCATION": "100"},
        {"ACCOUNTNO": "10010", "TR_TYPE": "-1", "TRX_AMOUNT": "10.05", "LOCATION": "100"},
    ]
    return {"JOURNAL": "GJ", "BATCH_DATE": "2026-11-30", "BATCH_TITLE": token, "ENTRIES": lines} | more


def _bill(token: str, amount: str = "0.30", **more: str) -> dict[str, Any]:
    line = {"ACCOUNTNO": "60100", "TRX_AMOUNT": amount, "LOCATIONID": "100", "DEPARTMENTID": "100"}
    head = {"VENDORID": "V-0", "WHENCREATED": "2026-11-02", "WHENDUE": "2026-12-02", "CURRENCY": "USD"}
    return {**head, "BASECURR": "USD", "DESCRIPTION": token, "APBILLITEMS": [line], **more}


def _numbered(token: str) -> dict[str, Any]:
    return _bill(token, RECORDID=token)


def _invoice(token: str) -> dict[str, Any]:
    line = {"ACCOUNTNO": "40100", "TRX_AMOUNT": "0.30", "LOCATIONID": "100", "DEPARTMENTID": "100"}
    head = {"CUSTOMERID": "C-0", "WHENCREATED": "2026-11-02", "WHENDUE": "2026-12-02", "CURRENCY": "USD"}
    return {**head, "RECORDID": token, "DESCRIPTION": token, "ARINVOICEITEMS": [line]}


def _vendor(token: str, name: str = "New") -> dict[str, Any]:
    return {"VENDORID": token, "NAME": f"{name} {token}", "DISPLAYCONTACT": {"PRINTAS": token}}


def _payment(emulator: Emulator, token: str) -> Cells:
    (bill,) = rows_of(emulator, "APBILL", "RECORDID", token)
    detail = {"RECORDKEY": bill["RECORDNO"], "TRX_PAYMENTAMOUNT": "0.30"}
    head = {"FINANCIALENTITY": "CHK-INS", "PAYMENTMETHOD": "Printed Check", "VENDORID": "V-0", "CURRENCY": "USD"}
    return {**head, "PAYMENTDATE": "2026-11-30", "DESCRIPTION": token, "APPYMTDETAILS": [detail]}


def _order(token: str, definition: str, **more: str) -> dict[str, Any]:
    line = {"ITEMID": "INSTALL", "QUANTITY": "1", "UNIT": "Each", "PRICE": "3", "LOCATIONID": "100"}
    head = {"DOCPARID": definition, "CUSTVENDID": "C-0", "WHENCREATED": "2026-11-02", "WHENDUE": "2026-12-02"}
    return {**head, "PONUMBER": token, "SODOCUMENTENTRIES": [line], **more}


def _renamed(emulator: Emulator, token: str) -> int:
    rows = rows_of(emulator, "VENDOR", "VENDORID", token)
    return len(rows) if all(row["NAME"].startswith("New") for row in rows) else 0


def _described(emulator: Emulator, token: str) -> int:
    (bill,) = rows_of(emulator, "APBILL", "RECORDID", token)
    return int(bill.get("DESCRIPTION") == f"New {token}")


def _priced(emulator: Emulator, token: str) -> int:
    (bill,) = rows_of(emulator, "APBILL", "RECORDID", token)
    lines = rows_of(emulator, "APBILLITEM", "RECORDKEY", bill["RECORDNO"])
    return len(lines) if {line["TRX_AMOUNT"] for line in lines} == {"0.5"} else 0


def _posted(emulator: Emulator, token: str) -> int:
    return sum(row["STATE"] == "Posted" for row in rows_of(emulator, "GLBATCH", "BATCH_TITLE", token))


def _draft(emulator: Emulator, token: str) -> Cells:
    (entry,) = rows_of(emulator, "GLBATCH", "BATCH_TITLE", token)
    return {"RECORDNO": entry["RECORDNO"], "STATE": "Posted"}


CREATES = (
    WriteKind("journal with a reference", "GLBATCH", lambda _, token: _journal(token, REFERENCENO=token),
         _counted("GLBATCH", "BATCH_TITLE")),
    WriteKind("journal without", "GLBATCH", lambda _, token: _journal(token), _counted("GLBATCH", "BATCH_TITLE"),
         finds=False, absent=False),
    WriteKind("equal journals", "GLBATCH", lambda _, token: _journal(token), _counted("GLBATCH", "BATCH_TITLE"),
         finds=False, absent=False, copies=2),
    WriteKind("vendor", "VENDOR", lambda _, token: _vendor(token), _counted("VENDOR", "VENDORID")),
    WriteKind("vendor without an id", "VENDOR", lambda _, token: {**_vendor(token), "VENDORID": ""},
         lambda emulator, token: len(rows_of(emulator, "VENDOR", "NAME", f"New {token}")), finds=False, absent=False),
    WriteKind("bill with a number", "APBILL", lambda _, token: _numbered(token), _counted("APBILL", "DESCRIPTION")),
    WriteKind("bill without", "APBILL", lambda _, token: _bill(token), _counted("APBILL", "DESCRIPTION"),
         finds=False, absent=False),
    WriteKind("equal bills", "APBILL", lambda _, token: _bill(token), _counted("APBILL", "DESCRIPTION"),
         finds=False, absent=False, copies=3),
    WriteKind("invoice", "ARINVOICE", lambda _, token: _invoice(token), _counted("ARINVOICE", "DESCRIPTION")),
    WriteKind("payment", "APPYMT", _payment, _counted("APPYMT", "DESCRIPTION"), absent=False, never_resent=True,
         before=lambda token: [("APBILL", _numbered(token))]),
    WriteKind("bill with an external id", "APBILL", lambda _, token: _bill(token, EXTERNALID=token),
         _counted("APBILL", "DESCRIPTION"), absent=False),
    WriteKind("order", "SODOCUMENT", lambda _, token: _order(token, BY_HAND, DOCNO=token),
         _counted("SODOCUMENT", "PONUMBER")),
    WriteKind("order of a definition that numbers", "SODOCUMENT",
         lambda _, token: _order(token, "Sales Order", DOCNO=token), _counted("SODOCUMENT", "PONUMBER"), absent=False),
    WriteKind("order without a number", "SODOCUMENT", lambda _, token: _order(token, "Sales Order"),
         _counted("SODOCUMENT", "PONUMBER"), finds=False, absent=False),
    WriteKind("order with an external id", "SODOCUMENT",
         lambda _, token: _order(token, "Sales Order", EXTERNALID=token), _counted("SODOCUMENT", "PONUMBER"),
         absent=False),
)  # fmt: skip
CHANGES = (
    WriteKind("update", "VENDOR", lambda _, token: {"VENDORID": token, "NAME": f"New {token}"}, _renamed, "update",
         before=lambda token: [("VENDOR", _vendor(token, "Old"))]),
    WriteKind("update of a bill", "APBILL", lambda _, token: {"VENDORID": "V-0", "RECORDID": token,
                                                         "DESCRIPTION": f"New {token}"}, _described, "update",
         before=lambda token: [("APBILL", _numbered(token))]),
    WriteKind("update of lines", "APBILL", lambda _, token: _bill(token, "0.50", RECORDID=token), _priced, "update",
         absent=False, never_resent=True, before=lambda token: [("APBILL", _numbered(token))]),
    WriteKind("posting of a draft", "GLBATCH", _draft, _posted, "update",
         before=lambda token: [("GLBATCH", _journal(token, STATE="Draft"))]),
    WriteKind("upsert", "VENDOR", lambda _, token: _vendor(token), _renamed, "upsert",
         before=lambda token: [("VENDOR", _vendor(token, "Old"))] if token[-1] in "02468" else []),
    WriteKind("delete", "VENDOR", lambda _, token: {"VENDORID": token},
         lambda emulator, token: int(not rows_of(emulator, "VENDOR", "VENDORID", token)), "delete",
         before=lambda token: [("VENDOR", _vendor(token, "Old"))]),
)  # fmt: skip
WRITE_KINDS = CREATES + CHANGES


def keys(emulator: Emulator, kind: WriteKind) -> set[str]:
    """The record numbers of the kind's object."""
    name = "DOCID" if kind.object == "SODOCUMENT" else "RECORDNO"  # the key in the answer of create_sotransaction
    return {str(row[name]) for _, row in emulator.company().table(kind.object).rows()}


def times_done(emulator: Emulator, kind: WriteKind, tokens: set[str]) -> Counter[str]:
    """By token: how often its write was done."""
    return Counter({token: kind.done(emulator, token) for token in tokens})
