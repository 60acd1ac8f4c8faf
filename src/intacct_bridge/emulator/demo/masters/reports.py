"""Custom reports and views of the demo company, on standard and on custom objects."""

from intacct_bridge.emulator.settings.world import ReportSettings

REPORTS = (
    ReportSettings(
        "Open invoices",
        "ARINVOICE",
        ("RECORDNO", "CUSTOMERID", "CUSTOMER.NAME", "RECORDID", "WHENCREATED", "WHENDUE", "TOTALENTERED", "TOTALDUE"),
        ("WHENDUE", "CUSTOMERID"),
        where="TOTALDUE > 0",
    ),
    ReportSettings(
        "Journal entries of a month",
        "GLBATCH",
        ("RECORDNO", "JOURNAL", "BATCH_DATE", "BATCH_TITLE", "STATE"),
        ("BATCH_DATE", "JOURNAL"),
    ),
    ReportSettings(
        "Ledger by fund",
        "GLENTRY",
        ("RECORDNO", "BATCHNO", "ENTRY_DATE", "ACCOUNTNO", "TR_TYPE", "AMOUNT", "LOCATION", "GLDIMFUND"),
        ("ENTRY_DATE", "GLDIMFUND"),
        kind="interactive",
        where="GLDIMFUND is not null",
    ),
    ReportSettings(
        "Sites under warranty",
        "EQUIPMENT_SITE",
        ("id", "name", "RCUSTOMER.NAME", "SERIAL_NO", "INSTALLED_ON"),
        ("INSTALLED_ON",),
        kind="interactive",
        where="UNDER_WARRANTY = true",
    ),
    ReportSettings("Unfinished report", "VENDOR", ("RECORDNO", "NAME"), fails=True),
)
VIEWS = (
    ReportSettings(
        "Overdue invoices",
        "ARINVOICE",
        ("RECORDNO", "CUSTOMERID", "RECORDID", "WHENDUE", "TOTALDUE"),
        id="101@10051",
        where="TOTALDUE > 0",
    ),
    ReportSettings("Risky vendors", "VENDOR", ("VENDORID", "NAME", "RISK_TIER"), id="102@10051",
                   where="RISK_TIER = 'High'"),
    ReportSettings("All sites", "EQUIPMENT_SITE", ("id", "name", "SERIAL_NO"), id="103@10051"),
)  # fmt: skip
