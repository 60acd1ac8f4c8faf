"""Postings: the balanced ledger lines of a bill, a payment or a journal entry.

Amounts are signed, debit positive, in base currency (`amount`) and in the transaction's (`trx_amount`). Three policies
make every posting balance to the cent in each entity:

* **Currency.** Each line, and the control line, is converted at the document's rate and rounded. The rounding
  difference goes to the rounding account in the document's entity, without a transaction amount. A payment relieves
  the control account of the amount that the document posted there; the difference from the bank's amount is a realised
  gain or loss.
* **Entities.** The document's entity owns the control line. Every other entity gets a line due to the owner, and the
  owner a line due from it (the reverse if its lines are credits). One posting cannot have lines in entities of
  different base currencies.
* **Books.** The accrual book has documents and settlements. The cash book has a document's lines when it is paid, in
  the share that is paid.

This module knows no record numbers, dates, rows or tables.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from intacct_emulator.ledger.amounts import HALF_UP, ZERO, Rounding
from intacct_emulator.settings.refusals import refused
from intacct_protocol.errors import RecordError

ACCRUAL = "ACCRUAL"
CASH = "CASH"
NO_DIMENSIONS: Mapping[str, str] = MappingProxyType({})


class Role(StrEnum):
    """The reason for a line: the document names it, or a rule adds it."""

    LINE = "line"
    CONTROL = "control"
    ENTITY = "entity"
    ROUNDING = "rounding"
    EXCHANGE = "exchange"
    UNREALISED = "unrealised exchange"


class PostingLine(msgspec.Struct, frozen=True):
    """One line of the ledger."""

    account: str
    location: str
    amount: Decimal
    trx_amount: Decimal
    currency: str
    department: str | None = None
    memo: str | None = None
    dimensions: Mapping[str, str] = msgspec.field(default_factory=lambda: NO_DIMENSIONS)
    """Dimension (`VENDOR`, `CLASS`, `GLDIMFUND`) → the value's id."""
    role: Role = Role.LINE

    @property
    def is_debit(self) -> bool:
        """The side of the line; a line without an amount is a debit."""
        return self.amount > 0 or (self.amount == 0 and self.trx_amount >= 0)


class Posting(msgspec.Struct, frozen=True):
    """Lines that balance, in one book."""

    lines: tuple[PostingLine, ...]
    book: str = ACCRUAL


@dataclass(frozen=True, slots=True)
class PairAccounts:
    """The accounts in the books of one entity for amounts due to and due from another."""

    due_to: str
    due_from: str


@dataclass(frozen=True, slots=True)
class PostingRules:
    """The accounts and entities of a company that documents post to without naming them."""

    entity_of: Mapping[str, str]
    """Location → its entity; an entity is its own."""
    base_currency: Mapping[str, str]
    due_from: Mapping[str, str]
    """Entity → the account due from it, in the books of the other entities."""
    due_to: Mapping[str, str]
    """Entity → the account due to it, in the books of the other entities."""
    payables: str
    receivables: str
    employee_payables: str
    undeposited_funds: str
    exchange: str
    rounding_account: str
    unrealised: str = ""
    """Unrealised exchange gain and loss, of revaluations."""
    rounding: Rounding = HALF_UP
    closes_to: Mapping[str, str] = field(default_factory=lambda: NO_DIMENSIONS)
    """Account that closes at the end of a fiscal year → the account that takes its balance."""
    pair_accounts: Mapping[tuple[str, str], "PairAccounts"] = field(default_factory=dict)
    """Entity and another one, or an empty text for any other → the accounts in its books for amounts between them."""
    unrelated: frozenset[str] = frozenset()
    """The entities that may not post with others, unless accounts name the pair."""
    fiscal_month: Mapping[str, int] = field(default_factory=dict)
    """Entity → the first month of its fiscal year; January for an entity that is not named."""

    def between(self, entity: str, other: str) -> PairAccounts:
        """The accounts in an entity's books for amounts due to and due from another.

        Accounts of the pair come first, then those of the entity, then those that the other entity has everywhere.
        """
        accounts = self.pair_accounts.get((entity, other)) or self.pair_accounts.get((entity, ""))
        return accounts or PairAccounts(self.due_to[other], self.due_from[other])

    def may_post_between(self, entity: str, other: str) -> bool:
        """Whether one transaction may have lines in both entities."""
        pairs = ((entity, other), (other, entity))
        return not self.unrelated & {entity, other} or all(pair in self.pair_accounts for pair in pairs)

    @property
    def several_entities(self) -> bool:
        """Whether a line without a location could belong to more than one entity."""
        return len([name for name in self.base_currency if name]) > 1

    def base_of(self, location: str) -> str:
        """The base currency of a location's entity."""
        return self.base_currency.get(self.entity_of.get(location, ""), "")


