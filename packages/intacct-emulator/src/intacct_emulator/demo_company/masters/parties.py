"""Banks, vendors and customers of the demo company, with their balances on the last day."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from random import Random

from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.sales_cycle import PartyBalance
from intacct_emulator.demo_company.generator.world import Customer, Employee, Vendor, World, pick
from intacct_emulator.demo_company.masters.contacts import displayed, make_contact, with_version
from intacct_emulator.ledger.posting_rows import TypedRow

Rows = Iterator[tuple[str, TypedRow]]


def bank_rows(world: World, stamps: RecordStamps) -> Rows:
    """Bank accounts."""
    for id_, account, entity, bank, kind, currency in world.data["banks"]:
        object_ = "CHECKINGACCOUNT" if kind == "checking" else "SAVINGSACCOUNT"
        row: TypedRow = {
            "RECORDNO": stamps.number("BANKACCOUNT"),
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
            **stamps.imported(world.calendar.open_from),
        }
        if kind == "checking":
            row["GLACCOUNTTITLE"] = world.directory.accounts[account][1]
        yield object_, row


def vendor_rows(world: World, stamps: RecordStamps, balances: Mapping[int, PartyBalance]) -> Rows:
    """Vendors, each after its contact. `balances` are by record number."""
    rng = world.random("vendors")
    for vendor in world.vendors:
        created = world.calendar.start + timedelta(days=int(rng.random() ** 3 * 400) - 30)
        audit = stamps.imported() if rng.random() < 0.5 else stamps.master(created, rng)
        audit = {**audit, **stamps.owner(vendor.entity if vendor.private else None)}
        contact = make_contact(
            world,
            stamps,
            rng,
            name=f"{vendor.name}({vendor.id})",
            country="CA" if vendor.entity == "300" else "US",
            cells={"COMPANYNAME": vendor.name, "PRINTAS": vendor.name, **audit},
        )
        yield from with_version(contact)
        row = _vendor(vendor, balances.get(vendor.key, PartyBalance()), world, rng=rng)
        row["DISPLAYCONTACTKEY"] = contact["RECORDNO"]
        yield "VENDOR", {**row, **displayed("DISPLAYCONTACT", contact), **audit}


def _vendor(vendor: Vendor, balance: PartyBalance, world: World, *, rng: Random) -> TypedRow:
    return {
        "RECORDNO": vendor.key,
        "VENDORID": vendor.id,
        "NAME": vendor.name,
        "ENTITY": f"V{vendor.id}",
        "TERMNAME": vendor.term,
        "TERMSKEY": world.term_keys[vendor.term],
        "VENDORACCOUNTNO": None if rng.random() < 0.3 else f"{int(rng.random() * 900000) + 100000}",
        "TAXID": None if rng.random() < 0.5 else f"99-{int(rng.random() * 9000000) + 1000000}",
        "CREDITLIMIT": Decimal(50000) if vendor.high > 10000 else None,
        "TOTALDUE": balance.due,
        "BILLINGTYPE": "openitem",
        "VENDTYPE": vendor.type,
        "VENDTYPEKEY": world.data["vendor_types"].index(vendor.type) + 1,
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
        "WHENLASTBILLED": balance.last_document,
        "WHENLASTPAID": balance.last_payment,
        "RISK_TIER": pick(rng, ("Low", "Low", "Medium", "High", None)),
    }


def customer_rows(world: World, stamps: RecordStamps, balances: Mapping[int, PartyBalance]) -> Rows:
    """Customers, each after its contact. `balances` are by record number."""
    rng = world.random("customers")
    sellers = [person for person in world.employees if person.department == "210"]
    for customer in world.customers:
        created = world.calendar.start + timedelta(days=int(rng.random() ** 2 * 500) - 30)
        audit = stamps.imported() if rng.random() < 0.4 else stamps.master(created, rng)
        audit = {**audit, **stamps.owner(customer.entity if customer.private else None)}
        contact = make_contact(
            world,
            stamps,
            rng,
            name=f"{customer.name}({customer.id})",
            country="CA" if customer.entity == "300" else "US",
            cells={"COMPANYNAME": customer.name, "PRINTAS": customer.name, **audit},
        )
        yield from with_version(contact)
        row = _customer(customer, balances.get(customer.key, PartyBalance()), world, rng=rng)
        row |= _sold_by(pick(rng, sellers))
        row["DISPLAYCONTACTKEY"] = contact["RECORDNO"]
        yield "CUSTOMER", {**row, **displayed("DISPLAYCONTACT", contact), **audit}


def _sold_by(seller: Employee) -> TypedRow:
    return {"CUSTREPID": seller.id, "CUSTREPNAME": f"{seller.first} {seller.last}"}


def _customer(customer: Customer, balance: PartyBalance, world: World, *, rng: Random) -> TypedRow:
    renewal = world.calendar.as_of + timedelta(days=int(rng.random() * 700) - 200)
    return {
        "RECORDNO": customer.key,
        "CUSTOMERID": customer.id,
        "NAME": customer.name,
        "ENTITY": f"C{customer.id}",
        "TERMNAME": customer.term,
        "TERMSKEY": world.term_keys[customer.term],
        "CREDITLIMIT": Decimal(25000 * (1 + int(rng.random() * 10))),
        "TOTALDUE": balance.due,
        "LAST_INVOICEDATE": balance.last_document,
        "COMMENTS": None,
        "DELIVERY_OPTIONS": pick(rng, ("Print", "E-Mail", "E-Mail", "Print#~#E-Mail")),
        "TERRITORYID": customer.territory,
        "TERRITORYNAME": dict(world.data["territories"])[customer.territory],
        "CUSTTYPE": customer.type,
        "CUSTTYPEKEY": world.data["customer_types"].index(customer.type) + 1,
        "CURRENCY": customer.currency,
        "STATUS": customer.status,
        "ONETIME": False,
        "ONHOLD": customer.delay > 30,
        "OBJECTRESTRICTION": "Unrestricted",
        "EMAILOPTIN": False,
        "RENEWAL_DATE": renewal if rng.random() < 0.7 else None,
        "KEY_ACCOUNT": customer.weight > 0.8 if customer.key % 2 else None,
    }
