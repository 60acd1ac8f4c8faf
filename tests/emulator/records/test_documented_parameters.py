"""What the pages on `create` and `update` list, and what the emulator keeps of it."""

from collections import defaultdict

from recorded_facts import operations

from intacct_emulator.records.drafts import CUSTOM_FIELDS
from intacct_emulator.records.owned_parts import part_names
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.model.keys import lines

NAMES_A_DIMENSION = {
    "APBILLITEM": {"GLDIM*"},
    "ARADVANCEITEM": {"GLDIM*"},
    "GLACCOUNT": {"REQUIREGLDIM*"},
    "GLACCTGRP": {"FILTERGLDIM*", "GLDIM*"},
    "STATACCOUNT": {"REQUIREGLDIM*"},
}
"""A user-defined dimension stands for the asterisk; its field is there once the dimension is."""

SAYS_WHAT_TO_DO = {
    "APBILL": {"ACTION"},
    "APBILLITEM": {"TAXENTRIES", "TOTALTRXAMOUNT"},
    "APPYMT": {"ACTION", "AMOUNTTOPAY", "PAYMENTDATE"},
    "ARADVANCE": {"ACTION"},
    "ARPYMT": {
        "ACTION",
        "AMOUNTOPAY",
        "OVERPAYMENTAMOUNT",
        "OVERPAYMENTDEPARTMENTID",
        "OVERPAYMENTLOCATIONID",
        "PAYMENTDATE",
        "TRX_AMOUNTTOPAY",
    },
    "GLBATCH": {"REVERSEDATE"},
    "GLENTRY": {"SPLIT", "TAXENTRIES"},
}
"""No field of the record: the posting reads it."""

WITHOUT_A_FIELD = {
    "ARPYMT": {"ONLINECARDPAYMENT"},
    "BIN": {"BINSIZEID"},
    "COGSCLOSEDJE": {"POSTINGDATE"},
    "COMPLIANCEDEFINITION": {"COMPDEFENTRIES"},
    "CONTACT": {"NAME"},
    "CONTRACTBILLINGSCHEDULEENTRY": {"CONTRACTBILLINGSCHEDULEENTRY"},
    "GLACCTALLOCATION": {"ASOFDATE", "EMAIL", "GLACCTALLOCATION", "GLACCTALLOCATIONGRP", "GLPOSTINGDATE"},
    "GLBATCH": {"HISTORY_COMMENT"},
    "ITEM": {"FORECAST_DEMAND_IN_LEAD_TIME"},
    "MAILADDRESS": {"ISOCOUNTRYCODE"},
    "PROJECT": {"EXECUTEON", "SCHEDULEDIMPACT", "SCHEDULEDSTARTDATE"},
    "TASK": {"STATUS"},
    "USERINFO": {"SSO_ENABLED", "SSO_FEDERATED_ID"},
    "VENDOR": {"HIDEDISPLAYCONTACT", "RESTRICTEDDEPARTMENTS", "RESTRICTEDLOCATIONS", "TAXSCHEDULE", "TAXSOLUTIONID"},
}
"""The object's description has no such field, so that no answer could show it: accepted and not kept."""

IN_A_PART = {
    "GCOWNERSHIPENTITY": {"GCOWNERSHIPCHILDENTITIES"},
    "ITEMWAREHOUSEINFO": {"ITEMWAREHOUSEVENDORENTRIES"},
}
"""Kept as it was sent, inside a part of another object."""


def without_a_place() -> dict[str, set[str]]:
    catalog = Emulator.empty().company().catalog
    found: dict[str, set[str]] = defaultdict(set)
    pages = [one for one in operations() if one.function in {"create", "update"}]
    for name, parameters in (table for page in pages for table in page.tables.items()):
        described = catalog.get(name)
        if described is None:
            continue
        groups = {one.split(".")[0] for one in described.fields}
        kept = {*groups, *part_names(name), *(one.wrapper for one in lines(name)), CUSTOM_FIELDS.upper()}
        found[name] |= {
            one.name for one in parameters if described.get(one.name) is None and one.name.upper() not in kept
        }
    return {name: names for name, names in found.items() if names}


def test_every_documented_parameter_is_kept_or_listed_here() -> None:
    expected: dict[str, set[str]] = defaultdict(set)
    for reason in (NAMES_A_DIMENSION, SAYS_WHAT_TO_DO, WITHOUT_A_FIELD, IN_A_PART):
        for name, names in reason.items():
            expected[name] |= names
    assert without_a_place() == expected
