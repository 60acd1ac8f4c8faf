"""Which objects are read when nobody names any: the usual ones, as far as the company has them, and its own.

The list is short of what exists (schedules, templates, hierarchies, permissions), because every stream costs at least
one API transaction a run. The setting `all` reads everything.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from intacct_bridge.errors import InvalidRequestError, SettingsError
from intacct_bridge.flow.streams.names import EVERY, feed_named, parsed_name, unknown_stream
from intacct_bridge.model.keys import legacy_name

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client

LISTS = (
    "LOCATIONENTITY LOCATION DEPARTMENT CLASS GLACCOUNT STATACCOUNT GLACCTGRP JOURNAL STATJOURNAL ADJJOURNAL"
    " REPORTINGPERIOD TRXCURRENCIES EXCHANGERATE EXCHANGERATEENTRY CONTACT VENDOR VENDTYPE CUSTOMER CUSTTYPE EMPLOYEE"
    " EMPLOYEETYPE ITEM PRODUCTLINE UOM WAREHOUSE PROJECT PROJECTTYPE TASK TERRITORY APTERM ARTERM APACCOUNTLABEL"
    " ARACCOUNTLABEL EEACCOUNTLABEL TAXDETAIL CHECKINGACCOUNT SAVINGSACCOUNT CREDITCARD FIXEDASSET USERINFO"
    " ALLOCATION ALLOCATIONENTRY"
)
DOCUMENTS = (
    "GLBATCH GLENTRY GLDETAIL GLBUDGETHEADER GLBUDGETITEM APBILL APBILLITEM APPYMT APPYMTDETAIL APADJUSTMENT"
    " APADJUSTMENTITEM ARINVOICE ARINVOICEITEM ARPYMT ARPYMTDETAIL ARADJUSTMENT ARADJUSTMENTITEM OTHERRECEIPTS"
    " OTHERRECEIPTSENTRY DEPOSIT DEPOSITENTRY CCTRANSACTION CCTRANSACTIONENTRY EEXPENSES EEXPENSESITEM EPPAYMENT"
    " TIMESHEET TIMESHEETENTRY SODOCUMENT SODOCUMENTENTRY PODOCUMENT PODOCUMENTENTRY INVDOCUMENT INVDOCUMENTENTRY"
    " CONTRACT CONTRACTDETAIL"
)
USUAL = tuple(f"{LISTS} {DOCUMENTS}".split())


def streams_for(client: "Client", named: Sequence[str], *, everything: bool) -> list[str]:
    """The streams to read: those named, all there are, or the usual ones that the company has.

    Whether an object that is named is there shows when it is described; what only stands in a filter is checked here.
    """
    if named and everything:
        raise SettingsError("both streams and `all` are given", fix="Give one of them.", setting="all")
    if not named:
        objects = listed_objects(client)
        return list(objects) if everything else [name for name in USUAL if name in objects]
    meant = {name: parsed_name(name) for name in named if feed_named(name) is None}
    of = {one.audit_of: name for name, one in meant.items() if one.audit_of}
    if client.connection.is_legacy:
        of |= {one.object: name for name, one in meant.items()}
    known = listed_objects(client) if of else {}
    for one in of:
        if one not in {name.upper() for name in known}:
            raise unknown_stream(one, known)
    return list(named)


def refuse_joined(names: Iterable[str]) -> None:
    """Raise for several names in one word, which would be looked for as the name of one object."""
    for name in names:
        if "," in name and not any(sign in name for sign in ":?"):
            apart = " ".join(name.replace(",", " ").split())
            raise InvalidRequestError(f"{name} is several names", fix=f"Put spaces between them: {apart}")


def listed_objects(client: "Client") -> dict[str, str]:
    """The objects that can be read as streams: all, but over document type 2.1 those that `get_list` knows."""
    found = client.objects()
    if not client.connection.is_legacy:
        return found
    return {name: label for name, label in found.items() if (known := legacy_name(name)) and known.listed}


def full_every(texts: Iterable[str]) -> tuple[int, dict[str, int]]:
    """`24` and `VENDOR=168`: seconds between reads of what cannot tell its changes, and of single streams."""
    for_all, single = 0, dict[str, int]()
    for text in texts:
        stream, equals, hours = text.rpartition("=")
        try:
            seconds = round(float(hours) * 3600)
        except (ValueError, OverflowError):
            seconds = -1
        if seconds < 0 or bool(equals) != bool(stream):
            raise SettingsError(
                f"`full_every`: {text!r} is not a number of hours", fix="Write 24, or VENDOR=24.", setting="full_every"
            )
        if stream:
            single[stream.upper()] = seconds
        else:
            for_all = seconds
    return for_all, single


def refuse_strange(said: str, named: Iterable[str], names: Sequence[str], unified: str = "") -> None:
    """Raise for an option that names what is not among the streams of these names, which would be no option at all."""
    known = _entities(names, unified) if unified else {table for name in names for table in _tables(name)}
    for one in named:
        # `SODOCUMENT_*` is a table for each definition, and which there are is not known yet
        if one not in known and not any(table.endswith("*") and one.startswith(table[:-1]) for table in known):
            raise InvalidRequestError(f"{said} names {one}, and {one} is not among the streams")


def _tables(name: str) -> tuple[str, ...]:
    feed = feed_named(name)
    if feed is not None:
        return (feed.table.upper(),)
    meant = parsed_name(name)
    return (f"{meant.object}_*",) if meant.definition == EVERY else (meant.table.upper(),)


def _entities(names: Sequence[str], version: str) -> set[str]:
    """Those of these names; with no name, all."""
    from intacct_bridge.model.mapping.language import unified_map, unified_maps

    found = [unified_map(name, version) for name in names] or list(unified_maps(version).values())
    return {one.name.upper() for one in found}


def selected_fields(selected: Iterable[str]) -> dict[str, list[str]]:
    """`APBILL.RECORDNO,APBILL.TOTALDUE` by stream; a related field keeps its dots."""
    by_stream: dict[str, list[str]] = {}
    for one in (part.strip() for text in selected for part in text.split(",")):
        if not one:
            continue
        stream, dot, field = one.partition(".")
        if not dot or not field:
            raise InvalidRequestError(f"{one!r} names no field", fix="Write STREAM.FIELD, such as APBILL.TOTALDUE.")
        by_stream.setdefault(stream.upper(), []).append(field)
    return by_stream
