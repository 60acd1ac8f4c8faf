"""Asynchronous requests of the REST interface: each gets the id of a job, and its answer is sent to a web hook.

The web hook is the address in the header `X-IA-Webhook-EndpointURL`, or that of the policy which `X-Policy` names. The
emulator sends to this machine only. What is sent is the body of the answer; no source says what goes with it. The
state of a job never has its answer, is shown to the application that sent the request, and is kept for four days.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from intacct_emulator.rest.messages import RestAnswer, RestRefusedError, RestRequest, invalid_request, result
from intacct_emulator.rest.work import RestWork
from intacct_emulator.server.deliveries import is_on_loopback
from intacct_emulator.settings.companies import PolicySettings

STATUS = "/services/core/async/job-status"
QUEUED, IN_TRANSIT, DELIVERED, DEAD = "queued", "inTransit", "delivered", "dead"
SERIALIZED = "respond-async-serialized"
_PREFERENCES = ("respond-async", SERIALIZED)
_ENDPOINT = "x-ia-webhook-endpointurl"
_RETRY_SECONDS = 120
_KEPT_SECONDS = 4 * 86_400
"""From the request on; whether Sage counts from the delivery is not said."""


@dataclass(frozen=True, slots=True)
class LaterRequest:
    """One request that is answered later."""

    client: str
    company: str
    at: float
    """When it came, in seconds since the epoch by the emulator's clock."""
    state: str = QUEUED


class LaterRequests:
    """The asynchronous requests of one emulator."""

    def __init__(self) -> None:
        self._requests: dict[str, LaterRequest] = {}

    def add(self, job_id: str, work: RestWork, now: float) -> RestAnswer:
        """Take a request; the answer that acknowledges it."""
        self._requests = {name: later for name, later in self._requests.items() if now - later.at <= _KEPT_SECONDS}
        self._requests[job_id] = LaterRequest(work.session.sender_id, work.session.company_id, now)
        acknowledgement = result({"jobId": job_id, "statusURL": f"{STATUS}?jobId={job_id}"}, 202)
        return replace(acknowledgement, headers={"retry-after": str(_RETRY_SECONDS)})

    def reached(self, job_id: str, state: str) -> None:
        """Note how far a request has come."""
        if job_id in self._requests:
            self._requests[job_id] = replace(self._requests[job_id], state=state)

    def status(self, work: RestWork, request: RestRequest, now: float) -> RestAnswer:
        """The state of a request. Raises RestRefusedError."""
        job_id = request.parameter("jobId")
        later = self._requests.get(job_id)
        asker = (work.session.sender_id, work.session.company_id)
        if later is None or (later.client, later.company) != asker or now - later.at > _KEPT_SECONDS:
            raise RestRefusedError(404, "notFound", f"Asynchronous job {job_id} status could not be found")
        return result({"jobId": job_id, "deliveryStatus": later.state})

    def clear(self) -> None:
        """Forget all requests."""
        self._requests.clear()


def preference(request: RestRequest) -> str:
    """How a request wants to be answered later; empty if at once."""
    preferences = [part.strip().lower() for part in request.header("prefer").split(",")]
    return next((name for name in preferences if name in _PREFERENCES), "")


def at_once(request: RestRequest) -> RestRequest:
    """The same request without that preference."""
    return replace(request, headers={name: text for name, text in request.headers.items() if name != "prefer"})


def policy_of(request: RestRequest, policies: Mapping[str, PolicySettings]) -> PolicySettings:
    """Where and when an asynchronous request is answered. Raises RestRefusedError."""
    name, url = request.header("x-policy"), request.header(_ENDPOINT)
    if name and name not in policies:
        raise invalid_request(f"The policy {name} does not exist")
    if not name and not url:
        raise invalid_request("An asynchronous request has the header X-IA-Webhook-EndpointURL or X-Policy")
    policy = policies.get(name) or PolicySettings(url)
    if url:
        if not is_on_loopback(url):
            raise invalid_request("The emulator sends answers to this machine only, such as http://127.0.0.1:8080/")
        policy = replace(policy, url=url)
    return policy
