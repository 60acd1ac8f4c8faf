"""Sales and purchase transactions, and approvals; bodies in the order of "Create Order Entry Transaction (Legacy)"."""

from dataclasses import replace

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.documents import bill, made
from support.emulator.ledger_checks import assert_true, balances
from support.emulator.legacy_documents import cells, day, key_of, receipt
from support.emulator.orders import document, item_of, line, sale


def test_an_order_does_not_post_and_its_invoice_does(demo: Emulator) -> None:
    before, item = balances(demo.company()), item_of(demo)
    assert key_of(demo, sale("Sales Order", "X1", line(item, 3, "10.50"))) == "Sales Order-X1"
    assert document(demo, "Sales Order-X1", "STATE TRX_TOTAL CUSTVENDID") == {
        "STATE": "Pending",
        "TRX_TOTAL": "31.5",
        "CUSTVENDID": "C20130",
    }
    assert balances(demo.company()) == before
    from_order = "<createdfrom>Sales Order-X1</createdfrom>"
    assert key_of(demo, sale("Sales Invoice", "X1", line(item, 2, "10.50"), from_order)) == "Sales Invoice-X1"
    assert document(demo, "Sales Order-X1", "STATE")["STATE"] == "Partially Converted"
    invoice = document(demo, "Sales Invoice-X1", "PRRECORDKEY STATE TOTALDUE")
    assert cells(demo, "ARINVOICE", invoice["PRRECORDKEY"], "RECORDID STATE TOTALDUE MODULEKEY") == [
        *("X1", "Posted", "21", "8.SO"),
    ]
    assert_true(demo)


def test_an_order_shows_the_contacts_that_it_names(demo: Emulator) -> None:
    # the recorded lookup of SODOCUMENT: BILLTO and SHIPTO lead to CONTACTVERSION by BILLTOKEY and SHIPTOKEY
    contact = "<CONTACT><CONTACTNAME>Jones</CONTACTNAME><PRINTAS>Bill Jones</PRINTAS></CONTACT>"
    assert one(demo, f"<create>{contact}</create>").status == "success"
    order = sale("Sales Order", "X9", line(item_of(demo), 3, "10.50"))
    to = "<termname>N30</termname><shipto><contactname>Jones</contactname></shipto>"
    key_of(demo, order.replace("<termname>N30</termname>", to))
    shown = document(demo, "Sales Order-X9", "SHIPTO.CONTACTNAME SHIPTO.PRINTAS BILLTO.CONTACTNAME BILLTO.PRINTAS")
    assert (shown["SHIPTO.CONTACTNAME"], shown["SHIPTO.PRINTAS"]) == ("Jones", "Bill Jones")
    assert shown["BILLTO.CONTACTNAME"].startswith(shown["BILLTO.PRINTAS"])
    assert shown["BILLTO.PRINTAS"] not in ("", "Bill Jones")


def test_every_edit_makes_a_new_invoice(demo: Emulator) -> None:
    item = item_of(demo)
    key = key_of(demo, sale("Sales Invoice", "X2", line(item, 2, "10")))
    first = document(demo, key, "PRRECORDKEY")["PRRECORDKEY"]
    change = (
        f'<update_sotransaction key="{key}"><updatesotransitems><updatesotransitem line_num="1">'
        f"<itemid>{item}</itemid><quantity>5</quantity></updatesotransitem>{line(item, 1, '7')}"
        "</updatesotransitems></update_sotransaction>"
    )
    assert key_of(demo, change) == key
    second = document(demo, key, "PRRECORDKEY TOTALDUE")
    assert second["PRRECORDKEY"] != first
    assert second["TOTALDUE"] == "57"
    where = f"<equalto><field>RECORDNO</field><value>{first}</value></equalto>"
    assert rows(data(demo, query("ARINVOICE", "RECORDNO", where))) == []
    deleted = "<equalto><field>ACCESSMODE</field><value>D</value></equalto>"
    deleted_rows = rows(data(demo, query("AUDITHISTORY", "OBJECTTYPE OBJECTKEY", deleted)))
    assert {"OBJECTTYPE": "arinvoice", "OBJECTKEY": first} in deleted_rows
    assert_true(demo)


