"""`retrievepdf`: an invoice as PDF."""

import base64

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, faults


def test_an_invoice_is_printed(demo: Emulator) -> None:
    (row,) = demo.company().table("ARINVOICE").rows('id = (SELECT min(id) FROM "demo-company:ARINVOICE")')
    (invoice,) = data(demo, f"<retrievepdf><ARINVOICE><RECORDNO>{row[0]}</RECORDNO></ARINVOICE></retrievepdf>")
    assert base64.b64decode(invoice.findtext("pdfdata")).startswith(b"%PDF-")
    assert faults(demo, "<retrievepdf><ARINVOICE><RECORDNO>0</RECORDNO></ARINVOICE></retrievepdf>")