class Charge(msgspec.Struct, frozen=True):
    """One line of a document as entered, in the transaction's currency; positive amounts increase the document."""

    account: str
    location: str
    trx_amount: Decimal
    department: str | None = None
    memo: str | None = None
    dimensions: Mapping[str, str] = msgspec.field(default_factory=lambda: NO_DIMENSIONS)


@dataclass(frozen=True, slots=True)
class Document:
    """A bill, invoice, adjustment or expense report: charges against one control account."""

    entity: str
    currency: str
    charges: tuple[Charge, ...]
    rate: Decimal = Decimal(1)
    """Base currency for one unit of the transaction's currency."""
    dimensions: Mapping[str, str] = field(default_factory=lambda: NO_DIMENSIONS)
    """The dimensions of the control line: the vendor, customer or employee."""
    memo: str | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """The part of a payment that settles one document."""

    entity: str
    trx_amount: Decimal
    amount: Decimal
    """The amount in base currency that leaves the control account, at the document's rate (see `relieved`)."""
    dimensions: Mapping[str, str] = field(default_factory=lambda: NO_DIMENSIONS)
    control: str = ""
    """Its control account, if that is not the payment's own."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """A payment or a receipt: the documents that it settles, and the account that the money leaves or reaches."""

    entity: str
    account: str
    currency: str
    applications: tuple[Application, ...]
    rate: Decimal = Decimal(1)
    dimensions: Mapping[str, str] = field(default_factory=lambda: NO_DIMENSIONS)
    memo: str | None = None
    discount: Decimal = ZERO
    """The settled amount for which no money moves, in the transaction's currency."""
    discount_account: str = ""


@dataclass(frozen=True, slots=True)
class SettledDocument:
    """A settled document for the cash book: its accrual posting, and the share of it that is paid."""

    posting: Posting
    share: Decimal


def bill(document: Document, rules: PostingRules, *, control: str | None = None) -> Posting:
    """The posting of a bill: debits its charges and credits payables. An adjustment has its own signs."""
    return _against(document, rules.payables if control is None else control, 1, rules)


def invoice(document: Document, rules: PostingRules, *, control: str | None = None) -> Posting:
    """The posting of an invoice: credits its charges and debits receivables. An adjustment has its own signs."""
    return _against(document, rules.receivables if control is None else control, -1, rules)


def expense_report(document: Document, rules: PostingRules) -> Posting:
    """The posting of an expense report: debits its charges and credits employee payables."""
    return _against(document, rules.employee_payables, 1, rules)


def payment(settlement: Settlement, rules: PostingRules, *, control: str = "") -> Posting:
    """The posting of a payment: debits payables (or another liability) for each document and credits the bank."""
    return _settle(settlement, control or rules.payables, 1, rules)


def receipt(settlement: Settlement, rules: PostingRules, *, control: str = "") -> Posting:
    """The posting of a receipt: credits receivables for each document and debits the bank or undeposited funds."""
    return _settle(settlement, control or rules.receivables, -1, rules)


def transfer(amount: Decimal, *, into: PostingLine, out_of: PostingLine, rules: PostingRules) -> Posting:
    """The posting of a transfer between two accounts, such as a deposit from undeposited funds to the bank."""
    lines = (
        replace(into, amount=amount, trx_amount=amount),
        replace(out_of, amount=-amount, trx_amount=-amount),
    )
    return Posting(balance_entities(lines, rules.entity_of[into.location], rules))


def journal_entry(lines: Sequence[PostingLine], owner: str, rules: PostingRules) -> Posting:
    """The posting of a journal entry: its lines, and lines between entities. Lines that do not balance are refused.

    Lines in one currency must balance in it, lines in several currencies in base currency. The cents that the
    conversion of each line loses go to the largest line.
    """
    if len(lines) < 2:
        raise refused("A journal entry needs at least two lines.")
    currencies = {line.currency for line in lines}
    unit = max(rules.rounding.unit(rules.base_of(line.location)) for line in lines)
    if len(currencies) == 1:
        check_balance([line.trx_amount for line in lines], currencies.pop())
        tolerance = unit * len(lines)
    else:
        tolerance = unit * len(lines) / 2
    lost = sum((line.amount for line in lines), ZERO)
    if abs(lost) > tolerance:
        check_balance([line.amount for line in lines], "in base currency")
    if lost:
        lines = list(lines)
        largest = max(range(len(lines)), key=lambda place: abs(lines[place].amount))
        lines[largest] = replace(lines[largest], amount=lines[largest].amount - lost)
    return Posting(balance_entities(lines, owner, rules))


