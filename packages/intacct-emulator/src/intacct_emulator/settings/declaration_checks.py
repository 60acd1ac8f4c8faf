"""Checks of a declared company: every name that a table uses is declared, ids are unique, and values are possible.

What only the filled company knows is checked when it is filled: objects, fields, and records of other sources.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

from intacct_emulator.settings.companies import CompanySettings
from intacct_emulator.settings.declaration import CompanyDeclaration, DeclaredField
from intacct_emulator.settings.typed_tables import shown
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

_CURRENCY = re.compile(r"[A-Z]{3}")
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def check_company(settings: CompanySettings, where: str) -> None:
    """Refuse a company that cannot be. Raises SettingsError with the table, the key, the value and the fix."""
    declared = settings.declared
    checked = _Checked(where)
    for check in _CHECKS:
        check(declared, checked)
    roles = ["administrator", *(approver.name for approver in settings.roles)]
    users = [approver.user_id for approver in settings.users]
    for user in settings.users:
        at = f"user ({user.user_id})"
        for role in user.roles:
            checked.check_among(f"{at}.roles", role, roles, "roles")
        for entity in user.entities if declared.entities else ():
            checked.check_among(f"{at}.entities", entity, _ids(declared.entities), "entities")
    for approval in declared.approvals:
        at = f"approval ({approval.object})"
        if not approval.levels:
            raise checked.wrong(f"{at} has no levels", "add [[company.approval.level]] with approvers")
        for level in approval.levels:
            for approver in level.approvers:
                checked.check_among(f"{at}.level.approvers", approver, users, "users")
    for report in (*settings.reports, *settings.views):
        if not report.columns:
            raise checked.wrong(f"report ({report.name}) has no columns", "name at least one field in columns")


class _Checked:
    """The file and the table that errors name."""

    def __init__(self, where: str) -> None:
        self._where = where

    def wrong(self, text: str, fix: str) -> SettingsError:
        """The error of an entry; `text` begins with its table."""
        return SettingsError(f"{self._where}.{text}", fix=fix)

    def check_among(self, key: str, value: str, among: Iterable[str], what: str) -> None:
        """Refuse a name that is not declared; an empty one is none."""
        names = tuple(among)
        if value and value not in names:
            listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise self.wrong(
                f"{key} cannot be {value!r}{did_you_mean(value, names)}", f"{what}: {listed or 'none is declared'}"
            )

    def unique(self, table: str, names: Iterable[str]) -> None:
        """Refuse two entries of the same name."""
        for name, count in Counter(names).items():
            if count > 1:
                raise self.wrong(f"{table} ({name}) is declared {count} times", "give each its own name")

    def month(self, key: str, value: int, *, least: int) -> None:
        """Refuse a month that no year has."""
        if not least <= value <= 12:
            raise self.wrong(f"{key} cannot be {value}", "give a month from 1 to 12")

    def currency(self, key: str, value: str) -> None:
        """Refuse a currency that is not a code."""
        if value and not _CURRENCY.fullmatch(value):
            raise self.wrong(f"{key} cannot be {value!r}", 'give the three letters of a currency, such as "EUR"')


def _ids(entries: Iterable[Any]) -> list[str]:
    return [one.id for one in entries]


def _organisation(declared: CompanyDeclaration, checked: _Checked) -> None:
    checked.month("first_month", declared.first_month, least=1)
    checked.currency("currency", declared.currency)
    entities, locations = _ids(declared.entities), _ids(declared.locations)
    checked.unique("location", [*entities, *locations])
    checked.unique("department", _ids(declared.departments))
    for entity in declared.entities:
        at = f"entity ({entity.id})"
        checked.currency(f"{at}.currency", entity.currency)
        checked.month(f"{at}.first_month", entity.first_month, least=0)
    for location in declared.locations:
        at = f"location ({location.id}).parent"
        if entities:  # without entities here, they come from elsewhere
            others = [one for one in (*entities, *locations) if one != location.id]
            checked.check_among(at, location.parent, others, "locations")
        if entities and not location.parent:
            raise checked.wrong(f"{at} is missing", f"name its entity: {', '.join(entities)}")


def _ledger(declared: CompanyDeclaration, checked: _Checked) -> None:
    checked.unique("account", [one.number for one in declared.accounts])
    checked.unique("journal", [one.symbol for one in declared.journals])
    books = (*(declared.books or ("ACCRUAL",)), *declared.adjustment_books)
    checked.unique("books", books)
    for journal in declared.journals:
        checked.check_among(f"journal ({journal.symbol}).book", journal.book, books, "books")
    for period in declared.periods:
        if period.end < period.start:
            raise checked.wrong(
                f"period ({period.name}).end cannot be {period.end}", f"give a date from {period.start} on"
            )
    for year in declared.fiscal_years:
        if not date.min.year < year < date.max.year:
            raise checked.wrong(f"fiscal_years cannot be {year}", "give years such as 2026")


def _currencies(declared: CompanyDeclaration, checked: _Checked) -> None:
    types = [one.name for one in declared.rate_types]
    checked.unique("rate_type", types)
    checked.unique("transaction_currency", [one.code for one in declared.currencies])
    for currency in declared.currencies:
        checked.currency(f"transaction_currency ({currency.code}).code", currency.code)
        if not 0 <= currency.decimals <= 4:
            at = f"transaction_currency ({currency.code}).decimals"
            raise checked.wrong(f"{at} cannot be {currency.decimals}", "give 0 to 4")
    for rate in declared.rates:
        at = f"rate ({rate.source} to {rate.target})"
        checked.currency(f"{at}.from", rate.source)
        checked.currency(f"{at}.to", rate.target)
        checked.check_among(f"{at}.type", rate.type, types, "rate types")
        if rate.source == rate.target:
            raise checked.wrong(f"{at}.to cannot be {rate.target!r}", "name two currencies")
        if not rate.on:
            raise checked.wrong(f"{at}.on is empty", "give at least one day: on = { 2026-07-01 = 1.08 }")
        for day, value in rate.on.items():
            _check_day(checked, f"{at}.on", day)
            if value <= 0:
                raise checked.wrong(f"{at}.on.{day} cannot be {shown(value)}", "give a rate above zero")
    for definition in declared.definitions:
        checked.check_among(f"definition ({definition.name}).rate_type", definition.rate_type, types, "rate types")


def _check_day(checked: _Checked, at: str, day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise checked.wrong(f"{at} cannot be {day!r}", "give days such as 2026-07-01") from None


def _definitions(declared: CompanyDeclaration, checked: _Checked) -> None:
    objects = [definition.name for definition in declared.custom_objects] + [
        definition.name for definition in declared.dimensions
    ]
    checked.unique("custom_object", objects)
    checked.unique(
        "custom_field", [f"{definition.object}.{definition.definition.name}" for definition in declared.custom_fields]
    )
    checked.unique("definition", [definition.name for definition in declared.definitions])
    for name in objects:
        if not _NAME.fullmatch(name):
            near = re.sub(r"\W", "_", name.upper())
            raise checked.wrong(f"custom_object ({name}).name cannot be {name!r}", f'use capitals: name = "{near}"')
    for at, definition in _fields(declared):
        if definition.type in ("list", "multilist") and not definition.values:
            raise checked.wrong(f"{at}.values is missing", 'give the choices: values = ["Low", "High"]')
        if not definition.name or re.search(r"[\s<>&]", definition.name):
            raise checked.wrong(f"{at}.name cannot be {definition.name!r}", "use letters, digits and underscores")


def _fields(declared: CompanyDeclaration) -> Iterator[tuple[str, DeclaredField]]:
    for custom in declared.custom_fields:
        yield f"custom_field ({custom.object}.{custom.definition.name})", custom.definition
    listed_fields = [(custom.name, custom.fields) for custom in declared.custom_objects]
    for name, listed in (*listed_fields, *((custom.name, custom.fields) for custom in declared.dimensions)):
        for each in listed:
            yield f"custom_object ({name}).field ({each.name})", each
    for definition in declared.definitions:
        for each in (*definition.fields, *definition.line_fields):
            yield f"definition ({definition.name}).field ({each.name})", each


_CHECKS: tuple[Callable[[CompanyDeclaration, _Checked], None], ...] = (
    _organisation,
    _ledger,
    _currencies,
    _definitions,
)
