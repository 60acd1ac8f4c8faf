"""The users of a company's settings as records of USERINFO, where programs look up their rights and restrictions."""

from intacct_bridge.emulator.company.company_data import CompanyData
from intacct_bridge.emulator.settings.cells import Row
from intacct_bridge.emulator.settings.world import UserSettings


def keep_users(company: CompanyData) -> None:
    """Give every user a record with the values of its settings; cells that no setting concerns stay as they are."""
    table = company.table("USERINFO")
    for user in company.settings.users:
        cells = _cells(user)
        numbers = table.find("LOGINID", user.user_id)
        if not numbers:
            first: Row = {"LOGINID": user.user_id, "ADMIN": "Off", "USERTYPE": "business user", "UNRESTRICTED": "true"}
            table.insert({**first, "STATUS": "active", **cells})
        for number in numbers if cells else ():
            table.update(number, {**(table.get(number) or {}), **cells})


def _cells(user: UserSettings) -> Row:
    cells: Row = {}
    if user.admin:
        cells["ADMIN"] = user.admin
    if user.user_type:
        cells["USERTYPE"] = user.user_type
    if user.entities:
        cells["UNRESTRICTED"] = "false"
    if user.status != "active":
        cells["STATUS"] = user.status
    return cells
