"""Card transactions with their monthly payment, and other receipts, which go to the bank without a document."""

from datetime import date, timedelta
from decimal import Decimal

from intacct_emulator.demo_company.events.purchases import workday_in
from intacct_emulator.demo_company.generator.calendar import month_name, shift_month, workday
from intacct_emulator.demo_company.generator.ledger import BANKS, LedgerWriter, Rows
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import World, pick
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.posting import Charge, Document, PostingLine, bill, invoice, journal_entry
from intacct_emulator.ledger.posting_rows import CASH_MANAGEMENT, TypedRow

CARD_LIABILITY = "20400"
MONTHLY_CHARGES = 9
PAYOFF_DAY = 12
PLACES = {"100": "110", "200": "210", "300": "310"}
"""Entity → the location of its card charges and other receipts."""
SPENT_ON = (
    ("64000", "Flight", 220, 890),
    ("64100", "Hotel", 130, 480),
    ("64200", "Team lunch", 35, 260),
    ("63000", "Stationery", 12, 180),
    ("62100", "App subscription", 19, 240),
    ("61200", "Hardware store", 15, 310),
)
RECEIVED_FOR = (
    ("73000", "Scrap metal", 240, 1900),
    ("73000", "Rebate from carrier", 60, 700),
    ("61100", "Utility refund", 40, 420),
)


