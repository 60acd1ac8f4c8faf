"""The lists of a company's set-up: users, roles, entities, dimensions, accounts, journals and lists of names."""

from collections.abc import Iterator
from datetime import timedelta

from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import World, all_locations
from intacct_emulator.ledger.posting import ACCRUAL, CASH
from intacct_emulator.ledger.posting_rows import TypedRow

Rows = Iterator[tuple[str, TypedRow]]


def list_rows(world: World, stamps: RecordStamps, *, cash_book: bool = False) -> Rows:
    """Every list, each after the lists that it refers to."""
    yield from _users(world, stamps)
    yield from _organisation(world, stamps)
    yield from _accounts(world, stamps)
    yield from _journals(world, stamps, "&".join((ACCRUAL, CASH) if cash_book else (ACCRUAL,)))
    yield from _named_lists(world, stamps)


def _users(world: World, stamps: RecordStamps) -> Rows:
    for key, (login, first, last, admin, kind, status) in enumerate(world.data["users"], 1):
        name = f"{last}, {first}"
        contact: TypedRow = {
            "RECORDNO": stamps.contact(name),
            "CONTACTNAME": name,
            "PRINTAS": f"{first} {last}",
            "FIRSTNAME": first,
            "LASTNAME": last,
            "EMAIL1": f"{login}@example.com",
            "VISIBLE": True,
            "STATUS": "active",
            **stamps.imported(),
        }
        yield "CONTACT", contact
        yield (
            "USERINFO",
            {
                "RECORDNO": key,
                "LOGINID": login,
                "DESCRIPTION": f"{first} {last}",
                "EMAIL": f"{login}@example.com",
                "ADMIN": admin,
                "USERTYPE": kind,
                "STATUS": status,
                "VISIBLE": True,
                "UNRESTRICTED": True,
                "LOGINDISABLED": login == "demo-user",
                "PWDNEVEREXPIRES": login == "demo-user",
                "CONTACTKEY": contact["RECORDNO"],
                "CONTACTINFO.CONTACTNAME": name,
                "CONTACTINFO.FIRSTNAME": first,
                "CONTACTINFO.LASTNAME": last,
                "CONTACTINFO.PRINTAS": f"{first} {last}",
                "CONTACTINFO.EMAIL1": f"{login}@example.com",
                **stamps.imported(),
            },
        )
    yield from _roles(world, stamps)


def _roles(world: World, stamps: RecordStamps) -> Rows:
    for key, (name, description) in enumerate(world.data["roles"], 1):
        role: TypedRow = {
            "RECORDNO": key,
            "NAME": name,
            "DESCRIPTION": description,
            "TYPE": "Multi Entity Shared",
            "APPLYTO": "Login and Slide-In",
            **stamps.imported(),
        }
        yield "ROLES", role
    roles = [name for name, _ in world.data["roles"]]
    held = {"admin": 1, "demo-user": 1, "controller": 2, "ap.clerk": 3, "ar.clerk": 4, "auditor": 5}
    for key, (login, *_) in enumerate(world.data["users"], 1):
        role_key = held.get(login, 5)
        imported = {**stamps.imported()}
        for cell in ("CREATEDBYLOGINID", "MODIFIEDBYLOGINID"):
            del imported[cell]
        shared: TypedRow = {"RECORDNO": key, "ROLEKEY": role_key, "ROLENAME": roles[role_key - 1]}
        yield "ROLEASSIGNMENT", {**shared, "USER_GROUP_KEY": key, "TYPE": "U", **imported}
        yield "ROLEUSERS", {**shared, "USERKEY": key, "USERLOGINID": login, **imported}
        yield "USERROLES", {**shared, "TYPE": "User", "U_O_GKEY": key, "USERID": login, **imported}


def _organisation(world: World, stamps: RecordStamps) -> Rows:
    keys = {id_: key for key, (id_, *_) in enumerate(all_locations(world.data), 1)}
    names = {id_: name for id_, name, *_ in all_locations(world.data)}
    for id_, name, currency, country in world.data["entities"]:
        entity = {**_entity(world, id_, name, currency), **stamps.imported(world.calendar.open_from)}
        entity["RECORDNO"] = keys[id_]
        yield "LOCATION", {**entity, "ENTITYNAME": name}
        legal: TypedRow = {
            "STARTOPEN": world.calendar.open_from,
            "OPCOUNTRY": "United States" if country == "US" else "Canada",
            "LEGALNAME": name,
            "LEGALCOUNTRYCODE": country,
            "ACCOUNTINGTYPE": "Entity",
        }
        yield "LOCATIONENTITY", {**entity, **legal}
    for id_, name, entity_id in world.data["locations"]:
        row: TypedRow = {
            "RECORDNO": keys[id_],
            "LOCATIONID": id_,
            "NAME": name,
            "PARENTID": entity_id,
            "PARENTKEY": keys[entity_id],
            "PARENTNAME": names[entity_id],
            "STATUS": "active",
            "ENTITY": entity_id,
            "ENTITYNAME": names[entity_id],
            "HAS_IE_RELATION": False,
            "LOCATIONTYPE": "N",
            **stamps.imported(),
        }
        yield "LOCATION", row
    yield from _dimension_rows(world, stamps)