def test_a_transaction_with_a_paid_invoice_cannot_be_changed(demo: Emulator) -> None:
    key = key_of(demo, sale("Sales Invoice", "X3", line(item_of(demo), 1, "10")))
    behind = document(demo, key, "PRRECORDKEY")["PRRECORDKEY"]
    key_of(demo, receipt("10", (behind, "10")))
    assert faults(demo, f'<delete_sotransaction key="{key}"/>')[0].errorno == "BL03000130"
    assert_true(demo)


def test_deleting_a_transaction_deletes_its_invoice(demo: Emulator) -> None:
    before = balances(demo.company())
    key = key_of(demo, sale("Sales Invoice", "X4", line(item_of(demo), 1, "10")))
    assert faults(demo, sale("Sales Invoice", "X4", line(item_of(demo), 1, "10")))[0].errorno == "BL03002185"
    assert one(demo, f'<delete_sotransaction key="{key}"/>').status == "success"
    assert balances(demo.company()) == before
    assert_true(demo)


def test_a_vendor_invoice_makes_a_bill_and_an_empty_item_deletes_a_line(demo: Emulator) -> None:
    item = item_of(demo)
    lines = line(item, 1, "10").replace("sotransitem", "potransitem")
    contact = "<returnto><contactname></contactname></returnto><payto><contactname></contactname></payto>"
    body = (
        f"<transactiontype>Vendor Invoice</transactiontype>{day('datecreated')}<vendorid>V10087</vendorid>"
        f"<documentno>P1</documentno><termname>N30</termname>{contact}<potransitems>{lines}{lines}</potransitems>"
    )
    key = key_of(demo, f"<create_potransaction>{body}</create_potransaction>")
    assert_true(demo)
    emptied = '<updatepotransitem line_num="2"><itemid></itemid></updatepotransitem>'
    change = (
        f'<update_potransaction key="{key}"><updatepotransitems>{emptied}</updatepotransitems></update_potransaction>'
    )
    key_of(demo, change)
    where = f"<equalto><field>DOCHDRID</field><value>{key}</value></equalto>"
    assert [row["LINE_NO"] for row in rows(data(demo, query("PODOCUMENTENTRY", "LINE_NO", where)))] == ["0"]
    assert_true(demo)


def test_a_bill_waits_for_approval_by_a_setting(demo: Emulator) -> None:
    behaviour = replace(demo.settings.behaviour, approve_bills=True)
    emulator = demo.clone(settings=replace(demo.settings, behaviour=behaviour))
    before = balances(emulator.company())
    key = made(emulator, bill())
    assert cells(emulator, "APBILL", key, "STATE") == ["Submitted"]
    assert balances(emulator.company()) == before
    approve = f"<approve>{element('APBILL', RECORDNO=key)}</approve>"
    assert one(emulator, approve).status == "success"
    assert cells(emulator, "APBILL", key, "STATE") == ["Posted"]
    assert "does not wait for approval" in faults(emulator, approve)[0].description2
    assert_true(emulator)
    emulator.close()


def test_a_timesheet_names_its_employee_and_cannot_be_changed_once_approved(demo: Emulator) -> None:
    entry = element("TIMESHEETENTRY", ENTRYDATE="11/17/2026", QTY="7.5", LOCATIONID="110")
    sheet = element("TIMESHEET", EMPLOYEEID="E0085", BEGINDATE="11/16/2026", TIMESHEETENTRIES=entry)
    key = made(demo, f"<create>{sheet}</create>")
    assert cells(demo, "TIMESHEET", key, "STATE ENDDATE") == ["Submitted", "11/22/2026"]
    where = f"<equalto><field>TIMESHEETKEY</field><value>{key}</value></equalto>"
    lines = rows(data(demo, query("TIMESHEETENTRY", "LINENO EMPLOYEEID TS_BEGINDATE QTY", where)))
    assert [list(one.values()) for one in lines] == [["1", "E0085", "11/16/2026", "7.5"]]
    assert one(demo, f"<approve>{element('TIMESHEET', RECORDNO=key)}</approve>").status == "success"
    assert "is approved" in faults(demo, f"<delete><object>TIMESHEET</object><keys>{key}</keys></delete>")[0].text


