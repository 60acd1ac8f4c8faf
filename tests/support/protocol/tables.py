"""Strategies for pages of rows, in the format of any user."""

from datetime import UTC, date, datetime

from hypothesis import strategies as st

from intacct_protocol.xml.values import Formatting, Kind, Value, render_value
from intacct_protocol.xml.xml import escape
from support.protocol.answers import page

FIELDS = {
    "RECORDNO": Kind.INTEGER,
    "AMOUNT": Kind.CURRENCY,
    "WHENCREATED": Kind.DATE,
    "WHENMODIFIED": Kind.TIMESTAMP,
    "ONHOLD": Kind.BOOLEAN,
    "MEMO": Kind.TEXT,
}


def body_of(rows: list[dict[str, str]]) -> bytes:
    """A page of these rows, empty texts as empty elements."""
    xml = "".join(
        f"<APBILL>{''.join(f'<{name}>{escape(text)}</{name}>' for name, text in row.items())}</APBILL>" for row in rows
    )
    return page(xml, count=len(rows), object_name="APBILL")


formattings = st.builds(
    lambda separator, order, clock, minutes: Formatting(separator + order, clock, minutes),
    st.sampled_from("/-.:"),
    st.sampled_from(["mdY", "dmY", "Ymd", "mdy", "dmy", "Ydm", "mYd"]),
    st.sampled_from([24, 24, 12]),
    st.sampled_from([0, 570, -480, 840]),
)
ODD = {
    Kind.INTEGER: st.text("0123456789-+.eEx_ ", max_size=8),
    Kind.CURRENCY: st.text("0123456789-+.eE, ", max_size=24),
    Kind.DATE: st.text("0123456789/-.: T", max_size=11) | st.sampled_from(["02/30/2026", "00/00/0000", "01-01-0001"]),
    Kind.TIMESTAMP: st.from_regex(r"\A[0-9]{1,2}[/\-.:][0-9]{1,2}[/\-.:][0-9]{2,4} [0-9]{1,2}:[0-9]{2}:[0-6][0-9]\Z")
    | st.sampled_from(["01/01/0001 00:00:00", "12/31/9999 23:59:59", "2026-01-31T10:00:00Z", "2026-01-31 10:00:00"]),
    Kind.BOOLEAN: st.sampled_from(["true", "false", "T", "F", "TRUE", "f", "1", "0", "yes", "maybe"]),
    Kind.TEXT: st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")),
}  # fmt: skip
PLAIN: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.CURRENCY: st.decimals(-(10**12), 10**12, places=2),
    Kind.DATE: st.dates(date(1971, 1, 1), date(2068, 12, 30)),
    Kind.TIMESTAMP: st.datetimes(datetime(1971, 1, 1), datetime(2068, 12, 30), timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    Kind.BOOLEAN: st.booleans(),
    Kind.TEXT: st.text("abc é&<", max_size=5),
}


def plain(kind: Kind, formatting: Formatting) -> st.SearchStrategy[str]:
    """Texts as the gateway writes them."""
    return PLAIN[kind].map(lambda value: render_value(kind, value, formatting))


def cells(kind: Kind, formatting: Formatting) -> st.SearchStrategy[str]:
    """Texts as the gateway writes them, empty ones, and some unusual ones."""
    return st.one_of(*[plain(kind, formatting)] * 4, st.just(""), ODD[kind])


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[dict[str, str]], Formatting]:
    """Rows of one shape, half of them all plain, in any user's formatting."""
    formatting = draw(formattings)
    count = draw(st.integers(1, 6))
    odd = draw(st.booleans())
    columns = {}
    for name, kind in FIELDS.items():
        source = cells(kind, formatting) if odd else plain(kind, formatting) | st.just("")
        columns[name] = draw(st.lists(source, min_size=count, max_size=count))
    return [{name: columns[name][row] for name in FIELDS} for row in range(count)], formatting
