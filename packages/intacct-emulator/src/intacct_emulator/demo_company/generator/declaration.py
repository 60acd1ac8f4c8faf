"""The declared part of the demo company: what any company file can declare, from one that comes with the package."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from intacct_emulator.settings.companies import CompanySettings
from intacct_emulator.settings.company_source import CompanyDefinitions, FactValues
from intacct_emulator.settings.declared.source import declared_source
from intacct_emulator.settings.scenarios import load_companies


@cache
def demo_settings() -> CompanySettings:
    """The demo company as its file declares it."""
    (company,) = load_companies(Path(str(files("intacct_emulator.data"))) / "demo_company.toml").companies
    return company


def demo_definitions() -> CompanyDefinitions:
    """The custom fields and objects, the dimension, the reports and the views of the demo company."""
    company = demo_settings()
    declared = declared_source(company.declared, company.company_id).definitions
    return declared + CompanyDefinitions(reports=company.reports, views=company.views)


def demo_facts() -> FactValues:
    """The posting accounts of the demo company."""
    company = demo_settings()
    return declared_source(company.declared, company.company_id).facts
