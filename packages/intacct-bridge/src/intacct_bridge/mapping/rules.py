"""One rule of a mapping applied to one record: the value for Intacct, or the value of a unified column.

A value for Intacct is typed (a Decimal, a date) or a `LookupRequest`, which the caller looks up in the company together
with many others. In a unified record, days and times become ISO text, and amounts stay Decimals, so that they can be
written to JSON exactly. Values are never rounded; an unreadable one is a RecordError.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import NamedTuple, cast

import msgspec

from intacct_bridge.mapping.language import UP, Rule, Rules, Type
from intacct_bridge.mapping.paths import has, value_at
from intacct_protocol.errors import RecordError
from intacct_protocol.model.day_formats import read_moment, written
from intacct_protocol.model.keys import natural_key, record_key
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Kind, Value, parse_value, render_value

Record = Mapping[str, object]


class MissingValueError(RecordError):
    """A record lacks a value that it must have."""


class NoValue(Enum):
    """The result if no rule finds a value, as opposed to a null."""

    NO_VALUE = "nothing"


NO_VALUE = NoValue.NO_VALUE


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """A value to be looked up in the company."""

    object: str
    give: str
    """The field that holds the value."""
    by: tuple[tuple[str, Value], ...]
    """The fields and values of the record to find; the first pair comes from the input."""
    or_by: tuple[str, ...] = ()
    """Other fields that may have the input's value instead of the first."""
    otherwise: "LookupRequest | None" = None
    """The request to make if no record is found."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of which one has the input's value."""
        return (self.by[0][0], *self.or_by)


Found = Value | LookupRequest | NoValue


class RuleResult(NamedTuple):
    """The value that the rules of one field found, and its column; a tuple, because each cell of an input gives one."""

    value: Found
    column: str = ""


_NO_RESULT = RuleResult(NO_VALUE)


def _strict_number(cell: object) -> Decimal | None:
    number = parse_value(Kind.DECIMAL, cell_text(cell))
    assert number is None or isinstance(number, Decimal)
    return number


def _strict_day(cell: object, _: str) -> date | None:
    text = cell_text(cell)
    if text[10:11] in ("T", " ") and text[4:5] == "-":  # the day of a time, in the time's own zone
        text = text[:10]
    day = parse_value(Kind.DATE, text)
    assert day is None or isinstance(day, date)
    return day


