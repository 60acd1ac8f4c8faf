"""The demo company that most tests read: its day, and the connection of its user."""

from datetime import date

from intacct_bridge import Connection

AS_OF = date(2026, 11, 21)
NOW = 1_795_258_800.0  # 2026-11-21 11:00:00 UTC


DEMO = Connection(
    name="demo",
    company_id="demo-company",
    user_id="demo-user",
    user_password="demo-user-password",
    sender_id="demo-sender",
    sender_password="demo-sender-password",
    environment="demo",
)
