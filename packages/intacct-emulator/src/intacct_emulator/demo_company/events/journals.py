"""The demo company's journal entries: opening balances, payroll, month end and statistics."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

from intacct_emulator.demo_company.events.purchases import workday_in
from intacct_emulator.demo_company.generator.calendar import month_end, month_name, shift_month
from intacct_emulator.demo_company.generator.ledger import BANKS, LedgerWriter, Rows
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import Employee, World
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.posting import PostingLine, journal_entry, reverse, statistical_entry
from intacct_emulator.ledger.posting_rows import TypedRow
from intacct_protocol.model.batched import batched

PAY_GROUP, SMALL_PAY_GROUP = 64, 24
"""Employees on one payroll entry; a scaled company has more and smaller ones."""
SERVICE = ("400", "320")
"""Departments whose pay is cost of service."""
OPENING = {
    "100": {"10010": 2_450_000, "10050": 1_200_000, "12000": 3_100_000, "12100": 640_000, "13000": 96_000,
            "15000": 310_000, "15100": 420_000, "15200": 1_850_000, "15400": 560_000, "15900": -1_240_000,
            "17000": 85_000, "18000": 900_000, "18100": 600_000, "18900": -150_000, "23000": -240_000,
            "25000": -1_260_000, "30000": -10_000, "31000": -4_990_000},
    "200": {"10020": 640_000, "15100": 130_000, "15300": 720_000, "15900": -305_000, "30000": -1_000,
            "31000": -499_000},
    "300": {"10030": 980_000, "12000": 760_000, "12100": 180_000, "15100": 95_000, "15200": 410_000,
            "15900": -190_000, "30000": -1_000, "31000": -899_000},
}  # fmt: skip
DEPRECIATION = {"100": (("110", 3100), ("310", 5200), ("320", 15400), ("520", 4600)), "200": (("400", 12800),),
                "300": (("310", 2400), ("320", 3900))}  # fmt: skip
AREA = {"110": 62000, "120": 9400, "210": 14200, "220": 12800, "310": 11500, "320": 7600}


class Journals:
    """Writes journal entries. `deferred` is the invoiced maintenance by month and location, kept by receivables."""

    def __init__(
        self, world: World, stamps: RecordStamps, ledger: LedgerWriter, deferred: dict[tuple[date, str], Decimal]
    ) -> None:
        self._world = world
        self._stamps = stamps
        self._ledger = ledger
        self._deferred = deferred
        self._rng = world.random("journals")
        self._groups = list(_pay_groups(world.employees, PAY_GROUP if world.scale == 1 else SMALL_PAY_GROUP))

    def day(self, day: date) -> Rows:
        """The entries of one day."""
        if day == self._world.calendar.start:
            yield from self._opening(day)
        if day in (workday_in(day.replace(day=15), day), workday_in(month_end(day), day)):
            for number, (location, people) in enumerate(self._groups, 1):
                yield from self._payroll(day, location, people, number=number)
        if day == workday_in(day.replace(day=20), day):
            yield from self._remittance(day)
        if day == month_end(day):
            yield from self._month_end(day)
        if day == self._world.calendar.as_of:
            yield from self._drafts(day)

    def _line(
        self, account: str, location: str, amount: Decimal, department: str | None = None, *, memo: str
    ) -> PostingLine:
        currency = self._world.base(self._world.rules.entity_of[location])
        return PostingLine(account, location, amount, amount, currency, department, memo)

    def _entry(
        self,
        lines: Sequence[PostingLine],
        owner: str,
        title: str,
        *,
        day: date,
        journal: str = "GJ",
        login: str = "controller",
        reference: str | None = None,
        state: str = "Posted",
    ) -> Rows:
        yield from self._ledger.entry(
            journal_entry(lines, owner, self._world.rules),
            journal,
            title,
            day=day,
            login=login,
            reference=reference,
            state=state,
            owner=owner if owner == "300" else None,
        )

    def _opening(self, day: date) -> Rows:
        for entity, balances in OPENING.items():
            lines = [
                self._line(account, entity, Decimal(amount), memo="Opening balance")
                for account, amount in balances.items()
            ]
            rest = -sum((line.amount for line in lines), ZERO)
            lines.append(self._line("32000", entity, rest, memo="Opening balance"))
            yield from self._entry(lines, entity, f"Opening balances, {entity}", day=day, reference="OPENING")

    def _payroll(self, day: date, location: str, people: Sequence[Employee], *, number: int) -> Rows:
        entity = self._world.rules.entity_of[location]
        half = "first" if day.day < 20 else "second"
        title = f"Payroll {location}-{number:02}, {half} half of {month_name(day)}"
        gross: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for person in people:
            if person.started <= day and (person.ended is None or person.ended > day):
                gross[person.department] += Decimal(person.pay * 50).scaleb(-2)
        lines, total = [], ZERO
        for department, pay in gross.items():
            taxes = (pay * 765 / 10000).quantize(Decimal("0.01"))
            account = "51000" if department in SERVICE else "60000"
            lines.append(self._line(account, location, pay, department, memo="Gross pay"))
            lines.append(self._line("60100", location, taxes, department, memo="Employer taxes"))
            total += pay + taxes
        if not lines:
            return
        taxes = (total * 24 / 100).quantize(Decimal("0.01"))
        benefits = (total * 7 / 100).quantize(Decimal("0.01"))
        pension = (total * 4 / 100).quantize(Decimal("0.01"))
        for account, amount in (("21100", taxes), ("21200", benefits), ("21300", pension)):
            lines.append(self._line(account, entity, -amount, memo="Withheld and accrued"))
        bank = "10040" if entity == "100" else BANKS[entity][1]
        lines.append(self._line(bank, entity, -(total - taxes - benefits - pension), memo="Net pay"))
        yield from self._entry(lines, entity, title, day=day, journal="PYRJ", login="payroll")

    def _remittance(self, day: date) -> Rows:
        """Withholdings and collected taxes are paid, and the payroll account is refilled."""
        for title, accounts, login in (
            ("Payroll remittance", ("21100", "21200", "21300"), "payroll"),
            ("Sales tax remittance", ("20500", "20510", "13600"), "controller"),
        ):
            for entity in BANKS:
                lines = [
                    self._line(account, entity, -balance, memo=title)
                    for account in accounts
                    if (balance := self._ledger.balance(account, entity))
                ]
                if lines:
                    paid = sum((line.amount for line in lines), ZERO)
                    lines.append(self._line(BANKS[entity][1], entity, -paid, memo=title))
                    yield from self._entry(lines, entity, f"{title} {month_name(day)}", day=day, login=login)
        needed = Decimal(250_000) - self._ledger.balance("10040", "100")
        lines = [
            self._line("10040", "100", needed, memo="Payroll funding"),
            self._line("10010", "100", -needed, memo="Payroll funding"),
        ]
        yield from self._entry(lines, "100", f"Payroll funding {month_name(day)}", day=day, login="payroll")
        yield from self._between_entities(day)

    def _between_entities(self, day: date) -> Rows:
        """The two entities of one currency settle their amounts due to and due from each other."""
        second_owes = -self._ledger.balance("24100", "200")
        first_owes = -self._ledger.balance("24200", "100")
        paid = second_owes - first_owes
        memo = "Settled between entities"
        lines = [
            self._line("10010", "100", paid, memo=memo),
            self._line("24200", "100", first_owes, memo=memo),
            self._line("14200", "100", -second_owes, memo=memo),
            self._line("24100", "200", second_owes, memo=memo),
            self._line("14100", "200", -first_owes, memo=memo),
            self._line("10020", "200", -paid, memo=memo),
        ]
        yield from self._entry(
            [line for line in lines if line.amount], "100", f"Inter-entity settlement {month_name(day)}", day=day
        )

    def _month_end(self, day: date) -> Rows:
        name = month_name(day)
        for entity, parts in DEPRECIATION.items():
            lines = [
                self._line("69000", entity, Decimal(amount), department, memo=f"Depreciation {name}")
                for department, amount in parts
            ]
            lines.append(self._line("15900", entity, -sum((line.amount for line in lines), ZERO), memo="Depreciation"))
            yield from self._entry(lines, entity, f"Depreciation {name}", day=day)
        yield from self._fees(day)
        yield from self._revenue(day)
        yield from self._accruals(day)
        yield from self._shared_services(day)
        yield from self._counts(day)
        if day.month % 3 == 0:
            yield from self._quarter_end(day)

    def _fees(self, day: date) -> Rows:
        name = month_name(day)
        insurance = [
            self._line("67000", "100", Decimal(6800), "110", memo=f"Insurance {name}"),
            self._line("67000", "100", Decimal(2100), "310", memo=f"Insurance {name}"),
            self._line("13000", "100", Decimal(-8900), memo=f"Insurance {name}"),
        ]
        yield from self._entry(insurance, "100", f"Prepaid insurance {name}", day=day)
        intangible = [
            self._line("69100", "100", Decimal(5000), "100", memo=f"Amortization {name}"),
            self._line("18900", "100", Decimal(-5000), memo=f"Amortization {name}"),
        ]
        yield from self._entry(intangible, "100", f"Amortization {name}", day=day)
        loan = [
            self._line("71000", "100", Decimal("6312.50"), "110", memo="Term loan interest"),
            self._line("25000", "100", Decimal("20000.00"), memo="Term loan principal"),
            self._line("10010", "100", Decimal("-26312.50"), memo="Term loan instalment"),
        ]
        yield from self._entry(loan, "100", f"Term loan {name}", day=day)
        for entity, (bank_id, account) in BANKS.items():
            fee = Decimal(int(self._rng.random() * 40000) + 9000).scaleb(-2)
            interest = Decimal(int(self._rng.random() * 120000) + 5000).scaleb(-2)
            lines = [
                self._line("68000", entity, fee, "110", memo=f"Bank fees {bank_id}"),
                self._line("70000", entity, -interest, "110", memo=f"Interest {bank_id}"),
                self._line(account, entity, interest - fee, memo=f"{bank_id} {name}"),
            ]
            yield from self._entry(lines, entity, f"Bank fees and interest {bank_id} {name}", day=day)

    def _revenue(self, day: date) -> Rows:
        """One twelfth of the invoiced maintenance plans is recognised as revenue each month."""
        first = shift_month(day, -11)
        by_location: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for (month, location), amount in self._deferred.items():
            if first <= month:
                by_location[location] += (amount / 12).quantize(Decimal("0.01"))
        for entity in ("100", "200", "300"):
            lines = []
            for location, amount in sorted(by_location.items()):
                if self._world.rules.entity_of[location] == entity:
                    memo = f"Maintenance plans {month_name(day)}"
                    lines.append(self._line("22000", location, amount, memo=memo))
                    lines.append(self._line("42000", location, -amount, "600", memo=memo))
            if lines:
                yield from self._entry(lines, entity, f"Revenue recognised {month_name(day)}", day=day)

    def _accruals(self, day: date) -> Rows:
        """Estimates of bills that have not arrived, reversed on the first of the next month."""
        name = month_name(day)
        back_on = day + timedelta(days=1)
        for entity, departments in (("100", ("220", "520", "110")), ("200", ("400",)), ("300", ("320",))):
            lines = [
                self._line("66200", entity, Decimal(900 + int(self._rng.random() * 6200)), department, memo="Estimate")
                for department in departments
            ]
            lines.append(self._line("20100", entity, -sum((line.amount for line in lines), ZERO), memo="Estimate"))
            posting = journal_entry(lines, entity, self._world.rules)
            owner = entity if entity == "300" else None
            key = self._stamps.peek("GLBATCH")
            header: TypedRow = {}
            if back_on <= self._world.calendar.as_of:
                header = {"REVERSED": back_on, "REVERSEDKEY": key + 1}
            yield from self._ledger.entry(
                posting,
                "GJ",
                f"Accrued expenses {name}",
                day=day,
                reference=f"ACC-{entity}",
                header=header,
                owner=owner,
            )
            if header:
                yield from self._ledger.entry(
                    reverse(posting),
                    "GJ",
                    f"Reversed: Accrued expenses {name}",
                    day=back_on,
                    reference=f"ACC-{entity}",
                    header={"REVERSEDFROM": str(key)},
                    owner=owner,
                )

    def _shared_services(self, day: date) -> Rows:
        """Services of the first entity for the second; the posting rules add the lines between them."""
        fee = Decimal(21000 + int(self._rng.random() * 9000))
        memo = f"Shared services {month_name(day)}"
        lines = [
            self._line("66200", "210", fee, "400", memo=memo),
            self._line("73000", "100", -fee, "110", memo=memo),
        ]
        yield from self._entry(lines, "100", memo, day=day)

    def _quarter_end(self, day: date) -> Rows:
        name = month_name(day)
        tax = Decimal(21000 + int(self._rng.random() * 16000))
        lines = [
            self._line("80000", "100", tax, "110", memo="Estimated income tax"),
            self._line("20100", "100", -tax, memo="Estimated income tax"),
        ]
        yield from self._entry(lines, "100", f"Income tax estimate {name}", day=day, journal="AJE")

    def _counts(self, day: date) -> Rows:
        heads: dict[tuple[str, str], int] = defaultdict(int)
        for person in self._world.employees:
            if person.started <= day and (person.ended is None or person.ended > day):
                heads[person.location, person.department] += 1
        counted = [
            PostingLine("S1000", location, Decimal(count), Decimal(count), "", department, "Headcount")
            for (location, department), count in sorted(heads.items())
            if department in SERVICE or location == "110"
        ]
        counted += [
            PostingLine("S1200", location, Decimal(area), Decimal(area), "", None, "Square feet")
            for location, area in AREA.items()
            if day.month == 12
        ]
        yield from self._ledger.entry(
            statistical_entry(counted), "SJ", f"Statistics {month_name(day)}", day=day, statistical=True
        )

    def _drafts(self, day: date) -> Rows:
        lines = [
            self._line("61200", "110", Decimal("1250.00"), "300", memo="Roof repair, quote"),
            self._line("20100", "110", Decimal("-1250.00"), memo="Roof repair, quote"),
        ]
        yield from self._entry(lines, "100", "Roof repair (waiting for the invoice)", day=day, state="Draft")


def _pay_groups(employees: Sequence[Employee], size: int) -> Iterator[tuple[str, list[Employee]]]:
    people = sorted(employees, key=lambda person: (person.location, person.key))
    for location, group in groupby(people, key=lambda person: person.location):
        for members in batched(group, size):
            yield location, members
