"""The decimals of currencies, by ISO 4217. A company's own list (TRXCURRENCIES) comes first."""

from collections.abc import Iterable, Mapping

USUAL = 2
_WITHOUT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_WITH_THREE = "BHD IQD JOD KWD LYD OMR TND"
_WITH_FOUR = "CLF UYW"
DECIMALS: Mapping[str, int] = {
    **dict.fromkeys(_WITHOUT.split(), 0),
    **dict.fromkeys(_WITH_THREE.split(), 3),
    **dict.fromkeys(_WITH_FOUR.split(), 4),
}
"""Of the currencies that have other decimals than two."""


def most_decimals(currencies: Iterable[str], listed: Mapping[str, int]) -> int:
    """The decimals that hold amounts in all of these currencies; two where there are none."""
    found = [listed.get(one, DECIMALS.get(one, USUAL)) for one in currencies if one]
    return max(found, default=USUAL)
