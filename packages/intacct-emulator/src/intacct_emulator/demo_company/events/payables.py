"""The rows of accounts payable, day by day: bills, their credits, and the payment runs that settle them."""

from collections import defaultdict
from datetime import date, timedelta

from intacct_emulator.demo_company.events.orders import PURCHASING as BUYING
from intacct_emulator.demo_company.events.orders import Orders
from intacct_emulator.demo_company.generator.calendar import month_end
from intacct_emulator.demo_company.generator.ledger import BANKS, LedgerWriter, Rows
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
    detail_cells,
    document_of,
    header_cells,
    ledger_cells,
    settled_of,
)
from intacct_emulator.demo_company.generator.world import Vendor, World
from intacct_emulator.ledger.amounts import ZERO, to_base
from intacct_emulator.ledger.posting import Application, Settlement, bill, payment
from intacct_emulator.ledger.posting_rows import PAYABLES, PURCHASING, TypedRow

Bill = PlannedDocument[Vendor]


class Payables:
    """Writes accounts payable: `begin` each month, then `day` for its days in order. `planned` are bills by month."""

    def __init__(
        self, world: World, stamps: RecordStamps, ledger: LedgerWriter, planned: dict[date, list[Bill]]
    ) -> None:
        self._planned = planned
        self._world = world
        self._stamps = stamps
        self._ledger = ledger
        self._orders = Orders(world, stamps, BUYING)
        self._credits: dict[date, list[OpenDocument[Vendor]]] = defaultdict(list)
        self._runs: dict[date, dict[tuple[str, str], list[tuple[OpenDocument[Vendor], PlannedPayment]]]] = defaultdict(
            dict
        )
        self._days: dict[date, list[Bill]] = {}

    def begin(self, month: date) -> None:
        """Take the documents of a month; nothing needs them afterwards."""
        self._days = {}
        for planned in self._planned.pop(month):
            self._days.setdefault(planned.day, []).append(planned)

    def day(self, day: date) -> Rows:
        """The rows of one day."""
        for planned in self._days.get(day, ()):
            yield from self._bill(planned)
        for opened in self._credits.pop(day, ()):
            yield from self._credit(opened, day)
        for (_, bank), group in self._runs.pop(day, {}).items():
            yield from self._payment(group, day, bank)

    def _bill(self, planned: Bill) -> Rows:
        stamps, vendor = self._stamps, planned.party
        outcome = outcome_of(planned, self._world)
        owner = stamps.owner(vendor.entity if planned.private else None)
        audit = stamps.document(planned.day, "ap.clerk", outcome.parts[-1].day if outcome.parts else None)
        if not outcome.parts and vendor.key % 9 == 0:
            audit["WHENMODIFIED"] = None
        key = stamps.number("PRRECORD")
        header = {**header_cells(planned, outcome, self._world, prefix="VENDOR"), **self._bill_cells(planned, outcome)}
        if planned.order:
            yield from self._orders.converted(planned, outcome, key)
            header["DOCHDRKEY"] = self._orders.last.key
        yield "APBILL", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = stamps.line(audit)
        line_keys = []
        for position, charge in enumerate(planned.charges):
            line_keys.append(stamps.number("PRENTRY"))
            cells = charge_cells(charge, position, planned, world=self._world, outcome=outcome)
            offset: TypedRow = {
                "OFFSETGLACCOUNTNO": self._world.rules.payables,
                "RECORDTYPE": "pi",
                "FORM1099": "false",
            }
            keys: TypedRow = {"RECORDNO": line_keys[-1], "RECORDKEY": key, "BILLABLE": False, "RELEASETOPAY": True}
            yield "APBILLITEM", {**keys, **cells, **offset, "STATE": header["STATE"], **line_audit}
        if planned.draft:
            return
        posting = bill(document_of(planned, outcome.rate, "VENDOR"), self._world.rules)
        opened = OpenDocument(key, planned, outcome, tuple(line_keys), posting)
        yield from self._ledger.document(
            posting,
            "APJ",
            f"Bill {planned.number}, {vendor.name}",
            day=planned.day,
            module=PURCHASING if planned.order else PAYABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"VENDENTITY": f"V{vendor.id}"},
            owner=owner,
            rate=outcome.rate,
        )
        self._schedule(opened)

    def _bill_cells(self, planned: Bill, outcome: DocumentOutcome) -> TypedRow:
        vendor, stamps = planned.party, self._stamps
        return {
            "RECORDTYPE": "pi",
            "VENDORKEY": str(vendor.key),
            **contact_cells(vendor, stamps),
            "PAYMENTPRIORITY": "normal",
            "ONHOLD": not outcome.parts and planned.due < self._world.calendar.as_of - timedelta(days=60),
            "INCLUSIVETAX": False,
            "MODULEKEY": PURCHASING if planned.order else PAYABLES,
            "STATE": "Draft" if planned.draft else outcome.state,
            "RAWSTATE": "D" if planned.draft else "A",
        }

    def _schedule(self, opened: OpenDocument[Vendor]) -> None:
        planned = opened.planned
        if planned.credit and planned.credit.day <= self._world.calendar.as_of:
            self._credits[planned.credit.day].append(opened)
        # The first entity pays some bills of the second, which adds lines due to and due from to the ledger.
        bank = "100" if planned.party.entity == "200" and planned.party.key % 4 == 0 else planned.party.entity
        for part in opened.outcome.parts:
            self._runs[part.day].setdefault((planned.party.id, bank), []).append((opened, part))

    def _credit(self, opened: OpenDocument[Vendor], day: date) -> Rows:
        planned, outcome, stamps = opened.planned, opened.outcome, self._stamps
        assert planned.credit is not None
        vendor = planned.party
        audit = stamps.document(day, "ap.clerk", outcome.parts[0].day if outcome.parts else None)
        owner = stamps.owner(vendor.entity if planned.private else None)
        note = opened.credit_note()
        credited = opened.credit_outcome()
        key = opened.credit_key = stamps.number("PRRECORD")
        header = {
            **header_cells(note, credited, self._world, prefix="VENDOR"),
            "RECORDTYPE": "pa",
            "VENDORKEY": str(vendor.key),
            **contact_cells(vendor, stamps),
            "MODULEKEY": PAYABLES,
            "STATE": credited.state,
            "RAWSTATE": "A",
        }
        for absent in ("TERMNAME", "TERMKEY", "WHENDUE", "SYSTEMGENERATED"):
            header.pop(absent, None)
        yield "APADJUSTMENT", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = stamps.line(audit)
        opened.credit_line = stamps.number("PRENTRY")
        cells = charge_cells(note.charges[0], 0, note, world=self._world, outcome=credited)
        keys: TypedRow = {"RECORDNO": opened.credit_line, "RECORDKEY": key, "RECORDTYPE": "pa"}
        offset: TypedRow = {"OFFSETGLACCOUNTNO": self._world.rules.payables, "STATE": credited.state}
        yield "APADJUSTMENTITEM", {**keys, **cells, **offset, **line_audit}
        yield from self._ledger.document(
            bill(document_of(note, outcome.rate, "VENDOR"), self._world.rules),
            "APJ",
            f"Credit {note.number}, {vendor.name}",
            day=day,
            module=PAYABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"VENDENTITY": f"V{vendor.id}"},
            owner=owner,
            rate=outcome.rate,
        )

    def _payment(self, group: list[tuple[OpenDocument[Vendor], PlannedPayment]], day: date, bank: str) -> Rows:
        vendor, stamps, world = group[0][0].planned.party, self._stamps, self._world
        rate = world.rates.rate(vendor.currency, world.base(bank), day)
        applications = tuple(
            Application(opened.planned.party.entity, part.trx_amount, part.amount, {"VENDOR": vendor.id})
            for opened, part in group
        )
        posting = payment(Settlement(bank, BANKS[bank][1], vendor.currency, applications, rate), world.rules)
        audit = stamps.document(day, "ap.clerk")
        owner = stamps.owner(bank if bank == "300" else None)
        key = stamps.number("PRRECORD")
        header = self._payment_cells(vendor, day, bank)
        trx_total = sum((part.trx_amount for _, part in group), ZERO)
        header |= {"TRX_TOTALENTERED": trx_total, "TRX_TOTALPAID": trx_total}
        header["TOTALENTERED"] = header["TOTALPAID"] = to_base(trx_total, rate)
        yield "APPYMT", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = stamps.line(audit)
        for opened, part in group:
            for cells in detail_cells(opened, part):
                row: TypedRow = {"RECORDNO": stamps.number("PYMTDETAIL"), "PAYMENTKEY": key, "MODULEKEY": PAYABLES}
                yield "APPYMTDETAIL", {**row, **cells, **line_audit}
        named: TypedRow = {"VENDENTITY": f"V{vendor.id}", "FINANCIALENTITY": BANKS[bank][0]}
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

    def _payment_cells(self, vendor: Vendor, day: date, bank: str) -> TypedRow:
        world = self._world
        bank_id, bank_account = BANKS[bank]
        number = f"{self._stamps.number(f'CHECK {bank_id}') + 20000}"
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
            **contact_cells(vendor, self._stamps),
            "CLEARED": "T" if cleared else "F",
            "CLRDATE": cleared,
            "SYSTEMGENERATED": "F",
            "PAYMENTREQUESTMETHOD": "vendorpref",
        }
