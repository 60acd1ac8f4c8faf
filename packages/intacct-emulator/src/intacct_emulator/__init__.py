"""A stateful emulator of the Sage Intacct gateway: a company with books, for tests and development."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intacct_emulator.from_copy.source import CopiedCompany, CopiedTable, copied_company
    from intacct_emulator.server.administration import Administration
    from intacct_emulator.server.gateway import Emulator, EmulatorSnapshot
    from intacct_emulator.server.request_log import Received, RequestOutcome
    from intacct_emulator.server.server import RunningServer, serve
    from intacct_emulator.settings.behaviour import Behaviour
    from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, SenderSettings, UserSettings
    from intacct_emulator.settings.company_source import CompanySource
    from intacct_emulator.settings.faults import ScriptedFault, load_faults
    from intacct_emulator.settings.scenarios import load_companies, load_scenario

__version__ = "0.1.0"

CREDENTIALS: dict[str, str] = {
    "sender_id": "demo-sender",
    "sender_password": "demo-sender-password",
    "company_id": "demo-company",
    "user_id": "demo-user",
    "user_password": "demo-user-password",
}
"""Those of every emulated company that names no others; fixed and public."""
REST_CREDENTIALS: dict[str, str] = {"client_id": "demo-client", "client_secret": "demo-client-secret"}
"""The application that every emulated company lets in by the REST interface; fixed and public."""

_HOMES = {
    "Administration": "server.administration",
    "Behaviour": "settings.behaviour",
    "CompanySettings": "settings.companies",
    "CompanySource": "settings.company_source",
    "CopiedCompany": "from_copy.source",
    "CopiedTable": "from_copy.source",
    "Emulator": "server.gateway",
    "EmulatorSettings": "settings.companies",
    "EmulatorSnapshot": "server.gateway",
    "Received": "server.request_log",
    "RequestOutcome": "server.request_log",
    "RunningServer": "server.server",
    "ScriptedFault": "settings.faults",
    "SenderSettings": "settings.companies",
    "UserSettings": "settings.companies",
    "copied_company": "from_copy.source",
    "load_companies": "settings.scenarios",
    "load_faults": "settings.faults",
    "load_scenario": "settings.scenarios",
    "serve": "server.server",
}
"""The module of each public name. It is imported with the first use, so that the package itself costs nothing."""

__all__ = [  # noqa: RUF022  # the test of public names sorts it
    "Administration",
    "Behaviour",
    "CREDENTIALS",
    "REST_CREDENTIALS",
    "CompanySettings",
    "CompanySource",
    "CopiedCompany",
    "CopiedTable",
    "Emulator",
    "EmulatorSettings",
    "EmulatorSnapshot",
    "Received",
    "RequestOutcome",
    "RunningServer",
    "ScriptedFault",
    "SenderSettings",
    "UserSettings",
    "__version__",
    "copied_company",
    "load_companies",
    "load_faults",
    "load_scenario",
    "serve",
]


def __dir__() -> list[str]:
    return sorted(__all__)


if not TYPE_CHECKING:  # with `__getattr__`, a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'intacct_emulator' has no attribute {name!r}")
        return getattr(import_module(f"intacct_emulator.{_HOMES[name]}"), name)
