"""The links of posted records: their RECORD_URL, asked of Intacct once and kept in the outbox."""

from collections.abc import Iterable

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.client.reading.key_lookup import rows_by_keys
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.text_forms import nfc

LINK = "RECORD_URL"
_BATCH = 500


def keep_links(company: Gateway, outbox: Outbox, entries: Iterable[OutboxEntry]) -> None:
    """Ask for the links of receipts that have none yet; objects without links are left out."""
    by_object: dict[str, dict[str, list[int]]] = {}
    for entry in entries:
        if entry.receipt is not None and entry.receipt.record and not entry.url:
            by_record = by_object.setdefault(entry.target.object, {})
            by_record.setdefault(entry.receipt.record, []).append(entry.number)
    for name, by_record in by_object.items():
        lookup = lookup_keys_of(name)
        key = lookup.receipt_key
        try:
            described = company.describe(name)
            if described.get(LINK) is None or described.get(key) is None:
                continue
            query = Query(name, (key, LINK), show_private=True)
            keys = [{key: record} for record in by_record]
            rows = list(rows_by_keys(company.query, query, keys, described.kind_of, batch=_BATCH))
        except (InvalidRequestError, NotPermittedError, RefusedError):
            continue
        urls = {equal_form(row.get(key)): comparable(row.get(LINK)) for row in rows}
        pairs = ((number, urls.get(nfc(record), "")) for record, numbers in by_record.items() for number in numbers)
        outbox.keep_urls({number: url for number, url in pairs if url})
