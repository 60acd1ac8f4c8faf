"""The orders behind invoices and bills: an order document, and the invoice document that it was converted to.

A converted pair comes with the receivable or payable that it made; what is ordered and not delivered by the last day
stands alone. Documents do not post: the invoice behind them does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Generic

from intacct_bridge.emulator.accounting.amounts import ZERO, to_base
from intacct_bridge.emulator.accounting.dimensions import dimension_cells
from intacct_bridge.emulator.accounting.posting import Charge
from intacct_bridge.emulator.accounting.posting_rows import Row
from intacct_bridge.emulator.demo.generator.sales_cycle import Course, Deal, Party
from intacct_bridge.emulator.demo.generator.transaction_generator import Clerk
from intacct_bridge.emulator.demo.generator.world import Customer, Item, Vendor, World
from intacct_bridge.emulator.demo.masters.custom_fields import demo_definitions

Rows = Iterator[tuple[str, Row]]
_OWN = demo_definitions().definition_fields
"""What only some transaction definitions have."""


@dataclass(frozen=True, slots=True)
class TradeSide:
    """Sales or purchasing."""

    object: str
    order: str
    invoice: str
    number: str
    login: str


SALES = TradeSide("SODOCUMENT", "Sales Order", "Sales Invoice", "SO", "ar.clerk")
PURCHASING = TradeSide("PODOCUMENT", "Purchase Order", "Vendor Invoice", "PO", "ap.clerk")


@dataclass(frozen=True, slots=True)
class Sheet(Generic[Party]):
    """One document to write."""

    deal: Deal[Party]
    rate: Decimal
    day: date
    type: str
    number: str
    state: str
    source: "WrittenOrder | None" = None
    course: Course | None = None
    record_key: int | None = None
    """The receivable or payable that the document made."""


@dataclass(frozen=True, slots=True)
class WrittenOrder:
    """What later documents say of one that was written."""

    key: int
    id: str
    line_keys: tuple[int, ...]


class Orders:
    """Writes order documents for one side."""

    def __init__(self, world: World, clerk: Clerk, side: TradeSide) -> None:
        self._world = world
        self._clerk = clerk
        self._side = side
        self._items = {item.id: item for item in world.items}
        definitions = world.data["definitions"]
        self._types = {row[1]: (str(key), row[2]) for key, row in enumerate(definitions, 1)}
        self._stock = {
            account: [item for item in world.items if item.stock_account == account and item.cost]
            for account in ("12000", "12100")
        }
        self.last = WrittenOrder(0, "", ())
        """The document written last."""

    def converted(self, deal: Deal[Party], course: Course, record_key: int) -> Rows:
        """The order and the invoice it became; `last` is the invoice then."""
        side = self._side
        ordered = max(deal.order or deal.day, self._world.calendar.start)
        number = f"{side.number}{10000 + self._clerk.number(side.order)}"
        yield from self._write(Sheet(deal, course.rate, ordered, side.order, number, "Converted"))
        invoice = Sheet(deal, course.rate, deal.day, side.invoice, deal.number, "Closed", self.last, course, record_key)
        yield from self._write(invoice)

    def pending(self, deal: Deal[Party], day: date) -> Rows:
        """An order that is not delivered yet."""
        side = self._side
        number = f"{side.number}{10000 + self._clerk.number(side.order)}"
        rate = self._world.rates.rate(deal.party.currency, self._world.base(deal.party.entity), day)
        yield from self._write(Sheet(replace(deal, private=False), rate, day, side.order, number, "Pending"))

    def _write(self, sheet: Sheet[Party]) -> Rows:
        clerk, deal = self._clerk, sheet.deal
        key = clerk.number("DOCHDR")
        id_ = f"{sheet.type}-{sheet.number}"
        audit = clerk.document(sheet.day, self._side.login, deal.day if sheet.state == "Converted" else None)
        dated: Row = {cell: value for cell, value in audit.items() if not cell.endswith("LOGINID")}
        owner = clerk.owner(deal.party.entity if deal.private else None)
        yield self._side.object, {"RECORDNO": str(key), "DOCID": id_, **self._header(sheet), **dated, **owner}
        line_keys = []
        for position, (item, quantity, charge) in enumerate(self._lines(deal)):
            line_keys.append(clerk.number("DOCENTRY"))
            row: Row = {"RECORDNO": line_keys[-1], "DOCHDRNO": key, "DOCHDRID": id_, "LINE_NO": position}
            row |= self._entry(sheet, item, quantity, charge)
            if sheet.source and position < len(sheet.source.line_keys):
                row |= {"SOURCE_DOCKEY": str(sheet.source.key), "SOURCE_DOCID": sheet.source.id}
                row["SOURCE_DOCLINEKEY"] = str(sheet.source.line_keys[position])
            yield f"{self._side.object}ENTRY", {**row, **dated}
        self.last = WrittenOrder(key, id_, tuple(line_keys))

    def _lines(self, deal: Deal[Party]) -> Iterator[tuple[Item, int, Charge]]:
        """The charges that are for items: as the sale says, or by the stock account that the bill fills."""
        if self._side is SALES:
            for (id_, quantity), charge in zip(deal.quantities, deal.charges, strict=False):
                yield self._items[id_], quantity, charge
            return
        for position, charge in enumerate(deal.charges):
            stock = self._stock.get(charge.account)
            if stock and charge.trx_amount > 0:
                item = stock[(deal.party.key + position) % len(stock)]
                yield item, max(1, int(charge.trx_amount / item.cost)), charge

    def _header(self, sheet: Sheet[Party]) -> Row:
        deal, party = sheet.deal, sheet.deal.party
        type_key, class_ = self._types[sheet.type]
        header: Row = {
            "DOCNO": sheet.number,
            "STATE": sheet.state,
            "CLOSED": sheet.state == "Closed",
            "WHENCREATED": sheet.day,
            "WHENPOSTED": sheet.day,
            "WHENDUE": deal.due,
            "STATUS": "active",
            "CREATEDFROM": sheet.source.id if sheet.source else None,
            "PONUMBER": None,
            "DOCPARID": sheet.type,
            "DOCPARKEY": type_key,
            "DOCPARCLASS": class_,
            "UPDATES_INV": "Quantity and Value" if class_ == "Invoice" else "No",
            "USERID": self._side.login,
            "CREATEDUSERID": self._side.login,
            "MESSAGE": deal.memo,
            "PRINTED": "Yes" if sheet.state != "Pending" else "No",
            "BACKORDER": "No",
            "SYSTEMGENERATED": "false",
            "CUSTVENDID": party.id,
            "CUSTVENDNAME": party.name,
            "TERM.NAME": party.term,
            **self._contacts(party),
            **self._totals(sheet),
        }
        if (self._side.object, sheet.type) in _OWN:
            header["DELIVERY_WINDOW"] = "Morning" if len(deal.charges) % 2 else "Afternoon"
        if sheet.course is not None:
            header["PRRECORDKEY"] = sheet.record_key
            header |= _paid(sheet.course)
        return header

    def _contacts(self, party: Vendor | Customer) -> Row:
        name = f"{party.name}({party.id})"
        key = str(self._clerk.contact(name))
        row: Row = {f"{role}.CONTACTNAME": name for role in ("CONTACT", "SHIPTO", "BILLTO")}
        return {"SHIPTOKEY": key, "BILLTOKEY": key, **row}

    def _totals(self, sheet: Sheet[Party]) -> Row:
        """The items' sum, and with tax and rebates what is invoiced."""
        deal, party = sheet.deal, sheet.deal.party
        lines = sum((charge.trx_amount for _, _, charge in self._lines(deal)), ZERO)
        trx_total = Decimal(deal.cents).scaleb(-2) if sheet.type == self._side.invoice else lines
        return {
            "SUBTOTAL": to_base(lines, sheet.rate),
            "TOTAL": to_base(trx_total, sheet.rate),
            "TRX_SUBTOTAL": lines,
            "TRX_TOTAL": trx_total,
            "CURRENCY": party.currency,
            "BASECURR": self._world.base(party.entity),
            "EXCHRATE": sheet.rate,
            "EXCHRATEDATE": sheet.day if sheet.rate != 1 else None,
        }

    def _entry(self, sheet: Sheet[Party], item: Item, quantity: int, charge: Charge) -> Row:
        directory = self._world.directory
        amount = to_base(charge.trx_amount, sheet.rate)
        trx_price = (charge.trx_amount / quantity).quantize(Decimal("0.000001"))
        price = (amount / quantity).quantize(Decimal("0.000001"))
        row: Row = {
            "DOCPARID": sheet.type,
            "ITEMID": item.id,
            "ITEMNAME": item.name,
            "ITEMDESC": item.name,
            "UNIT": item.unit,
            "MEMO": charge.memo,
            "QUANTITY": Decimal(quantity),
            "UIQTY": Decimal(quantity),
            "QTY_CONVERTED": Decimal(quantity if sheet.state == "Converted" else 0),
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
            "CURRENCY": sheet.deal.party.currency,
            "BASECURR": self._world.base(sheet.deal.party.entity),
            "EXCHRATE": sheet.rate,
            "WHENCREATED": sheet.day,
            **dict(dimension_cells(_shared(charge), self._world.directory.dimensions)),
        }
        if charge.department:
            row["DEPARTMENTID"] = charge.department
            row["DEPARTMENTNAME"] = directory.departments[charge.department][1]
            row["DEPTKEY"] = str(directory.departments[charge.department][0])
        if item.stock_account:
            row["WAREHOUSE.LOCATION_NO"] = "WH-YUL" if charge.location == "310" else "WH-CMH"
        return row


def _shared(charge: Charge) -> list[tuple[str, str]]:
    """The dimensions that order lines have columns for; the item has its own."""
    return [(name, id_) for name, id_ in charge.dimensions.items() if name in ("CUSTOMER", "VENDOR", "CLASS")]


def _paid(course: Course) -> Row:
    state = "Open" if not course.parts else ("Partially Paid" if course.trx_due else "Paid")
    return {
        "TOTALENTERED": course.total,
        "TOTALPAID": course.total - course.due,
        "TOTALDUE": course.due,
        "TRX_TOTALENTERED": course.trx_total,
        "TRX_TOTALPAID": course.trx_total - course.trx_due,
        "TRX_TOTALDUE": course.trx_due,
        "PAYMENTSTATUS": state,
    }
