"""The envelope of both document types as frozen messages, valid by construction.

Facts (Sage's web-services "requests" page and the published schemas of 3.0 and 2.1): a request is one control block and
one or more operations; an operation is one authentication and one or more functions; a function has a control id and
exactly one element. An answer fails at one of four levels: before the application (no echo of the control block),
control, authentication, function. Results are `success`, `failure` or, when a transaction was rolled back, `aborted`.
"""

from dataclasses import dataclass, field

from intacct_protocol.errors import Fault, LocalProtocolError
from intacct_protocol.xml.xml import Element

DTD_VERSIONS = ("3.0", "2.1")
SUCCESS, FAILURE, ABORTED = "success", "failure", "aborted"


@dataclass(frozen=True, slots=True)
class Control:
    """The sender's credential, and the settings of the whole request."""

    sender_id: str
    password: str = field(repr=False)
    control_id: str = "request"
    """Echoed, never checked for uniqueness; 1 to 256 characters."""
    uniqueid: bool = False
    """True asks the gateway to refuse a function whose control id it has completed before."""
    dtd_version: str = "3.0"
    policy_id: str | None = None
    """An asynchronous policy: the answer is an acknowledgement only."""
    include_whitespace: bool = False
    show_additional_error_info: bool = True
    debug: bool | None = None

    def __post_init__(self) -> None:
        if self.dtd_version not in DTD_VERSIONS:
            raise LocalProtocolError(f"dtd version {self.dtd_version!r} is neither 3.0 nor 2.1")
        if not 1 <= len(self.control_id) <= 256:
            raise LocalProtocolError("a control id has 1 to 256 characters")


@dataclass(frozen=True, slots=True)
class Login:
    """A company user's credential, with the entity or the console client to work in."""

    user_id: str
    company_id: str
    password: str = field(repr=False)
    client_id: str | None = None
    location_id: str | None = None
    """None leaves the element out; an empty string is sent and means the top level."""


@dataclass(frozen=True, slots=True)
class SessionAuth:
    """A session opened by `getAPISession`."""

    session_id: str = field(repr=False)


Authentication = Login | SessionAuth


@dataclass(frozen=True, slots=True)
class Function:
    """One function call: its element, and the control id that its result repeats."""

    body: Element
    control_id: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.control_id) <= 256:
            raise LocalProtocolError("a function's control id has 1 to 256 characters")

    @property
    def name(self) -> str:
        """The function's name: the tag of its element."""
        return self.body.tag


@dataclass(frozen=True, slots=True)
class Operation:
    """Functions under one authentication; with `transaction` they are applied together or not at all."""

    authentication: Authentication
    functions: tuple[Function, ...]
    transaction: bool = False

    def __post_init__(self) -> None:
        if not self.functions:
            raise LocalProtocolError("an operation has at least one function")


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request."""

    control: Control
    operations: tuple[Operation, ...]

    def __post_init__(self) -> None:
        if not self.operations:
            raise LocalProtocolError("a request has at least one operation")

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions of all operations, in their order."""
        return tuple(function for operation in self.operations for function in operation.functions)


@dataclass(frozen=True, slots=True)
class ControlEcho:
    """The control block of an answer; a refusal before the application echoes nothing but the status."""

    status: str
    sender_id: str = ""
    control_id: str = ""
    uniqueid: str = ""
    dtd_version: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The authentication block of an answer, refused or not. The two times are ISO 8601 text with an offset."""

    status: str
    user_id: str = ""
    company_id: str = ""
    location_id: str | None = None
    client_id: str | None = None
    session_timestamp: str = ""
    session_timeout: str = ""
    """When the session ends if it is not used before; every successful answer extends it."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one function: a `data` element, or a legacy `key`, or faults, or (partial success) both."""

    status: str
    """Empty for a result without one, which only an emulator writes."""
    function: str
    control_id: str
    data: Element | None = None
    key: str | None = None
    faults: tuple[Fault, ...] = ()
    extra: tuple[Element, ...] = ()
    """Any other child, such as the `<listtype start end total>` of `get_list`."""


@dataclass(frozen=True, slots=True)
class OperationResult:
    """One operation's answer; with a refused authentication there are faults and no results."""

    authentication: SignedIn
    results: tuple[Result, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    control: ControlEcho
    operations: tuple[OperationResult, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Faults of the gateway or control level; then there are no operations."""
    acknowledged: bool = False
    """An asynchronous request was accepted; its results are delivered elsewhere."""
