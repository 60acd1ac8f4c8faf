"""Make the emulator's catalogue from recorded field lists: `python tools/make_catalog.py objects.json out.json`.

The input maps object names to `{"fields": [{"id", "type", "label", "req", "ro", "enum"}], "rels": [{"path",
"object", "type", "by"}]}`. The output holds the same facts with one object a line, so that a change shows in a diff:
a field is `[id, type letter, flags, label, values]` with trailing empties left out (flags: r required, o read-only).
Objects that the recordings lack are written here, from Sage's pages and from what clients ask for.
"""

import json
import sys
from pathlib import Path
from typing import Any

LETTERS = {
    "TEXT": "t", "INTEGER": "i", "DECIMAL": "d", "DATE": "D", "BOOLEAN": "b", "TIMESTAMP": "T", "ENUM": "e",
    "CURRENCY": "c", "PERCENT": "p", "SEQUENCE": "s",
}  # fmt: skip
AUDIT = "AUWHENCREATED:To WHENCREATED:To WHENMODIFIED:To CREATEDBY:io MODIFIEDBY:io"
MASTER = "WHENCREATED:To WHENMODIFIED:To CREATEDBY:io MODIFIEDBY:io CREATEDBYLOGINID:to MODIFIEDBYLOGINID:to"
ENTITY = "MEGAENTITYKEY:io MEGAENTITYID:to MEGAENTITYNAME:to"
URL = "RECORD_URL:to"
DIMENSIONS = " ".join(
    f"{name}DIMKEY:i {name}ID:t {name}NAME:t" for name in ("PROJECT", "CUSTOMER", "VENDOR", "EMPLOYEE", "ITEM", "CLASS")
)
STATUS = "STATUS:t"
CONTACT = (
    "RECORDNO:io CONTACTNAME:tr COMPANYNAME:t PREFIX:t FIRSTNAME:t LASTNAME:t INITIAL:t PRINTAS:tr PHONE1:t PHONE2:t "
    "CELLPHONE:t FAX:t EMAIL1:t EMAIL2:t URL1:t URL2:t " + MASTER
)
ADDRESS = " ".join(f"MAILADDRESS.{name}:t" for name in ("ADDRESS1", "ADDRESS2", "CITY", "STATE", "ZIP", "COUNTRY"))
JOURNAL = (
    f"RECORDNO:io SYMBOL:tr TITLE:tr {STATUS} STARTDATE:D LAST_DATE:Do ADJ:b BOOKID:t BOOKTYPE:t BILLABLE:b "
    f"{MASTER} {ENTITY} {URL}"
)

