"""The demo company as a whole: the same rows every time, enough of them, and only fields of the catalogue."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import islice

import pytest

from intacct_emulator.demo_company.company import demo_company
from intacct_emulator.demo_company.generator.declaration import demo_definitions
from intacct_emulator.settings.cells import text_of
from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.values import Kind
from support.emulator.demo_rows import AS_OF, demo_rows

NAMED = {
    "VENDOR": "VENDORID",
    "CUSTOMER": "CUSTOMERID",
    "EMPLOYEE": "EMPLOYEEID",
    "ITEM": "ITEMID",
    "PROJECT": "PROJECTID",
    "CLASS": "CLASSID",
    "DEPARTMENT": "DEPARTMENTID",
    "LOCATION": "LOCATIONID",
    "APTERM": "NAME",
    "JOURNAL": "SYMBOL",
    "USERINFO": "LOGINID",
    "CONTACT": "CONTACTNAME",
    "TRXCURRENCIES": "CODE",
    "EMPLOYEEPOSITION": "POSITIONID",
    "FUND": "id",
}
REFERENCES = {
    "VENDORID": "VENDOR",
    "CUSTOMERID": "CUSTOMER",
    "EMPLOYEEID": "EMPLOYEE",
    "SUPERVISORID": "EMPLOYEE",
    "MANAGERID": "EMPLOYEE",
    "CUSTREPID": "EMPLOYEE",
    "ITEMID": "ITEM",
    "PROJECTID": "PROJECT",
    "CLASSID": "CLASS",
    "DEPARTMENTID": "DEPARTMENT",
    "DEPARTMENT": "DEPARTMENT",
    "LOCATIONID": "LOCATION",
    "MEGAENTITYID": "LOCATION",
    "TERMNAME": "APTERM",
    "CREATEDBYLOGINID": "USERINFO",
    "MODIFIEDBYLOGINID": "USERINFO",
    "BILLTOPAYTOCONTACTNAME": "CONTACT",
    "DISPLAYCONTACT.CONTACTNAME": "CONTACT",
    "PERSONALINFO.CONTACTNAME": "CONTACT",
    "BASECURR": "TRXCURRENCIES",
    "EMPPOSITIONID": "EMPLOYEEPOSITION",
}
KEYS = {
    "APBILLITEM": {"RECORDKEY": "APBILL"},
    "ARINVOICEITEM": {"RECORDKEY": "ARINVOICE"},
    "APADJUSTMENTITEM": {"RECORDKEY": "APADJUSTMENT"},
    "ARADJUSTMENTITEM": {"RECORDKEY": "ARADJUSTMENT"},
    "APPYMTDETAIL": {
        "RECORDKEY": "APBILL",
        "ENTRYKEY": "APBILLITEM",
        "PAYMENTKEY": "APPYMT",
        "ADJUSTMENTKEY": "APADJUSTMENT",
        "ADJUSTMENTENTRYKEY": "APADJUSTMENTITEM",
    },
    "ARPYMTDETAIL": {
        "RECORDKEY": "ARINVOICE",
        "ENTRYKEY": "ARINVOICEITEM",
        "PAYMENTKEY": "ARPYMT",
        "ADJUSTMENTKEY": "ARADJUSTMENT",
        "ADJUSTMENTENTRYKEY": "ARADJUSTMENTITEM",
    },
    "DEPOSITENTRY": {"RECORDKEY": "DEPOSIT"},
    "EEXPENSESITEM": {"RECORDKEY": "EEXPENSES"},
    "CCTRANSACTIONENTRY": {"RECORDKEY": "CCTRANSACTION"},
    "OTHERRECEIPTSENTRY": {"RECORDKEY": "OTHERRECEIPTS"},
    "TIMESHEETENTRY": {"TIMESHEETKEY": "TIMESHEET"},
    "EXCHANGERATEENTRY": {},
    "GLENTRY": {"BATCHNO": "GLBATCH", "LOCATIONKEY": "LOCATION", "DEPARTMENTKEY": "DEPARTMENT"},
    "GLDETAIL": {"BATCHKEY": "GLBATCH", "GLENTRYKEY": "GLENTRY"},
    "GLBATCH": {"REVERSEDKEY": "GLBATCH", "MEGAENTITYKEY": "LOCATION", "CREATEDBY": "USERINFO"},
    "TASK": {"PROJECTKEY": "PROJECT"},
    "GLBUDGETITEM": {"BUDGETKEY": "GLBUDGETHEADER", "ACCOUNTKEY": "GLACCOUNT", "DEPTKEY": "DEPARTMENT"},
    "ALLOCATIONENTRY": {"ALLOCATIONKEY": "ALLOCATION"},
    "USERINFO": {"CONTACTKEY": "CONTACT"},
    "APBILL": {"BILLTOPAYTOKEY": "CONTACTVERSION"},
    "ARINVOICE": {"BILLTOPAYTOKEY": "CONTACTVERSION"},
    "SODOCUMENT": {"PRRECORDKEY": "ARINVOICE"},
    "PODOCUMENT": {"PRRECORDKEY": "APBILL"},
    "VENDOR": {"DISPLAYCONTACTKEY": "CONTACT", "TERMSKEY": "APTERM", "VENDTYPEKEY": "VENDTYPE"},
    "CUSTOMER": {"DISPLAYCONTACTKEY": "CONTACT", "TERMSKEY": "ARTERM", "CUSTTYPEKEY": "CUSTTYPE"},
}


def test_the_same_seed_and_day_make_the_same_company() -> None:
    day = date(2026, 1, 31)
    first, again = (islice(demo_company(7, as_of=day), 40_000) for _ in "12")
    assert all(one == other for one, other in zip(first, again, strict=True))
    for other_company in (demo_company(8, as_of=day), demo_company(7, as_of=date(2026, 2, 28))):
        pairs = zip(islice(demo_company(7, as_of=day), 3000), other_company, strict=False)
        assert any(one != other for one, other in pairs)


@pytest.mark.slow
def test_the_rows_of_a_seed_and_day_stay_the_same_from_version_to_version() -> None:
    """A change here changes every demo company that users have: undo it, or list it in the changelog."""
    digest = sha256()
    for name, rows in demo_rows().items():
        for row in rows:
            digest.update(f"{name} {[(field, text_of(value)) for field, value in row.items()]}\n".encode())
    assert digest.hexdigest()[:16] == "ea5b87e6fe87b9ac"


def test_a_scale_of_zero_is_refused() -> None:
    with pytest.raises(SettingsError, match="scale 0"):
        next(demo_company(1, as_of=AS_OF, scale=0))


@pytest.mark.parametrize("as_of", [date(2026, 3, 1), date(2024, 2, 29)])
def test_it_is_large_enough_on_any_day(as_of: date) -> None:
    found = demo_rows(1, as_of)
    assert 20_000 <= len(found["GLDETAIL"]) <= 26_000
    assert len(found) >= 40
    days = [row["BATCH_DATE"] for row in found["GLDETAIL"]]
    assert max(days, key=str) <= as_of  # type: ignore[operator]
    assert len({str(day)[:7] for day in days}) == 24


def test_no_time_stamp_is_in_the_future() -> None:
    latest = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) - timedelta(hours=14)
    for name, rows in demo_rows().items():
        for row in rows:
            for field, value in row.items():
                if isinstance(value, datetime):
                    assert value <= latest, (name, field)
                    assert value.tzinfo is UTC


def test_record_numbers_are_unique() -> None:
    for name, rows in demo_rows().items():
        keys = [row["RECORDNO"] for row in rows if "RECORDNO" in row]
        assert len(keys) in (0, len(rows)), name
        assert len(set(keys)) == len(keys), name


def test_every_field_is_in_the_catalogue_and_of_its_kind() -> None:
    definitions = demo_definitions()
    catalog = definitions.added_to(standard_catalog())
    numbers = (Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT)
    types = {Kind.INTEGER: int, Kind.DATE: date, Kind.TIMESTAMP: datetime, Kind.BOOLEAN: bool}
    wrong = Counter[str]()
    for name, rows in demo_rows().items():
        own = (one.field for one in definitions.definition_fields if one.object == name)
        fields = {**catalog[name].fields, **{field.name: field for field in own}}
        for row in rows:
            for field, value in row.items():
                if field not in fields:
                    wrong[f"{name}.{field} is unknown"] += 1
                    continue
                if value is None:
                    continue
                kind = fields[field].kind
                if type(value) is not (Decimal if kind in numbers else types.get(kind, str)):
                    wrong[f"{name}.{field} is {type(value).__name__}, not {kind}"] += 1
                if kind is not Kind.BOOLEAN and fields[field].values and str(value) not in fields[field].values:
                    wrong[f"{name}.{field} has {value!r}, not of {fields[field].values}"] += 1
    assert dict(wrong) == {}


@pytest.mark.parametrize(
    ("party", "name", "key", "list_object"),
    [
        ("VENDOR", "TERMNAME", "TERMSKEY", "APTERM"),
        ("VENDOR", "VENDTYPE", "VENDTYPEKEY", "VENDTYPE"),
        ("CUSTOMER", "TERMNAME", "TERMSKEY", "ARTERM"),
        ("CUSTOMER", "CUSTTYPE", "CUSTTYPEKEY", "CUSTTYPE"),
    ],
)
def test_a_party_has_the_record_number_of_its_term_and_type(party: str, name: str, key: str, list_object: str) -> None:
    # the recorded lookups call these fields the record number of the term, the vendor type, the customer type
    named = {row["RECORDNO"]: row["NAME"] for row in demo_rows()[list_object]}
    parties = demo_rows()[party]
    assert parties
    assert [named[row[key]] for row in parties] == [row[name] for row in parties]


def test_every_reference_names_a_record() -> None:
    found = demo_rows()
    ids = {name: {row.get(field) for row in found[name]} for name, field in NAMED.items()}
    numbers = {name: {row["RECORDNO"] for row in rows if "RECORDNO" in row} for name, rows in found.items()}
    for name, rows in found.items():
        for row in rows:
            for field, target in REFERENCES.items():
                value = row.get(field)
                if value is not None and name != target:
                    assert value in ids[target], (name, field, value)
            for field, target in KEYS.get(name, {}).items():
                value = row.get(field)
                if value is not None:
                    assert value in numbers[target], (name, field, value)


def test_deleted_records_do_not_exist() -> None:
    deleted = [row for row in demo_rows()["AUDITHISTORY"] if row["ACCESSMODE"] == "D"]
    assert len(deleted) >= 5
    for row in deleted:
        name, key = str(row["OBJECTTYPE"]).upper(), str(row["OBJECTKEY"]).removesuffix("--REC")
        assert key not in {str(one["RECORDNO"]) for one in demo_rows()[name]}
        assert key not in {str(one.get(f"{name}ID")) for one in demo_rows()[name]}


def test_every_awkward_kind_of_record_occurs() -> None:
    found = demo_rows()
    text = " ".join(str(row["NAME"]) for name in ("CUSTOMER", "VENDOR", "LOCATION") for row in found[name])
    text += " ".join(str(row["LASTNAME"]) + str(row["FIRSTNAME"]) for row in found["EEXPENSES"])
    assert {"é", "&"} <= set(text)
    assert any("Œ" in str(row["name"]) for row in found["FUND"])
    assert {row["STATUS"] for row in found["FUND"]} == {"active", "inactive"}
    assert any("'" in str(row["SITE_ACCESS"]) for row in found["PROJECT"] if "SITE_ACCESS" in row)
    assert any('"' in str(row["NAME"]) for row in found["ITEM"])
    for name in ("VENDOR", "GLACCOUNT", "DEPARTMENT", "CUSTOMER", "ITEM"):
        assert len({row["STATUS"] for row in found[name]}) > 1, name
    for name in ("CUSTOMER", "APBILL", "ARINVOICE", "GLACCOUNT"):
        assert None in {row["WHENMODIFIED"] for row in found[name]}, name
    for name in ("APBILLITEM", "ARINVOICEITEM"):
        amounts = [row["TRX_AMOUNT"] for row in found[name]]
        assert 0 in amounts
        assert any(amount < 0 for amount in amounts if isinstance(amount, Decimal))
    together = Counter(row["WHENCREATED"] for row in found["GLACCOUNT"])
    assert max(together.values()) > 50
    assert any(row.get("GLDIMFUND") for row in found["GLDETAIL"])
    assert {row["CURRENCY"] for row in found["APBILL"] if row["BASECURR"] == "CAD"} == {"CAD", "USD"}


def test_a_private_record_names_its_owner_and_a_shared_record_does_not() -> None:
    for name in ("VENDOR", "CUSTOMER", "APBILL", "ARINVOICE", "GLBATCH"):
        owners = Counter(row.get("MEGAENTITYID") for row in demo_rows()[name])
        assert owners[None] > 0, name
        assert owners["300"] > 0, name
