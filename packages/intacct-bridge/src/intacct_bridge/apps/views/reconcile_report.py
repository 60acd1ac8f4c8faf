"""The reconciliation report: one HTML file for people, with the same facts as JSON inside for programs."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

from intacct_bridge.apps.terminal.output import Output, as_json
from intacct_bridge.apps.views.reconcile import difference_lines, notes, totals, verdict
from intacct_bridge.apps.views.tie_out import tie_out_lines, tie_out_sentence
from intacct_bridge.machine.replaced_file import replaced
from intacct_bridge.operations.reconcile import ComparisonMethod, DigestDifference, Reconciliation, TableDigest, TieOut
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import amount_shown, counted

FORMAT = 1
_BEGIN, _END = '<script type="application/json" id="reconciliation">', "</script>"
_MEANS = {
    ComparisonMethod.RECORDS: "every field of every record",
    ComparisonMethod.SUMS: "sums in groups",
    ComparisonMethod.COUNT: "the number of records",
}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c1c1c; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .25rem .6rem; text-align: left; vertical-align: top; }
th { border-bottom: 1px solid #888; } td { border-bottom: 1px solid #ddd; } .n { text-align: right; }
code { font-size: .85em; overflow-wrap: anywhere; } .verdict { font-size: 1.1rem; font-weight: 600; }
.equal { color: #14622f; } .differs { color: #9b1c1c; } @media print { body { margin: 0; } }
"""


def report_html(reconciliation: Reconciliation, copy: str) -> str:
    """The report of a reconciliation; `copy` is the copy's URI without secrets."""
    digests = [{"table": one.table, "rows": one.rows, "sha256": one.digest} for one in reconciliation.digests]
    data = {"report": FORMAT, "copy": copy, **reconciliation.to_dict(), "digests": digests}
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>Reconciliation of {escape(reconciliation.company)}</title><style>{_STYLE}</style></head><body>",
            *_body(reconciliation, copy),
            _BEGIN + as_json(data, indent=1).replace("<", "\\u003c") + _END,
            "</body></html>",
            "",
        )
    )


def _body(reconciliation: Reconciliation, copy: str) -> Iterator[str]:
    digests = {one.table: one for one in reconciliation.digests}
    yield f"<h1>Reconciliation of {escape(reconciliation.company)}</h1>"
    yield f'<p class="verdict {"equal" if reconciliation.equal else "differs"}">{escape(verdict(reconciliation))}.</p>'
    facts = [
        ("Company", reconciliation.company),
        ("Company's time", f"{reconciliation.at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Copy", copy),
        ("API transactions", f"{reconciliation.transactions:,}"),
    ]
    yield _html_table((), facts)
    if reconciliation.ledger:
        yield "<h2>Totals of the ledger</h2>"
        yield _list(totals(reconciliation))
    if not reconciliation.equal:
        yield "<h2>Differences</h2>"
        yield _list(difference_lines(reconciliation))
    yield "<h2>Compared</h2>"
    rows = [
        (
            table.table,
            f"{table.rows:,}",
            _MEANS[table.method],
            "equal" if table.equal else "differs",
            digests[table.table].digest if table.table in digests else "",
        )
        for table in reconciliation.comparison.tables
    ]
    yield _html_table(("table", "records", "compared by", "result", "SHA-256"), rows, numbers=(1,), code=(4,))
    if reconciliation.tie_out is not None:
        yield from _tie_out(reconciliation.tie_out)
    yield "<h2>Not compared</h2>"
    yield _list(notes(reconciliation)) or "<p>Everything was compared.</p>"


