"""Records that both interfaces have: written by one, they are right in the other.

Envelopes and names are those of Sage's OpenAPI, and of recorded answers where these differ from it.
"""

from typing import Any

import pytest

from intacct_emulator.rest.catalogue import pairs
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, RoleSettings
from intacct_protocol.xml.values import DEFAULT, Kind, parse_value
from support.emulator.calls import data, query, rows
from support.emulator.rest import RestClient, Served
from support.small_company import Clock

LINE: dict[str, Any] = {
    "glAccount": {"id": "61300"},
    "txnAmount": "12.30",
    "memo": "Cleaning",
    "dimensions": {"location": {"id": "100"}, "department": {"id": "300"}},
}
BILL = {
    "billNumber": "RB-1",
    "vendor": {"id": "V10001"},
    "createdDate": "2026-11-20",
    "dueDate": "2026-12-20",
    "currency": {"txnCurrency": "USD"},
    "lines": [LINE, {**LINE, "txnAmount": "2.70", "memo": None}],
}
ENTRY_LINE: dict[str, Any] = {
    "glAccount": {"id": "65100"},
    "dimensions": {"location": {"id": "100"}, "department": {"id": "300"}},
}
ENTRY: dict[str, Any] = {
    "glJournal": {"id": "GJ"},
    "description": "Rent",
    "postingDate": "2026-11-20",
    "referenceNumber": "R-1",
    "lines": [
        {**ENTRY_LINE, "txnType": "debit", "txnAmount": "7.00"},
        {**ENTRY_LINE, "txnType": "credit", "txnAmount": "7.00", "glAccount": {"id": "66200"}},
    ],
}


def xml_rows(emulator: Any, name: str, fields: str, where: str) -> list[dict[str, str]]:
    return rows(data(emulator, query(name, fields, where)))


def equal(name: str, value: str) -> str:
    return f"<equalto><field>{name}</field><value>{value}</value></equalto>"


def test_a_bill_by_rest_is_an_apbill_with_its_postings(served: Served) -> None:
    client, emulator = served()
    rest = client.sign_in()
    answer = rest.post("/objects/accounts-payable/bill", BILL)
    assert answer.status == 201
    key = answer.result["key"]
    assert answer.result == {"key": key, "id": key, "href": f"/objects/accounts-payable/bill/{key}"}
    assert answer.meta == {"totalCount": 1, "totalSuccess": 1, "totalError": 0}
    [bill] = xml_rows(
        emulator, "APBILL", "RECORDID VENDORID WHENCREATED TRX_TOTALENTERED STATE", equal("RECORDNO", key)
    )
    assert bill == {
        "RECORDID": "RB-1",
        "VENDORID": "V10001",
        "WHENCREATED": "11/20/2026",
        "TRX_TOTALENTERED": "15",
        "STATE": "Posted",
    }
    lines = xml_rows(emulator, "APBILLITEM", "ACCOUNTNO TRX_AMOUNT ENTRYDESCRIPTION", equal("RECORDKEY", key))
    assert [(one["ACCOUNTNO"], one["TRX_AMOUNT"], one["ENTRYDESCRIPTION"]) for one in lines] == [
        ("61300", "12.3", "Cleaning"),
        ("61300", "2.7", ""),
    ]
    posted = xml_rows(emulator, "GLDETAIL", "ACCOUNTNO TRX_AMOUNT TR_TYPE", equal("RECORDID", "RB-1"))
    assert sorted((one["ACCOUNTNO"], one["TR_TYPE"]) for one in posted)[0] == ("20000", "-1")


def test_one_record_is_read_with_groups_references_and_lines(rest: RestClient) -> None:
    key = rest.create("accounts-payable/bill", **BILL)
    bill = rest.read("accounts-payable/bill", key)
    assert bill["vendor"].items() >= {"key": "1", "id": "V10001", "href": "/objects/accounts-payable/vendor/1"}.items()
    assert (bill["totalTxnAmount"], bill["totalTxnAmountDue"], bill["state"]) == ("15.00", "15.00", "posted")
    assert (bill["createdDate"], bill["dueDate"], bill["postingDate"]) == ("2026-11-20", "2026-12-20", "2026-11-20")
    assert bill["description"] is None and bill["isOnHold"] is False
    assert bill["audit"]["createdDateTime"] == "2026-11-30T12:00:00Z"
    assert [(line["lineNumber"], line["txnAmount"]) for line in bill["lines"]] == [("1", "12.30"), ("2", "2.70")]
    assert bill["lines"][0]["glAccount"].items() >= {"id": "61300"}.items()
    assert bill["lines"][0]["dimensions"]["department"].items() >= {"id": "300"}.items()
    assert bill["lines"][0]["bill"]["key"] == key


