"""Objects whose definitions take more than one request."""

from intacct_protocol.model import keys

MANY = (
    *("LOCATION", "DEPARTMENT", "CLASS", "APBILLITEM", "VENDTYPE", "CUSTTYPE", "EMPLOYEETYPE", "PROJECTTYPE"),
    *("TERRITORY", "APTERM", "ARTERM", "APBILL", "APACCOUNTLABEL", "ARACCOUNTLABEL", "EEACCOUNTLABEL"),
    *("PRODUCTLINE", "UOM", "WAREHOUSE", "VENDOR", "JOURNAL", "TAXDETAIL", "PROJECT"),
)
"""More than one request describes; lines stand before their headers."""


def last_looked_up() -> str:
    """An object of the last request for definitions."""
    return next(name for name in reversed(MANY) if keys.owner(name) is None and not keys.lines(name))
