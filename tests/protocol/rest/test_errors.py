"""The errors of the REST interface: each envelope, and the kind of error that a status means.

Provenance: the recorded answers that a public extractor's tests have (2026-03) for the first envelope and REST-1106;
Sage's page on errors for the second one and the GW codes; a vendor's report of a dead token (2026-07) for the third;
RFC 6749, section 5.2, for the token endpoint.
"""

import json
from typing import Any

import pytest

from intacct_protocol.errors import (
    Fault,
    IntacctError,
    InvalidRequestError,
    NotPermittedError,
    RecordError,
    SignInError,
    ThrottledError,
)
from intacct_protocol.rest.errors import faults_of, is_dead_token, rest_error

REFUSED_FIELD = json.loads(
    """{"ia::result": {"ia::error": {"code": "invalidRequest",
    "message": "The field action in object accounts-receivable/invoice cannot be used in query", "errorId": "REST-1106",
    "additionalInfo": {"messageId": "IA.THE_FIELD_IN_OBJECT_CANNOT_BE_USED_IN_QUERY",
    "placeholders": {"FIELD": "action", "OBJECT": "accounts-receivable/invoice", "VERSION": "1"}, "propertySet": {}},
    "supportId": "KrHlnWEB018~ZdE_yP0i"}},
    "ia::meta": {"totalCount": 1, "totalSuccess": 0, "totalError": 1}}"""
)
GATEWAY = json.loads(
    """{"ia::error": {"code": "GW-0010", "message": "Rate limit exceeded", "details": {"requestId": "r-1"}},
    "ia::meta": {"totalCount": 1, "totalSuccess": 0, "totalError": 1}}"""
)
DEAD = {"error": {"code": "tokenInvalid", "message": "Invalid token", "errorId": "REST-2102"}}
RULE = json.loads(
    """{"ia::result": {"ia::error": {"code": "operationFailed", "message": "POST operation failed",
    "details": [{"code": "BL01001973", "message": "Bill could not be created", "target": "/lines/0/glAccount",
    "additionalInfo": {"placeholders": []}}]}}}"""
)
OAUTH = {"error": "invalid_grant", "error_description": "The provided credentials are invalid"}


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        pytest.param(
            REFUSED_FIELD,
            [
                Fault(
                    "invalidRequest",
                    "",
                    "The field action in object accounts-receivable/invoice cannot be used in query",
                    support_id="KrHlnWEB018~ZdE_yP0i",
                    errorid="REST-1106",
                )
            ],
            id="inside the result",
        ),
        pytest.param(GATEWAY, [Fault("GW-0010", "", "Rate limit exceeded")], id="beside the result"),
        pytest.param(DEAD, [Fault("tokenInvalid", "", "Invalid token", errorid="REST-2102")], id="bare"),
        pytest.param(
            RULE,
            [
                Fault("BL01001973", "", "Bill could not be created", field="lines.0.glAccount"),
                Fault("operationFailed", "", "POST operation failed"),
            ],
            id="the causes come first",
        ),
        pytest.param(OAUTH, [Fault("invalid_grant", "", "The provided credentials are invalid")], id="of OAuth"),
        pytest.param({"ia::result": [{"key": "1"}], "ia::meta": {"totalCount": 1}}, [], id="a success"),
        pytest.param({"ia::result": {"ia::error": None}}, [], id="an empty error"),
        pytest.param([1], [], id="no object"),
        pytest.param(None, [], id="no body"),
    ],
)
def test_an_error_is_found_in_each_envelope(answer: Any, faults: list[Fault]) -> None:
    assert list(faults_of(answer)) == faults


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (REFUSED_FIELD, 400, InvalidRequestError),
        (GATEWAY, 429, ThrottledError),
        (DEAD, 401, SignInError),
        ({"ia::error": {"code": "GW-0042", "message": "Forbidden"}}, 403, NotPermittedError),
        ({"ia::error": {"code": "invalidKey", "message": "no such key"}}, 404, RecordError),
        ({"ia::error": {"code": "notThere", "message": "no such address"}}, 404, InvalidRequestError),
        ({"ia::error": {"code": "conflict", "message": "another body"}}, 409, RecordError),
        ({"ia::error": {"code": "operationFailed", "message": "a rule"}}, 422, RecordError),
        (OAUTH, 401, SignInError),
    ],
)
def test_the_status_and_the_number_say_what_to_do(answer: Any, status: int, kind: type[IntacctError]) -> None:
    error = rest_error(faults_of(answer), status)
    assert type(error) is kind
    assert error.http_status == status
    assert error.faults


@pytest.mark.parametrize(
    ("answer", "status", "dead"),
    [
        (DEAD, 401, True),
        (DEAD, 400, True),
        ({"ia::error": {"code": "unauthorized", "message": "x"}}, 401, True),
        ({"error": {"code": "x", "message": "The token is not valid"}}, 400, True),
        (REFUSED_FIELD, 400, False),
        ({"ia::error": {"code": "GW-0042", "message": "Forbidden"}}, 403, False),
        (RULE, 422, False),
    ],
)
def test_a_dead_token_is_known_by_status_number_or_text(answer: Any, status: int, *, dead: bool) -> None:
    assert is_dead_token(faults_of(answer), status) is dead
