"""Lists, attachments and rates by legacy functions; bodies in the order of the documented content models."""

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from support.emulator.calls import data, faults, one, query, rows


def cells(emulator: Emulator, name: str, field: str, key: str, fields: str) -> dict[str, str]:
    where = f"<equalto><field>{field}</field><value>{key}</value></equalto>"
    found = rows(data(emulator, query(name, fields, where)))
    return found[0] if found else {}


VENDOR = (
    "<create_vendor><vendorid>LV-1</vendorid><name>Legacy Vendor</name><termname>N30</termname>"
    "<glaccountno>60500</glaccountno><status>active</status><externalid>EX-1</externalid>"
    "<contactinfo><contact><contactname>Legacy Vendor</contactname><printas>Legacy Vendor</printas>"
    "<email1>a@example.org</email1><mailaddress><address1>1 Road</address1><city>Here</city></mailaddress>"
    "</contact></contactinfo></create_vendor>"
)


def test_a_vendor_is_created_updated_and_deleted_by_its_id(demo: Emulator) -> None:
    assert one(demo, VENDOR).key == "LV-1"
    fields = "NAME TERMNAME APACCOUNT DISPLAYCONTACT.EMAIL1 DISPLAYCONTACT.MAILADDRESS.CITY STATUS"
    assert list(cells(demo, "VENDOR", "VENDORID", "LV-1", fields).values()) == [
        *("Legacy Vendor", "N30", "60500", "a@example.org", "Here", "active"),
    ]
    assert faults(demo, VENDOR)[0].errorno == "BL34000061"
    assert one(demo, VENDOR.replace("<create_vendor>", '<create_vendor ignoreduplicates="true">')).status == "failure"
    assert one(demo, '<update_vendor vendorid="LV-1"><name>New</name><comments></comments></update_vendor>').key
    assert cells(demo, "VENDOR", "VENDORID", "LV-1", "NAME")["NAME"] == "New"
    assert one(demo, '<delete_vendor vendorid="EX-1" externalkey="true"/>').status == "success"
    assert cells(demo, "VENDOR", "VENDORID", "LV-1", "NAME") == {}


def test_a_repeated_class_is_ignored_on_request(demo: Emulator) -> None:
    body = "<classid>77</classid><name>C</name>"
    assert one(demo, f"<create_class>{body}</create_class>").key == "77"
    assert faults(demo, f"<create_class>{body}</create_class>")[0].errorno == "BL34000061"
    department = "<departmentid>D7</departmentid><title>T</title>"
    assert one(demo, f"<create_department>{department}</create_department>").key == "D7"
    again = one(demo, f'<create_department ignoreduplicates="true">{department}</create_department>')
    assert (again.status, again.key) == ("success", "D7")


def test_nulls_are_set_only_on_request(demo: Emulator) -> None:
    body = "<classid>78</classid><name>C</name><description>d</description>"
    one(demo, f"<create_class>{body}</create_class>")
    one(demo, '<update_class key="78"><description></description></update_class>')
    assert cells(demo, "CLASS", "CLASSID", "78", "DESCRIPTION")["DESCRIPTION"] == "d"
    one(demo, '<update_class key="78" set_nulls="true"><description></description></update_class>')
    assert cells(demo, "CLASS", "CLASSID", "78", "DESCRIPTION")["DESCRIPTION"] == ""


LISTS = {
    "CUSTOMER CUSTOMERID LC-1": "<create_customer><customerid>LC-1</customerid><name>C</name></create_customer>",
    "CONTACT CONTACTNAME LC": "<create_contact><contactname>LC</contactname><printas>L</printas></create_contact>",
    "GLACCOUNT ACCOUNTNO 69990": (
        "<create_glaccount><glaccountno>69990</glaccountno><title>T</title><normalbalance>debit</normalbalance>"
        "<accounttype>incomestatement</accounttype></create_glaccount>"
    ),
    "STATACCOUNT ACCOUNTNO S9": (
        "<create_statglaccount><glaccountno>S9</glaccountno><title>T</title></create_statglaccount>"
    ),
    "LOCATION LOCATIONID L9": "<create_location><locationid>L9</locationid><name>L</name></create_location>",
    "ITEM ITEMID IT-9": (
        "<create_item><itemid>IT-9</itemid><name>I</name><itemtype>Non-Inventory</itemtype></create_item>"
    ),
    "PROJECT PROJECTID P-9": (
        "<create_project><projectid>P-9</projectid><name>P</name><projectcategory>Contract</projectcategory>"
        "</create_project>"
    ),
    "EEACCOUNTLABEL ACCOUNTLABEL ET": (
        "<create_expensetype><glaccountno>64200</glaccountno><expensetype>ET</expensetype>"
        "<description>d</description></create_expensetype>"
    ),
    "APTERM NAME N99": "<create_apterm><name>N99</name><description>d</description></create_apterm>",
}


