"""Idempotency keys: the first answer to a key is kept, also if it is an error, and a repetition gets it again.

Documented: the answer is kept for 48 hours, and the key is remembered for 60 days, after which another body, or the
same one, is refused with 409. A key belongs to a user in a company. The work and its answer are committed together, so
that a connection that is cut after the work leaves both.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from intacct_emulator.company.company_facts import FactTable
from intacct_emulator.rest.messages import RestAnswer, RestRefusedError, RestRequest, invalid_request
from intacct_emulator.rest.work import RestWork

HEADER = "idempotency-key"
LONGEST_KEY = 256
_METHODS = ("POST", "PATCH")
_FAMILIES = ("/objects/", "/workflows/")


class KeptAnswer(msgspec.Struct):
    """The first answer to a key."""

    digest: str
    """Of the method, the path and the body."""
    at: float
    """Seconds since the epoch, by the company's clock."""
    status: int
    body: str


def answered_once(
    work: RestWork,
    request: RestRequest,
    answer: Callable[[], RestAnswer],
    refused: Callable[[RestRefusedError], RestAnswer],
) -> RestAnswer:
    """The answer to a request, which is the first one again if its key was used before. Raises RestRefusedError."""
    key = request.header(HEADER)
    if not key or request.method not in _METHODS or not request.path.startswith(_FAMILIES):
        return answer()
    if len(key) > LONGEST_KEY:
        raise invalid_request(f"An idempotency key has at most {LONGEST_KEY} characters")
    table = FactTable(work.company.store, "rest answer:", _encode, _decode)
    name = f"{work.session.user.user_id.lower()}:{key}"
    digest = hashlib.sha256(b"\0".join((request.method.encode(), request.path.encode(), request.body))).hexdigest()
    first = table.get(name)
    behaviour = work.behaviour
    if first is not None and work.now - first.at <= behaviour.rest_key_days * 86_400:
        if first.digest != digest or work.now - first.at > behaviour.rest_answer_hours * 3600:
            raise RestRefusedError(409, behaviour.rest_conflict_errorno, "The idempotency key was used before")
        cached = datetime.fromtimestamp(int(first.at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        headers = {"content-type": "application/json", "x-ia-idempotency-cached-date": cached}
        return RestAnswer(first.status, headers={**headers, HEADER: key}, raw=first.body.encode())
    with work.company.store.together():
        try:
            outcome = answer()
        except RestRefusedError as error:
            outcome = refused(error)
        table.put(name, value=KeptAnswer(digest, work.now, outcome.status, outcome.body.decode()))
    return RestAnswer(outcome.status, outcome.document, {**outcome.headers, HEADER: key}, outcome.raw)


def _encode(answer: KeptAnswer) -> str:
    return msgspec.json.encode(answer).decode()


def _decode(text: str) -> KeptAnswer:
    return msgspec.json.decode(text, type=KeptAnswer)
