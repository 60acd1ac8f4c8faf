"""The gateway's refusals: the level of each, and its documented number and text.

A text that a source records is the recorded one; the others are written in the same manner. The prefix of a number
names the layer: GW gateway, XL XML, PL permissions, BL business rules, DL data.
"""

from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.cells import WHOLE_DIGITS
from intacct_protocol.errors import Fault, RefusedError
from intacct_protocol.xml.envelope import ControlEcho
from intacct_protocol.xml.xml import Element


class ControlRefusedError(RefusedError):
    """The whole request is refused, and no operation is answered."""

    def __init__(
        self, *faults: Fault, http_status: int = 200, echo: bool = True, control: ControlEcho | None = None
    ) -> None:
        super().__init__(faults[0].text, faults=faults, http_status=http_status)
        self.echo = echo
        """Whether the application answers: it repeats the control block. A refusal before it does not."""
        self.control = control
        """The control block of a document that is not a request, as far as it can be read."""


class SignInRefusedError(RefusedError):
    """One operation is refused, and its functions do not run."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].text, faults=faults)


class FunctionRefusedError(RefusedError):
    """One function is refused, perhaps after part of it was done."""

    def __init__(self, *faults: Fault, data: Element | None = None, unmarked: bool = False) -> None:
        super().__init__(faults[0].text, faults=faults)
        self.data = data
        self.unmarked = unmarked
        """Whether the result has no status."""


# --- the whole request


def bad_sender() -> ControlRefusedError:
    """An unknown sender ID, or a wrong password."""
    return ControlRefusedError(Fault("XL03000006", description2="Incorrect Intacct XML Partner ID or password."))


INVALID_REQUEST = "Invalid Request [Request ID: 7F000001:C0DE_6A000000.01]"
"""The text of a request that the gateway refuses before the application; the form of the id is the documented one."""


def blocked() -> ControlRefusedError:
    """A request that the gateway refuses before the application sees it, such as one of a wrong sender."""
    return ControlRefusedError(Fault("GW-0011", INVALID_REQUEST), http_status=400, echo=False)


def unauthorized() -> ControlRefusedError:
    """A wrong credential that the gateway refuses before the application sees the request, as Sage recorded it."""
    text = "Sign-in information is incorrect. Please check your request."
    return ControlRefusedError(Fault("XMLGW_JPP0002", text), http_status=401, echo=False)


def bad_policy(policy: str) -> ControlRefusedError:
    """An unknown transport policy."""
    return ControlRefusedError(Fault("XL03000006", description2=f"{policy} is not a valid transport policy."))


def too_large(most: int) -> ControlRefusedError:
    """A request that is too large for a transport policy. No source records the number."""
    return ControlRefusedError(
        Fault("XL03000006", description2=f"An asynchronous request may have {most:,} characters at most.")
    )


def expired_company() -> ControlRefusedError:
    """An expired demo company."""
    return ControlRefusedError(Fault("PL04000055", description2="This company is a demo company and has expired."))


def unreadable(*texts: str, http_status: int = 200, control: ControlEcho | None = None) -> ControlRefusedError:
    """A document that is not XML, or not a request; one fault per violation."""
    faults = (Fault("XL03000003", description2=text) for text in texts)
    return ControlRefusedError(*faults, http_status=http_status, control=control)


# --- one operation


def bad_sign_in() -> SignInRefusedError:
    """A wrong company, user, password or entity. The gateway does not say which."""
    return SignInRefusedError(
        Fault("XL03000006", "Sign-in information is incorrect", "Sign-in information is incorrect")
    )


def unauthorised_sender(sender: str, company: str) -> SignInRefusedError:
    """A sender that the company has not authorised."""
    return SignInRefusedError(
        Fault(
            "XL03000006",
            "Invalid Web Services Authorization",
            f"The sender ID '{sender}' is not authorized to make Web Services requests to company ID '{company}'.",
            "Contact the company administrator to grant Web Services authorization to this sender ID.",
        )
    )


def sender_needs_login(sender: str) -> SignInRefusedError:
    """A sender whose authorization requires a login with every call. No source records the text."""
    text = f"A login is required for this sender: '{sender}' needs login for API."
    return SignInRefusedError(Fault("XL03000006", "Invalid Web Services Authorization", text))


def no_web_services() -> SignInRefusedError:
    """A company that is not subscribed to Web Services."""
    text = "This company is not authorized for XML transactions. Please subscribe to the XML Gateway."
    return SignInRefusedError(Fault("XL03000006", description2=text))


def bad_session(behaviour: Behaviour) -> SignInRefusedError:
    """An unknown or expired session."""
    return SignInRefusedError(Fault(behaviour.session_errorno, "Invalid session", behaviour.session_text))


# --- one function


def refused(text: str, *, errorno: str = "BL01001973", correction: str = "", field: str = "") -> FunctionRefusedError:
    """A business rule. Requests for additional error information get the field too."""
    return FunctionRefusedError(Fault(errorno, description2=text, correction=correction, field=field))


def illegal(name: str, text: str, *, correction: str = "", field: str = "") -> FunctionRefusedError:
    """A text that its field cannot hold."""
    sentence = f"Illegal format for {name}: '{text}'"
    return refused(sentence, errorno="BL03000018", correction=correction, field=field or name)


def illegal_number(name: str, text: str, *, field: str = "") -> FunctionRefusedError:
    """A text that is not a number, or a number too large for its field."""
    correction = f"Enter a number with at most {WHOLE_DIGITS} digits before the point."
    return illegal(name, text, correction=correction, field=field)


def duplicate_account(number: str) -> FunctionRefusedError:
    """An account number that is in use, in the documented words."""
    return FunctionRefusedError(
        Fault(
            "BL01001973",
            "Duplicate account number",
            f"The account number '{number}' already exists",
            "Enter unique account number",
        )
    )


def is_duplicate(error: FunctionRefusedError) -> bool:
    """Whether a record was refused because its key is in use."""
    return error.faults[0].errorno == "BL34000061" or error.faults[0].description == "Duplicate account number"


def session_not_alone() -> FunctionRefusedError:
    """`getAPISession` together with other functions. That it must be alone is documented; the refusal is not."""
    text = "getAPISession must be the only function in its request."
    return FunctionRefusedError(Fault("Get API Session Failed", description2=text))


def not_permitted(operation: str, name: str) -> FunctionRefusedError:
    """The user's roles do not permit this operation."""
    text = f"You do not have permission for API operation {operation} on objects of type {name.lower()}"
    return FunctionRefusedError(Fault("PL04000005", description2=text))


