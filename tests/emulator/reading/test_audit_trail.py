"""`getAuditTrail`: users and changes of one record."""

import re

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, one, rows


def test_the_audit_trail_of_a_record_names_users_and_changes(demo: Emulator) -> None:
    made = data(demo, f"<create>{element('CLASS', CLASSID='T1', NAME='One')}</create>").children[0]
    one(demo, f"<update>{element('CLASS', CLASSID='T1', NAME='Two')}</update>")
    for key in ("<objectKey>T1</objectKey>", f"<recordNo>{made.findtext('RECORDNO')}</recordNo>"):
        trail = rows(data(demo, f"<getAuditTrail><object>CLASS</object>{key}</getAuditTrail>"))
        assert [row["accessMode"] for row in trail] == ["create", "modify"]
        assert {row["userId"] for row in trail} == {"demo-user"}
        # Sage, audit trails, response of getAuditTrail: its elements in order, a time with an offset, lower-case modes
        assert list(trail[0]) == [
            "userId", "object", "objectKey", "accessTime", "accessMode", "workflowAction", "webServer", "trackingId",
            "ipAddress", "source",
        ]  # fmt: skip
        assert (trail[0]["object"], trail[0]["source"]) == ("class", "api")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", trail[0]["accessTime"])


def test_a_change_of_a_custom_record_is_in_the_activity_log(demo: Emulator) -> None:
    # Sage, audit trails, response of ACTIVITYLOG: its sentence, and times as MM/DD/YYYY HH:MM:SS
    old = data(demo, "<read><object>FUND</object><keys>10001</keys><fields>name</fields></read>").children[0]
    for name in ("Harbour", "Harbour"):  # the second change changes nothing
        assert one(demo, f"<update>{element('FUND', id='10001', name=name)}</update>").status == "success"
    fields = "".join(f"<field>{name}</field>" for name in ("OBJ_ID", "TRAIL_TEXT", "CREATEDBYUSER", "CREATED_AT"))
    where = "<greaterthanorequalto><field>OBJ_ID</field><value>10000</value></greaterthanorequalto>"
    asked = f"<query><object>ACTIVITYLOG</object><select>{fields}</select><filter>{where}</filter></query>"
    (entry,) = rows(data(demo, asked))
    sentence = f'field has been changed from "{old.findtext("name")}" to "Harbour".'
    assert re.fullmatch(r'Value of "[^"]+" ' + re.escape(sentence), entry["TRAIL_TEXT"])
    assert (entry["OBJ_ID"], entry["CREATEDBYUSER"]) == ("10001", "demo-user")
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", entry["CREATED_AT"])
