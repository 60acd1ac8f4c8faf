"""The rows of the cast: contacts, vendors, customers, employees, items, projects, banks."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from random import Random

from intacct_bridge.emulator.company_clerk import Clerk
from intacct_bridge.emulator.company_deals import Standing
from intacct_bridge.emulator.company_world import Customer, Employee, Project, Vendor, World, pick
from intacct_bridge.emulator.posting_rows import Row

Rows = Iterator[tuple[str, Row]]


def party_rows(world: World, clerk: Clerk, vendors: Mapping[int, Standing], customers: Mapping[int, Standing]) -> Rows:
    """Every party, those that others refer to first."""
    rng = world.random("parties")
    yield from _banks(world, clerk)
    for vendor in world.vendors:
        yield from _vendor(vendor, vendors.get(vendor.key, Standing()), world, clerk=clerk, rng=rng)
    managers: dict[str, Employee] = {}
    for employee in world.employees:
        yield from _employee(employee, managers.get(employee.department), world, clerk=clerk, rng=rng)
        if employee.position in ("MGR", "DIR"):
            managers.setdefault(employee.department, employee)
    for customer in world.customers:
        yield from _customer(customer, customers.get(customer.key, Standing()), world, clerk=clerk, rng=rng)
    for project in world.projects:
        yield from _project(project, world, clerk, rng=rng)


def _contact(clerk: Clerk, name: str, rng: Random, *, country: str, cells: Row, world: World) -> Row:
    city, state, zip_ = pick(rng, world.names["cities"][country])
    slug = "".join(ch for ch in name.lower() if "a" <= ch <= "z")[:14] or "contact"
    return {
        "RECORDNO": clerk.contact(name),
        "CONTACTNAME": name,
        "PRINTAS": name,
        "PHONE1": f"555-{int(rng.random() * 900) + 100}-{int(rng.random() * 9000) + 1000}",
        "EMAIL1": f"{slug}@{pick(rng, world.names['domains'])}",
        "VISIBLE": True,
        "TAXABLE": True,
        "STATUS": "active",
        "MAILADDRESS.ADDRESS1": f"{int(rng.random() * 980) + 10} {pick(rng, world.names['streets'])}",
        "MAILADDRESS.ADDRESS2": None if rng.random() < 0.8 else f"Suite {int(rng.random() * 60) + 1}",
        "MAILADDRESS.CITY": city,
        "MAILADDRESS.STATE": state,
        "MAILADDRESS.ZIP": zip_,
        "MAILADDRESS.COUNTRY": "United States" if country == "US" else "Canada",
        "MAILADDRESS.COUNTRYCODE": country,
        **cells,
    }


def _with_version(contact: Row) -> Rows:
    """The contact, and the version of it that transactions keep."""
    yield "CONTACT", contact
    yield "CONTACTVERSION", {cell: value for cell, value in contact.items() if cell in _VERSIONED}


_VERSIONED = (
    *("RECORDNO", "CONTACTNAME", "COMPANYNAME", "PRINTAS", "FIRSTNAME", "LASTNAME", "PHONE1", "EMAIL1"),
    *("WHENCREATED", "WHENMODIFIED", "CREATEDBY", "MODIFIEDBY", "CREATEDBYLOGINID", "MODIFIEDBYLOGINID"),
)
_REPEATED = ("CONTACTNAME", "COMPANYNAME", "PRINTAS", "FIRSTNAME", "LASTNAME", "PHONE1", "EMAIL1")


def _displayed(prefix: str, contact: Row) -> Row:
    """The contact's cells as its owner repeats them."""
    return {
        f"{prefix}.{cell}": value
        for cell, value in contact.items()
        if cell in _REPEATED or cell.startswith("MAILADDRESS.")
    }