def test_lines_of_an_update_are_added_changed_and_deleted_and_the_others_stay(rest: RestClient) -> None:
    key = rest.create("accounts-payable/bill", **BILL)
    first, second = (line["key"] for line in rest.read("accounts-payable/bill", key)["lines"])

    def lines() -> list[tuple[str, str]]:
        return [(one["txnAmount"], one["memo"]) for one in rest.read("accounts-payable/bill", key)["lines"]]

    assert rest.patch(f"/objects/accounts-payable/bill/{key}", {"description": "Changed"}).status == 200
    assert lines() == [("12.30", "Cleaning"), ("2.70", None)]
    changed = {"lines": [{"key": second, "txnAmount": "5.00"}, {**LINE, "txnAmount": "1.00", "memo": "New"}]}
    rest.patch(f"/objects/accounts-payable/bill/{key}", changed)
    assert lines() == [("12.30", "Cleaning"), ("5.00", None), ("1.00", "New")]
    rest.patch(f"/objects/accounts-payable/bill/{key}", {"lines": [{"key": first, "ia::operation": "delete"}]})
    assert lines() == [("5.00", None), ("1.00", "New")]
    bill = rest.read("accounts-payable/bill", key)
    assert (bill["totalTxnAmount"], bill["description"]) == ("6.00", "Changed")


def test_a_journal_entry_posts_and_is_changed_line_by_line(served: Served) -> None:
    client, emulator = served()
    rest = client.sign_in()
    key = rest.create("general-ledger/journal-entry", **ENTRY)
    entry = rest.read("general-ledger/journal-entry", key)
    assert (entry["glJournal"]["id"], entry["state"], entry["referenceNumber"]) == ("GJ", "posted", "R-1")
    assert [(one["txnType"], one["txnAmount"]) for one in entry["lines"]] == [("debit", "7.00"), ("credit", "7.00")]
    more = [{**ENTRY_LINE, "txnType": "debit", "txnAmount": "1.00"}]
    more += [{**ENTRY_LINE, "txnType": "credit", "txnAmount": "1.00", "glAccount": {"id": "66200"}}]
    assert rest.patch(f"/objects/general-ledger/journal-entry/{key}", {"lines": more}).status == 200
    shown = xml_rows(emulator, "GLENTRY", "TR_TYPE TRX_AMOUNT", equal("BATCHNO", key))
    assert sorted(one["TRX_AMOUNT"] for one in shown) == ["1", "1", "7", "7"]
    rest.delete(f"/objects/general-ledger/journal-entry/{key}")
    assert xml_rows(emulator, "GLBATCH", "RECORDNO", equal("RECORDNO", key)) == []


def test_an_entry_that_does_not_balance_is_refused_with_the_rule_of_xml_and_leaves_nothing(served: Served) -> None:
    client, emulator = served()
    rest = client.sign_in()
    before = len(xml_rows(emulator, "GLBATCH", "RECORDNO", equal("JOURNAL", "GJ")))
    refused = rest.post("/objects/general-ledger/journal-entry", {**ENTRY, "lines": ENTRY["lines"][:1]})
    assert refused.status == 422
    assert refused.error["code"] == "operationFailed"
    assert refused.error["details"][0]["code"].startswith("BL")
    assert len(xml_rows(emulator, "GLBATCH", "RECORDNO", equal("JOURNAL", "GJ"))) == before


def test_a_draft_bill_is_a_draft_and_is_posted_by_its_state(rest: RestClient) -> None:
    key = rest.create("accounts-payable/bill", **{**BILL, "state": "draft"})
    assert rest.read("accounts-payable/bill", key)["state"] == "draft"
    rest.patch(f"/objects/accounts-payable/bill/{key}", {"state": "submitted"})
    assert rest.read("accounts-payable/bill", key)["state"] == "posted"


def test_a_reference_by_its_key_is_the_record_of_that_key(rest: RestClient) -> None:
    account = rest.query("general-ledger/account", "key", {"$eq": {"id": "61300"}}).result[0]["key"]
    line = {**LINE, "glAccount": {"key": account}}
    key = rest.create("accounts-payable/bill", **{**BILL, "vendor": {"key": "1"}, "lines": [line]})
    bill = rest.read("accounts-payable/bill", key)
    assert (bill["vendor"]["id"], bill["lines"][0]["glAccount"]["id"]) == ("V10001", "61300")


