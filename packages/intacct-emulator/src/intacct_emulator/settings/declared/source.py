"""A declaration as the source of a company's data."""

from intacct_emulator.settings.company_source import (
    ApprovalLevel,
    ApprovalPolicy,
    CompanySource,
    FactValues,
    PostingRule,
)
from intacct_emulator.settings.declaration import CompanyDeclaration, DeclaredApproval
from intacct_emulator.settings.declared.definitions import declared_definitions
from intacct_emulator.settings.declared.records import DEFAULT_BOOK, DEFAULT_CURRENCY, declared_records

DECLARED = "declared"
"""The name of the source."""


def declared_source(declared: CompanyDeclaration, label: str) -> CompanySource:
    """The source of a declared company; `label` is the company's id."""
    roles = declared.posting_accounts
    return CompanySource(
        name=DECLARED,
        label=label,
        records=lambda number: declared_records(declared, number),
        facts=FactValues(
            posting_accounts={name: text for name in roles.__dataclass_fields__ if (text := getattr(roles, name))},
            reporting_books=declared.books or (DEFAULT_BOOK,),
            adjustment_books=declared.adjustment_books,
            base_currency=declared.currency or DEFAULT_CURRENCY,
            first_month=declared.first_month,
            definition_accounts={
                one.name: tuple(
                    PostingRule(each.account, each.item_group, each.location, each.department) for each in one.accounts
                )
                for one in declared.definitions
                if one.accounts
            },
            approval_policies=_policies(declared.approvals),
        ),
        definitions=declared_definitions(declared),
    )


def _policies(approvals: tuple[DeclaredApproval, ...]) -> dict[str, tuple[ApprovalPolicy, ...]]:
    policies: dict[str, tuple[ApprovalPolicy, ...]] = {}
    for approval in approvals:
        levels = tuple(ApprovalLevel(each.approvers, each.above) for each in approval.levels)
        progressive = approval.object != "APBILL" if approval.progressive is None else approval.progressive
        policies[approval.object] = (
            *policies.get(approval.object, ()),
            ApprovalPolicy(levels, progressive, approval.definition),
        )
    return policies
