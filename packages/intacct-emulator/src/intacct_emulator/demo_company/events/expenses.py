"""Expense reports of employees, day by day, and their reimbursement."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from intacct_emulator.demo_company.generator.calendar import workday
from intacct_emulator.demo_company.generator.ledger import BANKS, LedgerWriter, Rows
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import Employee, World, pick
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.dimensions import dimension_cells
from intacct_emulator.ledger.posting import (
    Application,
    Charge,
    Document,
    Posting,
    SettledDocument,
    Settlement,
    expense_report,
    payment,
)
from intacct_emulator.ledger.posting_rows import EXPENSES, TypedRow

MONTHLY_REPORTS = 7
RANGES = {"Airfare": (180, 740), "Lodging": (110, 520), "Meals": (14, 96), "Mileage": (20, 160), "Supplies": (12, 140)}


@dataclass(frozen=True, slots=True)
class ExpenseReport:
    """A posted expense report that is not reimbursed yet."""

    key: int
    number: str
    employee: Employee
    total: Decimal
    posting: Posting


class Expenses:
    """Writes expense reports and their reimbursements, day by day."""

    def __init__(self, world: World, stamps: RecordStamps, ledger: LedgerWriter) -> None:
        self._world = world
        self._stamps = stamps
        self._ledger = ledger
        self._rng = world.random("people")
        self._due: dict[date, list[ExpenseReport]] = defaultdict(list)
        self._submitters: dict[date, list[Employee]] = {}
        self._labels = {label: (key, account) for key, (label, account) in enumerate(world.data["labels_ee"], 1)}

    def begin(self, month: date) -> None:
        """Draw the employees who submit a report this month, and the days."""
        self._submitters = {}
        staff = [
            person
            for person in self._world.employees
            if person.started < month and (person.ended is None or person.ended > month)
        ]
        for _ in range(round(MONTHLY_REPORTS * self._world.volume)):
            day = workday(month.replace(day=1 + int(self._rng.random() * 26)))
            self._submitters.setdefault(day, []).append(pick(self._rng, staff))

    def day(self, day: date) -> Rows:
        """The rows of one day."""
        for employee in self._submitters.get(day, ()):
            yield from self._report(employee, day)
        for report in self._due.pop(day, ()):
            yield from self._reimburse(report, day)

    def _charges(self, employee: Employee) -> list[tuple[str, Charge]]:
        charges = []
        for _ in range(1 + int(self._rng.random() * 4)):
            label = pick(self._rng, list(RANGES))
            low, high = RANGES[label]
            amount = Decimal(int((low + self._rng.random() * (high - low)) * 100)).scaleb(-2)
            dimensions = {"EMPLOYEE": employee.id}
            if employee.department == "400" and self._rng.random() < 0.5:
                dimensions["PROJECT"] = pick(self._rng, self._world.projects).id
            account = self._labels[label][1]
            charges.append((label, Charge(account, employee.location, amount, employee.department, label, dimensions)))
        return charges

    def _report(self, employee: Employee, day: date) -> Rows:
        world, stamps = self._world, self._stamps
        charges = self._charges(employee)
        paid_on = workday(day + timedelta(days=7 + int(self._rng.random() * 8)))
        recent = day > world.calendar.as_of - timedelta(days=9)
        approved = not recent or self._rng.random() < 0.5
        paid = paid_on if approved and paid_on <= world.calendar.as_of else None
        audit = stamps.document(day, "controller", paid)
        owner = stamps.owner(employee.entity if employee.entity == "300" else None)
        key = stamps.number("PRRECORD")
        header = self._report_cells(employee, charges, day, approved=approved, paid=paid)
        yield "EEXPENSES", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = stamps.line(audit)
        without_logins = {cell: value for cell, value in line_audit.items() if not cell.endswith("LOGINID")}
        for line_no, (label, charge) in enumerate(charges, 1):
            row: TypedRow = {"RECORDNO": stamps.number("PRENTRY"), "RECORDKEY": key, "LINE_NO": str(line_no)}
            row |= self._line(label, charge, day, base=world.base(employee.entity))
            row["STATE"], row["TOTALPAID"] = header["STATE"], charge.trx_amount if paid else ZERO
            yield "EEXPENSESITEM", {**row, **without_logins}
        if not approved:
            return
        posting = self._posted(employee, charges, str(header["RECORDID"]))
        yield from self._ledger.document(
            posting,
            "EEJ",
            f"Expenses {header['RECORDID']}, {employee.last}",
            day=day,
            module=EXPENSES,
            audit=line_audit,
            subledger={cell: header[cell] for cell in _IN_LEDGER},
            owner=owner,
        )
        if paid:
            total = sum((charge.trx_amount for _, charge in charges), ZERO)
            self._due[paid].append(ExpenseReport(key, str(header["RECORDID"]), employee, total, posting))

    def _posted(self, employee: Employee, charges: list[tuple[str, Charge]], number: str) -> Posting:
        base = self._world.base(employee.entity)
        entered = tuple(charge for _, charge in charges)
        document = Document(employee.entity, base, entered, dimensions={"EMPLOYEE": employee.id}, memo=number)
        return expense_report(document, self._world.rules)

    def _report_cells(
        self,
        employee: Employee,
        charges: list[tuple[str, Charge]],
        day: date,
        *,
        approved: bool,
        paid: date | None,
    ) -> TypedRow:
        base = self._world.base(employee.entity)
        total = sum((charge.trx_amount for _, charge in charges), ZERO)
        settled, due = (total, ZERO) if paid else (ZERO, total)
        return {
            "RECORDID": f"EXP-{self._stamps.number('EXPENSE'):05}",
            "RECORDTYPE": "ei",
            "FIRSTNAME": employee.first,
            "LASTNAME": employee.last,
            "WHENCREATED": day,
            "WHENPOSTED": day if approved else None,
            "TOTALENTERED": total,
            "TOTALPAID": settled,
            "TOTALDUE": due,
            "TRX_TOTALENTERED": total,
            "TRX_TOTALPAID": settled,
            "TRX_TOTALDUE": due,
            "STATE": "Paid" if paid else ("Approved" if approved else "Submitted"),
            "RAWSTATE": "A" if approved else "S",
            "SYSTEMGENERATED": "F",
            "EMPENTITY": f"E{employee.id}",
            "ENTITY": f"E{employee.id}",
            "EMPLOYEEID": employee.id,
            "DESCRIPTION": f"Expenses {employee.first} {employee.last}",
            "WHENPAID": paid,
            "CURRENCY": base,
            "BASECURR": base,
            "MEMO": None,
        }

    def _line(self, label: str, charge: Charge, day: date, *, base: str) -> TypedRow:
        directory = self._world.directory
        key, title = directory.accounts[charge.account]
        return {
            "ACCOUNTKEY": key,
            "ACCOUNTNO": charge.account,
            "GLACCOUNTNO": charge.account,
            "GLACCOUNTTITLE": title,
            "ACCOUNTLABEL": label,
            "ACCOUNTLABELKEY": self._labels[label][0],
            "ENTRY_DATE": day,
            "DESCRIPTION": label,
            "AMOUNT": charge.trx_amount,
            "TRX_AMOUNT": charge.trx_amount,
            "LOCATIONID": charge.location,
            "LOCATIONNAME": directory.locations[charge.location][1],
            "DEPARTMENTID": charge.department,
            "DEPARTMENTNAME": directory.departments[str(charge.department)][1],
            "LINEITEM": "T",
            "BILLABLE": "PROJECT" in charge.dimensions,
            "EXPPMTTYPEKEY": 1,
            "EXPPMTTYPE": "Paid by employee",
            "NONREIMBURSABLE": False,
            "RECORDTYPE": "ei",
            "CURRENCY": base,
            "BASECURR": base,
            **dict(dimension_cells(charge.dimensions, self._world.directory.dimensions)),
        }

    def _reimburse(self, report: ExpenseReport, day: date) -> Rows:
        world, stamps, employee = self._world, self._stamps, report.employee
        audit = stamps.document(day, "payroll")
        owner = stamps.owner(employee.entity if employee.entity == "300" else None)
        without_logins = {cell: value for cell, value in audit.items() if not cell.endswith("LOGINID")}
        yield "EPPAYMENT", {**self._payment_cells(report, day), **without_logins, **owner}
        part = Application(employee.entity, report.total, report.total, {"EMPLOYEE": employee.id})
        settlement = Settlement(employee.entity, BANKS[employee.entity][1], world.base(employee.entity), (part,))
        yield from self._ledger.document(
            payment(settlement, world.rules, control=world.rules.employee_payables),
            "CDJ",
            f"Reimbursement {report.number}, {employee.last}",
            day=day,
            module=EXPENSES,
            audit=stamps.line(audit),
            subledger={"RECORDTYPE": "ep", "RECORDID": report.number, "EMPENTITY": f"E{employee.id}"},
            owner=owner,
            settled=[SettledDocument(report.posting, Decimal(1))],
            payer=employee.entity,
        )

    def _payment_cells(self, report: ExpenseReport, day: date) -> TypedRow:
        base = self._world.base(report.employee.entity)
        row: TypedRow = {
            "RECORDNO": self._stamps.number("PRRECORD"),
            "RECORDTYPE": "ep",
            "RECORDID": report.number,
            "DESCRIPTION": f"Reimbursement {report.number}",
            "STATE": "Confirmed",
            "WHENCREATED": day,
            "WHENPAID": day,
            "CURRENCY": base,
            "BASECURR": base,
            "ENTITY": f"E{report.employee.id}",
            "EMPLOYEEID": report.employee.id,
            "PAYMENTTYPE": "EFT",
            "PAYMENTDATE": day,
            "PAYMENTAMOUNT": report.total,
            "PAYMENTTRXAMOUNT": report.total,
            "FINANCIALACCOUNT": BANKS[report.employee.entity][0],
            "MODULEKEY": EXPENSES,
            "DOCUMENTNUMBER": report.number,
        }
        for cell in ("TOTALENTERED", "TOTALPAID", "TRX_TOTALENTERED", "TRX_TOTALPAID"):
            row[cell] = report.total
        return row


_IN_LEDGER = (
    "RECORDID",
    "RECORDTYPE",
    "STATE",
    "WHENCREATED",
    "WHENPAID",
    "TOTALENTERED",
    "TOTALPAID",
    "TOTALDUE",
    "EMPENTITY",
)
