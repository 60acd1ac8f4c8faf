"""The rows of accounts receivable, day by day: invoices with their cost of goods, and credits."""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from intacct_emulator.demo_company.events.orders import SALES, Orders
from intacct_emulator.demo_company.events.receipts import Receipts
from intacct_emulator.demo_company.events.sales import plan_open_orders
from intacct_emulator.demo_company.generator.ledger import LedgerWriter, Rows
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.sales_cycle import (
    DocumentOutcome,
    PlannedDocument,
    PlannedPayment,
    outcome_of,
)
from intacct_emulator.demo_company.generator.subledger import (
    OpenDocument,
    charge_cells,
    contact_cells,
    document_of,
    header_cells,
    ledger_cells,
)
from intacct_emulator.demo_company.generator.world import Customer, World
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.posting import PostingLine, invoice, journal_entry
from intacct_emulator.ledger.posting_rows import INVENTORY, ORDERS, RECEIVABLES, TypedRow

Invoice = PlannedDocument[Customer]


class Receivables:
    """Writes accounts receivable: `begin` each month, then `day` for its days in order.

    `planned` are invoices by month.
    """

    def __init__(
        self, world: World, stamps: RecordStamps, ledger: LedgerWriter, planned: dict[date, list[Invoice]]
    ) -> None:
        self._planned = planned
        self._world = world
        self._stamps = stamps
        self._ledger = ledger
        self._orders = Orders(world, stamps, SALES)
        self._items = {item.id: item for item in world.items}
        self._credits: dict[date, list[OpenDocument[Customer]]] = defaultdict(list)
        self._receipts: dict[date, dict[str, list[tuple[OpenDocument[Customer], PlannedPayment]]]] = defaultdict(dict)
        self._bank = Receipts(world, stamps, ledger)
        self._days: dict[date, list[Invoice]] = {}
        self.deferred: dict[tuple[date, str], Decimal] = defaultdict(lambda: ZERO)
        """Invoiced maintenance plans in base currency, by month and location, from which revenue is recognised."""

    def begin(self, month: date) -> None:
        """Take the documents of a month; nothing needs them afterwards."""
        self._days = {}
        for planned in self._planned.pop(month):
            self._days.setdefault(planned.day, []).append(planned)

    def day(self, day: date) -> Rows:
        """The rows of one day."""
        if day == self._world.calendar.as_of:
            for planned, ordered in plan_open_orders(self._world):
                yield from self._orders.pending(planned, ordered)
        for planned in self._days.get(day, ()):
            yield from self._invoice(planned)
        for opened in self._credits.pop(day, ()):
            yield from self._credit(opened, day)
        for group in self._receipts.pop(day, {}).values():
            yield from self._bank.receipt(group, day)
        yield from self._bank.deposits(day)

    def _invoice(self, planned: Invoice) -> Rows:
        stamps, customer = self._stamps, planned.party
        outcome = outcome_of(planned, self._world)
        owner = stamps.owner(customer.entity if planned.private else None)
        audit = stamps.document(planned.day, "ar.clerk", outcome.parts[-1].day if outcome.parts else None)
        if not outcome.parts and customer.key % 8 == 0:
            audit["WHENMODIFIED"] = None
        key = stamps.number("PRRECORD")
        header = {
            **header_cells(planned, outcome, self._world, prefix="CUSTOMER"),
            **self._invoice_cells(planned, outcome),
        }
        if planned.order:
            yield from self._orders.converted(planned, outcome, key)
            header["DOCHDRKEY"] = self._orders.last.key
        yield "ARINVOICE", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = stamps.line(audit)
        without_logins = {cell: value for cell, value in line_audit.items() if not cell.endswith("LOGINID")}
        line_keys = []
        for position, charge in enumerate(planned.charges):
            line_keys.append(stamps.number("PRENTRY"))
            cells = charge_cells(charge, position, planned, world=self._world, outcome=outcome)
            cells |= {"OFFSETGLACCOUNTNO": self._world.rules.receivables, "RECORDTYPE": "ri", "STATE": header["STATE"]}
            yield "ARINVOICEITEM", {"RECORDNO": line_keys[-1], "RECORDKEY": key, **cells, **without_logins}
        if planned.draft:
            return
        posting = invoice(document_of(planned, outcome.rate, "CUSTOMER"), self._world.rules)
        yield from self._ledger.document(
            posting,
            "ARJ",
            f"Invoice {planned.number}, {customer.name}",
            day=planned.day,
            module=ORDERS if planned.order else RECEIVABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"CUSTENTITY": f"C{customer.id}"},
            owner=owner,
            rate=outcome.rate,
        )
        yield from self._cost(planned, line_audit, owner)
        self._schedule(OpenDocument(key, planned, outcome, tuple(line_keys), posting))

    def _invoice_cells(self, planned: Invoice, outcome: DocumentOutcome) -> TypedRow:
        customer = planned.party
        return {
            "RECORDTYPE": "ri",
            **contact_cells(customer, self._stamps),
            "SHIPTORETURNTOCONTACTNAME": f"{customer.name}({customer.id})",
            **{f"{role}.CONTACTNAME": f"{customer.name}({customer.id})" for role in ("CONTACT", "SHIPTO", "BILLTO")},
            "MODULEKEY": ORDERS if planned.order else RECEIVABLES,
            "HASPOSTEDREVREC": "F",
            "STATE": "Draft" if planned.draft else outcome.state,
            "RAWSTATE": "D" if planned.draft else "A",
        }

    def _cost(self, planned: Invoice, audit: TypedRow, owner: TypedRow) -> Rows:
        """The cost of the goods leaves the stock."""
        customer, world = planned.party, self._world
        place = "310" if customer.entity == "300" else "110"
        base = world.base(customer.entity)
        factor = 135 if base == "CAD" else 100
        lines = []
        for id_, quantity in planned.quantities:
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
                f"Cost of {planned.number}",
                day=planned.day,
                module=INVENTORY,
                audit=audit,
                subledger={"RECORDTYPE": "ic", "RECORDID": planned.number, "WHENCREATED": planned.day},
                owner=owner,
            )

    def _schedule(self, opened: OpenDocument[Customer]) -> None:
        planned = opened.planned
        if planned.credit and planned.credit.day <= self._world.calendar.as_of:
            self._credits[planned.credit.day].append(opened)
        for part in opened.outcome.parts:
            self._receipts[part.day].setdefault(planned.party.id, []).append((opened, part))
        for line in opened.posting.lines:
            if line.account == "22000":
                self.deferred[planned.day.replace(day=1), line.location] -= line.amount

    def _credit(self, opened: OpenDocument[Customer], day: date) -> Rows:
        outcome, stamps, world = opened.outcome, self._stamps, self._world
        customer = opened.planned.party
        audit = stamps.document(day, "ar.clerk", outcome.parts[0].day if outcome.parts else None)
        owner = stamps.owner(customer.entity if opened.planned.private else None)
        note, credited = opened.credit_note("49000"), opened.credit_outcome()
        key = opened.credit_key = stamps.number("PRRECORD")
        header = {
            **header_cells(note, credited, world, prefix="CUSTOMER"),
            "RECORDTYPE": "ra",
            **contact_cells(customer, self._stamps),
            "SHIPTORETURNTOCONTACTNAME": f"{customer.name}({customer.id})",
            "MODULEKEY": RECEIVABLES,
            "STATE": credited.state,
            "RAWSTATE": "A",
        }
        for absent in ("TERMNAME", "TERMKEY", "WHENDUE", "SYSTEMGENERATED"):
            header.pop(absent, None)
        yield "ARADJUSTMENT", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = stamps.line(audit)
        opened.credit_line = stamps.number("PRENTRY")
        cells = charge_cells(note.charges[0], 0, note, world=world, outcome=credited)
        cells |= {"OFFSETGLACCOUNTNO": world.rules.receivables, "RECORDTYPE": "ra", "STATE": credited.state}
        yield "ARADJUSTMENTITEM", {"RECORDNO": opened.credit_line, "RECORDKEY": key, **cells, **line_audit}
        yield from self._ledger.document(
            invoice(document_of(note, outcome.rate, "CUSTOMER"), world.rules),
            "ARJ",
            f"Credit {note.number}, {customer.name}",
            day=day,
            module=RECEIVABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"CUSTENTITY": f"C{customer.id}"},
            owner=owner,
            rate=outcome.rate,
        )