def _entity(world: World, id_: str, name: str, currency: str) -> TypedRow:
    payable, receivable = world.rules.due_to[id_], world.rules.due_from[id_]
    return {
        "LOCATIONID": id_,
        "NAME": name,
        "REPORTPRINTAS": name,
        "STATUS": "active",
        "STARTDATE": world.calendar.start,
        "FIRSTMONTH": "1",
        "WEEKSTART": "1",
        "CURRENCY": currency,
        "ENTITY": id_,
        "HAS_IE_RELATION": True,
        "LOCATIONTYPE": "E",
        "FEDERALID": f"00-{int(id_):07}",
        "IEPAYABLE.ACCOUNT": str(world.directory.accounts[payable][0]),
        "IEPAYABLE.NUMBER": payable,
        "IERECEIVABLE.ACCOUNT": str(world.directory.accounts[receivable][0]),
        "IERECEIVABLE.NUMBER": receivable,
    }


def _dimension_rows(world: World, stamps: RecordStamps) -> Rows:
    inactive = world.data["inactive_departments"]
    keys = {id_: (key, title) for key, (id_, title, _) in enumerate(world.data["departments"], 1)}
    for id_, title, parent in world.data["departments"]:
        row: TypedRow = {
            "RECORDNO": keys[id_][0],
            "DEPARTMENTID": id_,
            "TITLE": title,
            "STATUS": "inactive" if id_ in inactive else "active",
            **stamps.imported(),
        }
        if parent:
            row |= {"PARENTID": parent, "PARENTKEY": keys[parent][0], "PARENTNAME": keys[parent][1]}
        yield "DEPARTMENT", row
    classes = world.directory.dimensions["CLASS"]
    for id_, name, parent in world.data["classes"]:
        row = {
            "RECORDNO": classes[id_][0],
            "CLASSID": id_,
            "NAME": name,
            "DESCRIPTION": None,
            "STATUS": "active",
            **stamps.imported(),
        }
        if parent:
            row |= {"PARENTID": parent, "PARENTKEY": classes[parent][0]}
        yield "CLASS", row


def _accounts(world: World, stamps: RecordStamps) -> Rows:
    inactive = world.data["inactive_accounts"]
    rng = world.random("accounts")
    for no, title, normal, category in world.data["accounts"]:
        sheet = no < "4"
        row: TypedRow = {
            "RECORDNO": world.directory.accounts[no][0],
            "ACCOUNTNO": no,
            "TITLE": title,
            "ACCOUNTTYPE": "balancesheet" if sheet else "incomestatement",
            "NORMALBALANCE": normal,
            "CLOSINGTYPE": "non-closing account" if sheet else "closing account",
            "STATUS": "inactive" if no in inactive else "active",
            "REQUIREDEPT": "6" <= no < "68",
            "REQUIRELOC": True,
            "TAXABLE": "4" <= no < "42",
            "CATEGORY": category,
            "ALTERNATIVEACCOUNT": {"11000": "Receivables account", "20000": "Payables account"}.get(no, "None"),
            "SUBLEDGERCONTROLON": no in ("11000", "20000", "20300"),
            **stamps.imported(world.calendar.start + timedelta(days=90) if rng.random() < 0.4 else None),
        }
        if no == "32000":
            row["CLOSINGTYPE"] = "closed to account"
        if not sheet:
            row |= {"CLOSINGACCOUNTNO": "32000", "CLOSINGACCOUNTTITLE": "Retained Earnings"}
            row["CLOSETOACCTKEY"] = world.directory.accounts["32000"][0]
        yield "GLACCOUNT", row
    yield from _counted(world, stamps)
    yield from _account_groups(world, stamps)


