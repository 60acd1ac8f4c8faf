r"""The `query` text of `readByQuery`: a small part of SQL's WHERE, read into the filter nodes of `query`.

Facts (Sage's reference, and live notes): `< > <= >= = like`, `not like`, `in`, `not in`, `IS NULL`, `IS NOT NULL`,
`AND`, `OR`, `NOT`, parentheses; a field on the left, a literal in single quotes or a number on the right; spaces
around operators; a quote in a text as `\'`; `rownum` with `=`, `<` or `>`; no field of another object. `!=` and `<>`
are undocumented but seen in use, so they are accepted. ORDER BY is refused, as by the gateway.

Enumerations and booleans are database codes here (`'T'`, `'A'`), not the display values that `query` takes. The codes
stay as written, since mapping them needs the object's description.
"""

import re
from dataclasses import dataclass

from intacct_protocol.model.query.conditions import COMPARISONS, END, Cursor, Token, token_text, whole
from intacct_protocol.model.query.query import And, Compare, Filter, Op, all_of, comparisons
from intacct_protocol.xml.values import Value

ROWNUM = "ROWNUM"
_TOKENS = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<open>'.*)
    |(?P<number>[+-]?(\d+\.?\d*|\.\d+))
    |(?P<word>[A-Za-z_][\w.\#]*)
    |(?P<sign><=|>=|<>|!=|[=<>(),])""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_ROWNUM_OPS = (Op.EQUALTO, Op.LESSTHAN, Op.GREATERTHAN)
_RESERVED = {"and", "or", "not", "like", "in", "is", "null", "between", "order", "by"}


@dataclass(frozen=True, slots=True)
class LegacyQuery:
    """A filter over fields, and the conditions on the row's number, which are not part of the filter."""

    where: Filter | None
    rownum: tuple[Compare, ...] = ()
    """Each `=`, `<` or `>` with one whole number."""

    def rows(self, total: int) -> range:
        """The rows among `total` matching ones that the conditions on their number leave, counted from 0."""
        first, last = 1, total
        for condition in self.rownum:
            number = int(str(condition.values[0]))
            if condition.op is Op.LESSTHAN:
                last = min(last, number - 1)
            else:
                first = max(first, number if condition.op is Op.EQUALTO else number + 1)
                last = min(last, number) if condition.op is Op.EQUALTO else last
        return range(first - 1, max(last, first - 1))


def parse_legacy(text: str) -> LegacyQuery:
    """Read the text, literals left as text; empty means every row. The InvalidRequestError points at the column."""
    cursor = Cursor(text, "query")
    cursor.fill(_TOKENS, _value)
    if cursor.next.kind == END:
        return LegacyQuery(None)
    node = whole(cursor, lambda one: _comparison(one, text))
    parts = node.parts if isinstance(node, And) else (node,)
    rownum = tuple(one for one in parts if isinstance(one, Compare) and one.field == ROWNUM)
    rest = [one for one in parts if one not in rownum]
    negated = any(one.op not in _ROWNUM_OPS for one in rownum)  # by a NOT
    if negated or any(one.field == ROWNUM for part in rest for one in comparisons(part)):
        raise cursor.error(cursor.first("rownum"), "rownum can only be joined by and, outside all parentheses")
    return LegacyQuery(all_of(rest) if rest else None, rownum)


def _comparison(cursor: Cursor, text: str) -> Filter:
    start = cursor.next
    name = _name(cursor)
    token = cursor.take()
    if token.text in COMPARISONS:
        _check_spaces(cursor, token, text)
        node = Compare(name, COMPARISONS[token.text], (_literal(cursor),))
        return _rownum(cursor, start, node) if name.upper() == ROWNUM else node
    if token.word == "is":
        op = Op.ISNOTNULL if cursor.accept("not") else Op.ISNULL
        cursor.expect("null", f"after {name} is")
        return Compare(name, op)
    negative = token.word == "not"
    word = cursor.take().word if negative else token.word
    if word == "like":
        return Compare(name, Op.NOTLIKE if negative else Op.LIKE, (_literal(cursor),))
    if word == "in":
        return Compare(name, Op.NOTIN if negative else Op.IN, _listed(cursor))
    raise cursor.error(token, f"expected an operator after {name}, found {token_text(token)}")


def _check_spaces(cursor: Cursor, sign: Token, text: str) -> None:
    end = sign.start + len(sign.text)
    if not (text[sign.start - 1].isspace() and text[end : end + 1].isspace()):
        raise cursor.error(sign, f"{sign.text} needs a space before and after it")


def _name(cursor: Cursor) -> str:
    token = cursor.take()
    if token.kind != "word" or token.word in _RESERVED:
        raise cursor.error(token, f"expected a field, found {token_text(token)}")
    if "." in token.text:
        raise cursor.error(token, "readByQuery takes no fields of other objects")
    return token.text


def _rownum(cursor: Cursor, start: Token, node: Compare) -> Compare:
    (value,) = node.values
    if node.op not in _ROWNUM_OPS or not str(value).isdecimal():
        raise cursor.error(start, "rownum takes =, < or > and a whole number")
    return Compare(ROWNUM, node.op, node.values)


def _literal(cursor: Cursor) -> Value:
    token = cursor.take()
    if token.kind not in ("text", "number"):
        raise cursor.error(token, f"expected a text in single quotes or a number, found {token_text(token)}")
    return token.value


def _listed(cursor: Cursor) -> tuple[Value, ...]:
    cursor.expect("(", "before the list of values")
    values = [_literal(cursor)]
    while cursor.accept(","):
        values.append(_literal(cursor))
    cursor.expect(")", "after the list of values")
    return tuple(values)


def _value(cursor: Cursor, token: Token) -> Value:
    if token.kind == "text":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
    if token.kind == "open":
        raise cursor.error(token, "the text does not end")
    return token.text if token.kind == "number" else None