def entries_of(emulator: Emulator, key: str) -> list[tuple[str, str]]:
    where = f"<equalto><field>TIMESHEETKEY</field><value>{key}</value></equalto>"
    found = rows(data(emulator, query("TIMESHEETENTRY", "RECORDNO STATE", where)))
    return [(row["RECORDNO"], row["STATE"]) for row in found]


def test_days_of_a_timesheet_are_approved_and_declined_alone(demo: Emulator) -> None:
    """Sage, "Approve timesheet": with a mix, the last action gives the timesheet's state."""
    days = "".join(element("TIMESHEETENTRY", ENTRYDATE=f"11/{n}/2026", QTY="8", LOCATIONID="110") for n in (16, 17, 18))
    sheet = element("TIMESHEET", EMPLOYEEID="E0085", BEGINDATE="11/16/2026", TIMESHEETENTRIES=days)
    key = made(demo, f"<create>{sheet}</create>")
    first, second, third = (number for number, _ in entries_of(demo, key))

    def decide(function: str, entry: str, **more: str) -> str:
        return f"<{function}>{element('TIMESHEET', RECORDNO=key, ENTRYKEYS=entry, **more)}</{function}>"

    assert one(demo, decide("approve", first, COMMENT="fine")).status == "success"
    assert cells(demo, "TIMESHEET", key, "STATE") == ["Partially Approved"]
    assert [state for _, state in entries_of(demo, key)] == ["Approved", "Submitted", "Submitted"]
    assert "does not wait for approval" in faults(demo, decide("decline", first))[0].text
    assert one(demo, decide("decline", second, COMMENT="a holiday")).status == "success"
    assert cells(demo, "TIMESHEET", key, "STATE") == ["Partially Declined"]
    assert one(demo, decide("approve", "")).status == "success"
    assert cells(demo, "TIMESHEET", key, "STATE") == ["Partially Approved"]
    assert entries_of(demo, key) == [(first, "Approved"), (second, "Declined"), (third, "Approved")]
    assert "does not wait for approval" in faults(demo, decide("approve", ""))[0].text
    where = f"<equalto><field>TIMESHEETKEY</field><value>{key}</value></equalto>"
    noted = rows(data(demo, query("TIMESHEETAPPROVAL", "TIMESHEETENTRYKEY STATE COMMENTS", where)))
    assert [tuple(row.values()) for row in noted] == [
        (first, "Approved", "fine"),
        (second, "Declined", "a holiday"),
        (third, "Approved", ""),
    ]


def test_a_timesheet_by_its_own_function(demo: Emulator) -> None:
    item = f"<timesheetitem><locationid>110</locationid>{day('entrydate', 17)}<qty>4</qty></timesheetitem>"
    head = f"<employeeid>E0085</employeeid>{day('begindate', 16)}"
    key = key_of(demo, f"<create_timesheet>{head}<timesheetitems>{item}</timesheetitems></create_timesheet>")
    where = f"<equalto><field>TIMESHEETKEY</field><value>{key}</value></equalto>"
    assert rows(data(demo, query("TIMESHEETENTRY", "QTY ENTRYDATE", where))) == [
        {"QTY": "4", "ENTRYDATE": "11/17/2026"}
    ]
    assert one(demo, f'<delete_timesheet key="{key}"/>').status == "success"


