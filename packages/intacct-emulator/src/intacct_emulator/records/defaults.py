"""The values that a new record has if none is sent: the defaults of Sage's pages, and the entity of a party.

A party is also known by its entity, which is its id after a letter: `VV-100` for the vendor V-100. Recorded lookups
list the field. The names of display contacts have the same letters.
"""

from intacct_emulator.settings.cells import Row
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import natural_key


def _values(yes: str = "", no: str = "", **others: str) -> Row:
    """Fields that are true, fields that are false, and fields with other values."""
    return {**dict.fromkeys(yes.split(), "true"), **dict.fromkeys(no.split(), "false"), **others}


_DEFAULTS: dict[str, Row] = {
    "CONTACT": _values(yes="TAXABLE"),
    "CUSTOMER": _values(yes="DISPLAYCONTACT.TAXABLE", no="ONETIME ONHOLD", OBJECTRESTRICTION="Unrestricted"),
    "EMPLOYEE": _values(yes="MERGEPAYMENTREQ", no="POSTACTUALCOST PAYMENTNOTIFY ACHENABLED"),
    "GLACCOUNT": _values(
        no="REQUIREDEPT REQUIRELOC REQUIREPROJECT REQUIRETASK REQUIRECUSTOMER REQUIREVENDOR REQUIREEMPLOYEE "
        "REQUIREITEM REQUIRECLASS REQUIRECONTRACT REQUIREWAREHOUSE",
        ACCOUNTTYPE="balancesheet",
        ALTERNATIVEACCOUNT="None",
    ),
    "ITEM": _values(
        yes="TAXABLE",
        no="ALLOWMULTIPLETAXGRPS ENABLE_SERIALNO ENABLE_LOT_CATEGORY ENABLE_BINS ENABLE_EXPIRATION ENABLELANDEDCOST "
        "HASSTARTENDDATES COMPUTEFORSHORTTERM AUTOPRINTLABEL SAFETYITEM RESTRICTEDITEM COMPLIANTITEM "
        "ENGINEERINGAPPROVAL QUALITYCONTROLAPPROVAL",
        DEFAULT_CONVERSIONTYPE="Quantity",
    ),
    "PROJECT": _values(no="INVOICEWITHPARENT BILLABLEEXPDEFAULT BILLABLEAPPODEFAULT"),
    "USERINFO": _values(no="LOGINDISABLED", USERTYPE="business user"),
    "VENDOR": _values(
        yes="DISPLAYCONTACT.TAXABLE MERGEPAYMENTREQ DISPLAYTERMDISCOUNT",
        no="ONETIME ONHOLD DONOTCUTCHECK PAYMENTNOTIFY ACHENABLED DISPLOCACCTNOCHECK ISINDIVIDUAL",
        OBJECTRESTRICTION="Unrestricted",
        FILEPAYMENTSERVICE="NONE",
        DEFAULT_LEAD_TIME="1",
    ),
}
"""By object, the defaults of Sage's page on it, without those that belong to a subscription or to a setting."""
_ENTITY_LETTERS = {"VENDOR": "V", "CUSTOMER": "C", "EMPLOYEE": "E"}


def apply_defaults(described: ObjectDef, row: Row) -> None:
    """Fill the fields of a new record that were not sent."""
    status = described.get("STATUS")
    if status is not None and "active" in status.values:
        row.setdefault("STATUS", "active")
    for name, value in _DEFAULTS.get(described.name, {}).items():
        if name in described.fields:
            row.setdefault(name, value)
    letter = _ENTITY_LETTERS.get(described.name)
    if letter is not None and "ENTITY" in described.fields:
        row["ENTITY"] = f"{letter}{row.get(natural_key(described.name) or '', '')}"
