"""Objects that are computed from others: account balances by period, stock by warehouse, access to personal data.

Their rows are brought up to date before a read. A row keeps its record number as long as its values stand for the same
thing. GLACCOUNTBALANCE has rows for the periods that a filter names, as its page requires a period.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.ledger.balances import account_sums
from intacct_emulator.ledger.chart import directory
from intacct_emulator.ledger.dimensions import dimension_cells, user_defined
from intacct_emulator.ledger.ledger import GROUPS, PostingFilter, books_known
from intacct_emulator.ledger.periods import reporting_period
from intacct_emulator.settings.cells import Row, decimal_text, text_of
from intacct_emulator.settings.refusals import refused
from intacct_protocol.model.query.query import Filter, Op, comparisons

BALANCES, STOCK, PERSONAL = "GLACCOUNTBALANCE", "AVAILABLEINVENTORY", "ADVAUDITHISTORY"
_PERSONAL_DATA = ("contact", "customer", "vendor", "employee", "userinfo")
"""The objects of AUDITHISTORY that hold personal data."""
_AMOUNTS = ("OPENBAL", "TOTDEBIT", "TOTCREDIT", "TOTADJDEBIT", "TOTADJCREDIT")


@dataclass(frozen=True, slots=True)
class _Computed:
    """One computed object."""

    sources: tuple[str, ...]
    """The objects whose changes change it."""
    rows: Callable[[CompanyData, tuple[str, ...]], Iterator[Row]]
    amounts: tuple[str, ...]
    """The fields that can change; the others are what a row stands for."""
    keyed: bool = False
    """Whether the rows have keys of their own."""


def refresh(company: CompanyData, name: str, where: Filter | None, *, legacy: bool = False) -> None:
    """Bring the rows of a computed object up to date; other objects stay as they are."""
    computed = COMPUTED.get(name)
    if computed is None:
        return
    periods = _periods(where) if name == BALANCES else ()
    if name == BALANCES and not periods and legacy:
        raise refused("PERIOD is required to read account balances.", correction="Name a period in the query.")
    state, earlier = company.related.recall(("computed", name)) or ((), ())
    if state == _versions(company, name) and set(periods) <= set(earlier):
        return
    there = company.table("REPORTINGPERIOD")
    periods = tuple(dict.fromkeys((*(one for one in earlier if there.find("NAME", one)), *periods)))
    _keep(company, name, computed, periods)
    company.related.put(("computed", name), (_versions(company, name), periods))


def _versions(company: CompanyData, name: str) -> tuple[int, ...]:
    return tuple(company.store.version(one) for one in (*COMPUTED[name].sources, name))


def _periods(where: Filter | None) -> tuple[str, ...]:
    named = (leaf for leaf in comparisons(where) if leaf.field == "PERIOD") if where is not None else ()
    return tuple(str(text) for leaf in named if leaf.op in (Op.EQUALTO, Op.IN) for text in leaf.values)


def _keep(company: CompanyData, name: str, computed: _Computed, periods: tuple[str, ...]) -> None:
    table = company.table(name)
    changing = computed.amounts if computed.keyed else (*computed.amounts, table.plan.key)

    def identity(row: Row) -> frozenset[tuple[str, str]]:
        return frozenset((field, text) for field, text in row.items() if text and field not in changing)

    there = {identity(row): (number, row) for number, row in table.rows()}
    for row in computed.rows(company, periods):
        cells = {field: text for field, text in row.items() if text}
        number, before = there.pop(identity(cells), (None, {}))
        if number is None:
            number = table.next_number()
        key = {} if computed.keyed else {table.plan.key: str(number)}
        if not before:
            table.insert(cells | key, number)
        elif cells | key != before:
            table.update(number, cells | key)
    for number, _ in there.values():
        table.delete(number)


# --- account balances


def _balances(company: CompanyData, periods: tuple[str, ...]) -> Iterator[Row]:
    names, user_fields = directory(company), user_defined(company.catalog)
    by = (*GROUPS, *(name.lower() for name in user_fields))
    for period in periods:
        first, last = reporting_period(company, period)
        for book in books_known(company):
            for account_sum in account_sums(company, PostingFilter(last, first, (book,), statistical=None), by):
                parts = dict(zip(by, account_sum.parts, strict=True))
                amounts = (
                    account_sum.opening,
                    account_sum.debits,
                    account_sum.credits,
                    account_sum.adjusting_debits,
                    account_sum.adjusting_credits,
                )
                if not any(amounts):
                    continue
                key, title = names.accounts[account_sum.account]
                row: Row = {"BOOKID": book, "PERIOD": period, "CURRENCY": account_sum.currency}
                row |= {"ACCOUNTREC": str(key), "ACCOUNTNO": account_sum.account, "ACCOUNTTITLE": title}
                row |= {"LOCATIONID": parts.pop("location"), "DEPARTMENTID": parts.pop("department")}
                row |= {field: decimal_text(amount) for field, amount in zip(_AMOUNTS, amounts, strict=True)}
                row["FORBAL"] = decimal_text(account_sum.opening + account_sum.debits - account_sum.credits)
                row["ENDBAL"] = decimal_text(account_sum.closing)
                named = {name.upper(): text for name, text in parts.items() if text}
                yield row | _dimension_texts(named, names.dimensions)


def _dimension_texts(dimensions: Mapping[str, str], directory: Mapping[str, Mapping[str, tuple[int, str]]]) -> Row:
    return {name: text_of(value) for name, value in dimension_cells(dimensions, directory)}


# --- stock, and access to personal data


def _stock(company: CompanyData, _periods: tuple[str, ...]) -> Iterator[Row]:
    warehouses = {row.get("WAREHOUSEID", ""): row for _, row in company.table("WAREHOUSE").rows()}
    items = {row.get("ITEMID", ""): row for _, row in company.table("ITEM").rows()}
    for _, row in company.table("ITEMWAREHOUSEINFO").rows():
        if row.get("WONHAND") in (None, "", "0"):
            continue
        item, warehouse = items.get(row["ITEMID"], {}), warehouses.get(row.get("WAREHOUSEID", ""), {})
        yield {
            "ID": f"{row['ITEMID']}--{row.get('WAREHOUSEID', '')}",
            "ITEMID": row["ITEMID"],
            "WAREHOUSEID": row.get("WAREHOUSEID", ""),
            "WAREHOUSENAME": warehouse.get("NAME", ""),
            "ITEMDESCRIPTION": item.get("NAME", ""),
            "UOM": item.get("BASEUOM", ""),
            "QUANTITYLEFT": row["WONHAND"],
        }


def _personal(company: CompanyData, _periods: tuple[str, ...]) -> Iterator[Row]:
    fields = company.catalog[PERSONAL].fields
    for _, row in company.table("AUDITHISTORY").rows():
        if row.get("OBJECTTYPE") in _PERSONAL_DATA:
            yield {field: text for field, text in row.items() if field in fields}


COMPUTED = {
    BALANCES: _Computed(
        ("GLENTRY", "GLBATCH", "GLDETAIL", "REPORTINGPERIOD", "GLACCOUNT", "LOCATIONENTITY"),
        _balances,
        (*_AMOUNTS, "FORBAL", "ENDBAL"),
    ),
    STOCK: _Computed(("ITEMWAREHOUSEINFO", "ITEM", "WAREHOUSE"), _stock, ("QUANTITYLEFT",)),
    PERSONAL: _Computed(("AUDITHISTORY",), _personal, (), keyed=True),
}
"""The computed objects."""
