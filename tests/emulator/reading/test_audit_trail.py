"""`getAuditTrail`: users and changes of one record."""

import re

from intacct_bridge.emulator.gateway.gateway import Emulator
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