class Cards:
    """Writes card transactions and other receipts, day by day."""

    def __init__(self, world: World, stamps: RecordStamps, ledger: LedgerWriter) -> None:
        self._world = world
        self._stamps = stamps
        self._ledger = ledger
        self._rng = world.random("cards")
        self._charges: dict[date, int] = {}
        self._receipts: dict[date, int] = {}

    def begin(self, month: date) -> None:
        """Draw the days of this month's transactions."""
        self._charges = self._drawn(month, round(MONTHLY_CHARGES * self._world.volume))
        self._receipts = self._drawn(month, 2 * self._world.scale)

    def _drawn(self, month: date, count: int) -> dict[date, int]:
        days: dict[date, int] = {}
        for _ in range(count):
            day = workday_in(month.replace(day=1 + int(self._rng.random() * 28)), month)
            days[day] = days.get(day, 0) + 1
        return days

    def day(self, day: date) -> Rows:
        """The rows of one day."""
        for _ in range(self._charges.get(day, 0)):
            yield from self._charge(day)
        for _ in range(self._receipts.get(day, 0)):
            yield from self._receipt(day)
        if day == workday_in(day.replace(day=PAYOFF_DAY), day):
            yield from self._payoff(day)

    def _amount(self, low: int, high: int) -> Decimal:
        return Decimal(int((low + self._rng.random() * (high - low)) * 100)).scaleb(-2)

    def _charge(self, day: date) -> Rows:
        world, stamps = self._world, self._stamps
        card, _, _, entity, department = pick(self._rng, world.data["cards"])
        account, memo, low, high = pick(self._rng, SPENT_ON)
        charge = Charge(account, PLACES[entity], self._amount(low, high), department, memo)
        amount = charge.trx_amount
        settled_on = self._payoff_after(day)
        paid = settled_on if settled_on <= world.calendar.as_of else None
        audit = stamps.document(day, "controller", paid)
        owner = stamps.owner(entity if entity == "300" else None)
        number = f"CC-{stamps.number('CARD'):05}"
        header: TypedRow = {
            "RECORDNO": stamps.number("PRRECORD"),
            "RECORDTYPE": "cc",
            "RECORDID": number,
            "FINANCIALENTITY": card,
            "WHENCREATED": day,
            "DESCRIPTION": memo,
            "INCLUSIVETAX": False,
            **_card_totals(amount, world.base(entity), paid),
        }
        yield "CCTRANSACTION", {**header, **audit, **owner}
        line_audit = stamps.line(audit)
        line = self._line(charge, header)
        line |= {"TOTALPAID": header["TOTALPAID"], "TRX_TOTALPAID": header["TOTALPAID"], "FINANCIALENTITY": card}
        yield "CCTRANSACTIONENTRY", {**line, "BILLABLE": False, **line_audit}
        yield from self._ledger.document(
            bill(Document(entity, world.base(entity), (charge,), memo=number), world.rules, control=CARD_LIABILITY),
            "CCJ",
            f"Card {card}: {memo}",
            day=day,
            module=CASH_MANAGEMENT,
            audit=line_audit,
            subledger={"RECORDTYPE": "cc", "RECORDID": number, "FINANCIALENTITY": card, "TOTALENTERED": amount},
            owner=owner,
            in_both_books=True,
        )

    def _payoff_after(self, day: date) -> date:
        """The first payment day after this day; a charge on a payment day waits for the next one."""
        for months in (0, 1):
            payoff = workday(shift_month(day, months).replace(day=PAYOFF_DAY))
            if payoff > day:
                return payoff
        raise AssertionError("a month has a twelfth day")

    def _line(self, charge: Charge, header: TypedRow) -> TypedRow:
        directory = self._world.directory
        key, title = directory.accounts[charge.account]
        base = self._world.base(self._world.rules.entity_of[charge.location])
        return {
            "RECORDNO": self._stamps.number("PRENTRY"),
            "RECORDKEY": header["RECORDNO"],
            "RECORDTYPE": header["RECORDTYPE"],
            "LINE_NO": "1",
            "ACCOUNTKEY": key,
            "ACCOUNTNO": charge.account,
            "ACCOUNTTITLE": title,
            "AMOUNT": charge.trx_amount,
            "TRX_AMOUNT": charge.trx_amount,
            "LOCATIONID": charge.location,
            "LOCATIONNAME": directory.locations[charge.location][1],
            "DEPARTMENTID": charge.department,
            "DEPARTMENTNAME": directory.departments[str(charge.department)][1],
            "DESCRIPTION": charge.memo,
            "LINEITEM": "T",
            "CURRENCY": base,
            "BASECURR": base,
            "STATUS": "active",
        }

    def _payoff(self, day: date) -> Rows:
        for entity, (bank_id, bank) in BANKS.items():
            owed = -self._ledger.balance(CARD_LIABILITY, entity)
            if owed > 0:
                base = self._world.base(entity)
                memo = f"Card statement {month_name(day - timedelta(days=15))}"
                lines = [
                    PostingLine(CARD_LIABILITY, entity, owed, owed, base, memo=memo),
                    PostingLine(bank, entity, -owed, -owed, base, memo=memo),
                ]
                posting = journal_entry(lines, entity, self._world.rules)
                owner = entity if entity == "300" else None
                yield from self._ledger.entry(posting, "CDJ", f"{memo}, {bank_id}", day=day, owner=owner)

    def _receipt(self, day: date) -> Rows:
        world, stamps = self._world, self._stamps
        entity = pick(self._rng, tuple(BANKS))
        account, memo, low, high = pick(self._rng, RECEIVED_FOR)
        charge = Charge(account, PLACES[entity], self._amount(low, high), "300", memo)
        bank_id, bank = BANKS[entity]
        audit = stamps.document(day, "ar.clerk")
        owner = stamps.owner(entity if entity == "300" else None)
        number = f"OR-{stamps.number('OTHER'):05}"
        header = self._receipt_cells(charge, day, number, bank_id=bank_id)
        yield "OTHERRECEIPTS", {**header, **audit, **owner}
        line_audit = stamps.line(audit)
        yield "OTHERRECEIPTSENTRY", {**self._line(charge, header), **line_audit}
        total: TypedRow = {"TOTALENTERED": charge.trx_amount}
        yield from self._ledger.document(
            invoice(Document(entity, world.base(entity), (charge,), memo=number), world.rules, control=bank),
            "CRJ",
            f"Receipt {number}: {memo}",
            day=day,
            module=CASH_MANAGEMENT,
            audit=line_audit,
            subledger={"RECORDTYPE": "ro", "RECORDID": number, "FINANCIALENTITY": bank_id, **total},
            owner=owner,
            in_both_books=True,
        )

    def _receipt_cells(self, charge: Charge, day: date, number: str, *, bank_id: str) -> TypedRow:
        base = self._world.base(self._world.rules.entity_of[charge.location])
        in_cash = charge.memo == "Scrap metal"
        return {
            "RECORDNO": self._stamps.number("PRRECORD"),
            "RECORDTYPE": "ro",
            "WHENCREATED": day,
            "WHENPAID": day,
            "DESCRIPTION2": "Walk-in" if in_cash else "By mail",
            "DESCRIPTION": charge.memo,
            "PAYMETHOD": "Cash" if in_cash else "EFT",
            "DOCNUMBER": number,
            "BANKACCOUNTID": bank_id,
            "BANKACCOUNTCURR": base,
            "DEPOSITDATE": day,
            "BASECURR": base,
            "CURRENCY": base,
            "TOTALENTERED": charge.trx_amount,
            "TRX_TOTALENTERED": charge.trx_amount,
            "STATE": "Deposited",
            "RAWSTATE": "D",
            "CLEARED": "F",
            "INCLUSIVETAX": False,
            "SOURCEMODULE": "CashManagement",
        }


def _card_totals(amount: Decimal, currency: str, paid: date | None) -> TypedRow:
    settled, due = (amount, ZERO) if paid else (ZERO, amount)
    return {
        "BASECURR": currency,
        "CURRENCY": currency,
        "TOTALENTERED": amount,
        "TRX_TOTALENTERED": amount,
        "TOTALPAID": settled,
        "TRX_TOTALPAID": settled,
        "TOTALDUE": due,
        "TRX_TOTALDUE": due,
        "WHENPAID": paid,
        "STATE": "Paid" if paid else "Posted",
        "RAWSTATE": "A",
        "CLEARED": "T" if paid else "F",
    }
