"""Which function is answered by what: one table, and nothing else."""

from collections.abc import Callable

from intacct_bridge.emulator.books import Answer, Call
from intacct_bridge.emulator.metadata import inspect, lookup
from intacct_bridge.emulator.querying import query
from intacct_bridge.emulator.sessioncalls import get_api_session
from intacct_bridge.emulator.writes import create

Handler = Callable[[Call], Answer]

HANDLERS: dict[str, Handler] = {
    "create": create,
    "getAPISession": get_api_session,
    "inspect": inspect,
    "lookup": lookup,
    "query": query,
}
