"""What goes through the cards and straight to the bank: card transactions, their monthly payment, other receipts."""

from datetime import date, timedelta
from decimal import Decimal

from intacct_bridge.emulator.company_calendar import month_name, shift_month, workday
from intacct_bridge.emulator.company_clerk import Clerk
from intacct_bridge.emulator.company_ledger import BANKS, Ledger, Rows
from intacct_bridge.emulator.company_purchases import workday_in
from intacct_bridge.emulator.company_world import World, pick
from intacct_bridge.emulator.posting import ZERO, Charge, Document, Line, bill, invoice, journal_entry
from intacct_bridge.emulator.posting_rows import CASH_MANAGEMENT, Row

CARD_LIABILITY = "20400"
MONTHLY_CHARGES = 9
PAYOFF_DAY = 12
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

    def __init__(self, world: World, clerk: Clerk, ledger: Ledger) -> None:
        self._world = world
        self._clerk = clerk
        self._ledger = ledger
        self._rng = world.random("cards")
        self._charges: dict[date, int] = {}
        self._receipts: dict[date, int] = {}

    def begin(self, month: date) -> None:
        """Draws the days of this month's transactions."""
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
        world, clerk = self._world, self._clerk
        card, _, _, entity, department = pick(self._rng, world.data["cards"])
        account, memo, low, high = pick(self._rng, SPENT_ON)
        amount, base = self._amount(low, high), world.base(entity)
        settled_on = self._payoff_after(day)
        paid = settled_on <= world.calendar.as_of
        location = {"100": "110", "200": "210", "300": "310"}[entity]
        audit = clerk.document(day, "controller", settled_on if paid else None)
        owner = clerk.owner(entity if entity == "300" else None)
        key = clerk.number("PRRECORD")
        number = f"CC-{clerk.number('CARD'):05}"
        header: Row = {
            "RECORDNO": key,
            "RECORDTYPE": "cc",
            "RECORDID": number,
            "FINANCIALENTITY": card,
            "WHENCREATED": day,
            "DESCRIPTION": memo,
            "DESCRIPTION2": None,
            "BASECURR": base,
            "CURRENCY": base,
            "TOTALENTERED": amount,
            "TRX_TOTALENTERED": amount,
            "TOTALPAID": amount if paid else ZERO,
            "TRX_TOTALPAID": amount if paid else ZERO,
            "TOTALDUE": ZERO if paid else amount,
            "TRX_TOTALDUE": ZERO if paid else amount,
            "WHENPAID": settled_on if paid else None,
            "STATE": "Paid" if paid else "Posted",
            "RAWSTATE": "A",
            "CLEARED": "T" if paid else "F",
            "INCLUSIVETAX": False,
        }
        yield "CCTRANSACTION", {**header, **audit, **owner}
        line_audit = clerk.line(audit)
        line: Row = {"RECORDNO": clerk.number("PRENTRY"), "RECORDKEY": key, "RECORDTYPE": "cc", "LINE_NO": "1"}
        line |= self._line(account, location, amount, memo=memo)
        line |= {"DEPARTMENTID": department, "DEPARTMENTNAME": world.directory.departments[department][1]}
        line |= {"TOTALPAID": header["TOTALPAID"], "TRX_TOTALPAID": header["TOTALPAID"], "FINANCIALENTITY": card}
        yield "CCTRANSACTIONENTRY", {**line, "BILLABLE": False, **line_audit}
        document = Document(entity, base, (Charge(account, location, amount, department, memo),), memo=number)
        yield from self._ledger.document(
            bill(document, world.rules, control=CARD_LIABILITY),
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
        """The first payment after the day: a charge of the same day waits for the next."""
        for months in (0, 1):
            payoff = workday(shift_month(day, months).replace(day=PAYOFF_DAY))
            if payoff > day:
                return payoff
        raise AssertionError("a month has a twelfth day")

    def _line(self, account: str, location: str, amount: Decimal, *, memo: str) -> Row:
        directory = self._world.directory
        key, title = directory.accounts[account]
        base = self._world.base(self._world.rules.entity_of[location])
        return {
            "ACCOUNTKEY": key,
            "ACCOUNTNO": account,
            "ACCOUNTTITLE": title,
            "AMOUNT": amount,
            "TRX_AMOUNT": amount,
            "LOCATIONID": location,
            "LOCATIONNAME": directory.locations[location][1],
            "DESCRIPTION": memo,
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
                    Line(CARD_LIABILITY, entity, owed, owed, base, memo=memo),
                    Line(bank, entity, -owed, -owed, base, memo=memo),
                ]
                posting = journal_entry(lines, entity, self._world.rules)
                owner = entity if entity == "300" else None
                yield from self._ledger.entry(posting, "CDJ", f"{memo}, {bank_id}", day=day, owner=owner)

    def _receipt(self, day: date) -> Rows:
        world, clerk = self._world, self._clerk
        entity = pick(self._rng, tuple(BANKS))
        account, memo, low, high = pick(self._rng, RECEIVED_FOR)
        amount, base = self._amount(low, high), world.base(entity)
        location = {"100": "110", "200": "210", "300": "310"}[entity]
        bank_id, bank = BANKS[entity]
        audit = clerk.document(day, "ar.clerk")
        owner = clerk.owner(entity if entity == "300" else None)
        key = clerk.number("PRRECORD")
        number = f"OR-{clerk.number('OTHER'):05}"
        row: Row = {
            "RECORDNO": key,
            "RECORDTYPE": "ro",
            "WHENCREATED": day,
            "WHENPAID": day,
            "DESCRIPTION2": "Walk-in" if memo == "Scrap metal" else "By mail",
            "DESCRIPTION": memo,
            "PAYMETHOD": "Cash" if memo == "Scrap metal" else "EFT",
            "DOCNUMBER": number,
            "BANKACCOUNTID": bank_id,
            "BANKACCOUNTCURR": base,
            "DEPOSITDATE": day,
            "BASECURR": base,
            "CURRENCY": base,
            "TOTALENTERED": amount,
            "TRX_TOTALENTERED": amount,
            "STATE": "Deposited",
            "RAWSTATE": "D",
            "CLEARED": "F",
            "INCLUSIVETAX": False,
            "SOURCEMODULE": "CashManagement",
        }
        yield "OTHERRECEIPTS", {**row, **audit, **owner}
        line_audit = clerk.line(audit)
        line: Row = {"RECORDNO": clerk.number("PRENTRY"), "RECORDKEY": key, "RECORDTYPE": "ro", "LINE_NO": "1"}
        line |= self._line(account, location, amount, memo=memo)
        yield "OTHERRECEIPTSENTRY", {**line, **line_audit}
        document = Document(entity, base, (Charge(account, location, amount, "300", memo),), memo=number)
        yield from self._ledger.document(
            invoice(document, world.rules, control=bank),
            "CRJ",
            f"Receipt {number}: {memo}",
            day=day,
            module=CASH_MANAGEMENT,
            audit=line_audit,
            subledger={"RECORDTYPE": "ro", "RECORDID": number, "FINANCIALENTITY": bank_id, "TOTALENTERED": amount},
            owner=owner,
            in_both_books=True,
        )