@pytest.mark.parametrize("named", LISTS)
def test_lists_are_created_by_one_rule(demo: Emulator, named: str) -> None:
    name, field, key = named.split()
    result = one(demo, LISTS[named])
    assert result.status == "success", result.faults
    assert result.key == key
    assert cells(demo, name, field, key, field) == {field: key}


def test_an_attachment_is_in_a_folder_with_its_files(demo: Emulator) -> None:
    file = (
        "<attachment><attachmentname>a</attachmentname><attachmenttype>txt</attachmenttype>"
        "<attachmentdata>aGVsbG8=</attachmentdata></attachment>"
    )
    made = (
        "<create_supdoc><supdocid>A-1</supdocid><supdocname>n</supdocname><supdocfoldername>F</supdocfoldername>"
        f"<attachments>{file}</attachments></create_supdoc>"
    )
    assert "Invalid Attachment Folder 'F'" in faults(demo, made)[0].description2
    assert one(demo, "<create_supdocfolder><supdocfoldername>F</supdocfoldername></create_supdocfolder>").key == "F"
    assert one(demo, made).key == "A-1"
    assert faults(demo, made)[0].errorno == "BL34000061"
    more = f"<update_supdoc><supdocid>A-1</supdocid><attachments>{file}</attachments></update_supdoc>"
    assert one(demo, more).status == "success"
    shown = data(demo, '<get object="supdoc" key="A-1"/>').children[0]
    assert [node.tag for node in shown] == ["supdocid", "supdocname", "supdocfoldername", "attachments"]
    files = shown.find("attachments")
    assert files is not None
    assert [one.findtext("attachmentdata") for one in files] == ["aGVsbG8=", "aGVsbG8="]
    expression = "<expression><field>name</field><operator>=</operator><value>{}</value></expression>"
    listed = '<get_list object="supdocfolder"><filter>{}</filter></get_list>'
    assert data(demo, listed.format(expression.format("F"))).children[0].findtext("name") == "F"
    assert one(demo, listed.format(expression.format("G"))).data is None
    assert one(demo, '<get object="supdoc" key="A-2"/>').data is None
    assert one(demo, '<delete_supdocfolder key="F"/>').status == "failure"
    assert one(demo, '<delete_supdoc key="A-1"/>').status == "success"
    assert one(demo, '<delete_supdocfolder key="F"/>').status == "success"


def test_an_employee_has_one_rate_a_day(demo: Emulator) -> None:
    day = "<ratestartdate><year>2026</year><month>11</month><day>1</day></ratestartdate>"
    body = (
        f"<create_employeerate><employeeid>E0085</employeeid>{day}<billingrate>90</billingrate></create_employeerate>"
    )
    key = one(demo, body).key
    assert faults(demo, body)[0].errorno == "BL34000061"
    assert one(demo, f'<delete_employeerate key="{key}"/>').status == "success"
    assert one(demo, body).status == "success"


BARE = "<create><VENDOR><VENDORID>V-1</VENDORID><NAME>Ørsted Pipes</NAME></VENDOR></create>"
UNNAMED = (
    "<create><CUSTOMER><CUSTOMERID>C-1</CUSTOMERID><NAME>Acme</NAME><DISPLAYCONTACT><EMAIL1>a@b.example</EMAIL1>"
    "</DISPLAYCONTACT></CUSTOMER></create>"
)


def test_a_vendor_without_a_display_contact_is_refused_as_its_page_says() -> None:
    # The page on vendors: DISPLAYCONTACT is required, and PRINTAS in it.
    refused = faults(Emulator.empty(), BARE, show_additional_error_info=True)
    assert refused[0].field == "DISPLAYCONTACT"


def test_a_display_contact_is_made_from_the_name_by_a_setting() -> None:
    # Two loaders in production send vendors without DISPLAYCONTACT, or without its PRINTAS.
    lenient = Emulator.empty(settings=scenario({"behaviour": {"display_contact": "made"}}))
    assert one(lenient, BARE).status == "success"
    assert one(lenient, UNNAMED).status == "success"
    printed = {row["CONTACTNAME"]: (row["PRINTAS"], row["EMAIL1"]) for row in contacts(lenient)}
    assert printed == {"Ørsted Pipes(VV-1)": ("Ørsted Pipes", ""), "Acme(CC-1)": ("Acme", "a@b.example")}