def _vendor(vendor: Vendor, standing: Standing, world: World, *, clerk: Clerk, rng: Random) -> Rows:
    country = "CA" if vendor.entity == "300" else "US"
    created = world.calendar.start + timedelta(days=int(rng.random() ** 3 * 400) - 30)
    audit = clerk.imported() if rng.random() < 0.5 else clerk.master(created, rng)
    owner = clerk.owner(vendor.entity if vendor.private else None)
    contact = _contact(
        clerk,
        f"{vendor.name}({vendor.id})",
        rng,
        country=country,
        cells={"COMPANYNAME": vendor.name, "PRINTAS": vendor.name, **audit, **owner},
        world=world,
    )
    yield from _with_version(contact)
    yield (
        "VENDOR",
        {
            "RECORDNO": vendor.key,
            "VENDORID": vendor.id,
            "NAME": vendor.name,
            "ENTITY": f"V{vendor.id}",
            "TERMNAME": vendor.term,
            "VENDORACCOUNTNO": None if rng.random() < 0.3 else f"{int(rng.random() * 900000) + 100000}",
            "TAXID": None if rng.random() < 0.5 else f"99-{int(rng.random() * 9000000) + 1000000}",
            "CREDITLIMIT": Decimal(50000) if vendor.high > 10000 else None,
            "TOTALDUE": standing.due,
            "BILLINGTYPE": "openitem",
            "VENDTYPE": vendor.type,
            "PAYMENTPRIORITY": "Urgent" if vendor.type == "Authority" else "Normal",
            "STATUS": vendor.status,
            "ONETIME": False,
            "ONHOLD": vendor.status == "active non-posting",
            "ISOWNER": False,
            "DONOTCUTCHECK": False,
            "CURRENCY": vendor.currency,
            "COMMENTS": 'Ask for "net" terms & a W-9 <before> the first order' if vendor.key % 17 == 0 else None,
            "ISINDIVIDUAL": "false",
            "ACHENABLED": rng.random() < 0.6,
            "PAYMETHODKEY": pick(rng, ("ACH", "ACH", "Printed Check", "EFT")),
            "MERGEPAYMENTREQ": True,
            "PAYMENTNOTIFY": False,
            "DISPLAYTERMDISCOUNT": False,
            "OBJECTRESTRICTION": "Unrestricted",
            "DISPLAYCONTACTKEY": contact["RECORDNO"],
            "WHENLASTBILLED": standing.last_document,
            "WHENLASTPAID": standing.last_payment,
            "RISK_TIER": pick(rng, ("Low", "Low", "Medium", "High", None)),
            **_displayed("DISPLAYCONTACT", contact),
            **audit,
            **owner,
        },
    )


def _customer(customer: Customer, standing: Standing, world: World, *, clerk: Clerk, rng: Random) -> Rows:
    country = "CA" if customer.entity == "300" else "US"
    created = world.calendar.start + timedelta(days=int(rng.random() ** 2 * 500) - 30)
    audit = clerk.imported() if rng.random() < 0.4 else clerk.master(created, rng)
    owner = clerk.owner(customer.entity if customer.private else None)
    contact = _contact(
        clerk,
        f"{customer.name}({customer.id})",
        rng,
        country=country,
        cells={"COMPANYNAME": customer.name, "PRINTAS": customer.name, **audit, **owner},
        world=world,
    )
    yield from _with_version(contact)
    sellers = [e for e in world.employees if e.department == "210"]
    seller: Employee = pick(rng, sellers)
    territories = dict(world.data["territories"])
    yield (
        "CUSTOMER",
        {
            "RECORDNO": customer.key,
            "CUSTOMERID": customer.id,
            "NAME": customer.name,
            "ENTITY": f"C{customer.id}",
            "TERMNAME": customer.term,
            "CUSTREPID": seller.id,
            "CUSTREPNAME": f"{seller.first} {seller.last}",
            "CREDITLIMIT": Decimal(25000 * (1 + int(rng.random() * 10))),
            "TOTALDUE": standing.due,
            "LAST_INVOICEDATE": standing.last_document,
            "COMMENTS": None,
            "DELIVERY_OPTIONS": pick(rng, ("Print", "E-Mail", "E-Mail", "Print#~#E-Mail")),
            "TERRITORYID": customer.territory,
            "TERRITORYNAME": territories[customer.territory],
            "CUSTTYPE": customer.type,
            "CURRENCY": customer.currency,
            "STATUS": customer.status,
            "ONETIME": False,
            "ONHOLD": customer.delay > 30,
            "OBJECTRESTRICTION": "Unrestricted",
            "DISPLAYCONTACTKEY": contact["RECORDNO"],
            "EMAILOPTIN": False,
            "RENEWAL_DATE": world.calendar.as_of + timedelta(days=int(rng.random() * 700) - 200)
            if rng.random() < 0.7
            else None,
            "KEY_ACCOUNT": customer.weight > 0.8 if customer.key % 2 else None,
            **_displayed("DISPLAYCONTACT", contact),
            **audit,
            **owner,
        },
    )


def _employee(employee: Employee, manager: Employee | None, world: World, *, clerk: Clerk, rng: Random) -> Rows:
    hired_here = employee.started >= world.calendar.start
    audit = clerk.master(employee.started, rng) if hired_here else clerk.imported(employee.ended)
    name = f"{employee.last}, {employee.first} {employee.id}"
    contact = _contact(
        clerk,
        name,
        rng,
        country="CA" if employee.entity == "300" else "US",
        cells={
            "FIRSTNAME": employee.first,
            "LASTNAME": employee.last,
            "PRINTAS": f"{employee.first} {employee.last}",
            **audit,
        },
        world=world,
    )
    yield from _with_version(contact)
    directory = world.directory
    positions = {id_: (key, title) for key, (id_, title) in enumerate(world.data["positions"], 1)}
    position_key, position_name = positions[employee.position]
    salaried = employee.position not in ("TECH1", "TECH2", "COORD")
    row: Row = {
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
        "CONTACT_NAME": name,
        "CONTACTKEY": contact["RECORDNO"],
        "ENTITY": f"E{employee.id}",
        "CURRENCY": world.base(employee.entity),
        "EARNINGTYPENAME": "Salaried" if salaried else "Regular",
        "EMPPOSITIONKEY": position_key,
        "EMPPOSITIONID": employee.position,
        "EMPPOSITIONNAME": position_name,
        "POSTACTUALCOST": False,
        "GENERIC": False,
        "MERGEPAYMENTREQ": True,
        **_displayed("PERSONALINFO", contact),
        **audit,
    }
    if manager:
        row |= {
            "PARENTKEY": manager.key,
            "SUPERVISORID": manager.id,
            "SUPERVISORNAME": f"{manager.last}, {manager.first}",
        }
    yield "EMPLOYEE", row


