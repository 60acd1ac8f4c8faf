"""Completed control ids, so that a function with `uniqueid` does not run twice.

They are in the company's database, inside the function's savepoint: a function that was rolled back is not completed.
Who shares control ids, for how long, and whether a repetition is refused or answered as the first time, are settings,
since no source says.
"""

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.render import RenderedPage
from intacct_emulator.settings.refusals import replayed
from intacct_protocol.xml.xml import Element, element, parse, serialize

_TABLE = (
    "CREATE TABLE IF NOT EXISTS completed_calls (scope TEXT, control_id TEXT, at REAL, answer TEXT, "
    "PRIMARY KEY (scope, control_id)) WITHOUT ROWID"
)


def first_answer(call: FunctionCall) -> FunctionAnswer | None:
    """The answer to this control id when it was completed; None if it was not, or is too old.

    Raises FunctionRefusedError if repetitions are refused.
    """
    behaviour = call.company.behaviour
    run = call.company.store.connection.execute
    run(_TABLE)
    key = (_scope(call), call.control_id)
    stored = run("SELECT at, answer FROM completed_calls WHERE scope = ? AND control_id = ?", key).fetchone()
    days = behaviour.controlid_days
    if stored is None or (days and call.now - float(stored[0]) > days * 86_400):
        return None
    if behaviour.replay_answer != "repeated":
        raise replayed(call.control_id, behaviour)
    return _read(stored[1])


def keep_answer(call: FunctionCall, answer: FunctionAnswer) -> None:
    """Keep the answer to a completed control id."""
    run = call.company.store.connection.execute
    run(_TABLE)
    run(
        "INSERT OR REPLACE INTO completed_calls VALUES (?, ?, ?, ?)",
        (_scope(call), call.control_id, call.now, _text(answer)),
    )


def _text(answer: FunctionAnswer) -> str:
    """The answer of a write as text, without pages of rows."""
    if answer.data is not None and any(isinstance(one, RenderedPage) for one in answer.data.children):
        return "<answer/>"
    parts = [] if answer.data is None else [answer.data]
    parts += [] if answer.key is None else [element("key", answer.key)]
    return serialize(Element("answer", "", tuple(parts)))


def _read(text: str) -> FunctionAnswer:
    root = parse(text.encode())
    key = root.find("key")
    return FunctionAnswer(root.find("data"), None if key is None else key.text)


def _scope(call: FunctionCall) -> str:
    company = call.session.company_id
    scope = call.company.behaviour.controlid_scope
    if scope == "sender":
        return f"{company}/{call.session.sender_id}"
    return f"{company}//{call.session.user.user_id}" if scope == "user" else company
