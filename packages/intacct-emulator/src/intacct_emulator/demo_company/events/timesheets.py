"""Timesheets of field service, two weeks each, with hours by project."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from intacct_emulator.demo_company.generator.ledger import Rows
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import Employee, Project, World, pick
from intacct_emulator.ledger.posting_rows import TypedRow

FORTNIGHT = timedelta(days=14)
FRIDAY = 4
SERVICE_DEPARTMENT = "400"


class Timesheets:
    """Writes timesheets on every other Friday."""

    def __init__(self, world: World, stamps: RecordStamps) -> None:
        self._world = world
        self._stamps = stamps
        self._rng = world.random("timesheets")
        self._technicians = [person for person in world.employees if person.department == SERVICE_DEPARTMENT]

    def begin(self, month: date) -> None:
        """Timesheets need no plan for the month."""

    def day(self, day: date) -> Rows:
        """The timesheets that end on this day."""
        if day.weekday() != FRIDAY or day.toordinal() // 7 % 2:
            return
        projects = [p for p in self._world.projects if p.begin <= day <= p.end and p.customer is not None]
        for person in self._technicians:
            if person.started < day - FORTNIGHT and (person.ended is None or person.ended > day):
                yield from self._timesheet(person, day, projects)

    def _timesheet(self, person: Employee, day: date, projects: Sequence[Project]) -> Rows:
        stamps = self._stamps
        audit = stamps.line(stamps.document(day, "payroll"))
        key = stamps.number("TIMESHEET")
        entries = list(self._hours(projects))
        sheet: TypedRow = {"RECORDNO": key, "LINES#": len(entries), **self._sheet_cells(person, day)}
        yield "TIMESHEET", {**sheet, **audit}
        for line_no, (project, hours) in enumerate(entries, 1):
            entry = self._entry_cells(person, project, sheet, line_no=line_no)
            entry |= {"RECORDNO": stamps.number("TIMESHEETENTRY"), "TIMESHEETKEY": key, "QTY": hours}
            yield "TIMESHEETENTRY", {**entry, **audit}

    def _sheet_cells(self, person: Employee, day: date) -> TypedRow:
        begin = day - timedelta(days=11)
        return {
            "DESCRIPTION": f"{begin:%Y-%m-%d} to {day:%Y-%m-%d}",
            "EMPLOYEEKEY": person.key,
            "EMPLOYEEID": person.id,
            "EMPLOYEENAME": f"{person.last}, {person.first}",
            "EMPLOYEEFIRSTNAME": person.first,
            "EMPLOYEELASTNAME": person.last,
            "BEGINDATE": begin,
            "ENDDATE": day,
            "GLPOSTDATE": day,
            "STATE": "Submitted" if day > self._world.calendar.as_of - FORTNIGHT else "Approved",
            "CONFIG": "Weekly",
            "UOM": "Hours",
            "HOURSINDAY": Decimal(8),
            "EMPLOYEE_LOCATIONID": person.location,
            "EMPLOYEE_DEPARTMENTID": person.department,
            "EMPLOYEE_POSITIONID": person.position,
            "METHOD": "Hourly",
            "ACTUALCOST": False,
        }

    def _entry_cells(self, person: Employee, project: Project | None, sheet: TypedRow, *, line_no: int) -> TypedRow:
        directory = self._world.directory
        begin = sheet["BEGINDATE"]
        assert isinstance(begin, date)
        entry: TypedRow = {
            "LINENO": line_no,
            "ENTRYDATE": begin + timedelta(days=min(11, line_no * 3)),
            "DESCRIPTION": None if project else "Workshop",
            "STATE": sheet["STATE"],
            "LOCATIONID": person.location,
            "LOCATIONNAME": directory.locations[person.location][1],
            "DEPARTMENTID": person.department,
            "DEPARTMENTNAME": directory.departments[person.department][1],
            "TIMETYPEKEY": 1,
            "TIMETYPE": "Regular",
            "BILLABLE": project is not None,
            "BILLED": "false",
            "TS_BEGINDATE": begin,
            "TS_ENDDATE": sheet["ENDDATE"],
            "EMPLOYEEDIMKEY": person.key,
            "EMPLOYEEID": person.id,
            "EMPLOYEENAME": sheet["EMPLOYEENAME"],
        }
        if project and project.customer:
            customer = project.customer
            entry |= {"PROJECTKEY": project.key, "PROJECTID": project.id, "PROJECTNAME": project.name}
            entry |= {"CUSTOMERKEY": customer.key, "CUSTOMERID": customer.id, "CUSTOMERNAME": customer.name}
        return entry

    def _hours(self, projects: Sequence[Project]) -> list[tuple[Project | None, Decimal]]:
        left = 320 + int(self._rng.random() * 24)
        hours: list[tuple[Project | None, Decimal]] = []
        while left > 0:
            quarters = min(left, 60 + int(self._rng.random() * 80))
            left -= quarters
            project = pick(self._rng, projects) if projects and self._rng.random() < 0.8 else None
            hours.append((project, Decimal(quarters) / 4))
        return hours
