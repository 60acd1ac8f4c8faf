"""Parts of records without an object of their own, in the documented shapes of `create`, and custom fields by name."""

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.xml import Element
from support.emulator.calls import data, element, faults, one, query, rows

RANGE = "<ACCTRANGE><RANGEFROM>{0}</RANGEFROM><RANGETO>{1}</RANGETO></ACCTRANGE>"


def group(inside: str, verb: str = "create", more: str = "<MEMBERTYPE>Accounts</MEMBERTYPE>") -> str:
    return f"<{verb}><GLACCTGRP>{inside}<NAME>Cash</NAME><TITLE>Cash</TITLE>{more}</GLACCTGRP></{verb}>"


def read(emulator: Emulator, name: str, key: str, fields: str = "*") -> Element:
    body = f"<read><object>{name}</object><keys>{key}</keys><fields>{fields}</fields></read>"
    (found,) = data(emulator, body)
    return found


def ranges(emulator: Emulator, key: str) -> list[tuple[str, str]]:
    wrapper = read(emulator, "GLACCTGRP", key).find("GLACCTRANGES")
    return [(one.findtext("RANGEFROM"), one.findtext("RANGETO")) for one in wrapper or ()]


def test_the_ranges_of_an_account_group_are_read_replaced_and_deleted() -> None:
    # The page on account groups: GLACCTRANGES holds ACCTRANGE with RANGEFROM and RANGETO.
    emulator = Emulator.empty()
    sent = f"<GLACCTRANGES>{RANGE.format('1000', '1099')}{RANGE.format('1200', '1200')}</GLACCTRANGES>"
    (made,) = data(emulator, group(sent))
    key = made.findtext("RECORDNO")
    assert ranges(emulator, key) == [("1000", "1099"), ("1200", "1200")]
    assert [one.tag for one in read(emulator, "GLACCTGRP", key, "NAME,GLACCTRANGES")] == ["NAME", "GLACCTRANGES"]
    named = f"<RECORDNO>{key}</RECORDNO>"
    assert one(emulator, group(named, "update")).status == "success"
    assert len(ranges(emulator, key)) == 2
    changed = f"{named}<GLACCTRANGES>{RANGE.format('1300', '1400')}</GLACCTRANGES>"
    assert one(emulator, group(changed, "update")).status == "success"
    assert ranges(emulator, key) == [("1300", "1400")]
    assert one(emulator, group(f"{named}<GLACCTRANGES></GLACCTRANGES>", "update")).status == "success"
    assert read(emulator, "GLACCTGRP", key).find("GLACCTRANGES") is None


def test_the_parts_of_a_deleted_record_do_not_come_back() -> None:
    emulator = Emulator.empty()
    sent = f"<GLACCTRANGES>{RANGE.format('1000', '1099')}</GLACCTRANGES>"
    key = next(iter(data(emulator, group(sent)))).findtext("RECORDNO")
    assert one(emulator, f"<delete><object>GLACCTGRP</object><keys>{key}</keys></delete>").status == "success"
    assert emulator.company().facts.owned_parts.get("GLACCTGRP", key) is None


def test_a_line_of_a_change_request_names_its_project() -> None:
    # The page on change requests: CHANGEREQUESTENTRY requires PROJECTID and takes other dimensions.
    emulator = Emulator.empty()
    emulator.company().table("PROJECT").insert({"PROJECTID": "P1", "NAME": "One", "PROJECTCATEGORY": "Contract"})
    line = "<CHANGEREQUESTENTRY><PROJECTID>P1</PROJECTID><QTY>2</QTY></CHANGEREQUESTENTRY>"
    cells = {"CHANGEREQUESTID": "C1", "PROJECTID": "P1", "CHANGEREQUESTDATE": "11/20/2026"}
    request = element("CHANGEREQUEST", **cells, CHANGEREQUESTENTRIES=line)
    made = one(emulator, f"<create>{request}</create>")
    assert made.status == "success", made.faults
    found = rows(data(emulator, query("CHANGEREQUESTENTRY", "PROJECTID PROJECTNAME QTY")))
    assert found == [{"PROJECTID": "P1", "PROJECTNAME": "One", "QTY": "2"}]


CUSTOM = "<customfields><customfield><customfieldname>{0}</customfieldname><customfieldvalue>7</customfieldvalue>{1}"
END = "</customfield></customfields>"


def test_custom_fields_by_name_in_a_generic_create() -> None:
    # The page on accumulation types: customfields holds customfield with customfieldname and customfieldvalue.
    own = {"object": "ACCUMULATIONTYPE", "name": "SHELF", "label": "Shelf"}
    settings = scenario({"company": [{"company_id": "demo-company", "custom_field": [own]}]})
    emulator = Emulator.empty(settings=settings)
    body = "<create><ACCUMULATIONTYPE><NAME>Bolts</NAME>{}</ACCUMULATIONTYPE></create>"
    made = one(emulator, body.format(CUSTOM.format("SHELF", END)))
    assert made.status == "success", made.faults
    assert rows(data(emulator, query("ACCUMULATIONTYPE", "NAME SHELF"))) == [{"NAME": "Bolts", "SHELF": "7"}]
    assert "Custom field 'SHELVE'" in faults(emulator, body.format(CUSTOM.format("SHELVE", END)))[0].text