def test_a_key_and_an_id_of_two_records_is_refused_unless_the_key_counts(served: Served) -> None:
    both = {**BILL, "vendor": {"key": "1", "id": "V10002"}}
    refused = served()[0].sign_in().post("/objects/accounts-payable/bill", both)
    assert (refused.status, refused.error["details"][0]["target"]) == (400, "/vendor")
    settings = EmulatorSettings(behaviour=Behaviour(rest_key_and_id="key"))
    rest = served(settings=settings)[0].sign_in()
    assert rest.read("accounts-payable/bill", rest.create("accounts-payable/bill", **both))["vendor"]["id"] == "V10001"


@pytest.mark.parametrize(
    ("change", "target", "message"),
    [
        ({"nonsense": 1}, "/nonsense", "is not a valid field"),
        ({"totalTxnAmount": "1.00"}, "/totalTxnAmount", "is a read-only field"),
        ({"dueDate": "20.12.2026"}, "/dueDate", "is not a date such as 2026-11-30"),
        ({"dueDate": "2026-02-30"}, "/dueDate", "is not a date"),
        ({"isOnHold": "yes"}, "/isOnHold", "is not true or false"),
        ({"state": "nearly"}, "/state", "is not one of"),
        ({"lines": [{**LINE, "txnAmount": "many"}]}, "/lines/0/txnAmount", "is not an amount"),
        ({"lines": [{**LINE, "colour": "red"}]}, "/lines/0/colour", "is not a valid field"),
        ({"lines": {"key": "1"}}, "/lines", "is not a list of lines"),
    ],
)
def test_a_payload_names_each_wrong_field(rest: RestClient, change: dict[str, Any], target: str, message: str) -> None:
    refused = rest.post("/objects/accounts-payable/bill", {**BILL, **change})
    assert (refused.status, refused.error["errorId"]) == (400, "REST-1064")
    [detail] = refused.error["details"]
    assert (detail["target"], detail["errorId"]) == (target, "REST-1043") and message in detail["message"]
    assert rest.query("accounts-payable/bill", "key", {"$eq": {"billNumber": "RB-1"}}).result == []


def test_a_fault_names_the_field_by_its_rest_name(rest: RestClient) -> None:
    again = {"id": "V10001", "name": "Again", "contacts": {"default": {"printAs": "Again"}}}
    refused = rest.post("/objects/accounts-payable/vendor", again)
    assert (refused.status, refused.error["details"][0]["target"]) == (422, "/id")


@pytest.mark.parametrize("setting", ["kept", "cleared"])
def test_an_empty_list_of_lines(served: Served, setting: Any) -> None:
    rest = served(settings=EmulatorSettings(behaviour=Behaviour(rest_empty_lines=setting)))[0].sign_in()
    key = rest.create("accounts-payable/bill", **BILL)
    answer = rest.patch(f"/objects/accounts-payable/bill/{key}", {"lines": []})
    if setting == "kept":
        assert (answer.status, len(rest.read("accounts-payable/bill", key)["lines"])) == (200, 2)
    else:  # a bill without lines is refused by its own rule
        assert answer.status == 422


@pytest.mark.parametrize("setting", ["refused", "ignored"])
def test_a_line_that_the_record_does_not_have(served: Served, setting: Any) -> None:
    rest = served(settings=EmulatorSettings(behaviour=Behaviour(rest_unknown_line=setting)))[0].sign_in()
    key = rest.create("accounts-payable/bill", **BILL)
    sent = {"lines": [{"key": "999999", "txnAmount": "1.00"}]}
    assert rest.patch(f"/objects/accounts-payable/bill/{key}", sent).status == (400 if setting == "refused" else 200)
    assert len(rest.read("accounts-payable/bill", key)["lines"]) == 2


def test_a_user_without_the_right_is_forbidden(served: Served) -> None:
    roles = (RoleSettings(name="administrator", rights={"VENDOR": ("list", "view")}),)
    rest = served(settings=EmulatorSettings(companies=(CompanySettings(roles=roles),)))[0].sign_in()
    assert rest.get("/objects/accounts-payable/vendor/1").status == 200
    for refused in (
        rest.post("/objects/accounts-payable/vendor", {"id": "X", "name": "X"}),
        rest.get("/objects/accounts-receivable/customer/1"),
        rest.query("accounts-receivable/customer", "key"),
    ):
        assert (refused.status, refused.error["code"]) == (403, "operationNotPermitted")


