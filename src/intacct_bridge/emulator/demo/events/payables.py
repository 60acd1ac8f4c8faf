"""The rows of accounts payable, day by day: bills, the credits that follow, the payment runs that settle them."""

from collections import defaultdict
from datetime import date, timedelta

from intacct_bridge.emulator.accounting.amounts import ZERO, to_base
from intacct_bridge.emulator.accounting.posting import Application, Settlement, bill, payment
from intacct_bridge.emulator.accounting.posting_rows import PAYABLES, PURCHASING, Row
from intacct_bridge.emulator.demo.events.orders import PURCHASING as BUYING
from intacct_bridge.emulator.demo.events.orders import Orders
from intacct_bridge.emulator.demo.events.purchases import plan_purchases
from intacct_bridge.emulator.demo.generator.calendar import month_end
from intacct_bridge.emulator.demo.generator.ledger import BANKS, LedgerWriter, Rows
from intacct_bridge.emulator.demo.generator.sales_cycle import Course, Deal, PlannedPayment, follow
from intacct_bridge.emulator.demo.generator.subledger import (
    Opened,
    charge_cells,
    contact_cells,
    detail_cells,
    document_of,
    header_cells,
    ledger_cells,
    settled_of,
)
from intacct_bridge.emulator.demo.generator.transaction_generator import Clerk
from intacct_bridge.emulator.demo.generator.world import Vendor, World

Bill = Deal[Vendor]


