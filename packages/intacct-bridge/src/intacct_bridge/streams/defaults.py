"""The default streams, and the options that name streams.

Without names, a run reads the usual objects, as far as the company has them. That list is shorter than what exists (it
lacks schedules, templates, hierarchies, permissions), because every stream costs at least one API transaction a run.
The setting `all` reads every object.
"""

from collections.abc import Iterable, Mapping, Sequence

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.streams.names import EVERY_DEFINITION, parse_name, parse_virtual, unknown_stream
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.model.keys import legacy_name

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


def streams_for(gateway: ReadGateway, names: Sequence[str], *, everything: bool) -> list[str]:
    """The names of the streams to read: the given ones, those of all objects, or the usual ones that the company has.

    An unknown object is found when it is described. The object of an audit history stands only in a filter, so it is
    checked here, and so is every object with document type 2.1. InvalidRequestError for an unknown one.
    """
    if names and everything:
        raise SettingsError("both streams and `all` are given", fix="Give one of them.", setting="all")
    if not names:
        objects = listed_objects(gateway)
        return list(objects) if everything else [name for name in USUAL if name in objects]
    meanings = [parse_name(name) for name in names if parse_virtual(name) is None]
    checked = [one.audit_of for one in meanings if one.audit_of]
    if gateway.connection.is_legacy:
        checked += [one.object for one in meanings]
    company_objects = listed_objects(gateway) if checked else {}
    for name in checked:
        if name not in {one.upper() for one in company_objects}:
            raise unknown_stream(name, company_objects)
    return list(names)


def refuse_joined(names: Iterable[str]) -> None:
    """InvalidRequestError for several names joined by commas, which would be taken for the name of one object."""
    for name in names:
        if "," in name and not any(sign in name for sign in ":?"):
            apart = " ".join(name.replace(",", " ").split())
            raise InvalidRequestError(f"{name} holds several names", fix=f"Put spaces between them: {apart}")


def listed_objects(gateway: ReadGateway) -> dict[str, str]:
    """The objects that can be streams, with their labels: all, or with document type 2.1 those of `get_list`."""
    labels = gateway.objects()
    if not gateway.connection.is_legacy:
        return labels
    return {name: label for name, label in labels.items() if (legacy := legacy_name(name)) and legacy.listed}


def full_every(texts: Iterable[str]) -> tuple[int, dict[str, int]]:
    """Seconds between full refreshes, for all streams without a time of change and for single ones, from `24` and
    `VENDOR=168`, which are hours.
    """
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


def refuse_unknown_streams(setting: str, named: Iterable[str], names: Sequence[str], unified: str = "") -> None:
    """InvalidRequestError for a setting that names a stream that is not read, so that it would have no effect.

    `names` are the streams that are read, or with `unified` entities of that version, if none means all.
    """
    names_of_streams = _entities(names, unified) if unified else {table for name in names for table in _tables(name)}
    for stream_name in named:
        # `SODOCUMENT_*` is a table for each definition; the definitions are not known yet
        if stream_name not in names_of_streams and not any(
            table.endswith("*") and stream_name.startswith(table[:-1]) for table in names_of_streams
        ):
            message = f"`{setting}` names {stream_name}, and {stream_name} is not among the streams"
            raise InvalidRequestError(message, setting=setting)


def _tables(name: str) -> tuple[str, ...]:
    virtual = parse_virtual(name)
    if virtual is not None:
        return (virtual.table.upper(),)
    meaning = parse_name(name)
    return (f"{meaning.object}_*",) if meaning.definition == EVERY_DEFINITION else (meaning.table.upper(),)


def _entities(names: Sequence[str], version: str) -> set[str]:
    from intacct_bridge.mapping.language import unified_map, unified_maps

    maps = [unified_map(name, version) for name in names] or list(unified_maps(version).values())
    return {one.name.upper() for one in maps}


FieldChoice = Mapping[str, Sequence[str]] | Sequence[str]
"""Fields by stream; or texts such as `APBILL.RECORDNO,APBILL.TOTALDUE`, in which a related field keeps its dots."""


def fields_of_objects(choice: FieldChoice) -> dict[str, list[str]]:
    """Fields by object; a stream of part of an object counts as that."""
    by_object: dict[str, list[str]] = {}
    for stream, fields in selected_fields(choice).items():
        by_object.setdefault(parse_name(stream).object.upper(), []).extend(fields)
    return by_object


def selected_fields(choice: FieldChoice) -> dict[str, list[str]]:
    """Fields by stream. InvalidRequestError for a text without a field."""
    if isinstance(choice, Mapping):
        return {stream: list(fields) for stream, fields in choice.items()}
    by_stream: dict[str, list[str]] = {}
    for selection in (part.strip() for text in choice for part in text.split(",")):
        if not selection:
            continue
        stream, dot, field = selection.partition(".")
        if not dot or not field:
            raise InvalidRequestError(
                f"{selection!r} names no field", fix="Write STREAM.FIELD, such as APBILL.TOTALDUE."
            )
        by_stream.setdefault(stream.upper(), []).append(field)
    return by_stream
