"""Contacts of vendors, customers and employees, with made-up addresses."""

from collections.abc import Iterator
from random import Random

from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import World, pick
from intacct_emulator.ledger.posting_rows import TypedRow

Rows = Iterator[tuple[str, TypedRow]]


def make_contact(
    world: World, stamps: RecordStamps, rng: Random, *, name: str, country: str, cells: TypedRow
) -> TypedRow:
    """A contact's row; `cells` are those that its owner gives."""
    city, state, zip_ = pick(rng, world.names["cities"][country])
    slug = "".join(ch for ch in name.lower() if "a" <= ch <= "z")[:14] or "contact"
    return {
        "RECORDNO": stamps.contact(name),
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


def with_version(contact: TypedRow) -> Rows:
    """The contact, and the version of it that transactions refer to."""
    yield "CONTACT", contact
    yield "CONTACTVERSION", {cell: value for cell, value in contact.items() if cell in _VERSIONED}


_VERSIONED = (
    *("RECORDNO", "CONTACTNAME", "COMPANYNAME", "PRINTAS", "FIRSTNAME", "LASTNAME", "PHONE1", "EMAIL1"),
    *("WHENCREATED", "WHENMODIFIED", "CREATEDBY", "MODIFIEDBY", "CREATEDBYLOGINID", "MODIFIEDBYLOGINID"),
)
_REPEATED = ("CONTACTNAME", "COMPANYNAME", "PRINTAS", "FIRSTNAME", "LASTNAME", "PHONE1", "EMAIL1")


def displayed(prefix: str, contact: TypedRow) -> TypedRow:
    """The contact's cells as the record of its owner repeats them."""
    return {
        f"{prefix}.{cell}": value
        for cell, value in contact.items()
        if cell in _REPEATED or cell.startswith("MAILADDRESS.")
    }
