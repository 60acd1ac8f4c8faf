"""`retrievepdf`: an invoice or an order as a page of PDF."""

import base64

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.settings.refusals import refused
from intacct_protocol.xml.xml import Element, element


def retrieve_pdf(call: FunctionCall) -> FunctionAnswer:
    """A page with the object and the key of an invoice or an order."""
    (document,) = call.body.children[:1] or (Element("nothing"),)
    field = "RECORDNO" if document.tag == "ARINVOICE" else "DOCID"
    key = document.findtext(field).strip()
    numbers = call.company.table(document.tag).find(field, key) if document.tag in ("ARINVOICE", "SODOCUMENT") else []
    if not numbers:
        raise refused(f"Cannot find {document.tag.lower()} with key '{key}'.")
    page = element("pdfdata", base64.b64encode(_pdf(f"{document.tag} {key}")).decode())
    if document.tag == "SODOCUMENT":
        return FunctionAnswer(element("data", page))
    row = element("arinvoice", element("recordno", key), page)
    return FunctionAnswer(Element("data", "", (row,), {"listtype": "arinvoice", "count": "1"}))


def _pdf(text: str) -> bytes:
    """A one-page document with this text."""
    shown = text.replace("\\", "").replace("(", "").replace(")", "").encode("latin-1", "replace")
    fonts = b"<< /Font << /F1 5 0 R >> >>"
    stream = b"BT /F1 18 Tf 72 720 Td (" + shown + b") Tj ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources %b >>" % fonts,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    return body + head + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(body))