def contacts(emulator: Emulator) -> list[dict[str, str]]:
    return rows(data(emulator, query("CONTACT", "CONTACTNAME PRINTAS EMAIL1")))


def test_a_term_has_its_days_and_discount(demo: Emulator) -> None:
    # The page on AP terms: `due` has dueday and duefrom; `discount` has discday, discamount and discpercamn.
    due = "<due><dueday>44</dueday><duefrom>from invoice/bill date</duefrom></due>"
    discount = "<discount><discday>10</discday><discamount>2</discamount><discpercamn>%</discpercamn></discount>"
    made = f"<create_apterm><name>N44</name><description>D</description>{due}{discount}</create_apterm>"
    assert one(demo, made).faults == ()
    fields = "DUEDATE DUEFROM DISCDATE DISCAMOUNT DISCPERCAMN"
    assert list(cells(demo, "APTERM", "NAME", "N44", fields).values()) == [
        "44",
        "from invoice/bill date",
        "10",
        "2",
        "%",
    ]
    bill = (
        "<create_bill><vendorid>V10087</vendorid><datecreated><year>2026</year><month>11</month><day>02</day></datecreated>"
        "<termname>N44</termname><billno>T-44</billno><billitems><lineitem><glaccountno>60500</glaccountno>"
        "<amount>1</amount><locationid>110</locationid><departmentid>100</departmentid></lineitem></billitems></create_bill>"
    )
    assert one(demo, bill).faults == ()
    assert cells(demo, "APBILL", "RECORDID", "T-44", "WHENDUE") == {"WHENDUE": "12/16/2026"}  # 44 days after November 2


def test_an_item_has_the_accounts_that_its_sales_post_to(demo: Emulator) -> None:
    # The page on items lists incomeaccount, invaccount, expenseaccount and cogsaccount of create_item.
    accounts = "<incomeaccount>43000</incomeaccount><expenseaccount>60500</expenseaccount>"
    item = f"<itemid>SRV-1</itemid><name>Service</name><itemtype>Non-Inventory</itemtype>{accounts}"
    assert one(demo, f"<create_item>{item}</create_item>").faults == ()
    assert cells(demo, "ITEM", "ITEMID", "SRV-1", "INCOMEACCTKEY EXPENSEACCTKEY") == {
        "INCOMEACCTKEY": "43000",
        "EXPENSEACCTKEY": "60500",
    }
    day = "<{0}><year>2026</year><month>11</month><day>20</day></{0}>"
    line = "<itemid>SRV-1</itemid><quantity>1</quantity><unit>Each</unit><price>9</price><locationid>110</locationid>"
    sale = (
        f"<create_sotransaction><transactiontype>Sales Invoice</transactiontype>{day.format('datecreated')}"
        f"<customerid>C20130</customerid><documentno>A-1</documentno>{day.format('datedue')}<sotransitems><sotransitem>{line}"
        "<departmentid>300</departmentid></sotransitem></sotransitems></create_sotransaction>"
    )
    assert one(demo, sale).faults == ()
    where = "<equalto><field>ITEMID</field><value>SRV-1</value></equalto>"
    assert {row["ACCOUNTNO"] for row in rows(data(demo, query("ARINVOICEITEM", "ACCOUNTNO", where)))} == {"43000"}


def test_the_items_of_a_budget_have_its_name(demo: Emulator) -> None:
    items = "".join(
        "<GLBUDGETITEM><ACCT_NO>60100</ACCT_NO><PERIODNAME>Month Ended August 2026</PERIODNAME>"
        f"<AMOUNT>{amount}</AMOUNT>{name}</GLBUDGETITEM>"
        for amount, name in ((5, ""), (6, "<BUDGETID>Other</BUDGETID>"))
    )
    header = f"<BUDGETID>Plan B</BUDGETID><DESCRIPTION>B</DESCRIPTION><GLBUDGETITEMS>{items}</GLBUDGETITEMS>"
    made = one(demo, f"<create><GLBUDGETHEADER>{header}</GLBUDGETHEADER></create>")
    assert made.status == "success", [fault.description2 for fault in made.faults]
    table = demo.company().table("GLBUDGETITEM")
    stored = [row for _, row in table.rows() if row["BUDGETID"] in ("Plan B", "Other")]
    assert [row["BUDGETID"] for row in stored] == ["Plan B", "Other"]