LACKING: dict[str, str] = {
    "GLJOURNAL": JOURNAL,
    "JOURNAL": JOURNAL,
    "STATJOURNAL": JOURNAL,
    "ADJJOURNAL": JOURNAL,
    "ARINVOICEITEM": (
        "RECORDNO:io RECORDKEY:i ACCOUNTKEY:i ACCOUNTNO:t OFFSETACCOUNTKEY:io OFFSETGLACCOUNTNO:t "
        "OFFSETGLACCOUNTTITLE:t ACCOUNTTITLE:t ACCOUNTLABELKEY:i ACCOUNTLABEL:t ENTRY_DATE:D AMOUNT:dro TRX_AMOUNT:dr "
        "DEPARTMENTID:t DEPARTMENTNAME:t LOCATIONID:t LOCATIONNAME:t ENTRYDESCRIPTION:t EXCH_RATE_DATE:D "
        "EXCH_RATE_TYPE_ID:t EXCHANGE_RATE:do ALLOCATIONKEY:i ALLOCATION:t LINEITEM:t LINE_NO:to CURRENCY:tro "
        "BASECURR:tro TOTALPAID:d TRX_TOTALPAID:d TOTALSELECTED:d TRX_TOTALSELECTED:d SUBTOTAL:t PARENTENTRY:io "
        "DEFERREVENUE:b REVRECTEMPLATEKEY:i REVRECTEMPLATE:t DEFERREDREVACCTKEY:i DEFERREDREVACCTNO:t "
        "DEFERREDREVACCTTITLE:t REVRECSTARTDATE:D REVRECENDDATE:D BASELOCATION:io STATE:t RECORDTYPE:t DETAILKEY:i "
        "WHENCREATED:To WHENMODIFIED:To CREATEDBY:io MODIFIEDBY:io RETAINAGEPERCENTAGE:po TRX_AMOUNTRETAINED:do "
        "AMOUNTRETAINED:do TRX_AMOUNTRELEASED:do RETAINAGE_OFFSETGLACCOUNTNO:to PROJECTCONTRACTID:t "
        "PROJECTCONTRACTKEY:i PROJECTCONTRACTLINEID:t PROJECTCONTRACTLINEKEY:i " + DIMENSIONS + " " + URL
    ),
    "EEXPENSESITEM": (
        "RECORDNO:io RECORDKEY:i ACCOUNTKEY:i ENTRY_DATE:D DESCRIPTION:t DESCRIPTION2:t GLACCOUNTNO:t ACCOUNTNO:t "
        "GLACCOUNTTITLE:t AMOUNT:dr TRX_AMOUNT:dr LOCATIONID:t LOCATIONNAME:t DEPARTMENTID:t DEPARTMENTNAME:t "
        "LINEITEM:t LINE_NO:t ACCOUNTLABELKEY:i ACCOUNTLABEL:t TOTALSELECTED:d TOTALPAID:d TRX_TOTALPAID:d BILLABLE:b "
        "BILLED:bo STATE:t EXPPMTTYPEKEY:i EXPPMTTYPE:t NONREIMBURSABLE:b NR_AMOUNT:d NR_TRX_AMOUNT:d QUANTITY:d "
        "UNITRATE:c CREATEDBY:io MODIFIEDBY:io WHENCREATED:To WHENMODIFIED:To RECORDTYPE:t BASELOCATION:io "
        "ORG_CURRENCY:t ORG_AMOUNT:d ORG_EXCHRATEDATE:D ORG_EXCHRATETYPE:t ORG_EXCHRATE:do CURRENCY:t BASECURR:t "
        + DIMENSIONS + " " + URL
    ),
    "ARPYMTDETAIL": (
        "RECORDNO:io RECORDKEY:i ENTRYKEY:i POSADJKEY:i POSADJENTRYKEY:i PAYMENTKEY:i PAYMENTENTRYKEY:i PAYMENTDATE:D "
        "PAYMENTAMOUNT:c TRX_PAYMENTAMOUNT:c INLINEKEY:i INLINEENTRYKEY:i INLINEAMOUNT:c TRX_INLINEAMOUNT:c "
        "ADJUSTMENTKEY:i ADJUSTMENTENTRYKEY:i ADJUSTMENTAMOUNT:c TRX_ADJUSTMENTAMOUNT:c ADVANCEKEY:i ADVANCEENTRYKEY:i "
        "POSTEDADVANCEKEY:i POSTEDADVANCEENTRYKEY:i POSTEDADVANCEAMOUNT:c TRX_POSTEDADVANCEAMOUNT:c OVERPAYMENTKEY:i "
        "OVERPAYMENTENTRYKEY:i OVERPAYMENTAMOUNT:c TRX_POSTEDOVERPAYMENTAMOUNT:c NEGATIVEINVOICEKEY:i "
        "NEGATIVEINVOICEENTRYKEY:i NEGATIVEINVOICEAMOUNT:c TRX_NEGATIVEINVOICEAMOUNT:c DISCOUNTDATE:D "
        "DISCOUNTAMOUNT:co TRX_DISCOUNTAMOUNT:co TRX_TOTALDISCOUNTTOAPPLY:c CURRENCY:tr STATE:t MODULEKEY:to "
        "WHENCREATED:To WHENMODIFIED:To CREATEDBY:io MODIFIEDBY:io CREATEDBYLOGINID:to MODIFIEDBYLOGINID:to " + URL
    ),
    "ARADVANCEITEM": (
        "RECORDNO:io RECORDKEY:i ACCOUNTKEY:i ACCOUNTNO:t ACCOUNTTITLE:t ACCOUNTLABEL:t AMOUNT:do TRX_AMOUNT:dr "
        "ENTRYDESCRIPTION:t LOCATIONID:t LOCATIONNAME:t DEPARTMENTID:t DEPARTMENTNAME:t LINE_NO:to CURRENCY:t "
        "BASECURR:to WHENCREATED:To WHENMODIFIED:To CREATEDBY:io MODIFIEDBY:io " + DIMENSIONS + " " + URL
    ),
    **dict.fromkeys(
        ("CONTRACTEXPENSESCHEDULEENTRY", "CONTRACTREVENUESCHEDULEENTRY"),
        "RECORDNO:io SCHEDULEKEY:i TYPE:t AMOUNT:dr BASEAMOUNT:do POSTINGDATE:Dr ACTUALPOSTINGDATE:Do POSTED:bo "
        "POSTABLE:bo HISTORICAL:bo STATE:t GLBATCHKEY:io WHENCREATED:To WHENMODIFIED:To CREATEDBY:io MODIFIEDBY:io "
        + URL,
    ),
    "ENTITYACCTDEFAULT": f"RECORDNO:io SETUPKEY:i ENTITYID:tr IEPAYABLEACCTNO:tr IERECEIVABLEACCTNO:tr {URL}",
    "ENTITYACCTOVERRIDE": (
        f"RECORDNO:io SETUPKEY:i SOURCEENTITYID:tr TARGETENTITYID:tr IEPAYABLEACCTNO:tr IERECEIVABLEACCTNO:tr {URL}"
    ),
    "CUSTOMERCHARGECARD": (
        "RECORDNO:io CUSTOMERID:tr CARDNUM:tr CARDTYPE:tr EXP_MONTH:tr EXP_YEAR:tr DESCRIPTION:t DEFAULTCARD:b "
        f"USEBILLTOADDR:b {ADDRESS} {STATUS} {MASTER}"
    ),
    "CUSTOMERBANKACCOUNT": (
        "RECORDNO:io CUSTOMERID:tr ACCOUNTNUMBER:tr ROUTINGNUMBER:tr ACCOUNTTYPE:tr BANKNAME:tr ACCOUNTHOLDER:tr "
        f"DESCRIPTION:t DEFAULTACCOUNT:b {ADDRESS} {STATUS} {MASTER}"
    ),
    "VENDORENTITYACCOUNT": f"RECORDNO:io VENDORID:tr ACCOUNTNUMBER:tr LOCATIONID:tr {MASTER}",
    "CONTACTTAXGROUP": f"RECORDNO:io NAME:tr {MASTER} {ENTITY}",
    "EXPENSEREPORTBATCH": f"RECORDNO:io TITLE:tr CREATED:D RECORDTYPE:t OPEN:t TOTAL:d {STATUS} {MASTER}",
    "SMARTEVENTLOG": f"RECORDNO:io OBJECT:t OBJECTKEY:t EVENTNAME:t MESSAGE:t {STATUS} {MASTER}",
    "AFFILIATEENTITY": f"RECORDNO:io AFFILIATEENTITYID:tr NAME:tr DESCRIPTION:t {STATUS} {MASTER} {ENTITY} {URL}",
    "FIXEDASSET": (
        f"RECORDNO:io ASSETID:tr NAME:tr DESCRIPTION:t {STATUS} ASSETCOST:d INSERVICEDATE:D LOCATIONID:t "
        f"DEPARTMENTID:t {MASTER} {ENTITY} {URL}"
    ),
    "TRXCURRENCIES": f"RECORDNO:io CODE:tr DESCRIPTION:t SYMBOL:t DECIMALPLACES:i ISBASE:b {STATUS} {MASTER} {URL}",
    "COMPANYPREF": f"RECORDNO:io APPLICATION:t PREFERENCE:t PREFVALUE:t {URL}",
    "TERRITORY": f"RECORDNO:io TERRITORYID:tr NAME:tr PARENTID:t MANAGERID:t {STATUS} {MASTER} {ENTITY} {URL}",
    "TERM": f"RECORDNO:io NAME:tr DESCRIPTION:t DUEDATE:t DUEFROM:t {STATUS} {MASTER} {URL}",
    "SHIPMETHOD": f"RECORDNO:io SHIPPINGMETHOD:tr {STATUS} {MASTER} {ENTITY} {URL}",
    "TAXGROUP": f"RECORDNO:io NAME:tr GROUPTYPE:t {STATUS} {MASTER} {URL}",
    "CONTACTVERSION": f"{CONTACT} {URL}",
    "MAILADDRESS": (
        "RECORDNO:io RECORDKEY:io ADDRESS1:t ADDRESS2:t ADDRESS3:t CITY:t STATE:t ZIP:t COUNTRY:t COUNTRYCODE:t " + URL
    ),
    "REVRECTEMPLATE": f"RECORDNO:io TEMPLATEID:tr DESCRIPTION:t {STATUS} {MASTER} {URL}",
    "CUSTGLGROUP": f"RECORDNO:io NAME:tr {STATUS} {MASTER} {URL}",
    "VENDGLGROUP": f"RECORDNO:io NAME:tr {STATUS} {MASTER} {URL}",
}  # fmt: skip
# Not in the recordings, which are of one company, but read by a client in production (PyPI's sageintacctsdk).
ADDED: dict[str, str] = {
    "ARINVOICE": "TAXMETHOD:t",
    "ARINVOICEITEM": (
        "TRX_DISCOUNTAPPLIED:do PAYMENTTAXCAPTURE:b BILLABLECONTRACTSCHENTRYKEY:io BILLABLECONTRACTUSAGEBILLINGID:io "
        "PROJECTCONTRACTNAME:t PROJECTCONTRACTLINENAME:t ISRETAINAGERELEASE:bo ISSUMMARIZED:bo "
        "AMORTIZATIONTEMPLATEKEY:i AMORTIZATIONTEMPLATEID:t AMORTIZATIONSTARTDATE:D AMORTIZATIONENDDATE:D "
        "ORIGDOCKEY:io ORIGDOCLINEKEY:io ORIGDOCID:to ORIGDOCLINEID:to CONTRACTDIMKEY:i CONTRACTID:t CONTRACTNAME:t"
    ),
    "CCTRANSACTION": "TAXMETHOD:t",
    "CREDITCARD": "COMMCARD:b",
    "EXPENSEPAYMENTTYPE": "OFFSETACCTTITLE:t",
    "REVRECSCHEDULEENTRY": "TASKDIMKEY:i TASKID:t TASKNAME:t",
    "TAXSOLUTION": (
        "ARADVANCEOFFSETACCTTITLE:t ARADVANCEOFFSETACCTKEY:i GLACCOUNTPURCHASETITLE:t GLACCOUNTPURCHASEKEY:i "
        "GLACCOUNTSALETITLE:t GLACCOUNTSALEKEY:i"
    ),
}
RELATIONS: dict[str, list[list[str]]] = {
    "ARINVOICEITEM": [
        ["ARINVOICE", "ARINVOICE", "RECORDKEY"],
        ["GLACCOUNT", "GLACCOUNT", "ACCOUNTNO"],
        ["LOCATION", "LOCATION", "LOCATIONID"],
        ["DEPARTMENT", "DEPARTMENT", "DEPARTMENTID"],
        ["CUSTOMER", "CUSTOMER", "CUSTOMERID"],
        ["PROJECT", "PROJECT", "PROJECTID"],
        ["ITEM", "ITEM", "ITEMID"],
        ["CLASS", "CLASS", "CLASSID"],
    ],
    "EEXPENSESITEM": [
        ["EEXPENSES", "EEXPENSES", "RECORDKEY"],
        ["GLACCOUNT", "GLACCOUNT", "ACCOUNTNO"],
        ["LOCATION", "LOCATION", "LOCATIONID"],
        ["DEPARTMENT", "DEPARTMENT", "DEPARTMENTID"],
    ],
    "ARPYMTDETAIL": [["ARPYMT", "ARPYMT", "PAYMENTKEY"], ["ARINVOICE", "ARINVOICE", "RECORDKEY"]],
}
# Rows of these are identified by a key that the recordings do not call RECORDNO.
NOT_RECORDED_LABELS = {"No label specified"}


