"""What people hand in: expense reports with their reimbursement, and timesheets."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from intacct_bridge.emulator.company_calendar import workday
from intacct_bridge.emulator.company_clerk import Clerk
from intacct_bridge.emulator.company_ledger import BANKS, Ledger, Rows
from intacct_bridge.emulator.company_subledger import dimension_cells
from intacct_bridge.emulator.company_world import Employee, Project, World, pick
from intacct_bridge.emulator.posting import (
    ZERO,
    Application,
    Charge,
    Document,
    Posting,
    Settled,
    Settlement,
    expense_report,
    payment,
)
from intacct_bridge.emulator.posting_rows import EXPENSES, Row

MONTHLY_REPORTS = 7
RANGES = {"Airfare": (180, 740), "Lodging": (110, 520), "Meals": (14, 96), "Mileage": (20, 160), "Supplies": (12, 140)}
FORTNIGHT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Report:
    """An expense report that was posted and waits for its money."""

    key: int
    number: str
    employee: Employee
    total: Decimal
    posting: Posting


class People:
    """Writes what employees hand in, day by day."""

    def __init__(self, world: World, clerk: Clerk, ledger: Ledger) -> None:
        self._world = world
        self._clerk = clerk
        self._ledger = ledger
        self._rng = world.random("people")
        self._due: dict[date, list[Report]] = defaultdict(list)
        self._hands_in: dict[date, list[Employee]] = {}
        self._labels = {label: (key, account) for key, (label, account) in enumerate(world.data["labels_ee"], 1)}
        self._fitters = [person for person in world.employees if person.department == "400"]

    def begin(self, month: date) -> None:
        """Draws who hands in a report this month, and when."""
        self._hands_in = {}
        staff = [
            person
            for person in self._world.employees
            if person.started < month and (person.ended is None or person.ended > month)
        ]
        for _ in range(round(MONTHLY_REPORTS * self._world.volume)):
            day = workday(month.replace(day=1 + int(self._rng.random() * 26)))
            self._hands_in.setdefault(day, []).append(pick(self._rng, staff))

    def day(self, day: date) -> Rows:
        """The rows of one day."""
        for employee in self._hands_in.get(day, ()):
            yield from self._report(employee, day)
        for report in self._due.pop(day, ()):
            yield from self._reimburse(report, day)
        if day.weekday() == 4 and day.isocalendar().week % 2 == 0:
            yield from self._timesheets(day)

    def _charges(self, employee: Employee) -> list[tuple[str, Charge]]:
        found = []
        for _ in range(1 + int(self._rng.random() * 4)):
            label = pick(self._rng, list(RANGES))
            low, high = RANGES[label]
            amount = Decimal(int((low + self._rng.random() * (high - low)) * 100)).scaleb(-2)
            dimensions = {"EMPLOYEE": employee.id}
            if employee.department == "400" and self._rng.random() < 0.5:
                dimensions["PROJECT"] = pick(self._rng, self._world.projects).id
            account = self._labels[label][1]
            found.append((label, Charge(account, employee.location, amount, employee.department, label, dimensions)))
        return found

    def _report(self, employee: Employee, day: date) -> Rows:
        world, clerk = self._world, self._clerk
        entity, base = employee.entity, world.base(employee.entity)
        charges = self._charges(employee)
        total = sum((charge.trx_amount for _, charge in charges), ZERO)
        paid_on = workday(day + timedelta(days=7 + int(self._rng.random() * 8)))
        recent = day > world.calendar.as_of - timedelta(days=9)
        state = "Submitted" if recent and self._rng.random() < 0.5 else "Approved"
        paid = state == "Approved" and paid_on <= world.calendar.as_of
        audit = clerk.document(day, "controller", paid_on if paid else None)
        owner = clerk.owner(entity if entity == "300" else None)
        key = clerk.number("PRRECORD")
        number = f"EXP-{clerk.number('EXPENSE'):05}"
        header: Row = {
            "RECORDID": number,
            "RECORDTYPE": "ei",
            "FIRSTNAME": employee.first,
            "LASTNAME": employee.last,
            "WHENCREATED": day,
            "WHENPOSTED": day if state == "Approved" else None,
            "TOTALENTERED": total,
            "TOTALPAID": total if paid else ZERO,
            "TOTALDUE": ZERO if paid else total,
            "TRX_TOTALENTERED": total,
            "TRX_TOTALPAID": total if paid else ZERO,
            "TRX_TOTALDUE": ZERO if paid else total,
            "STATE": "Paid" if paid else state,
            "RAWSTATE": "A" if state == "Approved" else "S",
            "SYSTEMGENERATED": "F",
            "EMPENTITY": f"E{employee.id}",
            "ENTITY": f"E{employee.id}",
            "EMPLOYEEID": employee.id,
            "DESCRIPTION": f"Expenses {employee.first} {employee.last}",
            "WHENPAID": paid_on if paid else None,
            "CURRENCY": base,
            "BASECURR": base,
            "MEMO": None,
        }
        yield "EEXPENSES", {"RECORDNO": key, **header, **audit, **owner}
        line_audit = clerk.line(audit)
        nameless = {cell: value for cell, value in line_audit.items() if not cell.endswith("LOGINID")}
        for line_no, (label, charge) in enumerate(charges, 1):
            row: Row = {"RECORDNO": clerk.number("PRENTRY"), "RECORDKEY": key, "LINE_NO": str(line_no)}
            row |= self._line(label, charge, day, base=base)
            row["STATE"], row["TOTALPAID"] = header["STATE"], charge.trx_amount if paid else ZERO
            yield "EEXPENSESITEM", {**row, **nameless}
        if state != "Approved":
            return
        document = Document(
            entity, base, tuple(charge for _, charge in charges), dimensions={"EMPLOYEE": employee.id}, memo=number
        )
        posting = expense_report(document, world.rules)
        subledger = {cell: header[cell] for cell in ("RECORDID", "RECORDTYPE", "STATE", "TOTALENTERED", "TOTALDUE")}
        yield from self._ledger.document(
            posting,
            "EEJ",
            f"Expenses {number}, {employee.last}",
            day=day,
            module=EXPENSES,
            audit=line_audit,
            subledger={**subledger, "EMPENTITY": f"E{employee.id}"},
            owner=owner,
        )
        if paid:
            self._due[paid_on].append(Report(key, number, employee, total, posting))

    def _line(self, label: str, charge: Charge, day: date, *, base: str) -> Row:
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
            **dimension_cells(charge.dimensions.items(), self._world),
        }

    def _reimburse(self, report: Report, day: date) -> Rows:
        world, clerk, employee = self._world, self._clerk, report.employee
        base = world.base(employee.entity)
        bank_id, bank_account = BANKS[employee.entity]
        audit = clerk.document(day, "payroll")
        owner = clerk.owner(employee.entity if employee.entity == "300" else None)
        row: Row = {
            "RECORDNO": clerk.number("PRRECORD"),
            "RECORDTYPE": "ep",
            "RECORDID": report.number,
            "DESCRIPTION": f"Reimbursement {report.number}",
            "STATE": "Confirmed",
            "WHENCREATED": day,
            "WHENPAID": day,
            "CURRENCY": base,
            "BASECURR": base,
            "ENTITY": f"E{employee.id}",
            "EMPLOYEEID": employee.id,
            "PAYMENTTYPE": "EFT",
            "PAYMENTDATE": day,
            "PAYMENTAMOUNT": report.total,
            "PAYMENTTRXAMOUNT": report.total,
            "FINANCIALACCOUNT": bank_id,
            "MODULEKEY": EXPENSES,
            "DOCUMENTNUMBER": report.number,
        }
        for cell in ("TOTALENTERED", "TOTALPAID", "TRX_TOTALENTERED", "TRX_TOTALPAID"):
            row[cell] = report.total
        nameless = {cell: value for cell, value in audit.items() if not cell.endswith("LOGINID")}
        yield "EPPAYMENT", {**row, **nameless, **owner}
        part = Application(employee.entity, report.total, report.total, {"EMPLOYEE": employee.id})
        posting = payment(
            Settlement(employee.entity, bank_account, base, (part,)), world.rules, control=world.rules.employee_payables
        )
        yield from self._ledger.document(
            posting,
            "CDJ",
            f"Reimbursement {report.number}, {employee.last}",
            day=day,
            module=EXPENSES,
            audit=clerk.line(audit),
            subledger={"RECORDTYPE": "ep", "RECORDID": report.number, "EMPENTITY": f"E{employee.id}"},
            owner=owner,
            settled=[Settled(report.posting, Decimal(1))],
            payer=employee.entity,
        )

    def _timesheets(self, day: date) -> Rows:
        """Two weeks of field service, by project."""
        open_projects = [p for p in self._world.projects if p.begin <= day <= p.end and p.customer is not None]
        for person in self._fitters:
            if person.started < day - FORTNIGHT and (person.ended is None or person.ended > day):
                yield from self._timesheet(person, day, open_projects)

    def _timesheet(self, person: Employee, day: date, projects: Sequence[Project]) -> Rows:
        world, clerk = self._world, self._clerk
        recent = day > world.calendar.as_of - FORTNIGHT
        state = "Submitted" if recent else "Approved"
        begin = day - timedelta(days=11)
        header = clerk.document(day, "payroll")
        audit = clerk.line(header)
        key = clerk.number("TIMESHEET")
        name = f"{person.last}, {person.first}"
        entries = list(self._hours(projects))
        sheet: Row = {
            "RECORDNO": key,
            "DESCRIPTION": f"{begin:%Y-%m-%d} to {day:%Y-%m-%d}",
            "EMPLOYEEKEY": person.key,
            "EMPLOYEEID": person.id,
            "EMPLOYEENAME": name,
            "EMPLOYEEFIRSTNAME": person.first,
            "EMPLOYEELASTNAME": person.last,
            "BEGINDATE": begin,
            "ENDDATE": day,
            "GLPOSTDATE": day,
            "STATE": state,
            "LINES#": len(entries),
            "CONFIG": "Weekly",
            "UOM": "Hours",
            "HOURSINDAY": Decimal(8),
            "EMPLOYEE_LOCATIONID": person.location,
            "EMPLOYEE_DEPARTMENTID": person.department,
            "EMPLOYEE_POSITIONID": person.position,
            "METHOD": "Hourly",
            "ACTUALCOST": False,
        }
        yield "TIMESHEET", {**sheet, **audit}
        for line_no, (project, hours) in enumerate(entries, 1):
            entry: Row = {
                "RECORDNO": clerk.number("TIMESHEETENTRY"),
                "TIMESHEETKEY": key,
                "LINENO": line_no,
                "ENTRYDATE": begin + timedelta(days=min(11, line_no * 3)),
                "QTY": hours,
                "DESCRIPTION": None if project else "Workshop",
                "STATE": state,
                "LOCATIONID": person.location,
                "LOCATIONNAME": world.directory.locations[person.location][1],
                "DEPARTMENTID": person.department,
                "DEPARTMENTNAME": world.directory.departments[person.department][1],
                "TIMETYPEKEY": 1,
                "TIMETYPE": "Regular",
                "BILLABLE": project is not None,
                "BILLED": "false",
                "TS_BEGINDATE": begin,
                "TS_ENDDATE": day,
                "EMPLOYEEDIMKEY": person.key,
                "EMPLOYEEID": person.id,
                "EMPLOYEENAME": name,
            }
            if project and project.customer:
                customer = project.customer
                entry |= {"PROJECTKEY": project.key, "PROJECTID": project.id, "PROJECTNAME": project.name}
                entry |= {"CUSTOMERKEY": customer.key, "CUSTOMERID": customer.id, "CUSTOMERNAME": customer.name}
            yield "TIMESHEETENTRY", {**entry, **audit}

    def _hours(self, projects: Sequence[Project]) -> list[tuple[Project | None, Decimal]]:
        left = 320 + int(self._rng.random() * 24)
        found: list[tuple[Project | None, Decimal]] = []
        while left > 0:
            quarters = min(left, 60 + int(self._rng.random() * 80))
            left -= quarters
            project = pick(self._rng, projects) if projects and self._rng.random() < 0.8 else None
            found.append((project, Decimal(quarters) / 4))
        return found