def _counted(world: World, stamps: RecordStamps) -> Rows:
    for no, title, kind in world.data["stat_accounts"]:
        row: TypedRow = {
            "RECORDNO": world.directory.accounts[no][0],
            "ACCOUNTNO": no,
            "TITLE": title,
            "ACCOUNTTYPE": kind,
            "STATUS": "active",
            "STATISTICAL": True,
            "REQUIREDEPT": no == "S1000",
            "REQUIRELOC": True,
            **stamps.imported(),
        }
        yield "STATACCOUNT", row


def _account_groups(world: World, stamps: RecordStamps) -> Rows:
    for key, category in enumerate(dict.fromkeys(row[3] for row in world.data["accounts"]), 1):
        members = [row for row in world.data["accounts"] if row[3] == category]
        group: TypedRow = {
            "RECORDNO": key,
            "NAME": category,
            "TITLE": category,
            "TOTALTITLE": f"Total {category}",
            "NORMAL_BALANCE": members[0][2],
            "MEMBERTYPE": "Accounts",
            "ASOF": "E" if members[0][0] < "4" else "P",
            "DBCR": "Both",
            "INCLUDECHILDAMT": True,
            "ISKPI": False,
            **stamps.imported(),
        }
        yield "GLACCTGRP", group
        for no, title, normal, _ in members:
            member: TypedRow = {
                "RECORDNO": str(stamps.number("GLACCTGRPHIERARCHY")),
                "GLACCTGRPKEY": key,
                "GLACCTGRPNAME": category,
                "GLACCTGRPTITLE": category,
                "GLACCTGRPNORMALBALANCE": members[0][2],
                "GLACCTGRPMEMBERTYPE": "Accounts",
                "GLACCTGRPHOWCREATED": "User Defined",
                "ACCOUNTKEY": world.directory.accounts[no][0],
                "ACCOUNTNO": no,
                "ACCOUNTTITLE": title,
                "ACCOUNTNORMALBALANCE": normal,
                "ACCOUNTTYPE": "balancesheet" if no < "4" else "incomestatement",
            }
            yield "GLACCTGRPHIERARCHY", member


def _journals(world: World, stamps: RecordStamps, book: str) -> Rows:
    for key, (symbol, title, adjusting, statistical) in enumerate(world.data["journals"], 1):
        row: TypedRow = {
            "RECORDNO": key,
            "SYMBOL": symbol,
            "TITLE": title,
            "STATUS": "active",
            "STARTDATE": world.calendar.start,
            "ADJ": adjusting,
            "BOOKID": book,
            "BOOKTYPE": "Statistical" if statistical else "Accrual",
            "BILLABLE": symbol == "GJ",
            **stamps.imported(),
        }
        yield "JOURNAL", row
        yield "STATJOURNAL" if statistical else "GLJOURNAL", row
        if adjusting:
            yield "ADJJOURNAL", row


def _named_lists(world: World, stamps: RecordStamps) -> Rows:
    """Lists whose records have little more than a name."""
    data = world.data
    plain = {
        "VENDTYPE": data["vendor_types"],
        "CUSTTYPE": data["customer_types"],
        "EMPLOYEETYPE": data["employee_types"],
        "PROJECTTYPE": data["project_types"],
    }
    for object_, values in plain.items():
        for key, name in enumerate(values, 1):
            yield object_, {"RECORDNO": key, "NAME": name, "STATUS": "active", **stamps.imported()}
    for key, (name, stopped) in enumerate(data["project_statuses"], 1):
        row: TypedRow = {"RECORDNO": key, "NAME": name, "STATUS": "active", **stamps.imported()}
        for cell in ("PREVENTTIMESHEET", "PREVENTEXPENSE", "PREVENTAPPO", "PREVENTGENINVOICE"):
            row[cell] = stopped
        yield "PROJECTSTATUS", row
    for key, (id_, name) in enumerate(data["positions"], 1):
        row = {"RECORDNO": key, "POSITIONID": id_, "NAME": name, "STATUS": "active", **stamps.imported()}
        yield "EMPLOYEEPOSITION", row
    for object_, labels in (
        ("APACCOUNTLABEL", data["labels_ap"]),
        ("ARACCOUNTLABEL", data["labels_ar"]),
        ("EEACCOUNTLABEL", data["labels_ee"]),
    ):
        for key, (label, account) in enumerate(labels, 1):
            row = {
                "RECORDNO": key,
                "ACCOUNTLABEL": label,
                "DESCRIPTION": label,
                "GLACCOUNTNO": account,
                "GLACCOUNTTITLE": world.directory.accounts[account][1],
                "STATUS": "active",
                **stamps.imported(),
            }
            yield object_, row