def test_a_manual_check_debits_the_accounts_it_names(demo: Emulator) -> None:
    before = balances(demo.company())
    item = (
        "<payitem><glaccountno>60500</glaccountno><paymentamount>31</paymentamount><departmentid>100</departmentid>"
        "<locationid>110</locationid></payitem>"
    )
    head = "<bankaccountid>CHK-INS</bankaccountid><vendorid>V10087</vendorid><memo>m</memo>"
    check = f"{day('checkdate')}<checkno>C-1</checkno><payitems>{item}</payitems>"
    key = key_of(demo, f"<create_appayment>{head}{check}</create_appayment>")
    assert cells(demo, "APPYMT", key, "STATE TOTALENTERED DOCNUMBER") == ["Confirmed", "31", "C-1"]
    after = balances(demo.company())
    assert after["60500"] - before["60500"] == before["10010"] - after["10010"] == 31
    assert_true(demo)
    key_of(demo, f'<reverse_appayment key="{key}">{day("datereversed")}</reverse_appayment>')
    assert balances(demo.company()) == before


def test_posting_a_schedule_entry_recognises_revenue_and_unposting_reverses_it(demo: Emulator) -> None:
    company, before = demo.company(), balances(demo.company())
    deferred, revenue = (company.table("GLACCOUNT").find("ACCOUNTNO", number)[0] for number in ("22000", "42000"))
    line = next(row for _, row in company.table("ARINVOICEITEM").rows() if row["LOCATIONID"] == "110")
    schedule = company.table("REVRECSCHEDULE").insert({"STATUS": "In Progress", "PRENTRYKEY": line["RECORDNO"]})
    cells = {"REVRECSCHEDULEKEY": str(schedule), "POSTED": "false", "POSTINGDATE": "11/20/2026", "AMOUNT": "40"}
    cells |= {"REVACCTKEY": str(revenue), "DEFERREDREVACCTKEY": str(deferred)}
    number = company.table("REVRECSCHEDULEENTRY").insert(cells)
    post, unpost, hold = (
        f"<{name}><recordno>{{}}</recordno></{name}>"
        for name in ("post_revrecscheduleentry", "unpost_revrecscheduleentry", "hold_revrecschedule")
    )
    key_of(demo, post.format(number))
    after = balances(demo.company())
    assert after["22000"] - before["22000"] == before["42000"] - after["42000"] == 40
    assert_true(demo)
    key_of(demo, unpost.format(number))
    assert balances(demo.company()) == before
    assert_true(demo)
    one(demo, hold.format(schedule))
    assert "is on hold" in faults(demo, post.format(number))[0].description2


def test_the_other_fields_of_an_order_and_its_lines_are_kept(demo: Emulator) -> None:
    # The page on order entry transactions lists these elements; the object has fields of the same names.
    needed = "<needbydate><year>2026</year><month>12</month><day>05</day></needbydate>"
    lines = line(item_of(demo), 2, "10").replace("</sotransitem>", f"{needed}</sotransitem>")
    shipped = "<shippeddate><year>2026</year><month>12</month><day>09</day></shippeddate>"
    shipped = f"<trackingnumber>1Z 999</trackingnumber>{shipped}"
    after = "<subtotals/><scope>North hall</scope><performancebondrequired>true</performancebondrequired>"
    order = sale("Sales Order", "X7", lines).replace("<sotransitems>", f"{shipped}<sotransitems>")
    key = key_of(demo, order.replace("</create_sotransaction>", f"{after}</create_sotransaction>"))
    kept = document(demo, key, "TRACKINGNUMBER SHIPPEDDATE SCOPE PERFORMANCEBONDREQUIRED")
    assert list(kept.values()) == ["1Z 999", "12/09/2026", "North hall", "true"]
    where = f"<equalto><field>DOCHDRID</field><value>{key}</value></equalto>"
    (ordered,) = rows(data(demo, query("SODOCUMENTENTRY", "NEEDBYDATE", where)))
    assert ordered == {"NEEDBYDATE": "12/05/2026"}
