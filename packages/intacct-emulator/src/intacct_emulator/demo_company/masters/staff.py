"""Employees, and the projects that they work on."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import Employee, Project, World, pick
from intacct_emulator.demo_company.masters.contacts import displayed, make_contact, with_version
from intacct_emulator.ledger.posting_rows import TypedRow

Rows = Iterator[tuple[str, TypedRow]]


def employee_rows(world: World, stamps: RecordStamps) -> Rows:
    """Employees, each after its contact. The first manager of a department supervises the others."""
    rng = world.random("employees")
    managers: dict[str, Employee] = {}
    for employee in world.employees:
        hired_here = employee.started >= world.calendar.start
        audit = stamps.master(employee.started, rng) if hired_here else stamps.imported(employee.ended)
        full = f"{employee.first} {employee.last}"
        contact = make_contact(
            world,
            stamps,
            rng,
            name=f"{employee.last}, {employee.first} {employee.id}",
            country="CA" if employee.entity == "300" else "US",
            cells={"FIRSTNAME": employee.first, "LASTNAME": employee.last, "PRINTAS": full, **audit},
        )
        yield from with_version(contact)
        row = _employee(employee, world)
        manager = managers.get(employee.department)
        if manager:
            row |= {"PARENTKEY": manager.key, "SUPERVISORID": manager.id}
            row["SUPERVISORNAME"] = f"{manager.last}, {manager.first}"
        row |= {"CONTACT_NAME": contact["CONTACTNAME"], "CONTACTKEY": contact["RECORDNO"]}
        yield "EMPLOYEE", {**row, **displayed("PERSONALINFO", contact), **audit}
        if employee.position in ("MGR", "DIR"):
            managers.setdefault(employee.department, employee)


def _employee(employee: Employee, world: World) -> TypedRow:
    directory = world.directory
    positions = {id_: (key, title) for key, (id_, title) in enumerate(world.data["positions"], 1)}
    position_key, position_name = positions[employee.position]
    return {
        "RECORDNO": employee.key,
        "EMPLOYEEID": employee.id,
        "TITLE": position_name,
        "LOCATIONID": employee.location,
        "LOCATIONKEY": directory.locations[employee.location][0],
        "DEPARTMENTID": employee.department,
        "DEPARTMENTKEY": directory.departments[employee.department][0],
        "STARTDATE": employee.started,
        "ENDDATE": employee.ended,
        "STATUS": "inactive" if employee.ended else "active",
        "EMPLOYEETYPE": "Full time",
        "TERMINATIONTYPE": "voluntary" if employee.ended else None,
        "ENTITY": f"E{employee.id}",
        "CURRENCY": world.base(employee.entity),
        "EARNINGTYPENAME": "Regular" if employee.position in ("TECH1", "TECH2", "COORD") else "Salaried",
        "EMPPOSITIONKEY": position_key,
        "EMPPOSITIONID": employee.position,
        "EMPPOSITIONNAME": position_name,
        "POSTACTUALCOST": False,
        "GENERIC": False,
        "MERGEPAYMENTREQ": True,
    }


def project_rows(world: World, stamps: RecordStamps) -> Rows:
    """Projects, each before its tasks."""
    rng = world.random("projects")
    for project in world.projects:
        audit = stamps.master(project.begin, rng)
        row = _project(project, world, Decimal(int(rng.random() * 180) + 12) * 1000)
        customer = project.customer
        if customer:
            row |= {"CUSTOMERKEY": customer.key, "CUSTOMERID": customer.id, "CUSTOMERNAME": customer.name}
            row |= {"CURRENCY": customer.currency, "TERMNAME": customer.term}
            row["BILLINGTYPE"] = pick(rng, ("Time & Material", "Fixed Fee", "Fixed Fee & Expenses"))
        if project.key % 3 == 0:
            row |= {"SITE_ACCESS": "Badge at gate 2, 'north' side", "SAFETY_DEPOSIT": Decimal("500.00")}
        yield "PROJECT", {**row, **audit}
        for position, name in enumerate(world.data["tasks"][: 3 + project.key % 4]):
            task = _task(project, position, name)
            yield "TASK", {"RECORDNO": stamps.number("TASK"), **task, **audit}


def _project(project: Project, world: World, amount: Decimal) -> TypedRow:
    directory, manager = world.directory, project.manager
    statuses = {name: key for key, (name, _) in enumerate(world.data["project_statuses"], 1)}
    return {
        "RECORDNO": project.key,
        "PROJECTID": project.id,
        "NAME": project.name,
        "DESCRIPTION": None,
        "PROJECTCATEGORY": "Contract" if project.customer else "Internal Non-billable",
        "PROJECTSTATUS": project.status,
        "PROJECTSTATUSKEY": statuses[project.status],
        "PROJECTTYPE": project.type,
        "STATUS": "active",
        "BEGINDATE": project.begin,
        "ENDDATE": project.end,
        "CONTRACTAMOUNT": amount,
        "BUDGETAMOUNT": (amount * 7 / 10).quantize(Decimal(1)),
        "BUDGETQTY": Decimal(int(amount / 150)),
        "MANAGERID": manager.id,
        "MANAGERKEY": manager.key,
        "MANAGERCONTACTNAME": f"{manager.last}, {manager.first} {manager.id}",
        "DEPARTMENTID": project.department,
        "DEPARTMENTNAME": directory.departments[project.department][1],
        "PROJECTDEPTKEY": directory.departments[project.department][0],
        "LOCATIONID": project.location,
        "LOCATIONNAME": directory.locations[project.location][1],
        "PROJECTLOCATIONKEY": directory.locations[project.location][0],
    }


def _task(project: Project, position: int, name: str) -> TypedRow:
    begin = project.begin + timedelta(days=20 * position)
    return {
        "TASKID": f"{project.id}-T{position + 1}",
        "NAME": name,
        "PROJECTKEY": project.key,
        "PROJECTID": project.id,
        "PROJECTNAME": project.name,
        "PBEGINDATE": begin,
        "PENDDATE": begin + timedelta(days=18),
        "BUDGETQTY": Decimal(16 + 8 * position),
        "BILLABLE": project.customer is not None,
        "ISMILESTONE": position == 5,
        "UTILIZED": True,
        "TASKNO": str(position + 1),
        "PRIORITY": 3,
        "TASKSTATUS": "Completed" if project.status == "Completed" else "In Progress",
    }