def _tie_out(tied: TieOut) -> Iterator[str]:
    if not tied.controls:
        return
    yield "<h2>Sub-ledgers</h2>"
    yield f"<p>{escape(tie_out_sentence(tied))}.</p>"
    heads = ("sub-ledger", "entity", "account", "open items", "ledger", "difference", "unexplained")
    rows = [
        (
            one.side,
            f"{one.entity} {one.currency}".strip(),
            ", ".join(one.accounts),
            *map(amount_shown, (one.open_items, one.ledger, one.difference, one.unexplained)),
        )
        for one in tied.controls
    ]
    yield _html_table(heads, rows, numbers=(3, 4, 5, 6))
    yield _list(tie_out_lines(tied))


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(one.removeprefix('✗ '))}</li>" for one in lines)
    return f"<ul>{items}</ul>" if items else ""


def _html_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = (), code: Sequence[int] = ()
) -> str:
    def cell(place: int, text: str) -> str:
        inner = f"<code>{escape(text)}</code>" if place in code else escape(text)
        return f'<td class="n">{inner}</td>' if place in numbers else f"<td>{inner}</td>"

    head = f"<tr>{''.join(f'<th>{escape(one)}</th>' for one in heads)}</tr>" if heads else ""
    body = "".join(f"<tr>{''.join(cell(place, text) for place, text in enumerate(row))}</tr>" for row in rows)
    return f"<table>{head}{body}</table>"


# --- files


def refuse_unwritable(path: Path) -> None:
    """SettingsError if the report could not be written, before anything is spent on it."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise SettingsError(f"the folder {folder} for the report does not exist", fix="create it, or name another file")
    if path.is_dir():
        raise SettingsError(f"{path} is a folder", fix=f"name a file: {path / 'reconciliation.html'}")


def write_report(path: Path, text: str) -> None:
    """Write the report as one piece."""
    try:
        with replaced(path) as fresh:
            fresh.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror or error}", fix="check the permissions and the disk"
        ) from None


def read_report(path: Path) -> dict[str, Any]:
    """The facts of a report; amounts are decimals. SettingsError for a file that is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"{path} cannot be read: {reason}", fix="name a report of `intacct reconcile`") from None
    inside = re.search(re.escape(_BEGIN) + "(.*?)" + re.escape(_END), text, re.DOTALL)
    try:
        data = json.loads(inside[1] if inside else "", parse_float=Decimal)
        if not isinstance(data, dict) or data["report"] > FORMAT:
            raise ValueError("another form")
        reported_digests(data)
        datetime.fromisoformat(data["at"])
    except (ValueError, KeyError, TypeError):
        raise SettingsError(
            f"{path} holds no reconciliation report",
            fix="name a file that `intacct reconcile --report FILE` wrote, with this version or an earlier one",
        ) from None
    return data


def reported_digests(data: Mapping[str, Any]) -> dict[str, TableDigest]:
    """The digests of a report, by table."""
    digests = (TableDigest(str(one["table"]), int(one["rows"]), str(one["sha256"])) for one in data["digests"])
    return {one.table: one for one in digests}


def show_changed_tables(data: Mapping[str, Any], changed: Sequence[DigestDifference], output: Output) -> None:
    """Whether a copy is still the one of a report; nothing under -q if it is."""
    reported = f"the reconciliation of {data['company']} of {data['at']}"
    if output.as_json:
        tables = [{"table": one.table, "reported": _plain(one.reported), "now": _plain(one.now)} for one in changed]
        output.json({"same": not changed, "company": data["company"], "at": data["at"], "changed": tables})
    elif changed:
        output.result(f"The copy is not the one of {reported}: {counted(len(changed), 'table')} changed")
        for difference in changed:
            then = difference.reported.rows if difference.reported else 0
            now = f"{counted(difference.now.rows, 'record')} now" if difference.now else "not in the copy now"
            output.result(f"✗ {difference.table}: {counted(then, 'record')} then, {now}")
    elif not output.quiet:
        output.result(f"The copy is the one of {reported}: {counted(len(data['digests']), 'table')} unchanged")


def _plain(digest: TableDigest | None) -> dict[str, Any] | None:
    return None if digest is None else {"rows": digest.rows, "sha256": digest.digest}
