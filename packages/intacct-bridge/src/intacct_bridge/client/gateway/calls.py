"""Functions called through a session: the checks and the errors that every reader and writer of the client shares."""

from collections.abc import Sequence

from intacct_bridge.client.gateway.exchange import Decode, GatewayCall, T, plain
from intacct_bridge.client.gateway.session import Session
from intacct_bridge.connections.connection import Connection
from intacct_protocol.diagnosis import as_error
from intacct_protocol.errors import IntacctError, InvalidRequestError, RecordError, RemoteProtocolError, SettingsError
from intacct_protocol.xml.envelope import ABORTED, SUCCESS, Function, Result
from intacct_protocol.xml.reply import BeforeSend, no_callback
from intacct_protocol.xml.xml import Element

_READS = frozenset(
    {
        "consolidate_status",
        "describe",
        "describeall",
        "get",
        "get_list",
        "inspect",
        "lookup",
        "query",
        "read",
        "readByName",
        "readByQuery",
        "readEntityDetails",
        "readRelated",
        "readReport",
        "readUserFormatting",
        "readView",
        "retrievepdf",
        "validate",
    }
)
_NEXT_PAGE = "readMore"
"""Gives the next page each time, so sending it again after a lost answer would skip one."""
_WITHOUT_UNDERSCORE = frozenset(
    {"get", "getAPISession", "getUserPermissions", "init_session", "describe", "describeall"}
)


def is_read(name: str) -> bool:
    """Whether a function of that name changes nothing: the documented readers, and every `get...`."""
    return name in _READS or name == _NEXT_PAGE or name.startswith("get")


class Calls:
    """Calls through one session. Refuses writes on a read-only connection, and generic functions on a 2.1 connection.

    Both are refused before anything is sent, as SettingsError and InvalidRequestError.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.connection = session.exchange.connection

    def send(
        self,
        functions: Sequence[Function],
        *,
        read: bool,
        transaction: bool = False,
        uniqueid: bool = False,
        before_send: BeforeSend = no_callback,
        planned: bool = False,
    ) -> tuple[Result, ...]:
        """One request; failed functions are results. `planned` marks what comes from a plan through the outbox."""
        self._check(functions, read=read, planned=planned)
        call = GatewayCall(
            tuple(functions), read=read, transaction=transaction, uniqueid=uniqueid, before_send=before_send
        )
        return self.session.call(call, plain).results

    def functions(self, *bodies: Element) -> tuple[Function, ...]:
        """The functions' elements with new control ids."""
        return tuple(Function(body, self.session.exchange.new_id()) for body in bodies)

    def ask(self, body: Element) -> Result:
        """One read; a failed result raises the error that its faults mean."""
        return successful(self.send(self.functions(body), read=True)[0])

    def fetch(self, body: Element, decode: Decode[T]) -> T:
        """One read whose answer is decoded by the caller; a failed function raises before its value is used."""
        answer = self.session.call(GatewayCall(self.functions(body), read=True), decode)
        successful(answer.results[0])
        return answer.value

    def data(self, body: Element) -> Element:
        """The `<data>` of one read."""
        result = self.ask(body)
        if result.data is None:
            raise RemoteProtocolError(f"the answer to {body.tag} has no <data>", function=body.tag)
        return result.data

    def only_reads(self, functions: Sequence[Function]) -> bool:
        """Whether all functions change nothing and answer the same when they are sent again."""
        return all(is_read(function.name) and function.name != _NEXT_PAGE for function in functions)

    def _check(self, functions: Sequence[Function], *, read: bool, planned: bool = False) -> None:
        writes = sorted({function.name for function in functions if not is_read(function.name)})
        if writes and not read:
            refuse_writes(self.connection, writes, planned=planned)
        generic = sorted({function.name for function in functions if not is_legacy_function(function.name)})
        if self.connection.is_legacy and generic:
            raise refused_by_legacy(f"function {generic[0]}")


def refuse_writes(connection: Connection, writes: Sequence[str], *, planned: bool) -> None:
    """SettingsError if the connection refuses writes, or those that no approved plan has."""
    if connection.read_only:
        raise SettingsError(
            f"connection {connection.name!r} is read_only, and {', '.join(writes)} may change something",
            fix="Use another connection, or remove read_only from this one's settings.",
        )
    if connection.needs_approval and not planned:
        raise SettingsError(
            f"connection {connection.name!r} requires an approval, and {', '.join(writes)} has no plan",
            fix="Make a plan with `intacct load FILE --out PLAN`, and have it approved.",
        )


def is_legacy_function(function: str) -> bool:
    """Whether document type 2.1 has the function: object-specific names have an underscore, generic ones have none."""
    return "_" in function or function in _WITHOUT_UNDERSCORE


def refused_by_legacy(missing: str) -> InvalidRequestError:
    """The error for something that document type 2.1 does not have, such as `function query`."""
    return InvalidRequestError(
        f"document type 2.1 has no {missing}",
        fix='Use a connection with dtd_version = "3.0", which Sage recommends for everything.',
    )


def successful(result: Result) -> Result:
    """The result if it succeeded; otherwise the error that its faults mean is raised."""
    if result.status == SUCCESS:
        return result
    raise refusal(result)


def refusal(result: Result, *, record: str = "") -> IntacctError:
    """The error that a failed or aborted result means; for a refused read an InvalidRequestError, not a RecordError."""
    error = as_error(result.faults, "function", function=result.function, control_id=result.control_id, record=record)
    if isinstance(error, RecordError) and is_read(result.function):
        return InvalidRequestError(
            error.message,
            by_gateway=True,
            faults=error.faults,
            fix=error.fix,
            function=error.function,
            control_id=error.control_id,
            diagnosis=error.diagnosis,
        )
    if result.status == ABORTED and not result.faults:
        error.message = f"{result.function}: the transaction was rolled back"
        error.args = (error.message,)
    return error
