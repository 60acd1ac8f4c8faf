"""A copy, what an extraction did to it, and how it compares with the company, as the library gives them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from intacct_bridge.copies import copy as copies
from intacct_bridge.notebook import html_records, html_result, html_table
from intacct_bridge.operations import extract as extracting
from intacct_bridge.operations.sql import in_cents
from intacct_bridge.reconcile import reconcile as reconciling
from intacct_protocol.model.uri_text import redacted
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.operations.extract import StreamOutcome


class ExtractResult(extracting.ExtractResult):
    """What a run read of each stream: see `streams`, and `complete`."""

    __slots__ = ()

    def __repr__(self) -> str:
        failed = sum(not stream.complete or bool(stream.error) for stream in self.streams)
        rows = counted(sum(stream.rows for stream in self.streams), "row")
        words = f"{rows} of {counted(len(self.streams), 'stream')}" + (f", {failed:,} not complete" if failed else "")
        return f"<ExtractResult to {self.to}: {words}>"

    def _repr_html_(self) -> str:
        facts = {"to": self.to, "complete": self.complete, "API transactions": self.transactions}
        facts["seconds"] = round(self.seconds, 1)
        problems = html_records([asdict(problem) for problem in self.problems], "Problems")
        return html_result("Extraction", facts, _streams(self.outcomes), problems)


def _streams(outcomes: "tuple[StreamOutcome, ...]") -> str:
    rows = ((one.name, one.rows, one.deleted, one.full, one.complete, one.error, one.fix) for one in outcomes)
    return html_table(("stream", "rows", "deleted", "full", "complete", "error", "fix"), rows)


class Reconciliation(reconciling.Reconciliation):
    """Whether a copy matches the company (`equal`), and every difference."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        document = self.to_dict()
        facts = {"company": self.company, "equal": self.equal, "API transactions": self.transactions}
        facts |= {"ledger": self.no_ledger or ("equal" if not self.balances else "differs")}
        sides = [
            (one.period, one.place.account, one.place.location, one.place.currency, side, ledger, copy, copy - ledger)
            for one in self.balances
            for side, ledger, copy in one.sides
        ]
        columns = ("period", "account", "location", "currency", "side", "ledger", "copy", "difference")
        return html_result(
            "Reconciliation",
            facts,
            html_table(columns, sides, "Balances that differ"),
            html_records(document["records"], "Records that differ"),
            html_records(document["missing_tables"], "Tables that are missing"),
            html_records(document["tables"], "Tables"),
        )


class Copy(copies.Copy):
    """A company's copy: `table` and `sql` give Arrow, `as_of` says how current each table is."""

    def sql(self, statement: str) -> "pa.Table":
        """The result of one SELECT over the tables, without deleted rows, and the views of `reporting`.

        A column of amounts has two decimals, or all that Intacct has if a value of it has more. InvalidRequestError for
        another statement, and for one that cannot run.
        """
        return in_cents(super().sql(statement))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: the tables with their columns and times, and the views."""
        as_of = self.as_of
        return {
            "uri": redacted(self.uri),
            "company": self.company,
            "tables": [
                {"table": name, "as_of": when.isoformat() if when else None, "columns": list(columns.names)}
                for name, columns in self.tables.items()
                for when in (as_of.get(name),)
            ],
            "views": [view.name for view in self.views],
        }

    def _repr_html_(self) -> str:
        document = self.to_dict()
        rows = ((one["table"], one["as_of"], len(one["columns"])) for one in document["tables"])
        facts = {"company": document["company"], "tables": len(document["tables"]), "views": len(document["views"])}
        return html_result(f"Copy {document['uri']}", facts, html_table(("table", "as of", "columns"), rows))
