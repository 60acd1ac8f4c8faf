"""The memory of completed control ids, by which `uniqueid` refuses to run a function twice.

It stands in the company's own database, inside the function's savepoint: what was rolled back was not completed. Who
shares a memory and for how long is a setting, since no source says.
"""

from intacct_bridge.emulator.books import Call

_TABLE = (
    "CREATE TABLE IF NOT EXISTS completed (scope TEXT, control_id TEXT, at REAL, PRIMARY KEY (scope, control_id)) "
    "WITHOUT ROWID"
)


def completed(call: Call) -> bool:
    """Whether this control id was completed before, and is still remembered."""
    run = call.books.store.connection.execute
    run(_TABLE)
    found = run(
        "SELECT at FROM completed WHERE scope = ? AND control_id = ?", (_scope(call), call.control_id)
    ).fetchone()
    days = call.books.behaviour.controlid_days
    return found is not None and (not days or call.now - float(found[0]) <= days * 86_400)


def remember(call: Call) -> None:
    """Note that this control id is completed."""
    call.books.store.connection.execute(
        "INSERT OR REPLACE INTO completed VALUES (?, ?, ?)", (_scope(call), call.control_id, call.now)
    )


def _scope(call: Call) -> str:
    company = call.session.company_id
    scope = call.books.behaviour.controlid_scope
    if scope == "sender":
        return f"{company}/{call.session.sender_id}"
    return f"{company}//{call.session.user.user_id}" if scope == "user" else company
