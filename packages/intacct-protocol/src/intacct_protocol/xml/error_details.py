"""The `<additionalinfo>` of an error, sent to clients that asked for `showadditionalerrorinfo`.

The documented shape: a stable id, a category, and for each of the three strings a message id with its placeholders.
Empty elements are present too, and attributes name the target. The id and the field are read.
"""

from intacct_protocol.errors import Fault
from intacct_protocol.xml.xml import Element, element

_TEXTS = ("description", "cdescription", "correction")
"""The error's description, its description2 and its correction."""


def additional_element(fault: Fault) -> Element:
    """`<additionalinfo>` of one error."""
    texts = [
        element(name, element("messageid"), _target("", "", last="businessInfo"), element("placeholders"))
        for name in _TEXTS
    ]
    head = (element("errorid", fault.errorid), element("category"))
    return element("additionalinfo", *head, _target(fault.support_id, fault.field, last="businessinfo"), *texts)


def _target(request: str, field: str, *, last: str) -> Element:
    named = {"domain": "", "requestinfo": request, "object": "", "field": field, last: ""}
    return Element("target", "", (), named)


def additional_of(error: Element) -> tuple[str, str]:
    """The stable id and the field that an error names; empty if it names none."""
    more = error.find("additionalinfo")
    if more is None:
        return "", ""
    target = more.find("target")
    field = "" if target is None else target.get("field") or target.findtext("field")
    return more.findtext("errorid").strip(), field.strip()
