"""The rows of accounts receivable, day by day: invoices with their cost, and credits."""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.accounting.amounts import ZERO
from intacct_bridge.emulator.accounting.posting import PostingLine, invoice, journal_entry
from intacct_bridge.emulator.accounting.posting_rows import INVENTORY, ORDERS, RECEIVABLES, Row
from intacct_bridge.emulator.demo.events.orders import SALES, Orders
from intacct_bridge.emulator.demo.events.receipts import Receipts
from intacct_bridge.emulator.demo.events.sales import plan_open_orders, plan_sales
from intacct_bridge.emulator.demo.generator.ledger import LedgerWriter, Rows
from intacct_bridge.emulator.demo.generator.sales_cycle import Course, Deal, PlannedPayment, follow
from intacct_bridge.emulator.demo.generator.subledger import (
    Opened,
    charge_cells,
    contact_cells,
    document_of,
    header_cells,
    ledger_cells,
)
from intacct_bridge.emulator.demo.generator.transaction_generator import Clerk
from intacct_bridge.emulator.demo.generator.world import Customer, World

Invoice = Deal[Customer]


class Receivables:
    """Writes accounts receivable; `begin` a month, then ask for its days in order. Only open documents wait in it."""

    def __init__(self, world: World, clerk: Clerk, ledger: LedgerWriter) -> None:
        self._world = world
        self._clerk = clerk
        self._ledger = ledger
        self._orders = Orders(world, clerk, SALES)
        self._items = {item.id: item for item in world.items}
        self._credits: dict[date, list[Opened[Customer]]] = defaultdict(list)
        self._receipts: dict[date, dict[str, list[tuple[Opened[Customer], PlannedPayment]]]] = defaultdict(dict)
        self._bank = Receipts(world, clerk, ledger)
        self._days: dict[date, list[Invoice]] = {}
        self.deferred: dict[tuple[date, str], Decimal] = defaultdict(lambda: ZERO)
        """Subscriptions invoiced, in base currency, by month and location: what revenue is recognised from."""

    def begin(self, month: date) -> None:
        """Plans a month."""
        self._days = {}
        for deal in plan_sales(self._world, month):
            self._days.setdefault(deal.day, []).append(deal)

    def day(self, day: date) -> Rows:
        """The rows of one day."""
        if day == self._world.calendar.as_of:
            for deal, ordered in plan_open_orders(self._world):
                yield from self._orders.pending(deal, ordered)
        for deal in self._days.get(day, ()):
            yield from self._invoice(deal)
        for opened in self._credits.pop(day, ()):
            yield from self._credit(opened, day)
        for group in self._receipts.pop(day, {}).values():
            yield from self._bank.receipt(group, day)
        yield from self._bank.deposits(day)

    def _invoice(self, deal: Invoice) -> Rows:
        clerk, customer = self._clerk, deal.party
        course = follow(deal, self._world)
        owner = clerk.owner(customer.entity if deal.private else None)
        audit = clerk.document(deal.day, "ar.clerk", course.parts[-1].day if course.parts else None)
        if not course.parts and customer.key % 8 == 0:
            audit["WHENMODIFIED"] = None
        key = clerk.number("PRRECORD")
        header = {**header_cells(deal, course, self._world, prefix="CUSTOMER"), **self._invoice_cells(deal, course)}
        if deal.order:
            yield from self._orders.converted(deal, course, key)
            header["DOCHDRKEY"] = self._orders.last.key
        yield "ARINVOICE", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = clerk.line(audit)
        nameless = {cell: value for cell, value in line_audit.items() if not cell.endswith("LOGINID")}
        line_keys = []
        for position, charge in enumerate(deal.charges):
            line_keys.append(clerk.number("PRENTRY"))
            cells = charge_cells(charge, position, deal, world=self._world, course=course)
            cells |= {"OFFSETGLACCOUNTNO": self._world.rules.receivables, "RECORDTYPE": "ri", "STATE": header["STATE"]}
            yield "ARINVOICEITEM", {"RECORDNO": line_keys[-1], "RECORDKEY": key, **cells, **nameless}
        if deal.draft:
            return
        posting = invoice(document_of(deal, course.rate, "CUSTOMER"), self._world.rules)
        yield from self._ledger.document(
            posting,
            "ARJ",
            f"Invoice {deal.number}, {customer.name}",
            day=deal.day,
            module=ORDERS if deal.order else RECEIVABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"CUSTENTITY": f"C{customer.id}"},
            owner=owner,
            rate=course.rate,
        )
        yield from self._cost(deal, line_audit, owner)
        self._remember(Opened(key, deal, course, tuple(line_keys), posting))

    def _invoice_cells(self, deal: Invoice, course: Course) -> Row:
        customer = deal.party
        return {
            "RECORDTYPE": "ri",
            **contact_cells(customer, self._clerk),
            "SHIPTORETURNTOCONTACTNAME": f"{customer.name}({customer.id})",
            **{f"{role}.CONTACTNAME": f"{customer.name}({customer.id})" for role in ("CONTACT", "SHIPTO", "BILLTO")},
            "MODULEKEY": ORDERS if deal.order else RECEIVABLES,
            "HASPOSTEDREVREC": "F",
            "STATE": "Draft" if deal.draft else course.state,
            "RAWSTATE": "D" if deal.draft else "A",
        }

    def _cost(self, deal: Invoice, audit: Row, owner: Row) -> Rows:
        """What the goods cost leaves the stock."""
        customer, world = deal.party, self._world
        place = "310" if customer.entity == "300" else "110"
        base = world.base(customer.entity)
        factor = 135 if base == "CAD" else 100
        lines = []
        for id_, quantity in deal.quantities:
            item = self._items[id_]
            if not item.cost_account or not item.stock_account or not item.cost:
                continue
            cost = Decimal(item.cost * quantity * factor).scaleb(-2)
            named = {"ITEM": item.id, "CUSTOMER": customer.id}
            memo = f"{quantity} × {item.name}"
            lines.append(PostingLine(item.cost_account, place, cost, cost, base, "310", memo, named))
            lines.append(PostingLine(item.stock_account, place, -cost, -cost, base, None, memo, {"ITEM": item.id}))
        if lines:
            yield from self._ledger.document(
                journal_entry(lines, world.rules.entity_of[place], world.rules),
                "INVJ",
                f"Cost of {deal.number}",
                day=deal.day,
                module=INVENTORY,
                audit=audit,
                subledger={"RECORDTYPE": "ic", "RECORDID": deal.number, "WHENCREATED": deal.day},
                owner=owner,
            )

    def _remember(self, opened: Opened[Customer]) -> None:
        deal = opened.deal
        if deal.credit and deal.credit.day <= self._world.calendar.as_of:
            self._credits[deal.credit.day].append(opened)
        for part in opened.course.parts:
            self._receipts[part.day].setdefault(deal.party.id, []).append((opened, part))
        for line in opened.posting.lines:
            if line.account == "22000":
                self.deferred[deal.day.replace(day=1), line.location] -= line.amount

    def _credit(self, opened: Opened[Customer], day: date) -> Rows:
        course, clerk, world = opened.course, self._clerk, self._world
        customer = opened.deal.party
        audit = clerk.document(day, "ar.clerk", course.parts[0].day if course.parts else None)
        owner = clerk.owner(customer.entity if opened.deal.private else None)
        note, credited = opened.credit_note("49000"), opened.credit_course()
        key = opened.credit_key = clerk.number("PRRECORD")
        header = {
            **header_cells(note, credited, world, prefix="CUSTOMER"),
            "RECORDTYPE": "ra",
            **contact_cells(customer, self._clerk),
            "SHIPTORETURNTOCONTACTNAME": f"{customer.name}({customer.id})",
            "MODULEKEY": RECEIVABLES,
            "STATE": credited.state,
            "RAWSTATE": "A",
        }
        for absent in ("TERMNAME", "TERMKEY", "WHENDUE", "SYSTEMGENERATED"):
            header.pop(absent, None)
        yield "ARADJUSTMENT", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = clerk.line(audit)
        opened.credit_line = clerk.number("PRENTRY")
        cells = charge_cells(note.charges[0], 0, note, world=world, course=credited)
        cells |= {"OFFSETGLACCOUNTNO": world.rules.receivables, "RECORDTYPE": "ra", "STATE": credited.state}
        yield "ARADJUSTMENTITEM", {"RECORDNO": opened.credit_line, "RECORDKEY": key, **cells, **line_audit}
        yield from self._ledger.document(
            invoice(document_of(note, course.rate, "CUSTOMER"), world.rules),
            "ARJ",
            f"Credit {note.number}, {customer.name}",
            day=day,
            module=RECEIVABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"CUSTENTITY": f"C{customer.id}"},
            owner=owner,
            rate=course.rate,
        )
