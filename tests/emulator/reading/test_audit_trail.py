"""`getAuditTrail`: users and changes of one record."""

from intacct_bridge.emulator.gateway.gateway import Emulator
from support.emulator.calls import data, element, one, rows


def test_the_audit_trail_of_a_record_names_users_and_changes(demo: Emulator) -> None:
    made = data(demo, f"<create>{element('CLASS', CLASSID='T1', NAME='One')}</create>").children[0]
    one(demo, f"<update>{element('CLASS', CLASSID='T1', NAME='Two')}</update>")
    for key in ("<objectKey>T1</objectKey>", f"<recordNo>{made.findtext('RECORDNO')}</recordNo>"):
        trail = rows(data(demo, f"<getAuditTrail><object>CLASS</object>{key}</getAuditTrail>"))
        assert [row["accessMode"] for row in trail] == ["Create", "Modify"]
        assert {row["userId"] for row in trail} == {"demo-user"}
        assert trail[0]["accessTime"].endswith("Z")
