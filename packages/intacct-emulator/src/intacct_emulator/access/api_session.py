"""The function `getAPISession`."""

from intacct_emulator.access.rights import can_enter
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_protocol.errors import Fault
from intacct_protocol.xml.xml import element


def get_api_session(call: FunctionCall) -> FunctionAnswer:
    """A session at the endpoint of the request; `locationid` names an entity, or, if empty, the top level."""
    location = call.body.find("locationid")
    entity = call.session.entity if location is None else location.text.strip()
    if not can_enter(call.company, call.session.user, entity) and not (location is None and not entity):
        text = f"Location ID '{entity}' is not valid for this user." if entity else "The user is limited to entities."
        raise FunctionRefusedError(Fault("Get API Session Failed", description2=text))
    session = call.sessions.open(
        call.session.user,
        call.session.company_id,
        sender_id=call.session.sender_id,
        entity=entity,
        endpoint=call.session.endpoint,
        now=call.now - call.company.ahead,  # sessions expire by the emulator's clock
    )
    api = element(
        "api",
        element("sessionid", session.session_id),
        element("endpoint", call.company.settings.session_endpoint or session.endpoint),
        element("locationid", session.entity),
    )
    return FunctionAnswer(element("data", api))