def _banks(world: World, clerk: Clerk) -> Rows:
    for id_, account, entity, bank, kind, currency in world.data["banks"]:
        object_ = "CHECKINGACCOUNT" if kind == "checking" else "SAVINGSACCOUNT"
        row: Row = {
            "RECORDNO": clerk.number("BANKACCOUNT"),
            "BANKACCOUNTID": id_,
            "BANKACCOUNTNO": f"000{world.directory.accounts[account][0]:07}",
            "GLACCOUNTNO": account,
            "BANKNAME": bank,
            "ROUTINGNO": "000000000",
            "BANKACCOUNTTYPE": kind,
            "LOCATIONID": entity,
            "LOCATION#": world.directory.locations[entity][0],
            "STATUS": "active",
            "CURRENCY": currency,
            "SERVICECHARGEGLACCOUNT": "68000",
            "INTERESTEARNEDGLACCOUNT": "70000",
            "LASTRECONCILEDDATE": world.calendar.open_from - timedelta(days=1),
            **clerk.imported(world.calendar.open_from),
        }
        if kind == "checking":
            row["GLACCOUNTTITLE"] = world.directory.accounts[account][1]
        yield object_, row


def _project(project: Project, world: World, clerk: Clerk, *, rng: Random) -> Rows:
    directory = world.directory
    audit = clerk.master(project.begin, rng)
    customer = project.customer
    statuses = {name: key for key, (name, _) in enumerate(world.data["project_statuses"], 1)}
    amount = Decimal(int(rng.random() * 180) + 12) * 1000
    row: Row = {
        "RECORDNO": project.key,
        "PROJECTID": project.id,
        "NAME": project.name,
        "DESCRIPTION": None,
        "PROJECTCATEGORY": "Contract" if customer else "Internal Non-billable",
        "PROJECTSTATUS": project.status,
        "PROJECTSTATUSKEY": statuses[project.status],
        "PROJECTTYPE": project.type,
        "STATUS": "active",
        "BEGINDATE": project.begin,
        "ENDDATE": project.end,
        "CONTRACTAMOUNT": amount,
        "BUDGETAMOUNT": (amount * 7 / 10).quantize(Decimal(1)),
        "BUDGETQTY": Decimal(int(amount / 150)),
        "MANAGERID": project.manager.id,
        "MANAGERKEY": project.manager.key,
        "MANAGERCONTACTNAME": f"{project.manager.last}, {project.manager.first} {project.manager.id}",
        "DEPARTMENTID": project.department,
        "DEPARTMENTNAME": directory.departments[project.department][1],
        "PROJECTDEPTKEY": directory.departments[project.department][0],
        "LOCATIONID": project.location,
        "LOCATIONNAME": directory.locations[project.location][1],
        "PROJECTLOCATIONKEY": directory.locations[project.location][0],
        **audit,
    }
    if project.key % 3 == 0:
        row |= {"SITE_ACCESS": "Badge at gate 2, 'north' side", "SAFETY_DEPOSIT": Decimal("500.00")}
    if customer:
        row |= {
            "CUSTOMERKEY": customer.key,
            "CUSTOMERID": customer.id,
            "CUSTOMERNAME": customer.name,
            "BILLINGTYPE": pick(rng, ("Time & Material", "Fixed Fee", "Fixed Fee & Expenses")),
            "CURRENCY": customer.currency,
            "TERMNAME": customer.term,
        }
    yield "PROJECT", row
    for position, name in enumerate(world.data["tasks"][: 3 + project.key % 4]):
        task: Row = {
            "RECORDNO": clerk.number("TASK"),
            "TASKID": f"{project.id}-T{position + 1}",
            "NAME": name,
            "PROJECTKEY": project.key,
            "PROJECTID": project.id,
            "PROJECTNAME": project.name,
            "PBEGINDATE": project.begin + timedelta(days=20 * position),
            "PENDDATE": project.begin + timedelta(days=20 * position + 18),
            "BUDGETQTY": Decimal(16 + 8 * position),
            "BILLABLE": customer is not None,
            "ISMILESTONE": position == 5,
            "UTILIZED": True,
            "TASKNO": str(position + 1),
            "PRIORITY": 3,
            "TASKSTATUS": "Completed" if project.status == "Completed" else "In Progress",
            **audit,
        }
        yield "TASK", task