def compact_field(field: dict[str, Any]) -> list[Any]:
    """One field as a short list."""
    flags = ("r" if field.get("req") else "") + ("o" if field.get("ro") else "")
    label = field.get("label", "")
    parts = [
        field["id"],
        LETTERS[field["type"]],
        flags,
        "" if label in NOT_RECORDED_LABELS else label,
        field.get("enum", []),
    ]
    while not parts[-1]:
        parts.pop()
    return parts


def spelled(fields: str) -> list[list[Any]]:
    """The short notation of this file, with labels made from the names."""
    made: list[list[Any]] = []
    for word in fields.split():
        name, code = word.split(":")
        parts: list[Any] = [name, code[0], code[1:], name.replace("_", " ").capitalize()]
        if name == "STATUS":
            parts.append(["active", "inactive"])
        made.append(parts)
    return made


def relation(parts: list[str]) -> list[str]:
    """A relation as `[path, object, by]`, with the type only where it is not many-to-one."""
    return parts if len(parts) < 4 or parts[3] != "MANY2ONE" else parts[:3]


def catalogue(recorded: dict[str, Any]) -> dict[str, Any]:
    """All objects, by name."""
    made: dict[str, Any] = {}
    for name, entry in recorded.items():
        relations = [relation([r["path"], r["object"], r["by"], r["type"]]) for r in entry["rels"]]
        made[name] = [[compact_field(field) for field in entry["fields"]], relations]
    for name, fields in LACKING.items():
        if name not in made:
            made[name] = [spelled(fields), RELATIONS.get(name, [])]
    for name, fields in ADDED.items():
        there = {field[0] for field in made[name][0]}
        made[name][0] += [field for field in spelled(fields) if field[0] not in there]
    return dict(sorted(made.items()))


def main(source: str, target: str) -> None:
    """Read, convert, write: one object a line."""
    made = catalogue(json.loads(Path(source).read_text()))
    lines = [f"{json.dumps(name)}:{json.dumps(entry, separators=(',', ':'))}" for name, entry in made.items()]
    Path(target).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