def check_balance(amounts: Sequence[Decimal], currency: str) -> None:
    """Refuse signed amounts that do not add up to zero, with both sides and the difference."""
    debits = sum((one for one in amounts if one > 0), ZERO)
    credits = -sum((one for one in amounts if one < 0), ZERO)
    if debits != credits:
        raise refused(
            f"Transaction does not balance: debits {debits}, credits {credits} {currency}; "
            f"out of balance by {abs(debits - credits)}.",
            correction="Correct the amounts so that debits equal credits.",
        )


def statistical_entry(lines: Iterable[PostingLine]) -> Posting:
    """The posting of a statistical entry: its lines, which have no other side."""
    return Posting(tuple(lines))


def reverse(posting: Posting) -> Posting:
    """The reversal of a posting."""
    return replace(
        posting,
        lines=tuple(replace(line, amount=-line.amount, trx_amount=-line.trx_amount) for line in posting.lines),
    )


def cash_basis(settled: Sequence[SettledDocument], settlement: Posting, rules: PostingRules, *, owner: str) -> Posting:
    """The posting of a settlement in the cash book: the lines of its documents in place of the control account.

    `settled` is in the order of the settlement's applications.
    """
    lines = [line for line in settlement.lines if line.role not in (Role.CONTROL, Role.ENTITY)]
    relief = (line.amount for line in settlement.lines if line.role is Role.CONTROL)
    for document, amount in zip(settled, relief, strict=True):
        lines.extend(_paid_lines(document, amount, rules))
    return Posting(balance_entities(lines, owner, rules), CASH)


def relieved(
    trx_amount: Decimal, *, trx_due: Decimal, due: Decimal, base: str = "", rounding: Rounding = HALF_UP
) -> Decimal:
    """The amount in base currency that a payment settles; the last payment settles the rest."""
    if trx_amount == trx_due:
        return due
    return rounding.round(due * trx_amount / trx_due, base)


def balance_entities(lines: Sequence[PostingLine], owner: str, rules: PostingRules) -> tuple[PostingLine, ...]:
    """The lines with lines due to and due from the owner added, so that each entity balances."""
    entity_of = rules.entity_of
    try:
        if all(entity_of[line.location] == owner for line in lines):
            return tuple(lines)
    except KeyError:
        pass  # refused below, with a message
    sums: dict[str, list[PostingLine]] = {}
    for line in lines:
        sums.setdefault(_entity(line.location, rules), []).append(line)
    added = list(lines)
    for entity, entity_lines in sums.items():
        if entity != owner:
            added.extend(_between(entity, entity_lines, owner, rules))
    return tuple(added)


def _between(
    entity: str, entity_lines: Sequence[PostingLine], owner: str, rules: PostingRules
) -> Iterable[PostingLine]:
    net = sum((line.amount for line in entity_lines), ZERO)
    trx_net = sum((line.trx_amount for line in entity_lines), ZERO)
    if not net and not trx_net:
        return
    base = rules.base_currency[owner]
    if rules.base_currency[entity] != base:
        raise RecordError(
            f"Entities {owner} ({base}) and {entity} ({rules.base_currency[entity]}) keep their books in different "
            "currencies, so one transaction cannot have lines in both.",
            field="LOCATIONID",
            fix="Enter one transaction for each entity.",
        )
    if not rules.may_post_between(entity, owner):
        first, second = sorted((owner, entity))
        raise RecordError(
            f"The entities {first} and {second} have no inter-entity relationship, so one transaction cannot have "
            "lines in both.",
            field="LOCATIONID",
            fix="Enter one transaction for each entity, or set up accounts between them.",
        )
    if not {owner, entity} <= rules.due_to.keys() & rules.due_from.keys():
        raise RecordError(
            f"There are no accounts between the entities '{owner}' and '{entity}'.",
            field="LOCATIONID",
            fix="Give every line a location of one entity.",
        )
    currencies = {line.currency for line in entity_lines}
    if len(currencies) == 1:
        currency = currencies.pop()
    else:
        currency, trx_net = base, net
    memo = f"Between {owner} and {entity}"
    # An entity with net debits owes the owner; one with net credits has a claim on it.
    owes = net > 0 or (net == 0 and trx_net > 0)
    ours, theirs = rules.between(entity, owner), rules.between(owner, entity)
    here = ours.due_to if owes else ours.due_from
    there = theirs.due_from if owes else theirs.due_to
    # A line has one side. A bill and a credit at rates far apart can leave debits in one currency, credits in another.
    parts = ((net, ZERO), (ZERO, trx_net)) if net * trx_net < 0 else ((net, trx_net),)
    for amount, trx_amount in parts:
        yield PostingLine(here, entity, -amount, -trx_amount, currency, memo=memo, role=Role.ENTITY)
        yield PostingLine(there, owner, amount, trx_amount, currency, memo=memo, role=Role.ENTITY)


