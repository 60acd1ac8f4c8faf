"""The users of a company's settings as records of USERINFO, where programs look for their rights and restrictions."""

from intacct_bridge.emulator.company.company_data import Books
from intacct_bridge.emulator.settings.cells import Row
from intacct_bridge.emulator.settings.world import UserSettings


def keep_users(books: Books) -> None:
    """Give every user a record that says what the settings say; what they leave open stays as it is."""
    table = books.table("USERINFO")
    for user in books.settings.users:
        told = _told(user)
        numbers = table.find("LOGINID", user.user_id)
        if not numbers:
            first: Row = {"LOGINID": user.user_id, "ADMIN": "Off", "USERTYPE": "business user", "UNRESTRICTED": "true"}
            table.insert({**first, "STATUS": "active", **told})
        for number in numbers if told else ():
            table.update(number, {**(table.get(number) or {}), **told})


def _told(user: UserSettings) -> Row:
    told: Row = {}
    if user.admin:
        told["ADMIN"] = user.admin
    if user.user_type:
        told["USERTYPE"] = user.user_type
    if user.entities:
        told["UNRESTRICTED"] = "false"
    if user.status != "active":
        told["STATUS"] = user.status
    return told
