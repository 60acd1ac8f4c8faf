"""Numbers as they are sent: read to the last digit, or refused by the name of their field."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from intacct_bridge.emulator.accounting.posting import CENT
from intacct_bridge.emulator.settings.cells import plain_number
from intacct_bridge.emulator.settings.refusals import illegal


def number_sent(name: str, text: str) -> Decimal | None:
    """A number; None where nothing was sent."""
    bare = text.strip()
    try:
        return plain_number(bare) if bare else None
    except InvalidOperation:
        raise illegal(name, bare) from None


def cents_sent(name: str, text: str) -> Decimal:
    """An amount of money, rounded to cents; nothing is no amount."""
    try:
        return plain_number(text.strip()).quantize(CENT, ROUND_HALF_UP)
    except InvalidOperation:
        raise illegal(name, text.strip()) from None