def _composed(_field: str, value: Found, _column: str) -> Found:
    """The value for comparison: one letter may be written in two ways in Unicode."""
    return nfc(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Readers:
    """How amounts and days are read; a loader has its own readers, for the forms that people write in a cell."""

    number: Callable[[object], Decimal | None] = _strict_number
    day: Callable[[object, str], date | None] = _strict_day
    """Takes the cell and its column, since a column may have a format of its own."""
    compared: Callable[[str, Found, str], object] = _composed
    """Takes a field, its value and its column; two rows of a record agree if this is equal."""


STRICT = Readers()


class RuleContext(msgspec.Struct, frozen=True):
    """The record that a rule reads, or the item of a list and the record that holds the list."""

    record: Record
    above: Record
    readers: Readers = STRICT

    def at(self, path: str) -> object:
        """The cell at a path; `^` reads the record above."""
        return value_at(self.above, path.removeprefix(UP)) if path.startswith(UP) else value_at(self.record, path)


def apply_rules(rules: Rules, context: RuleContext, *, clear: bool = False) -> RuleResult:
    """The first value that the rules find. With `clear`, a null in the record is a value too."""
    null_column = ""
    for rule in rules:
        if rule.alone:
            column, record = rule.alone, context.record
            cell = record[column] if column in record else value_at(record, column)
        elif rule.when and not _applies(rule, context):
            continue
        else:
            column, cell = _source(rule, context)
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            if rule.default is not None:
                return RuleResult(rule.default)
            if clear and not null_column:
                null_column = next((one for one in rule.paths if one and has(context.record, one)), "")
            continue
        try:
            value = _rule_value(rule, cell, column, context.readers)
        except RecordError as error:
            raise RecordError(error.message, fix=error.fix, field=column) from None
        if not isinstance(value, NoValue):
            plain = not (rule.lookups or rule.reference)
            if rule.agree:
                _refuse_disagreement(rules, rule, value, column, context)
            return RuleResult(value if plain else _found_by_lookups(rule, value, column, context), column)
    if rules[-1].required or any(rule.required for rule in rules):
        columns = [one for rule in rules for one in rule.sources]
        first = columns[0] if columns else ""
        fix = f"fill in {first}" if first else ""
        raise MissingValueError(f"{' or '.join(columns)} is missing", fix=fix, field=first)
    return RuleResult(None, null_column) if null_column else _NO_RESULT


def _refuse_disagreement(rules: Rules, rule: Rule, value: Value, column: str, context: RuleContext) -> None:
    """RecordError if another column of the rule, or a later rule of the list, finds another value."""
    others = [msgspec.structs.replace(rule, paths=(path,)) for path in rule.paths if path != column]
    for other in (*others, *rules[rules.index(rule) + 1 :]):
        if other.when and not _applies(other, context):
            continue
        place, cell = _source(other, context)
        place = place or other.condition[0]
        if _empty(cell) or (rule.skip_zero and not _is_set(cell)):
            continue
        other_value = _rule_value(other, cell, place, context.readers)
        if not isinstance(other_value, NoValue) and other_value != value:
            text = f"{cell_text(context.at(column))} contradicts {place} {cell_text(context.at(place))}"
            raise RecordError(text, fix=f"correct {column} or {place}", field=column)


def _source(rule: Rule, context: RuleContext) -> tuple[str, object]:
    """The cell that a rule starts from, with its column."""
    if rule.constant is not None:
        return "", rule.constant
    if rule.join:
        parts = [cell_text(cell) for one in rule.join if not _empty(cell := context.at(one))]
        return rule.join[0], rule.with_.join(parts)
    source: tuple[str, object] = ("", None)
    for path in rule.paths:
        cell = context.at(path)
        if _empty(cell) or (rule.skip_zero and not _is_set(cell)):
            continue
        if source[0]:
            raise RecordError(f"{source[0]} and {path} exclude each other", field=source[0])
        source = (path, cell)
        if not rule.single:
            break
    return source


def _applies(rule: Rule, context: RuleContext) -> bool:
    path, equals, value = rule.condition
    cell = context.at(path)
    return cell_text(cell).casefold() == value.casefold() if equals else _is_set(cell)


def _empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _is_set(cell: object) -> bool:
    """Whether a cell has a value other than zero or false."""
    if isinstance(cell, str):
        return cell.strip().strip("0.").lower() not in ("", "false")
    return bool(cell)


def _rule_value(rule: Rule, cell: object, column: str, readers: Readers) -> Value | NoValue:
    if type(cell) is str and rule.plain:
        return cell.strip()
    if type(cell) is not str and isinstance(cell, list | Mapping):
        raise RecordError(f"{column} holds {'a list' if isinstance(cell, list) else 'a record'}, not a value")
    if isinstance(cell, float):
        raise RecordError(f"{cell!r} is a binary float, which is not exact", fix="read the input with exact decimals")
    value = cast("Value | NoValue", cell.strip() if isinstance(cell, str) else cell)
    if rule.split:
        pieces = [piece.strip() for piece in cell_text(value).split(rule.split)]
        place = rule.part - 1 if rule.part > 0 else rule.part
        value = pieces[place] if -len(pieces) <= place < len(pieces) else ""
        if not value:
            return NO_VALUE
    if rule.map:
        value = _mapped(rule, value)
    if rule.as_ is not None and value is not NO_VALUE:
        value = _typed(rule.as_, rule.format, value, readers, column)
    if rule.absolute or rule.negate:
        assert isinstance(value, int | Decimal)  # the language allows `absolute` and `negate` with numbers only
        if rule.negate or value < 0:
            value = -value
    return value


def _mapped(rule: Rule, value: Value | NoValue) -> Value | NoValue:
    text = cell_text(value).casefold()
    for key, becomes in rule.map.items():
        if key.casefold() == text:
            return becomes
    if rule.otherwise == "skip":
        return NO_VALUE
    if rule.otherwise == "keep":
        return value
    raise RecordError(
        f"{cell_text(value)!r} is not one of {', '.join(rule.map)}", fix="correct it, or add it to the map"
    )


def _typed(kind: Type, pattern: str, value: object, readers: Readers, column: str) -> Value:
    if kind == "text":
        return cell_text(value)
    if kind == "number":
        return readers.number(value)
    if kind == "integer":
        return _whole_number(readers.number(value))
    if kind == "boolean":
        return parse_value(Kind.BOOLEAN, cell_text(value))
    if pattern and not isinstance(value, date):  # typed cells need no pattern
        moment = read_moment(pattern, cell_text(value)).replace(tzinfo=UTC)
        return moment.date() if kind == "date" else moment
    if kind == "date":
        return readers.day(value, column)
    return value if isinstance(value, datetime) else parse_value(Kind.TIMESTAMP, cell_text(value))


def _whole_number(number: Decimal | None) -> Value:
    if number is not None and number == number.to_integral_value():
        return int(number)
    if number is None:
        return None
    raise RecordError(f"{number} is not a whole number")


def _found_by_lookups(rule: Rule, value: Value, column: str, context: RuleContext) -> Found:
    if rule.reference and column != rule.paths[0]:
        by = record_key(rule.object) if column == rule.paths[1] else rule.name
        return LookupRequest(rule.object, natural_key(rule.object) or "", ((by, value),))
    request: LookupRequest | None = None
    for look in reversed(rule.lookups):
        also = ((name, context.at(path)) for name, path in look.also.items())
        conditions = tuple((name, cell_text(cell)) for name, cell in also if not _empty(cell))
        first, *others = look.fields
        pairs = ((first, value), *look.where.items(), *conditions)
        request = LookupRequest(look.object, look.give, pairs, tuple(others), request)
    return value if request is None else request


def cell_text(cell: object) -> str:
    """A cell as text."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return render_value(Kind.DECIMAL, cell)
    return "" if cell is None else str(cell).strip()


def unified_value(rules: Rules, row: Record, *, days_as_times: bool = False) -> object:
    """The value of a unified column; None if no rule finds one."""
    for rule in rules:
        result = apply_rules((rule,), RuleContext(row, row))
        if not isinstance(result.value, NoValue | LookupRequest):
            return _json(result.value, rule, days_as_times=days_as_times)
    return None


def _json(value: Value, rule: Rule, *, days_as_times: bool) -> object:
    if not isinstance(value, date):
        return value
    if rule.format:
        return written(rule.format, value)
    if isinstance(value, datetime) and rule.as_ != "date":
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    day = value.date() if isinstance(value, datetime) else value
    return f"{day.isoformat()}T00:00:00Z" if days_as_times else day.isoformat()
