"""The command line's language for filters, sort orders and selections.

    TOTALDUE > 100.50 and (STATE in ('Posted', 'Paid') or not VENDORID like 'X%')
    WHENCREATED between 2026-01-01 and 2026-01-31 and WHENPAID is null and ONHOLD = false

The field is on the left, without quotes. Text is in single or double quotes (a quote within is doubled); numbers,
days (2026-01-31), times (2026-01-31T10:00:00, UTC unless an offset follows), true and false have none. The case of
keywords does not matter. Errors underline the place and say what is expected. `bind` checks names and types.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

from intacct_protocol.model.query.conditions import COMPARISONS, END, Cursor, Token, token_text, whole
from intacct_protocol.model.query.query import AGGREGATES, Aggregate, Compare, Filter, Op, Order, Selected
from intacct_protocol.xml.values import Value

_TOKENS = re.compile(
    r"""(?P<space>\s+)
    |(?P<time>\d{4}-\d\d-\d\d[T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)
    |(?P<day>\d{4}-\d\d-\d\d)
    |(?P<slashed>\d{1,4}/\d{1,2}/\d{1,4}(\s\d{1,2}:\d\d(:\d\d)?)?)
    |(?P<number>[+-]?(\d+\.?\d*|\.\d+))
    |(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<open>['"].*)
    |(?P<word>[A-Za-z_][\w.\#]*)
    |(?P<sign><=|>=|<>|!=|==|&&|\|\||[=<>(),*])""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_RESERVED = {"and", "or", "not", "like", "in", "between", "is", "null", "true", "false"}
_TEXT_HINT = "put text in quotes, numbers without; days like 2026-01-31, times like 2026-01-31T10:00:00"


def parse_where(text: str) -> Filter:
    """Read a filter. The InvalidRequestError points at the column that cannot be read."""
    cursor = Cursor(text)
    cursor.fill(_TOKENS, _token_value)
    if cursor.next.kind == END:
        raise cursor.error(cursor.next, "it is empty", "leave it out, or write a condition such as: TOTALDUE > 0")
    return whole(cursor, _parse_comparison)


def parse_order(text: str) -> tuple[Order, ...]:
    """Read a sort order: `WHENCREATED desc, RECORDNO`."""
    cursor = Cursor(text, "sort order")
    cursor.fill(_TOKENS, _token_value)
    order: list[Order] = []
    while True:
        name = _parse_name(cursor, "a field to sort by")
        order.append(Order(name, cursor.accept("desc") or cursor.accept("descending")))
        if not order[-1].descending:
            _ = cursor.accept("asc") or cursor.accept("ascending")
        if cursor.next.kind == END:
            return tuple(order)
        cursor.expect(",", "between fields (each may end in asc or desc)")


def parse_select(text: str) -> tuple[Selected, ...]:
    """Read a selection: `STATE, sum(TOTALDUE)`, or `*`."""
    cursor = Cursor(text, "selection")
    cursor.fill(_TOKENS, _token_value)
    selected: list[Selected] = []
    while True:
        selected.append(_selected(cursor))
        if cursor.next.kind == END:
            return tuple(selected)
        cursor.expect(",", "between fields")


def _selected(cursor: Cursor) -> Selected:
    if cursor.accept("*"):
        return "*"
    start = cursor.next
    name = _parse_name(cursor, "a field")
    if not cursor.accept("("):
        return name
    if name.lower() not in AGGREGATES:
        raise cursor.error(start, f"there is no function {name}", f"use one of: {', '.join(AGGREGATES)}")
    inner = _parse_name(cursor, f"the field to take the {name.lower()} of")
    cursor.expect(")", f"after {name}({inner}")
    return Aggregate(name.lower(), inner)


def _parse_comparison(cursor: Cursor) -> Filter:
    name = _parse_name(cursor, "a field")
    token = cursor.take()
    sign = "=" if token.text == "==" else token.text
    if sign in COMPARISONS:
        return Compare(name, COMPARISONS[sign], (_parse_literal(cursor, sign),))
    if token.word == "is":
        op = Op.ISNOTNULL if cursor.accept("not") else Op.ISNULL
        cursor.expect("null", f"after {name} is")
        return Compare(name, op)
    negative = token.word == "not"
    word = cursor.take().word if negative else token.word
    if word == "like":
        pattern = cursor.next
        value = _parse_literal(cursor, "like")
        if not isinstance(value, str):
            raise cursor.error(
                pattern, "like takes a text", "put the pattern in quotes; % is any run of characters, _ any one"
            )
        return Compare(name, Op.NOTLIKE if negative else Op.LIKE, (value,))
    if word == "in":
        return Compare(name, Op.NOTIN if negative else Op.IN, _parse_list(cursor))
    if word == "between":
        low = _parse_literal(cursor, "between")
        cursor.expect("and", "between the two values")
        node = Compare(name, Op.BETWEEN, (low, _parse_literal(cursor, "and")))
        return ~node if negative else node
    raise cursor.error(
        token,
        f"expected a comparison after {name}, found {token_text(token)}",
        "use = != < <= > >= like in between is null",
    )


def _parse_name(cursor: Cursor, what: str) -> str:
    token = cursor.take()
    if token.kind == "word" and token.word not in _RESERVED:
        return token.text
    hint = ""
    if token.kind in ("text", "number", "day", "time"):
        hint = "fields stand on the left of a comparison, without quotes"
    raise cursor.error(token, f"expected {what}, found {token_text(token)}", hint)


def _parse_literal(cursor: Cursor, after: str) -> Value:
    token = cursor.take()
    if token.kind in ("text", "number", "day", "time") or token.word in ("true", "false"):
        return token.value
    if token.word == "null":
        raise cursor.error(token, "a field cannot be compared with null", "write: is null, or: is not null")
    hint = f"put text in quotes: '{token.text}'" if token.kind == "word" and token.word not in _RESERVED else _TEXT_HINT
    raise cursor.error(token, f"expected a value after {after}, found {token_text(token)}", hint)


def _parse_list(cursor: Cursor) -> tuple[Value, ...]:
    cursor.expect("(", "before the list of values")
    if cursor.next.text == ")":
        raise cursor.error(cursor.next, "the list is empty", "name at least one value, or leave the condition out")
    values = [_parse_literal(cursor, "(")]
    while cursor.accept(","):
        values.append(_parse_literal(cursor, ","))
    cursor.expect(")", "after the list of values")
    return tuple(values)


def _token_value(cursor: Cursor, token: Token) -> Value:
    """The value of a token; refuses a token that only looks like a value."""
    if token.kind == "text":
        quote = token.text[0]
        return token.text[1:-1].replace(quote * 2, quote)
    if token.kind == "number":
        return _parse_number(cursor, token)
    if token.kind in ("day", "time"):
        return _moment(cursor, token)
    if token.kind == "slashed":
        raise cursor.error(token, "this is not how a day is written here", "write days like 2026-01-31, year first")
    if token.kind == "open":
        raise cursor.error(token, "the text does not end", f"close it with {token.text[0]}; double a quote within")
    return token.word == "true" if token.word in ("true", "false") else None


def _parse_number(cursor: Cursor, token: Token) -> Decimal:
    digits = token.text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1] != ".":
        raise cursor.error(
            token, "a number does not start with 0", f"if it is a text, put it in quotes: '{token.text}'"
        )
    return Decimal(token.text)


def _moment(cursor: Cursor, token: Token) -> date:
    try:
        if token.kind == "day":
            return date.fromisoformat(token.text)
        moment = datetime.fromisoformat(token.text)
    except ValueError as error:
        raise cursor.error(token, f"not a valid {token.kind}: {error}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