class Payables:
    """Writes accounts payable; `begin` a month, then ask for its days in order. Only open documents wait in it."""

    def __init__(self, world: World, clerk: Clerk, ledger: LedgerWriter) -> None:
        self._world = world
        self._clerk = clerk
        self._ledger = ledger
        self._orders = Orders(world, clerk, BUYING)
        self._credits: dict[date, list[Opened[Vendor]]] = defaultdict(list)
        self._runs: dict[date, dict[tuple[str, str], list[tuple[Opened[Vendor], PlannedPayment]]]] = defaultdict(dict)
        self._days: dict[date, list[Bill]] = {}

    def begin(self, month: date) -> None:
        """Plans a month."""
        self._days = {}
        for deal in plan_purchases(self._world, month):
            self._days.setdefault(deal.day, []).append(deal)

    def day(self, day: date) -> Rows:
        """The rows of one day."""
        for deal in self._days.get(day, ()):
            yield from self._bill(deal)
        for opened in self._credits.pop(day, ()):
            yield from self._credit(opened, day)
        for (_, bank), group in self._runs.pop(day, {}).items():
            yield from self._payment(group, day, bank)

    def _bill(self, deal: Bill) -> Rows:
        clerk, vendor = self._clerk, deal.party
        course = follow(deal, self._world)
        owner = clerk.owner(vendor.entity if deal.private else None)
        audit = clerk.document(deal.day, "ap.clerk", course.parts[-1].day if course.parts else None)
        if not course.parts and vendor.key % 9 == 0:
            audit["WHENMODIFIED"] = None
        key = clerk.number("PRRECORD")
        header = {**header_cells(deal, course, self._world, prefix="VENDOR"), **self._bill_cells(deal, course)}
        if deal.order:
            yield from self._orders.converted(deal, course, key)
            header["DOCHDRKEY"] = self._orders.last.key
        yield "APBILL", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = clerk.line(audit)
        line_keys = []
        for position, charge in enumerate(deal.charges):
            line_keys.append(clerk.number("PRENTRY"))
            cells = charge_cells(charge, position, deal, world=self._world, course=course)
            offset: Row = {"OFFSETGLACCOUNTNO": self._world.rules.payables, "RECORDTYPE": "pi", "FORM1099": "false"}
            keys: Row = {"RECORDNO": line_keys[-1], "RECORDKEY": key, "BILLABLE": False, "RELEASETOPAY": True}
            yield "APBILLITEM", {**keys, **cells, **offset, "STATE": header["STATE"], **line_audit}
        if deal.draft:
            return
        posting = bill(document_of(deal, course.rate, "VENDOR"), self._world.rules)
        opened = Opened(key, deal, course, tuple(line_keys), posting)
        yield from self._ledger.document(
            posting,
            "APJ",
            f"Bill {deal.number}, {vendor.name}",
            day=deal.day,
            module=PURCHASING if deal.order else PAYABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"VENDENTITY": f"V{vendor.id}"},
            owner=owner,
            rate=course.rate,
        )
        self._remember(opened)

    def _bill_cells(self, deal: Bill, course: Course) -> Row:
        vendor, clerk = deal.party, self._clerk
        return {
            "RECORDTYPE": "pi",
            "VENDORKEY": str(vendor.key),
            **contact_cells(vendor, clerk),
            "PAYMENTPRIORITY": "normal",
            "ONHOLD": not course.parts and deal.due < self._world.calendar.as_of - timedelta(days=60),
            "INCLUSIVETAX": False,
            "MODULEKEY": PURCHASING if deal.order else PAYABLES,
            "STATE": "Draft" if deal.draft else course.state,
            "RAWSTATE": "D" if deal.draft else "A",
        }

    def _remember(self, opened: Opened[Vendor]) -> None:
        deal = opened.deal
        if deal.credit and deal.credit.day <= self._world.calendar.as_of:
            self._credits[deal.credit.day].append(opened)
        # Some bills of the second entity are paid by the first, which puts lines between them in the ledger.
        bank = "100" if deal.party.entity == "200" and deal.party.key % 4 == 0 else deal.party.entity
        for part in opened.course.parts:
            self._runs[part.day].setdefault((deal.party.id, bank), []).append((opened, part))

    def _credit(self, opened: Opened[Vendor], day: date) -> Rows:
        deal, course, clerk = opened.deal, opened.course, self._clerk
        assert deal.credit is not None
        vendor = deal.party
        audit = clerk.document(day, "ap.clerk", course.parts[0].day if course.parts else None)
        owner = clerk.owner(vendor.entity if deal.private else None)
        note = opened.credit_note()
        credited = opened.credit_course()
        key = opened.credit_key = clerk.number("PRRECORD")
        header = {
            **header_cells(note, credited, self._world, prefix="VENDOR"),
            "RECORDTYPE": "pa",
            "VENDORKEY": str(vendor.key),
            **contact_cells(vendor, clerk),
            "MODULEKEY": PAYABLES,
            "STATE": credited.state,
            "RAWSTATE": "A",
        }
        for absent in ("TERMNAME", "TERMKEY", "WHENDUE", "SYSTEMGENERATED"):
            header.pop(absent, None)
        yield "APADJUSTMENT", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = clerk.line(audit)
        opened.credit_line = clerk.number("PRENTRY")
        cells = charge_cells(note.charges[0], 0, note, world=self._world, course=credited)
        keys: Row = {"RECORDNO": opened.credit_line, "RECORDKEY": key, "RECORDTYPE": "pa"}
        offset: Row = {"OFFSETGLACCOUNTNO": self._world.rules.payables, "STATE": credited.state}
        yield "APADJUSTMENTITEM", {**keys, **cells, **offset, **line_audit}
        yield from self._ledger.document(
            bill(document_of(note, course.rate, "VENDOR"), self._world.rules),
            "APJ",
            f"Credit {note.number}, {vendor.name}",
            day=day,
            module=PAYABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"VENDENTITY": f"V{vendor.id}"},
            owner=owner,
            rate=course.rate,
        )

    def _payment(self, group: list[tuple[Opened[Vendor], PlannedPayment]], day: date, bank: str) -> Rows:
        vendor, clerk, world = group[0][0].deal.party, self._clerk, self._world
        rate = world.rates.rate(vendor.currency, world.base(bank), day)
        applications = tuple(
            Application(opened.deal.party.entity, part.trx_amount, part.amount, {"VENDOR": vendor.id})
            for opened, part in group
        )
        posting = payment(Settlement(bank, BANKS[bank][1], vendor.currency, applications, rate), world.rules)
        audit = clerk.document(day, "ap.clerk")
        owner = clerk.owner(bank if bank == "300" else None)
        key = clerk.number("PRRECORD")
        header = self._payment_cells(vendor, day, bank)
        trx_total = sum((part.trx_amount for _, part in group), ZERO)
        header |= {"TRX_TOTALENTERED": trx_total, "TRX_TOTALPAID": trx_total}
        header["TOTALENTERED"] = header["TOTALPAID"] = to_base(trx_total, rate)
        yield "APPYMT", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = clerk.line(audit)
        for opened, part in group:
            for cells in detail_cells(opened, part):
                row: Row = {"RECORDNO": clerk.number("PYMTDETAIL"), "PAYMENTKEY": key, "MODULEKEY": PAYABLES}
                yield "APPYMTDETAIL", {**row, **cells, **line_audit}
        named: Row = {"VENDENTITY": f"V{vendor.id}", "FINANCIALENTITY": BANKS[bank][0]}
        yield from self._ledger.document(
            posting,
            "CDJ",
            f"Payment {header['RECORDID']}, {vendor.name}",
            day=day,
            module=PAYABLES,
            audit=line_audit,
            subledger={**ledger_cells(header), **named},
            owner=owner,
            rate=rate,
            settled=settled_of(group),
            payer=bank,
        )

    def _payment_cells(self, vendor: Vendor, day: date, bank: str) -> Row:
        world = self._world
        bank_id, bank_account = BANKS[bank]
        number = f"{self._clerk.number(f'CHECK {bank_id}') + 20000}"
        cleared = month_end(day) if day < world.calendar.open_from else None
        return {
            "RECORDTYPE": "pp",
            "RECORDID": number,
            "FINANCIALENTITY": bank_id,
            "FINANCIALENTITYTYPE": "ba",
            "FINANCIALACCOUNTNAME": world.directory.accounts[bank_account][1],
            "FINANCIALACCOUNTCURRENCY": world.base(bank),
            "STATE": "Confirmed",
            "RAWSTATE": "C",
            "DISPLAYSTATE": "Confirmed",
            "PAYMENTMETHOD": ("ACH", "Printed Check", "EFT")[vendor.key % 3],
            "ENTITY": f"V{vendor.id}",
            "VENDORID": vendor.id,
            "VENDORNAME": vendor.name,
            "VENDORKEY": str(vendor.key),
            "DOCNUMBER": number,
            "DESCRIPTION": f"Payment run {day:%Y-%m-%d}",
            "WHENCREATED": day,
            "WHENPAID": day,
            "WHENPOSTED": day,
            "BASECURR": world.base(bank),
            "CURRENCY": vendor.currency,
            **contact_cells(vendor, self._clerk),
            "CLEARED": "T" if cleared else "F",
            "CLRDATE": cleared,
            "SYSTEMGENERATED": "F",
            "PAYMENTREQUESTMETHOD": "vendorpref",
        }
