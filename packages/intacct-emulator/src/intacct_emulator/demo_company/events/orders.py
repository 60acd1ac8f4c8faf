"""The orders behind invoices and bills: an order document, and the invoice document that it was converted to.

A converted pair comes with the invoice or bill that it made. An order that is not delivered by the last day stands
alone. Order documents do not post; the invoice or bill does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Generic

from intacct_emulator.demo_company.generator.declaration import demo_definitions
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.sales_cycle import DocumentOutcome, Party, PlannedDocument
from intacct_emulator.demo_company.generator.world import Customer, Item, Vendor, World
from intacct_emulator.ledger.amounts import ZERO, to_base
from intacct_emulator.ledger.dimensions import dimension_cells
from intacct_emulator.ledger.posting import Charge
from intacct_emulator.ledger.posting_rows import TypedRow

Rows = Iterator[tuple[str, TypedRow]]
_OWN = {(one.object, one.definition) for one in demo_definitions().definition_fields}
"""The transaction definitions that have fields of their own, each with its object."""


@dataclass(frozen=True, slots=True)
class OrderKind:
    """Sales or purchasing."""

    object: str
    order: str
    invoice: str
    number: str
    login: str


SALES = OrderKind("SODOCUMENT", "Sales Order", "Sales Invoice", "SO", "ar.clerk")
PURCHASING = OrderKind("PODOCUMENT", "Purchase Order", "Vendor Invoice", "PO", "ap.clerk")


@dataclass(frozen=True, slots=True)
class OrderDocument(Generic[Party]):
    """An order or invoice document to write."""

    planned: PlannedDocument[Party]
    rate: Decimal
    day: date
    type: str
    number: str
    state: str
    source: "WrittenOrder | None" = None
    outcome: DocumentOutcome | None = None
    record_key: int | None = None
    """The record number of the invoice or bill that the document made."""


@dataclass(frozen=True, slots=True)
class WrittenOrder:
    """A written document, as later documents refer to it."""

    key: int
    id: str
    line_keys: tuple[int, ...]


class Orders:
    """Writes order documents of one kind."""

    def __init__(self, world: World, stamps: RecordStamps, kind: OrderKind) -> None:
        self._world = world
        self._stamps = stamps
        self._kind = kind
        self._items = {item.id: item for item in world.items}
        definitions = world.data["definitions"]
        self._types = {row[1]: (str(key), row[2]) for key, row in enumerate(definitions, 1)}
        self._stock = {
            account: [item for item in world.items if item.stock_account == account and item.cost]
            for account in ("12000", "12100")
        }
        self.last = WrittenOrder(0, "", ())
        """The last document written."""

    def converted(self, planned: PlannedDocument[Party], outcome: DocumentOutcome, record_key: int) -> Rows:
        """An order and the invoice that it was converted to, which `last` then names."""
        kind = self._kind
        ordered = max(planned.order or planned.day, self._world.calendar.start)
        number = f"{kind.number}{10000 + self._stamps.number(kind.order)}"
        yield from self._write(OrderDocument(planned, outcome.rate, ordered, kind.order, number, "Converted"))
        invoice = OrderDocument(
            planned, outcome.rate, planned.day, kind.invoice, planned.number, "Closed", self.last, outcome, record_key
        )
        yield from self._write(invoice)

    def pending(self, planned: PlannedDocument[Party], day: date) -> Rows:
        """An order that is not delivered."""
        kind = self._kind
        number = f"{kind.number}{10000 + self._stamps.number(kind.order)}"
        rate = self._world.rates.rate(planned.party.currency, self._world.base(planned.party.entity), day)
        yield from self._write(OrderDocument(replace(planned, private=False), rate, day, kind.order, number, "Pending"))

    def _write(self, document: OrderDocument[Party]) -> Rows:
        stamps, planned = self._stamps, document.planned
        key = stamps.number("DOCHDR")
        id_ = f"{document.type}-{document.number}"
        audit = stamps.document(document.day, self._kind.login, planned.day if document.state == "Converted" else None)
        dated: TypedRow = {cell: value for cell, value in audit.items() if not cell.endswith("LOGINID")}
        owner = stamps.owner(planned.party.entity if planned.private else None)
        yield self._kind.object, {"RECORDNO": str(key), "DOCID": id_, **self._header(document), **dated, **owner}
        line_keys = []
        for position, (item, quantity, charge) in enumerate(self._lines(planned)):
            line_keys.append(stamps.number("DOCENTRY"))
            row: TypedRow = {"RECORDNO": line_keys[-1], "DOCHDRNO": key, "DOCHDRID": id_, "LINE_NO": position}
            row |= self._entry(document, item, quantity, charge)
            if document.source and position < len(document.source.line_keys):
                row |= {"SOURCE_DOCKEY": str(document.source.key), "SOURCE_DOCID": document.source.id}
                row["SOURCE_DOCLINEKEY"] = str(document.source.line_keys[position])
            yield f"{self._kind.object}ENTRY", {**row, **dated}
        self.last = WrittenOrder(key, id_, tuple(line_keys))

    def _lines(self, planned: PlannedDocument[Party]) -> Iterator[tuple[Item, int, Charge]]:
        """The charges for items: items of a sale as sold, items of a bill by the stock account of each charge."""
        if self._kind is SALES:
            for (id_, quantity), charge in zip(planned.quantities, planned.charges, strict=False):
                yield self._items[id_], quantity, charge
            return
        for position, charge in enumerate(planned.charges):
            stock = self._stock.get(charge.account)
            if stock and charge.trx_amount > 0:
                item = stock[(planned.party.key + position) % len(stock)]
                yield item, max(1, int(charge.trx_amount / item.cost)), charge

    def _header(self, document: OrderDocument[Party]) -> TypedRow:
        planned, party = document.planned, document.planned.party
        type_key, class_ = self._types[document.type]
        header: TypedRow = {
            "DOCNO": document.number,
            "STATE": document.state,
            "CLOSED": document.state == "Closed",
            "WHENCREATED": document.day,
            "WHENPOSTED": document.day,
            "WHENDUE": planned.due,
            "STATUS": "active",
            "CREATEDFROM": document.source.id if document.source else None,
            "PONUMBER": None,
            "DOCPARID": document.type,
            "DOCPARKEY": type_key,
            "DOCPARCLASS": class_,
            "UPDATES_INV": "Quantity and Value" if class_ == "Invoice" else "No",
            "USERID": self._kind.login,
            "CREATEDUSERID": self._kind.login,
            "MESSAGE": planned.memo,
            "PRINTED": "Yes" if document.state != "Pending" else "No",
            "BACKORDER": "No",
            "SYSTEMGENERATED": "false",
            "CUSTVENDID": party.id,
            "CUSTVENDNAME": party.name,
            "TERM.NAME": party.term,
            **self._contacts(party),
            **self._totals(document),
        }
        if (self._kind.object, document.type) in _OWN:
            header["DELIVERY_WINDOW"] = "Morning" if len(planned.charges) % 2 else "Afternoon"
        if document.outcome is not None:
            header["PRRECORDKEY"] = document.record_key
            header |= _paid(document.outcome)
        return header

    def _contacts(self, party: Vendor | Customer) -> TypedRow:
        name = f"{party.name}({party.id})"
        key = str(self._stamps.contact(name))
        row: TypedRow = {f"{role}.CONTACTNAME": name for role in ("CONTACT", "SHIPTO", "BILLTO")}
        return {"SHIPTOKEY": key, "BILLTOKEY": key, **row}

    def _totals(self, document: OrderDocument[Party]) -> TypedRow:
        """The sum of the items, and the total with tax and rebates."""
        planned, party = document.planned, document.planned.party
        lines = sum((charge.trx_amount for _, _, charge in self._lines(planned)), ZERO)
        trx_total = Decimal(planned.cents).scaleb(-2) if document.type == self._kind.invoice else lines
        return {
            "SUBTOTAL": to_base(lines, document.rate),
            "TOTAL": to_base(trx_total, document.rate),
            "TRX_SUBTOTAL": lines,
            "TRX_TOTAL": trx_total,
            "CURRENCY": party.currency,
            "BASECURR": self._world.base(party.entity),
            "EXCHRATE": document.rate,
            "EXCHRATEDATE": document.day if document.rate != 1 else None,
        }

    def _entry(self, document: OrderDocument[Party], item: Item, quantity: int, charge: Charge) -> TypedRow:
        directory = self._world.directory
        amount = to_base(charge.trx_amount, document.rate)
        trx_price = (charge.trx_amount / quantity).quantize(Decimal("0.000001"))
        price = (amount / quantity).quantize(Decimal("0.000001"))
        row: TypedRow = {
            "DOCPARID": document.type,
            "ITEMID": item.id,
            "ITEMNAME": item.name,
            "ITEMDESC": item.name,
            "UNIT": item.unit,
            "MEMO": charge.memo,
            "QUANTITY": Decimal(quantity),
            "UIQTY": Decimal(quantity),
            "QTY_CONVERTED": Decimal(quantity if document.state == "Converted" else 0),
            "PRICE": price,
            "UIPRICE": trx_price,
            "TOTAL": amount,
            "UIVALUE": charge.trx_amount,
            "TRX_PRICE": trx_price,
            "TRX_VALUE": charge.trx_amount,
            "COST_METHOD": "Average",
            "STATUS": "active",
            "STATE": True,
            "LOCATIONID": charge.location,
            "LOCATIONNAME": directory.locations[charge.location][1],
            "LOCATIONKEY": str(directory.locations[charge.location][0]),
            "CURRENCY": document.planned.party.currency,
            "BASECURR": self._world.base(document.planned.party.entity),
            "EXCHRATE": document.rate,
            "WHENCREATED": document.day,
            **dict(dimension_cells(_shared(charge), self._world.directory.dimensions)),
        }
        if charge.department:
            row["DEPARTMENTID"] = charge.department
            row["DEPARTMENTNAME"] = directory.departments[charge.department][1]
            row["DEPTKEY"] = str(directory.departments[charge.department][0])
        if item.stock_account:
            row["WAREHOUSE.LOCATION_NO"] = "WH-YUL" if charge.location == "310" else "WH-CMH"
        return row


def _shared(charge: Charge) -> dict[str, str]:
    """The dimensions of a charge that order lines have cells for; the item is written separately."""
    return {name: id_ for name, id_ in charge.dimensions.items() if name in ("CUSTOMER", "VENDOR", "CLASS")}


def _paid(outcome: DocumentOutcome) -> TypedRow:
    state = "Open" if not outcome.parts else ("Partially Paid" if outcome.trx_due else "Paid")
    return {
        "TOTALENTERED": outcome.total,
        "TOTALPAID": outcome.total - outcome.due,
        "TOTALDUE": outcome.due,
        "TRX_TOTALENTERED": outcome.trx_total,
        "TRX_TOTALPAID": outcome.trx_total - outcome.trx_due,
        "TRX_TOTALDUE": outcome.trx_due,
        "PAYMENTSTATUS": state,
    }