def test_a_batch_answers_each_record_and_an_atomic_one_is_whole_or_nothing(rest: RestClient) -> None:
    path = "/objects/company-config/class"
    good, twice = {"id": "B-1", "name": "One"}, {"id": "B-1", "name": "Again"}
    refused = rest.post(path, [good, twice], **{"x-ia-api-param-transaction": "true"})
    assert refused.status == 422
    assert rest.query("company-config/class", "key", {"$eq": {"id": "B-1"}}).result == []
    mixed = rest.post(path, [good, twice])
    assert (mixed.status, mixed.meta) == (207, {"totalCount": 2, "totalSuccess": 1, "totalError": 1})
    first, second = mixed.json["ia::result"]
    assert (first["ia::status"], first["id"], second["ia::status"]) == (201, "B-1", 422)
    assert second["ia::error"]["details"]
    keys = [rest.create("company-config/class", id=f"B-{number}", name="Some") for number in (2, 3)]
    assert [one["id"] for one in rest.get(f"{path}/{','.join(keys)}").result] == ["B-2", "B-3"]
    changed = rest.patch(path, [{"key": key, "name": "Changed"} for key in keys])
    assert changed.meta["totalSuccess"] == 2
    assert rest.delete(f"{path}/{','.join(keys)}").status == 204
    assert rest.get(f"{path}/{keys[0]}").status == 404


def test_every_pair_reads_the_same_by_both_interfaces(served: Served) -> None:
    """Each field of each pair: the REST value is the XML text in the other notation."""
    client, emulator = served()
    rest = client.sign_in()
    closed = emulator.company().settings.unqueryable
    compared = 0
    for name, pair in pairs().items():
        fields = {one: xml for one, xml in pair.fields.items() if xml not in closed.get(pair.xml, ())}
        names = [one for one in fields if not pair.rest.fields[one].deprecated]
        page = rest.query(name, " ".join(names), size=200, orderBy=[{"key": "asc"}])
        by_key = {row["key"]: row for row in page.result}
        wanted = " ".join(dict.fromkeys(fields.values()))
        shown = rows(data(emulator, query(pair.xml, wanted, more="<pagesize>2000</pagesize>")))
        for row in shown:
            other = by_key.get(row[pair.fields["key"]])
            for rest_name in names if other is not None else ():
                definition, text = pair.rest.fields[rest_name], row[fields[rest_name]]
                expected = in_rest_notation(definition, text)
                value = other[rest_name] if other is not None else None
                if callable(expected):
                    assert expected(value), (name, rest_name, text, value)
                else:
                    assert value == expected, (name, rest_name, text)
                compared += 1
    assert compared > 20_000


def in_rest_notation(definition: Any, text: str) -> Any:
    """What a text of the XML interface is in REST: a value, or a test for words that are spelled in another way."""
    if not text:
        return lambda value: value in (None, False)
    if definition.type == "boolean":
        return text.lower() in ("true", "t", "yes", "1")
    if definition.format == "date":
        return parse_value(Kind.DATE, text[:10], DEFAULT).isoformat()  # type: ignore[union-attr]  # a date
    if definition.format == "date-time":
        return lambda value: value.endswith("Z") and value[:10] == f"{text[6:10]}-{text[:2]}-{text[3:5]}"
    if definition.type == "number":
        return lambda value: float(value) == float(text)
    if definition.decimals is not None:
        return lambda value: isinstance(value, str) and float(value) == float(text) and len(value.split(".")[1]) >= 2
    if definition.enum or len(text) <= 2:
        return lambda value: isinstance(value, str)
    return text


def test_scripted_faults_and_the_count_are_those_of_the_xml_interface(served: Served, clock: Clock) -> None:
    from intacct_emulator.settings.faults import ScriptedFault

    fault = ScriptedFault("fault", function="create", object="CLASS", calls=(2,), errorno="BL-TEST", text="Not today")
    client, emulator = served(faults=(fault, ScriptedFault("http", function="query", object="VENDOR", status=503)))
    rest = client.sign_in()
    rest.create("company-config/class", id="F-1", name="One")
    refused = rest.post("/objects/company-config/class", {"id": "F-2", "name": "Two"})
    assert (refused.status, refused.error["details"][0]["code"]) == (422, "BL-TEST")
    rest.create("company-config/class", id="F-2", name="Two")
    assert rest.query("accounts-payable/vendor", "key").status == 503
    assert rest.query("accounts-payable/vendor", "key").status == 200
    count = emulator.transactions()
    assert (count.by_function["create"], count.by_function["query"]) == (3, 1)
    assert [one.functions for one in emulator.received][-2:] == [("query",), ("query",)]


def test_a_cut_after_the_work_leaves_the_record(served: Served) -> None:
    import http.client

    from intacct_emulator.settings.faults import ScriptedFault

    client, _ = served(faults=(ScriptedFault("cut-after", function="create", object="CLASS"),))
    rest = client.sign_in()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        rest.post("/objects/company-config/class", {"id": "C-1", "name": "One"})
    assert len(rest.query("company-config/class", "key", {"$eq": {"id": "C-1"}}).result) == 1
