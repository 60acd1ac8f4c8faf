"""Customer payments: receipts, and the weekly deposits of checks from undeposited funds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from intacct_emulator.demo_company.generator.calendar import month_end, next_weekday
from intacct_emulator.demo_company.generator.ledger import BANKS, LedgerWriter, Rows
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.sales_cycle import PlannedPayment
from intacct_emulator.demo_company.generator.subledger import OpenDocument, detail_cells, ledger_cells, settled_of
from intacct_emulator.demo_company.generator.world import Customer, World
from intacct_emulator.ledger.amounts import ZERO, to_base
from intacct_emulator.ledger.posting import Application, PostingLine, Settlement, receipt, transfer
from intacct_emulator.ledger.posting_rows import CASH_MANAGEMENT, RECEIVABLES, TypedRow

WEDNESDAY = 2
Group = Sequence[tuple[OpenDocument[Customer], PlannedPayment]]


@dataclass(frozen=True, slots=True)
class Check:
    """A receipt that waits for its deposit."""

    number: str
    amount: Decimal


class Receipts:
    """Writes receipts as they come, and deposits on Wednesdays."""

    def __init__(self, world: World, stamps: RecordStamps, ledger: LedgerWriter) -> None:
        self._world = world
        self._stamps = stamps
        self._ledger = ledger
        self._waiting: dict[date, dict[str, list[Check]]] = defaultdict(dict)

    def receipt(self, group: Group, day: date) -> Rows:
        """The receipt of a customer for all that it pays on this day."""
        customer, stamps, world = group[0][0].planned.party, self._stamps, self._world
        entity, base = customer.entity, world.base(customer.entity)
        rate = world.rates.rate(customer.currency, base, day)
        by_check = customer.key // 3 % 5 > 2 and customer.currency == base
        account = world.rules.undeposited_funds if by_check else BANKS[entity][1]
        applications = tuple(
            Application(entity, part.trx_amount, part.amount, {"CUSTOMER": customer.id}) for _, part in group
        )
        trx_total = sum((part.trx_amount for _, part in group), ZERO)
        key, header = stamps.number("PRRECORD"), self._cells(customer, day, by_check=by_check)
        header |= _totals(to_base(trx_total, rate), trx_total, rate)
        if by_check:
            self._keep(entity, day, Check(str(header["RECORDID"]), to_base(trx_total, rate)))
        audit = stamps.document(day, "ar.clerk")
        owner = stamps.owner(entity if entity == "300" else None)
        yield "ARPYMT", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = stamps.line(audit)
        for opened, part in group:
            for cells in detail_cells(opened, part):
                row: TypedRow = {"RECORDNO": stamps.number("PYMTDETAIL"), "PAYMENTKEY": key, "MODULEKEY": RECEIVABLES}
                yield "ARPYMTDETAIL", {**row, **cells, **line_audit}
        yield from self._ledger.document(
            receipt(Settlement(entity, account, customer.currency, applications, rate), world.rules),
            "CRJ",
            f"Receipt {header['RECORDID']}, {customer.name}",
            day=day,
            module=RECEIVABLES,
            audit=line_audit,
            subledger=ledger_cells(header) | {"CUSTENTITY": f"C{customer.id}"},
            owner=owner,
            rate=rate,
            settled=settled_of(group),
            payer=entity,
        )

    def _keep(self, entity: str, day: date, check: Check) -> None:
        banked = next_weekday(day, WEDNESDAY)
        if banked <= self._world.calendar.as_of:
            self._waiting[banked].setdefault(entity, []).append(check)

    def _cells(self, customer: Customer, day: date, *, by_check: bool) -> TypedRow:
        base = self._world.base(customer.entity)
        contact = f"{customer.name}({customer.id})"
        number = f"{self._stamps.number('RECEIPT') + 40000}"
        row: TypedRow = {
            "RECORDTYPE": "rp",
            "RECORDID": number,
            "STATE": "Complete",
            "DISPLAYSTATE": "Complete",
            "PAYMENTMETHOD": "Printed Check" if by_check else "EFT",
            "CUSTOMERID": customer.id,
            "CUSTOMERNAME": customer.name,
            "DOCNUMBER": number,
            "DESCRIPTION": None,
            "WHENCREATED": day,
            "RECEIPTDATE": day,
            "WHENPAID": day,
            "BASECURR": base,
            "CURRENCY": customer.currency,
            "BILLTOPAYTONAME": contact,
            "BILLTOPAYTOKEY": self._stamps.contact(contact),
            "CLEARED": "T" if day < self._world.calendar.open_from else "F",
        }
        if by_check:
            row["UNDEPOSITEDACCOUNTNO"] = self._world.rules.undeposited_funds
        else:
            row |= {"FINANCIALENTITY": BANKS[customer.entity][0], "FINANCIALENTITYTYPE": "ba"}
            row["FINANCIALACCOUNTCURRENCY"] = base
        return row

    def deposits(self, day: date) -> Rows:
        """One deposit for each entity, of the checks received since the last one."""
        for entity, checks in self._waiting.pop(day, {}).items():
            yield from self._deposit(entity, checks, day)

    def _deposit(self, entity: str, checks: Sequence[Check], day: date) -> Rows:
        stamps, world = self._stamps, self._world
        bank_id, bank_account = BANKS[entity]
        base = world.base(entity)
        total = sum((check.amount for check in checks), ZERO)
        audit = stamps.document(day, "ar.clerk")
        owner = stamps.owner(entity if entity == "300" else None)
        key = stamps.number("PRRECORD")
        number = f"DEP-{entity}-{day:%Y%m%d}"
        header: TypedRow = {"RECORDNO": key, "DEPOSITID": number, "FINANCIALENTITY": bank_id}
        header |= {"DESCRIPTION": f"Deposit of {len(checks)} receipts", "TOTALENTERED": total}
        yield "DEPOSIT", {**header, **self._deposit_cells(day, base), "TRX_TOTALENTERED": total, **audit, **owner}
        line_audit = stamps.line(audit)
        for check in checks:
            line: TypedRow = {"RECORDNO": stamps.number("PRENTRY"), "RECORDKEY": key, "LOCATIONID": entity}
            yield "DEPOSITENTRY", {**line, **self._check_cells(check, entity), **line_audit}
        into = PostingLine(bank_account, entity, ZERO, ZERO, base, memo=number)
        out_of = PostingLine(world.rules.undeposited_funds, entity, ZERO, ZERO, base, memo=number)
        yield from self._ledger.document(
            transfer(total, into=into, out_of=out_of, rules=world.rules),
            "CRJ",
            number,
            day=day,
            module=CASH_MANAGEMENT,
            audit=line_audit,
            subledger={"RECORDTYPE": "rd", "RECORDID": number, "FINANCIALENTITY": bank_id, "TOTALENTERED": total},
            owner=owner,
            in_both_books=True,
        )

    def _deposit_cells(self, day: date, base: str) -> TypedRow:
        return {
            "WHENCREATED": day,
            "BATCHDATE": day,
            "RECORDTYPE": "rd",
            "BASECURR": base,
            "CURRENCY": base,
            "STATE": "A",
            "RAWSTATE": "A",
            "CLEARED": "T" if month_end(day) < self._world.calendar.open_from else "F",
        }

    def _check_cells(self, check: Check, entity: str) -> TypedRow:
        directory, account = self._world.directory, self._world.rules.undeposited_funds
        return {
            "RECORDTYPE": "rd",
            "ACCOUNTKEY": directory.accounts[account][0],
            "ACCOUNTNO": account,
            "ACCOUNTTITLE": directory.accounts[account][1],
            "AMOUNT": check.amount,
            "TRX_AMOUNT": check.amount,
            "LOCATIONNAME": directory.locations[entity][1],
            "DESCRIPTION": f"Receipt {check.number}",
            "LINEITEM": "T",
            "CURRENCY": self._world.base(entity),
            "BASECURR": self._world.base(entity),
            "STATUS": "active",
        }


def _totals(total: Decimal, trx_total: Decimal, rate: Decimal) -> TypedRow:
    return {
        "EXCHANGE_RATE": rate,
        "TOTALENTERED": total,
        "TOTALPAID": total,
        "TOTALDUE": ZERO,
        "TRX_TOTALENTERED": trx_total,
        "TRX_TOTALPAID": trx_total,
        "TRX_TOTALDUE": ZERO,
    }
