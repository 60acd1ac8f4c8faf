"""Preferences, labour lists, cards, allocations, assets, budgets and contracts of the demo company."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from intacct_emulator.demo_company.generator.calendar import month_end, month_name, shift_month
from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import World
from intacct_emulator.ledger.posting_rows import TypedRow

Rows = Iterator[tuple[str, TypedRow]]


def setting_rows(world: World, stamps: RecordStamps) -> Rows:
    """The rows of all of them; parties and employees come before."""
    for key, (application, name, value) in enumerate(world.data["preferences"], 1):
        yield "COMPANYPREF", {"RECORDNO": key, "APPLICATION": application, "PREFERENCE": name, "PREFVALUE": value}
    yield from _labour(world, stamps)
    yield from _cards(world, stamps)
    yield from _allocations(world, stamps)
    yield from _assets(world, stamps)
    yield from _budgets(world, stamps)
    yield from _contracts(world, stamps)


def _labour(world: World, stamps: RecordStamps) -> Rows:
    accounts = world.directory.accounts
    for key, (name, method, multiplier) in enumerate(world.data["earning_types"], 1):
        earning: TypedRow = {
            "RECORDNO": str(key),
            "NAME": name,
            "METHOD": method,
            "BILLABLEACCTKEY": str(accounts["51000"][0]),
            "NONBILLABLEACCTKEY": str(accounts["60000"][0]),
            "BILLABLEACCTNO": "51000",
            "NONBILLABLEACCTNO": "60000",
            "RATEMULTIPLIER": Decimal(multiplier),
            **stamps.imported(),
        }
        yield "EARNINGTYPE", earning
    for key, name in enumerate(world.data["time_types"], 1):
        account_key, title = accounts["S1100"]
        kind: TypedRow = {
            "RECORDNO": key,
            "NAME": name,
            "STATUS": "active",
            "EARNINGTYPEKEY": 1,
            "EARNINGTYPENAME": "Regular",
        }
        yield "TIMETYPE", {**kind, "ACCOUNTKEY": account_key, "ACCOUNTNO": "S1100", "ACCOUNTTITLE": title}
    for key, (name, company_pays) in enumerate((("Paid by employee", False), ("Corporate card", True)), 1):
        row: TypedRow = {"RECORDNO": key, "NAME": name, "NONREIMBURSABLE": company_pays, "STATUS": "active"}
        yield "EXPENSEPAYMENTTYPE", {**row, **stamps.imported()}
    for key, (id_, name) in enumerate(world.data["territories"], 1):
        territory: TypedRow = {"RECORDNO": key, "TERRITORYID": id_, "NAME": name, "STATUS": "active"}
        yield "TERRITORY", {**territory, **stamps.imported()}
    for key, (id_, name, *_) in enumerate(world.data["entities"], 1):
        affiliate: TypedRow = {"RECORDNO": key, "AFFILIATEENTITYID": id_, "NAME": name, "STATUS": "active"}
        yield "AFFILIATEENTITY", {**affiliate, **stamps.imported()}


def _cards(world: World, stamps: RecordStamps) -> Rows:
    directory = world.directory
    for key, (id_, description, kind, entity, department) in enumerate(world.data["cards"], 1):
        card: TypedRow = {
            "RECORDNO": key,
            "CARDID": id_,
            "DESCRIPTION": description,
            "CARDNUM": f"************{key * 1111}",
            "CARDTYPE": kind,
            "EXP_MONTH": "June",
            "EXP_YEAR": str(min(2035, max(2023, world.calendar.as_of.year + 2))),
            "STATUS": "active",
            "LIABILITYTYPE": "Credit",
            "LIABACCTKEY": "20400",
            "LIABACCT#": directory.accounts["20400"][0],
            "DEPT": department,
            "DEPT#": directory.departments[department][0],
            "LOCATION": entity,
            "LOCATION#": directory.locations[entity][0],
            "LOCATIONNAME": directory.locations[entity][1],
            "USEDINEMPEXPENSE": False,
            **stamps.imported(),
            **stamps.owner(entity if entity == "300" else None),
        }
        yield "CREDITCARD", card


def _allocations(world: World, stamps: RecordStamps) -> Rows:
    for key, (id_, description, parts) in enumerate(world.data["allocations"], 1):
        row: TypedRow = {"RECORDNO": key, "ALLOCATIONID": id_, "DESCRIPTION": description, "TYPE": "Percentage"}
        yield "ALLOCATION", {**row, "STATUS": "active", **stamps.imported()}
        for line_no, (location, department, percent) in enumerate(parts, 1):
            entry: TypedRow = {
                "RECORDNO": stamps.number("ALLOCATIONENTRY"),
                "ALLOCATIONID": id_,
                "ALLOCATIONKEY": key,
                "VALUETYPE": "Percent",
                "VALUE": Decimal(percent),
                "LOCATIONID": location,
                "DEPARTMENTID": department,
                "LINE_NO": line_no,
                **stamps.imported(),
            }
            yield "ALLOCATIONENTRY", entry


def _assets(world: World, stamps: RecordStamps) -> Rows:
    for key, (name, department, location, cost) in enumerate(world.data["assets"], 1):
        bought = world.calendar.start - timedelta(days=97 * key)
        asset: TypedRow = {
            "RECORDNO": key,
            "ASSETID": f"FA-{key:04}",
            "NAME": name,
            "DESCRIPTION": None,
            "STATUS": "active",
            "ASSETCOST": Decimal(cost),
            "INSERVICEDATE": bought,
            "LOCATIONID": location,
            "DEPARTMENTID": department,
            **stamps.imported(),
        }
        yield "FIXEDASSET", asset


def _budgets(world: World, stamps: RecordStamps) -> Rows:
    for key, year in enumerate(range(world.calendar.start.year, world.calendar.as_of.year + 1), 1):
        budget = f"Annual Plan {year}"
        header: TypedRow = {
            "RECORDNO": key,
            "BUDGETID": budget,
            "DESCRIPTION": f"Plan of the board for {year}",
            "SYSTEMGENERATED": "false",
            "DEFAULT_BUDGET": year == world.calendar.as_of.year,
            "USER": "controller",
            "STATUS": "active",
            "ISCONSOLIDATED": False,
            "CURRENCY": "USD",
            **stamps.imported(),
        }
        yield "GLBUDGETHEADER", header
        for month in (date(year, number, 1) for number in range(1, 13)):
            if world.calendar.start <= month <= shift_month(world.calendar.as_of, 2):
                for account, department, amount in world.data["budgets"]:
                    planned = Decimal(amount * (100 + 4 * (key - 1)) // 100)
                    item: TypedRow = {"RECORDNO": stamps.number("GLBUDGETITEM"), "BUDGETKEY": key, "BUDGETID": budget}
                    item |= _budget_item(world, account, department, month=month)
                    yield "GLBUDGETITEM", {**item, "AMOUNT": planned, **stamps.imported()}


def _budget_item(world: World, account: str, department: str, *, month: date) -> TypedRow:
    account_key, account_title = world.directory.accounts[account]
    department_key, department_title = world.directory.departments[department]
    return {
        "CURRENCY": "USD",
        "ACCOUNTKEY": account_key,
        "ACCT_NO": account,
        "ACCTTITLE": account_title,
        "DEPTKEY": department_key,
        "DEPT_NO": department,
        "DEPTITLE": department_title,
        "LOCATIONKEY": world.directory.locations["100"][0],
        "LOCATION_NO": "100",
        "REPORTINGPERIODNAME": f"Month Ended {month_name(month)}",
        "PERIODNAME": f"Month Ended {month_name(month)}",
        "PSTARTDATE": month,
        "PENDDATE": month_end(month),
    }


def _contracts(world: World, stamps: RecordStamps) -> Rows:
    rng = world.random("contracts")
    for key, customer in enumerate(world.customers[:25], 1):
        begin = shift_month(world.calendar.start, int(rng.random() * 20))
        end = shift_month(begin, 12) - timedelta(days=1)
        over = end < world.calendar.as_of
        contact = f"{customer.name}({customer.id})"
        contract: TypedRow = {
            "RECORDNO": key,
            "CONTRACTID": f"CN-{key:04}",
            "NAME": f"Maintenance plan, {customer.name}",
            "STATE": "Not renewed" if over else "In progress",
            "TERMTYPE": "Termed",
            "BEGINDATE": begin,
            "ENDDATE": end,
            "CUSTOMERID": customer.id,
            "CUSTOMERNAME": customer.name,
            "BILLTOCONTACTNAME": contact,
            "SHIPTOCONTACTNAME": contact,
            "BILLINGFREQUENCY": "Annually",
            "TERMNAME": customer.term,
            "RENEWAL": not over,
            "BASECURR": world.base(customer.entity),
            "CURRENCY": customer.currency,
            "LOCATIONID": customer.location,
            "LOCATIONNAME": world.directory.locations[customer.location][1],
            "STATUS": "active",
            "APPLICATION": "Contracts",
            **stamps.master(begin, rng),
            **stamps.owner(customer.entity if customer.private else None),
        }
        yield "CONTRACT", contract
