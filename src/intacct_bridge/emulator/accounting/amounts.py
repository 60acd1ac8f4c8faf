"""Amounts of money: read as they were sent or stored, rounded to the cent, converted to base currency.

The gateway rounds amounts to two decimals. The side to which half a cent goes is not recorded: here it is away from
zero.
"""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from intacct_bridge.emulator.settings.cells import Row, plain_number
from intacct_bridge.emulator.settings.refusals import illegal

ZERO = Decimal("0.00")
CENT = Decimal("0.01")


def to_cents(value: Decimal) -> Decimal:
    """The amount rounded to the cent, half a cent away from zero."""
    return value.quantize(CENT, ROUND_HALF_UP)


def to_base(trx_amount: Decimal, rate: Decimal) -> Decimal:
    """The amount in base currency, rounded to the cent unless the rate is 1."""
    return trx_amount if rate == 1 else to_cents(trx_amount * rate)


def amount(row: Row, name: str) -> Decimal:
    """The number in a cell of a stored row; zero for an empty cell."""
    return Decimal(row.get(name) or 0)


def number_sent(name: str, text: str) -> Decimal | None:
    """The number in a field of a request; None where the field is empty."""
    bare = text.strip()
    try:
        return plain_number(bare) if bare else None
    except InvalidOperation:
        raise illegal(name, bare) from None


def cents_sent(name: str, text: str) -> Decimal:
    """The amount in a field of a request, rounded to the cent; an empty field is refused."""
    try:
        return to_cents(plain_number(text.strip()))
    except InvalidOperation:
        raise illegal(name, text.strip()) from None


def amount_sent(name: str, text: str) -> Decimal | None:
    """The amount in a field of a request, rounded to the cent only where it has more digits; None for no amount."""
    sent = number_sent(name, text)
    if sent is None:
        return None
    rounded = cents_sent(name, text)
    return sent if sent == rounded else rounded
