"""Amounts of money: read as they were sent or stored, rounded to a currency's decimals, converted to base currency.

The gateway rounds amounts to two decimals, which is documented for bills. A currency that the company lists with other
decimals has those. The side to which half a unit goes is not recorded: the default is away from zero, and it is a
setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation

from intacct_emulator.settings.cells import WHOLE_DIGITS, Row, plain_number
from intacct_emulator.settings.refusals import FunctionRefusedError, illegal_number, refused

ZERO = Decimal("0.00")
CENT = Decimal("0.01")
MODES = {
    "half up": ROUND_HALF_UP,
    "half down": ROUND_HALF_DOWN,
    "half even": ROUND_HALF_EVEN,
    "down": ROUND_DOWN,
}
"""The ways to round, by the names that the setting `rounding` has."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """The way in which a company rounds amounts."""

    mode: str = ROUND_HALF_UP
    decimals: Mapping[str, int] = field(default_factory=dict)
    """Currency → its decimals; two for a currency that is not listed."""

    def unit(self, currency: str = "") -> Decimal:
        """The smallest amount of a currency."""
        places = self.decimals.get(currency)
        return CENT if places is None else Decimal(1).scaleb(-places)

    def round(self, value: Decimal, currency: str = "") -> Decimal:
        """The amount rounded to the decimals of its currency. One that is too large for that is refused."""
        try:
            return value.quantize(self.unit(currency), self.mode)
        except InvalidOperation:
            raise too_large(value) from None

    def to_base(self, trx_amount: Decimal, rate: Decimal, base: str = "") -> Decimal:
        """The amount in base currency, rounded unless the rate is 1."""
        return trx_amount if rate == 1 else self.round(trx_amount * rate, base)

    def sent(self, name: str, text: str, currency: str = "") -> Decimal:
        """The amount in a field of a request, rounded; an empty field is refused."""
        try:
            return self.round(plain_number(text.strip()), currency)
        except InvalidOperation:
            raise illegal_number(name, text.strip()) from None

    def sent_or_none(self, name: str, text: str, currency: str = "") -> Decimal | None:
        """The amount in a field of a request, rounded only if it has more digits; None for no amount."""
        sent = number_sent(name, text)
        if sent is None:
            return None
        rounded = self.sent(name, text, currency)
        return sent if sent == rounded else rounded


def too_large(value: Decimal) -> FunctionRefusedError:
    """An amount that has more digits than a record holds, such as a product of a rate. No source records the text."""
    return refused(
        f"The amount {value} has more than {WHOLE_DIGITS} digits before the point.",
        errorno="BL03000018",
        correction="Enter smaller amounts.",
    )


HALF_UP = Rounding()
"""Two decimals, half a cent away from zero."""


def to_base(trx_amount: Decimal, rate: Decimal) -> Decimal:
    """The amount in base currency, rounded to the cent unless the rate is 1."""
    return HALF_UP.to_base(trx_amount, rate)


def amount(row: Row, name: str) -> Decimal:
    """The number in a cell of a stored row; zero for an empty cell."""
    return Decimal(row.get(name) or 0)


def number_sent(name: str, text: str) -> Decimal | None:
    """The number in a field of a request; None if the field is empty."""
    bare = text.strip()
    try:
        return plain_number(bare) if bare else None
    except InvalidOperation:
        raise illegal_number(name, bare) from None
