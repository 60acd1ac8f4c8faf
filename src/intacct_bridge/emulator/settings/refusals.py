"""How the gateway says no: the level a refusal is raised at, and the documented number and text of each.

Where a text is recorded in a source it is the recorded one; the rest are written in the same manner. The prefix of a
number tells the layer: GW gateway, XL XML, PL permissions, BL business rules, DL data.
"""

from intacct_bridge.emulator.settings.behaviour import Behaviour
from intacct_bridge.errors import Fault, RefusedError
from intacct_bridge.wire.xml import Element


class ControlRefusedError(RefusedError):
    """The whole request is refused: no operation is answered."""

    def __init__(self, *faults: Fault, http_status: int = 200, echo: bool = True) -> None:
        super().__init__(faults[0].text, faults=faults, http_status=http_status)
        self.echo = echo
        """Whether the answer repeats the sender and control id; a refusal before the application does not."""


class SignInRefusedError(RefusedError):
    """One operation is refused: its functions do not run."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].text, faults=faults)


class FunctionRefusedError(RefusedError):
    """One function is refused, perhaps after part of it was done."""

    def __init__(self, *faults: Fault, data: Element | None = None) -> None:
        super().__init__(faults[0].text, faults=faults)
        self.data = data


# --- the whole request


def bad_sender() -> ControlRefusedError:
    """Unknown sender id, or the wrong password."""
    return ControlRefusedError(Fault("XL03000006", description2="Incorrect Intacct XML Partner ID or password."))


def blocked() -> ControlRefusedError:
    """A request that the gateway turns away before the application sees it, as it does with a wrong sender."""
    return ControlRefusedError(Fault("GW-0011", "Invalid Request"), http_status=400, echo=False)


def bad_policy(policy: str) -> ControlRefusedError:
    """A transport policy that nobody set up."""
    return ControlRefusedError(Fault("XL03000006", description2=f"{policy} is not a valid transport policy."))


def too_large(most: int) -> ControlRefusedError:
    """A request too large to be answered later. No source records the number."""
    return ControlRefusedError(
        Fault("XL03000006", description2=f"An asynchronous request may have {most:,} characters at most.")
    )


def expired_company() -> ControlRefusedError:
    """A demo company past its date."""
    return ControlRefusedError(Fault("PL04000055", description2="This company is a demo company and has expired."))


def unreadable(*texts: str, http_status: int = 200) -> ControlRefusedError:
    """The document is not XML, or not a request: one fault a violation."""
    faults = (Fault("XL03000003", description2=text) for text in texts)
    return ControlRefusedError(*faults, http_status=http_status, echo=False)


# --- one operation


def bad_sign_in() -> SignInRefusedError:
    """Company, user, password or entity: the gateway does not say which."""
    return SignInRefusedError(
        Fault("XL03000006", "Sign-in information is incorrect", "Sign-in information is incorrect")
    )


def unauthorised_sender(sender: str, company: str) -> SignInRefusedError:
    """The company has not authorised this sender."""
    return SignInRefusedError(
        Fault(
            "XL03000006",
            "Invalid Web Services Authorization",
            f"The sender ID '{sender}' is not authorized to make Web Services requests to company ID '{company}'.",
            "Contact the company administrator to grant Web Services authorization to this sender ID.",
        )
    )


def sender_needs_login(sender: str) -> SignInRefusedError:
    """The authorization asks for a login with every call. No source records the text."""
    text = f"A login is required for this sender: '{sender}' needs login for API."
    return SignInRefusedError(Fault("XL03000006", "Invalid Web Services Authorization", text))


def no_web_services() -> SignInRefusedError:
    """The company is not subscribed."""
    text = "This company is not authorized for XML transactions. Please subscribe to the XML Gateway."
    return SignInRefusedError(Fault("XL03000006", description2=text))


def bad_session(behaviour: Behaviour) -> SignInRefusedError:
    """A session that never was, or is over."""
    return SignInRefusedError(Fault(behaviour.session_errorno, "Invalid session", behaviour.session_text))


# --- one function


def refused(text: str, *, errorno: str = "BL01001973", correction: str = "", field: str = "") -> FunctionRefusedError:
    """A business rule says no; the field it is about is told to those who ask for more about errors."""
    return FunctionRefusedError(Fault(errorno, description2=text, correction=correction, field=field))


def illegal(name: str, text: str, *, correction: str = "", field: str = "") -> FunctionRefusedError:
    """A text that is no number, day or word of the kind that its field takes."""
    told = f"Illegal format for {name}: '{text}'"
    return refused(told, errorno="BL03000018", correction=correction, field=field or name)


def duplicate_account(number: str) -> FunctionRefusedError:
    """An account whose number is taken, in the documented words."""
    return FunctionRefusedError(
        Fault(
            "BL01001973",
            "Duplicate account number",
            f"The account number '{number}' already exists",
            "Enter unique account number",
        )
    )


def is_duplicate(error: FunctionRefusedError) -> bool:
    """Whether a record was refused because its key is taken."""
    return error.faults[0].errorno == "BL34000061" or error.faults[0].description == "Duplicate account number"


def session_not_alone() -> FunctionRefusedError:
    """`getAPISession` beside other functions. That it must be alone is documented, the refusal is not."""
    text = "getAPISession must be the only function in its request."
    return FunctionRefusedError(Fault("Get API Session Failed", description2=text))


def not_permitted(operation: str, name: str) -> FunctionRefusedError:
    """The role does not reach this object."""
    text = f"You do not have permission for API operation {operation} on objects of type {name.lower()}"
    return FunctionRefusedError(Fault("PL04000005", description2=text))


def not_for(name: str, operation: str) -> FunctionRefusedError:
    """An object that cannot be reached in this way by anybody."""
    text = f"API operation '{operation}' cannot be performed on objects of type {name.lower()}"
    return FunctionRefusedError(Fault("PL04000005", description2=text))


def root_record(name: str, verb: str) -> FunctionRefusedError:
    """A record of the top level, and a user who may only work in an entity. The text is recorded, the number is not."""
    text = f"You cannot {verb} a root level {name.lower()} from an entity restricted user with one entity"
    return FunctionRefusedError(Fault("BL01001973", description2=text))


def closed_dimension(name: str) -> FunctionRefusedError:
    """A user-defined dimension that is inactive; one without rights is told alike. The number is not recorded."""
    return FunctionRefusedError(
        Fault("PL04000005", description2=f"The dimension {name} is inactive or you do not have permission")
    )


def no_audit_history() -> FunctionRefusedError:
    """The user may not see the audit history; this refusal has no number."""
    text = "You do not have permission to view audit history. Contact your administrator."
    return FunctionRefusedError(Fault("", description2=text))


def unknown_object(name: str) -> FunctionRefusedError:
    """`query` and its like of an object that is not there."""
    return FunctionRefusedError(Fault("Query Failed", description2=f"Object definition {name} not found"))


def unknown_fields(object_name: str, names: list[str]) -> FunctionRefusedError:
    """`query` of fields that the object does not have."""
    return FunctionRefusedError(
        *(Fault("XL03000010", description2=f"Field requested is not valid: {object_name.lower()}.{n}") for n in names)
    )


def unqueryable_fields(object_name: str, names: list[str]) -> FunctionRefusedError:
    """`query` of fields that exist but cannot be queried in this company."""
    listed = f"[{object_name}: [{', '.join(names)}] ]"
    text = f"The following fields cannot be queried because of the company's configuration: {listed}"
    return FunctionRefusedError(Fault("XL03000006", description2=text))


def bad_query(text: str) -> FunctionRefusedError:
    """A filter or a where text that cannot be carried out."""
    return FunctionRefusedError(Fault("DL02000001", "Error", f"There was an error processing the request. {text}"))


def replayed(control_id: str, *, errorno: str, text: str) -> FunctionRefusedError:
    """A function whose control id was completed before, under `uniqueid`."""
    return FunctionRefusedError(Fault(errorno, description2=text.replace("{control_id}", control_id)))


def too_many(function: str, most: int, behaviour: Behaviour) -> None:
    """Refuse a call with more keys or records than it may have, unless the settings let it pass."""
    if behaviour.over_hundred != "taken":
        text = f"A {function} takes at most {most} keys or records."
        raise FunctionRefusedError(Fault(behaviour.over_hundred_errorno, description2=text))


ROLLED_BACK = Fault(
    "XL03000009", description2="The entire transaction in this operation has been rolled back due to an error."
)


def unexpected(function: str) -> Fault:
    """Something that should not happen did; said in the gateway's own words, never as an internal error."""
    return Fault("XL03000009", f"There was an error processing the function {function}")