def _against(document: Document, control: str, side: int, rules: PostingRules) -> Posting:
    rate, currency, base = document.rate, document.currency, rules.base_currency.get(document.entity, "")
    lines = []
    total = trx_total = ZERO
    for charge in document.charges:
        trx_amount = charge.trx_amount if side == 1 else -charge.trx_amount
        amount = rules.rounding.to_base(trx_amount, rate, base)
        total += amount
        trx_total += trx_amount
        lines.append(
            PostingLine(
                charge.account,
                charge.location,
                amount,
                trx_amount,
                currency,
                charge.department,
                charge.memo,
                charge.dimensions,
            )
        )
    owed = rules.rounding.to_base(-trx_total, rate, base)
    lines.append(
        PostingLine(
            control, document.entity, owed, -trx_total, currency, None, document.memo, document.dimensions, Role.CONTROL
        )
    )
    if total + owed:
        lines.append(_rounding(-(total + owed), document.entity, currency, rules))
    return Posting(balance_entities(lines, document.entity, rules))


def _settle(settlement: Settlement, control: str, side: int, rules: PostingRules) -> Posting:
    currency, memo = settlement.currency, settlement.memo
    lines = []
    total = trx_total = ZERO
    for part in settlement.applications:
        amount, trx_amount = part.amount * side, part.trx_amount * side
        total += amount
        trx_total += trx_amount
        account = part.control or control
        lines.append(
            PostingLine(account, part.entity, amount, trx_amount, currency, None, memo, part.dimensions, Role.CONTROL)
        )
    discount, base = -settlement.discount * side, rules.base_currency.get(settlement.entity, "")
    for account, trx_amount in (
        (settlement.account, -trx_total - discount),
        (settlement.discount_account, discount),
    ):
        money = rules.rounding.to_base(trx_amount, settlement.rate, base)
        total += money
        if trx_amount or account == settlement.account:
            entity, dimensions = settlement.entity, settlement.dimensions
            lines.append(PostingLine(account, entity, money, trx_amount, currency, None, memo, dimensions))
    if total:
        lines.append(PostingLine(rules.exchange, settlement.entity, -total, ZERO, currency, role=Role.EXCHANGE))
    return Posting(balance_entities(lines, settlement.entity, rules))


def _paid_lines(document: SettledDocument, amount: Decimal, rules: PostingRules) -> list[PostingLine]:
    share, rounded = document.share, rules.rounding.round
    lines = [line for line in document.posting.lines if line.role not in (Role.CONTROL, Role.ENTITY)]
    paid = [
        replace(
            line,
            amount=rounded(line.amount * share, rules.base_of(line.location)),
            trx_amount=rounded(line.trx_amount * share, line.currency),
        )
        for line in lines
    ]
    # The largest line takes the cents that the shares lose, so that the total is the amount paid.
    lost = amount - sum((line.amount for line in paid), ZERO)
    if lost and paid:
        largest = max(range(len(paid)), key=lambda index: abs(paid[index].amount))
        paid[largest] = replace(paid[largest], amount=paid[largest].amount + lost)
    return paid


def _rounding(amount: Decimal, entity: str, currency: str, rules: PostingRules) -> PostingLine:
    return PostingLine(rules.rounding_account, entity, amount, ZERO, currency, memo="Rounding", role=Role.ROUNDING)


def _entity(location: str, rules: PostingRules) -> str:
    try:
        return rules.entity_of[location]
    except KeyError:
        raise RecordError(
            f"{location!r} is not a location of this company.", field="LOCATIONID", fix="Name a location or an entity."
        ) from None
