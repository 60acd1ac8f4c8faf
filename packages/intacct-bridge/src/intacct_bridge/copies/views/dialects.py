"""The two databases that views are made in: their types, and how they say what differs between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intacct_bridge.copies.views.definitions import Parameter, ReadField, ViewDefinition
from intacct_protocol.model.sql_text import literal, quoted

_TRUE = "('T', 't', 'true', 'TRUE', 'True')"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a database writes types and functions."""

    name: str
    types: Mapping[str, str]
    """By kind of field."""
    decimal: str
    """The type of a decimal number by its digits in all and after the point."""
    array: str
    """The start of an array."""

    def money(self, decimals: int) -> str:
        """The type of amounts with this number of decimals."""
        return self.decimal.format(38, decimals)

    def read(self, field: ReadField, present: bool) -> str:  # noqa: FBT001
        """A field of a table as a column of the type that views expect; a missing one is null."""
        if field.kind == "flag":
            return (
                f"coalesce(CAST({quoted(field.name)} AS {self.types['text']}) IN {_TRUE}, FALSE)"
                if present
                else "FALSE"
            )
        return f"CAST({quoted(field.name) if present else 'NULL'} AS {self.types[field.kind]})"

    def parameter(self, parameter: Parameter, place: int) -> str:
        """A parameter in the body of a function."""
        if self.name == "postgresql":
            return f"${place}"
        return (
            parameter.name
            if parameter.type.endswith("[]")
            else f"CAST({parameter.name} AS {self.types[parameter.type]})"
        )

    def create(self, view: ViewDefinition, name: str, sql: str, money: Mapping[str, str]) -> str:
        """The statement that creates a view or a function."""
        if not view.is_function:
            return f"CREATE VIEW {name} AS\n{sql}"
        if self.name == "duckdb":
            parameters = (f"{one.name} := {self.default(one)}" if one.default else one.name for one in view.parameters)
            return f"CREATE MACRO {name}({', '.join(parameters)}) AS TABLE\n{sql}"
        parameters = (
            f"{one.name} {self._type(one.type, money)}" + (f" DEFAULT {self.default(one)}" if one.default else "")
            for one in view.parameters
        )
        columns = ", ".join(f"{one.name} {self._type(one.type, money)}" for one in view.columns)
        head = f"CREATE FUNCTION {name}({', '.join(parameters)})\nRETURNS TABLE ({columns})\nLANGUAGE sql STABLE"
        return f"{head} AS $view$\n{sql}\n$view$"

    def comments(self, view: ViewDefinition, name: str) -> Sequence[str]:
        """The statements that comment a view and its columns."""
        if not view.is_function:
            columns = (f"COMMENT ON COLUMN {name}.{one.name} IS {literal(one.meaning)}" for one in view.columns)
            return (f"COMMENT ON VIEW {name} IS {literal(view.comment)}", *columns)
        if self.name == "duckdb":
            return (f"COMMENT ON MACRO TABLE {name} IS {literal(view.comment)}",)
        types = ", ".join(self._type(one.type, {}) for one in view.parameters)
        return (f"COMMENT ON FUNCTION {name}({types}) IS {literal(view.comment)}",)

    def drop(self, kind: str, name: str) -> str:
        """The statement that drops a view or a function, and nothing that depends on it."""
        return f"DROP {_KINDS[self.name][kind]} IF EXISTS {name}"

    def _type(self, name: str, money: Mapping[str, str]) -> str:
        plain = name.removesuffix("[]")
        return money.get(plain) or self.types[plain] + name.removeprefix(plain)

    def default(self, parameter: Parameter) -> str:
        """The default of a parameter."""
        text = parameter.default.strip()
        return f"{self.array}{text[1:-1]}]" if text.startswith("{") else text


_KINDS = {
    "duckdb": {"view": "VIEW", "function": "MACRO TABLE"},
    "postgresql": {"view": "VIEW", "function": "FUNCTION"},
}
DUCKDB = Dialect(
    "duckdb",
    {
        "text": "VARCHAR",
        "date": "DATE",
        "time": "TIMESTAMPTZ",
        "number": "DECIMAL(38, 14)",
        "int": "BIGINT",
        "integer": "INTEGER",
        "boolean": "BOOLEAN",
    },
    "DECIMAL({}, {})",
    "[",
)
POSTGRESQL = Dialect(
    "postgresql",
    {
        "text": "text",
        "date": "date",
        "time": "timestamptz",
        "number": "numeric",
        "int": "bigint",
        "integer": "integer",
        "boolean": "boolean",
    },
    "numeric({}, {})",
    "ARRAY[",
)
DIALECTS = {one.name: one for one in (DUCKDB, POSTGRESQL)}
