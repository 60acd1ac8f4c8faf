"""The lines of a journal entry, expanded: splits, allocations and taxes become lines of their own.

A line with `SPLIT`s becomes one line for each split, and their amounts must add up to its own. A line that names an
allocation becomes one line for each of its entries. A line with `TAXENTRIES` is followed by a line on the account of
each tax, on the same side.
"""

from dataclasses import replace
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, number_sent
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.journals.allocations import FIELD, allocated_shares
from intacct_emulator.ledger.journals.taxes import TAX_ENTRIES, is_tax_row, tax_cell, with_tax_rows
from intacct_emulator.records.drafts import Draft
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused
from intacct_protocol.xml.xml import Element

_CUSTOM = "custom"
_NAMED = {"LOCATIONID": "LOCATION", "DEPARTMENTID": "DEPARTMENT"}


def expanded_lines(call: FunctionCall, drafts: list[Draft]) -> list[Draft]:
    """The lines that an entry posts, in their order."""
    return [line for draft in drafts for part in _split(call, draft) for line in _with_taxes(call, part)]


def _split(call: FunctionCall, draft: Draft) -> list[Draft]:
    parts = draft.nodes.get("SPLIT", [])
    allocation = draft.get(FIELD)
    if not parts:
        if not allocation:
            return [draft]
        if TAX_ENTRIES in draft.nodes:
            raise refused(
                "A line with taxes cannot be allocated.",
                correction="Leave out the taxes or the allocation.",
                field=FIELD,
            )
        shares = allocated_shares(call, allocation, number_sent("TRX_AMOUNT", draft.get("TRX_AMOUNT")) or ZERO)
        return [_split_line(draft, cells, amount) for cells, amount in shares]
    if allocation.lower() not in ("", _CUSTOM):
        raise refused(
            "SPLITs require ALLOCATION Custom.", correction="Leave out the splits or the allocation.", field=FIELD
        )
    rounding = posting_rules(call.company).rounding
    amounts = [rounding.sent("AMOUNT", part.findtext("AMOUNT"), draft.get("CURRENCY")) for part in parts]
    total = Decimal(draft.get("TRX_AMOUNT") or 0)
    if sum(amounts, ZERO) != total:
        raise refused(
            f"The splits add up to {sum(amounts, ZERO)}, but the line has {total}.",
            correction="Make the splits add up to the line.",
            field="AMOUNT",
        )
    return [_split_line(draft, _cells(part), amount) for part, amount in zip(parts, amounts, strict=True)]


def _cells(node: Element) -> Row:
    return {child.tag.upper(): child.text.strip() for child in node.children if child.tag.upper() != "AMOUNT"}


def _split_line(draft: Draft, cells: Row, amount: Decimal) -> Draft:
    named = {_NAMED.get(name, name): text for name, text in cells.items()}
    values = {name: text for name, text in draft.values.items() if name != FIELD}
    described_cells = {name: text for name, text in named.items() if text and name in draft.described.fields}
    return replace(draft, values=values | described_cells | {"TRX_AMOUNT": str(amount)})


def _with_taxes(call: FunctionCall, draft: Draft) -> list[Draft]:
    nodes = [one for wrapper in draft.nodes.get(TAX_ENTRIES, []) for one in wrapper.children]
    if not nodes:
        return [draft]
    pairs = [(one.findtext("DETAILID").strip(), one.findtext("TRX_TAX").strip()) for one in nodes]
    values = {name: text for name, text in draft.values.items() if name != "RECORDNO"}
    rows = with_tax_rows(call, values | {TAX_ENTRIES: tax_cell(pairs)})
    line_fields = ("LINEITEM", "DETAILKEY", "ACCOUNTKEY", "ACCOUNTTITLE")
    taxes = [{name: text for name, text in row.items() if name not in line_fields} for row in rows if is_tax_row(row)]
    return [draft, *(Draft(draft.described, row) for row in taxes)]