def not_for(name: str, operation: str) -> FunctionRefusedError:
    """An operation that the object does not support."""
    text = f"API operation '{operation}' cannot be performed on objects of type {name.lower()}"
    return FunctionRefusedError(Fault("PL04000005", description2=text))


def root_record(name: str, verb: str) -> FunctionRefusedError:
    """A record of the top level, for a user who is restricted to entities. The text is recorded, the number is not."""
    text = f"You cannot {verb} a root level {name.lower()} from an entity restricted user with one entity"
    return FunctionRefusedError(Fault("BL01001973", description2=text))


def closed_dimension(name: str) -> FunctionRefusedError:
    """An inactive user-defined dimension, or one that the user has no right to. The number is not recorded."""
    return FunctionRefusedError(
        Fault("PL04000005", description2=f"The dimension {name} is inactive or you do not have permission")
    )


def no_audit_history() -> FunctionRefusedError:
    """The audit history, for a user without that right. This refusal has no number."""
    text = "You do not have permission to view audit history. Contact your administrator."
    return FunctionRefusedError(Fault("", description2=text))


def unknown_object(name: str) -> FunctionRefusedError:
    """An unknown object in `query` and similar functions."""
    return FunctionRefusedError(Fault("Query Failed", description2=f"Object definition {name} not found"))


def unknown_fields(object_name: str, names: list[str]) -> FunctionRefusedError:
    """Unknown fields in `query`."""
    return FunctionRefusedError(
        *(Fault("XL03000010", description2=f"Field requested is not valid: {object_name.lower()}.{n}") for n in names)
    )


def unqueryable_fields(object_name: str, names: list[str]) -> FunctionRefusedError:
    """Fields in `query` that exist but cannot be queried in this company; the text is that of two users' reports."""
    text = f"The following fields cannot be queried: [\n\t{object_name.lower()}: [{', '.join(names)}] ]"
    return FunctionRefusedError(Fault("XL03000006", description2=text))


def bad_query(text: str) -> FunctionRefusedError:
    """A filter that cannot be evaluated."""
    return FunctionRefusedError(Fault("DL02000001", "Error", f"There was an error processing the request. {text}"))


def replayed(control_id: str, behaviour: Behaviour) -> FunctionRefusedError:
    """A function with `uniqueid` whose control id was completed before."""
    fault = Fault(behaviour.replay_errorno, description2=behaviour.replay_text.replace("{control_id}", control_id))
    return FunctionRefusedError(fault, unmarked=behaviour.replay_answer == "unmarked")


def too_many(function: str, most: int, behaviour: Behaviour) -> None:
    """Refuse a call with too many keys or records, unless the settings accept it."""
    if behaviour.over_hundred != "taken":
        text = f"A {function} takes at most {most} keys or records."
        raise FunctionRefusedError(Fault(behaviour.over_hundred_errorno, description2=text))


ROLLED_BACK = Fault(
    "XL03000009", description2="The entire transaction in this operation has been rolled back due to an error."
)


def unexpected(function: str) -> Fault:
    """An error in the emulator itself, in the gateway's own words."""
    return Fault("XL03000009", f"There was an error processing the function {function}")
