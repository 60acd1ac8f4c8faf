"""A company's accounts, locations and entities as posting needs them, read from the company's own rows.

The accounts due to and due from an entity are cells of its LOCATIONENTITY row. An account is the payables or the
receivables account by its ALTERNATIVEACCOUNT. A company without locations posts to one without a name. In a company
with one entity, anything that names no location belongs to that entity.
"""

from collections.abc import Iterator, Mapping

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.ledger.amounts import MODES, Rounding
from intacct_emulator.ledger.dimensions import DIMENSIONS, id_and_parents, parents_of
from intacct_emulator.ledger.posting import PairAccounts, PostingRules
from intacct_emulator.ledger.posting_rows import Directory
from intacct_emulator.settings.cells import Row

_DEFAULT_CURRENCY = "USD"
_DEFAULTS, _OVERRIDES = "ENTITYACCTDEFAULT", "ENTITYACCTOVERRIDE"
"""The lines of INTERENTITYSETUP."""


class KnownIds(Mapping[str, tuple[int, str]]):
    """Id → record number and name; each id is read from the store once."""

    def __init__(
        self, company: CompanyData, objects: tuple[str, ...], key: str, name: str, *, within: tuple[str, ...] = ()
    ) -> None:
        """`within` are the fields that name the records within which ids are unique."""
        self._company, self._objects, self._key, self._name, self._within = company, objects, key, name, within
        self._records: dict[str, tuple[int, str]] = {"": (0, "")}

    def __getitem__(self, text: str) -> tuple[int, str]:
        record = self._records.get(text) or self._read(text)
        if record is None:
            raise KeyError(text)
        self._records[text] = record
        return record

    def _read(self, text: str) -> tuple[int, str] | None:
        record_id, parents = id_and_parents(text)
        parent_ids = dict(zip(self._within, parents, strict=False))
        for object_name in self._objects:
            table = self._company.table(object_name)
            for number in table.find(self._key, record_id):
                row = table.get(number) or {}
                if all(row.get(field, "") == parent for field, parent in parent_ids.items()):
                    return number, row.get(self._name, "")
        return None

    def __iter__(self) -> Iterator[str]:
        raise TypeError("ids are looked up, not listed")

    def __len__(self) -> int:
        return sum(self._company.table(one).count() for one in self._objects)


def directory(company: CompanyData) -> Directory:
    """Names and record numbers for ledger rows."""
    return Directory(
        accounts=KnownIds(company, ("GLACCOUNT", "STATACCOUNT"), "ACCOUNTNO", "TITLE"),
        departments=KnownIds(company, ("DEPARTMENT",), "DEPARTMENTID", "TITLE"),
        locations=KnownIds(company, ("LOCATION",), "LOCATIONID", "NAME"),
        dimensions={
            one.name: KnownIds(
                company,
                (one.name,),
                one.id_field,
                one.title,
                within=tuple(f"{name}ID" for name in parents_of(one.name)),
            )
            for one in DIMENSIONS
        },
        rules=posting_rules(company),
    )


def posting_rules(company: CompanyData) -> PostingRules:
    """The accounts and entities by which the company's documents post; kept until one of its lists changes."""
    names = ("LOCATION", "LOCATIONENTITY", "GLACCOUNT", "TRXCURRENCIES", _DEFAULTS, _OVERRIDES)
    state = tuple(company.store.version(name) for name in names)
    cached = company.related.recall("rules")
    if cached is not None and cached[0] == state:
        cached_rules: PostingRules = cached[1]
        return cached_rules
    rules = _rules(company)
    company.related.put("rules", (state, rules))
    return rules


def _rules(company: CompanyData) -> PostingRules:
    entities = {row["LOCATIONID"]: row for _, row in company.table("LOCATIONENTITY").rows()}
    parents = {row["LOCATIONID"]: row.get("PARENTID", "") for _, row in company.table("LOCATION").rows()}
    top = company.facts.base_currency.get() or _DEFAULT_CURRENCY
    base = {name: row.get("CURRENCY") or top for name, row in entities.items()}
    roles = {row.get("ALTERNATIVEACCOUNT", ""): row["ACCOUNTNO"] for _, row in company.table("GLACCOUNT").rows()}
    entity_of = {name: _entity(name, parents, entities) for name in {**parents, **entities}}
    accounts = company.facts.posting_accounts
    month = company.facts.first_month.get() or 1
    only = next(iter(entities), "") if len(entities) == 1 else ""
    if len(set(base.values())) == 1:
        top = next(iter(base.values()))
    return PostingRules(
        entity_of={"": only, **{name: of or only for name, of in entity_of.items()}},
        base_currency={"": top, **base},
        due_from={name: row.get("IERECEIVABLE.NUMBER", "") for name, row in entities.items()},
        due_to={name: row.get("IEPAYABLE.NUMBER", "") for name, row in entities.items()},
        payables=roles.get("Payables account", ""),
        receivables=roles.get("Receivables account", ""),
        employee_payables=accounts.get("employee_payables") or "",
        undeposited_funds=accounts.get("undeposited") or "",
        exchange=accounts.get("exchange") or "",
        rounding_account=accounts.get("rounding") or "",
        unrealised=accounts.get("unrealised_exchange") or "",
        pair_accounts=_pair_accounts(company),
        unrelated=frozenset(name for name, row in entities.items() if row.get("HAS_IE_RELATION") == "false"),
        closes_to=_closing_accounts(company, accounts.get("retained_earnings") or ""),
        fiscal_month={
            "": month,
            **{name: int(row.get("FIRSTMONTH") or month) for name, row in entities.items()},
        },
        rounding=Rounding(MODES[company.behaviour.rounding], _decimals(company)),
    )


def _closing_accounts(company: CompanyData, usual: str) -> dict[str, str]:
    """The accounts that close at the end of a fiscal year, each with the account that takes its balance.

    An account that names none closes to the company's own one: the account of the role `retained_earnings`, or the
    first that other accounts close to.
    """
    rows = [row for _, row in company.table("GLACCOUNT").rows()]
    usual = usual or next((row["ACCOUNTNO"] for row in rows if row.get("CLOSINGTYPE") == "closed to account"), "")
    named = {
        row["ACCOUNTNO"]: row.get("CLOSINGACCOUNTNO") or usual
        for row in rows
        if row.get("CLOSINGTYPE") == "closing account"
    }
    return {account: target for account, target in named.items() if target and target != account}


def _pair_accounts(company: CompanyData) -> dict[tuple[str, str], PairAccounts]:
    """The accounts of the inter-entity setup: of each entity, and of pairs, from the source's side."""
    accounts_of_pair = {}
    for name, source, target in ((_DEFAULTS, "ENTITYID", ""), (_OVERRIDES, "SOURCEENTITYID", "TARGETENTITYID")):
        for _, row in company.table(name).rows():
            accounts = PairAccounts(row.get("IEPAYABLEACCTNO", ""), row.get("IERECEIVABLEACCTNO", ""))
            accounts_of_pair[row.get(source, ""), row.get(target, "") if target else ""] = accounts
    return accounts_of_pair


def _decimals(company: CompanyData) -> dict[str, int]:
    """The decimals of the currencies that the company lists."""
    rows = (row for _, row in company.table("TRXCURRENCIES").rows())
    return {row["CODE"]: int(row["DECIMALPLACES"]) for row in rows if row.get("DECIMALPLACES")}


def _entity(name: str, parents: Mapping[str, str], entities: Mapping[str, Row]) -> str:
    visited: set[str] = set()
    while name and name not in entities and name not in visited:
        visited.add(name)
        name = parents.get(name, "")
    return name
