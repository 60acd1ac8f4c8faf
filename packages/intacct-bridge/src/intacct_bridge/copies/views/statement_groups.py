"""The account groups that are the sections of statements: the table `[reporting]` of intacct.toml.

    [reporting]
    balance_sheet = ["Assets", "Liabilities", "Equity"]
    income_statement = ["Revenue", "Cost of revenue", "Operating expenses"]

Groups overlap and have no order, so that only the company can say which of them make up a statement.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

STATEMENTS = ("balance_sheet", "income_statement")
GROUPS_TABLE = "GLACCTGRPHIERARCHY"
"""The table that says which accounts a group holds."""
KEPT = "statement_groups"
"""The setting of a copy that keeps the groups of its views, for reports that make the views of an open copy."""


def statement_groups(table: Mapping[str, Any], path: str) -> dict[str, tuple[str, ...]]:
    """The groups by statement. SettingsError for another setting, and for what is not a list of names."""
    groups: dict[str, tuple[str, ...]] = {}
    for name, value in table.items():
        if name not in STATEMENTS:
            raise SettingsError(
                f"{path}: [reporting] has no setting {name!r}{did_you_mean(name, STATEMENTS)}",
                fix=f"The settings are {' and '.join(STATEMENTS)}.",
            )
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise SettingsError(
                f"{path}: reporting.{name} is not a list of account groups", fix=f'Write {name} = ["NAME", "NAME"].'
            )
        if len(set(value)) < len(value):
            twice = next(one for one in value if value.count(one) > 1)
            raise SettingsError(f"{path}: reporting.{name} names {twice!r} twice", fix="Name each group once.")
        groups[name] = tuple(value)
    return groups


def kept_text(groups: Mapping[str, Sequence[str]]) -> str:
    """The groups as the text of the setting."""
    return json.dumps({name: list(groups[name]) for name in sorted(groups)}, ensure_ascii=False)


def kept_groups(settings: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The groups that a copy keeps."""
    return {name: tuple(names) for name, names in json.loads(settings.get(KEPT) or "{}").items()}


def unknown_groups(groups: Mapping[str, Sequence[str]], names_in_copy: Sequence[str]) -> None:
    """SettingsError for a group that the company does not have."""
    for statement, names in groups.items():
        for name in names:
            if name not in names_in_copy:
                raise SettingsError(
                    f"reporting.{statement} names the account group {name!r}, which holds no account in this copy"
                    f"{did_you_mean(name, names_in_copy)}",
                    fix='See the names: SELECT DISTINCT "GLACCTGRPNAME" FROM "GLACCTGRPHIERARCHY".',
                )
