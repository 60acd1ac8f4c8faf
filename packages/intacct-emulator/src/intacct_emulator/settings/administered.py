"""A company's set-up as an administrator changed it since the start, kept with the company's records."""

from dataclasses import replace

import msgspec

from intacct_emulator.settings.companies import CompanySettings


class AdministeredSettings(msgspec.Struct, frozen=True):
    """The parts of the set-up that an administrator changes; None if they are still those of the settings."""

    web_services: bool | None = None
    modules: tuple[str, ...] | None = None
    senders: tuple[str, ...] | None = None
    inactive_senders: tuple[str, ...] | None = None
    licensed: tuple[str, ...] = ()
    """Sender ids to which Sage gave a licence."""

    def applied(self, company: CompanySettings) -> CompanySettings:
        """The settings of a company with these changes."""
        names = ("web_services", "modules", "senders", "inactive_senders")
        changed = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(company, **changed)
