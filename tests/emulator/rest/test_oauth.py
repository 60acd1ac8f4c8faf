"""Signing in by OAuth: grants, their traps, and what a token can do. Shapes are those that clients saw in use."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from intacct_emulator import CREDENTIALS, REST_CREDENTIALS
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, RestClientSettings
from support.emulator.rest import USER, RestClient, RestResponse, Served
from support.small_company import Clock

VENDORS = "/objects/accounts-payable/vendor"
CLIENT = {"grant_type": "client_credentials", **REST_CREDENTIALS, "username": USER}
REDIRECT = "https://127.0.0.1:8899/callback"


def token(rest: RestClient, **fields: str) -> RestResponse:
    return rest.send("POST", "/oauth2/token", form=fields)


def with_behaviour(**settings: object) -> EmulatorSettings:
    return EmulatorSettings(behaviour=Behaviour(**settings))  # type: ignore[arg-type]  # settings of any type


def test_client_credentials_give_a_bearer_token_of_twelve_hours(served: Served) -> None:
    rest, _ = served()
    answer = token(rest, **CLIENT)
    assert answer.json.keys() == {"token_type", "access_token", "expires_in", "refresh_token"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 43_200)
    head, body, _ = answer.json["access_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert (claims["userId"], claims["cnyId"]) == (CREDENTIALS["user_id"], CREDENTIALS["company_id"])
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "HS256", "typ": "JWT"}
    signed_in = RestClient(rest.base, answer.json["access_token"])
    assert signed_in.get(VENDORS).status == 200


def test_json_and_the_basic_header_sign_in_too(served: Served) -> None:
    rest, _ = served()
    assert rest.send("POST", "/oauth2/token", CLIENT).status == 200
    basic = base64.b64encode(":".join(REST_CREDENTIALS.values()).encode()).decode()
    form = {"grant_type": "client_credentials", "username": USER}
    assert rest.send("POST", "/oauth2/token", form=form, authorization=f"Basic {basic}").status == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"username": "nobody@demo-company"}, "invalid_grant"),
        ({"username": "demo-user@no-company"}, "invalid_grant"),
        ({"username": "demo-user@demo-company|999"}, "invalid_grant"),
        ({"username": "demo-user"}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_refusal_has_the_error_of_the_standard(served: Served, fields: dict[str, str], error: str) -> None:
    rest, _ = served()
    answer = token(rest, **{**CLIENT, **fields})
    assert (answer.status, answer.json["error"]) == (400, error)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "company", [CompanySettings(rest_clients=()), CompanySettings(web_services=False), CompanySettings(expired=True)]
)
def test_a_company_that_lets_no_application_in_is_an_invalid_grant(served: Served, company: CompanySettings) -> None:
    rest, _ = served(settings=EmulatorSettings(companies=(company,)))
    assert token(rest, **CLIENT).json["error"] == "invalid_grant"


def test_an_inactive_application_is_an_invalid_client(served: Served) -> None:
    rest, _ = served(settings=EmulatorSettings(rest_clients=(RestClientSettings(active=False),)))
    assert token(rest, **CLIENT).json["error"] == "invalid_client"


def test_a_second_authorization_ends_the_first_one_and_its_refresh(served: Served) -> None:
    rest, _ = served()
    first = token(rest, **CLIENT).json
    second = token(rest, **CLIENT).json
    dead = RestClient(rest.base, first["access_token"]).get(VENDORS)
    assert dead.status == 401
    assert (dead.error["code"], dead.error["errorId"]) == ("tokenInvalid", "REST-2102")
    assert dead.error["additionalInfo"]["messageId"] == "IA.TOKEN_IS_INVALID"
    refreshed = token(rest, grant_type="refresh_token", refresh_token=first["refresh_token"], **REST_CREDENTIALS)
    assert refreshed.json["error"] == "invalid_grant"
    assert RestClient(rest.base, second["access_token"]).get(VENDORS).status == 200


def test_both_authorizations_live_if_the_settings_say_so(served: Served) -> None:
    rest, _ = served(settings=with_behaviour(rest_second_grant="kept"))
    first, second = rest.sign_in(), rest.sign_in()
    assert (first.get(VENDORS).status, second.get(VENDORS).status) == (200, 200)


def test_a_refresh_takes_the_client_in_the_body_and_refuses_the_basic_header(served: Served) -> None:
    rest, _ = served()
    first = token(rest, **CLIENT).json
    basic = base64.b64encode(":".join(REST_CREDENTIALS.values()).encode()).decode()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    refused = rest.send("POST", "/oauth2/token", form=form, authorization=f"Basic {basic}")
    assert (refused.status, refused.json["error"]) == (400, "invalid_client")
    second = token(rest, **form, **REST_CREDENTIALS).json
    assert second["refresh_token"] != first["refresh_token"]
    assert token(rest, **form, **REST_CREDENTIALS).json["error"] == "invalid_grant"
    for one in (first, second):
        assert RestClient(rest.base, one["access_token"]).get(VENDORS).status == 200


def test_a_refresh_can_keep_its_token_and_change_the_entity(served: Served) -> None:
    rest, _ = served(settings=with_behaviour(rest_refresh="kept"))
    first = token(rest, **CLIENT).json
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "entity_id": "100"}
    second = token(rest, **form, **REST_CREDENTIALS).json
    assert second["refresh_token"] == first["refresh_token"]
    shown = rest.send("POST", "/oauth2/introspect", form={"token": second["access_token"], **REST_CREDENTIALS})
    assert (shown.json["active"], shown.json["entity_id"]) == (True, "100")


def test_a_token_ends_after_its_time(served: Served, clock: Clock) -> None:
    rest, _ = served(settings=with_behaviour(rest_token_seconds=60, rest_dead_token=400))
    signed_in = rest.sign_in()
    clock.forward(seconds=59)
    assert signed_in.get(VENDORS).status == 200
    clock.forward(seconds=2)
    dead = signed_in.get(VENDORS)
    assert (dead.status, dead.error["message"]) == (400, "Invalid token")


def test_revoking_ends_all_tokens_of_the_user(served: Served) -> None:
    rest, _ = served(settings=with_behaviour(rest_second_grant="kept"))
    first, second = rest.sign_in(), rest.sign_in()
    assert rest.send("POST", "/oauth2/revoke", form={"token": first.token}).json == {"revoked": True}
    assert {first.get(VENDORS).status, second.get(VENDORS).status} == {401}
    assert rest.send("POST", "/oauth2/introspect", form={"token": first.token, **REST_CREDENTIALS}).json == {
        "active": False
    }


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [("", 401, "unauthorized"), ("Basic eDp5", 401, "GW-0034"), ("Bearer of-another-company", 401, "tokenInvalid")],
)
def test_a_call_without_a_valid_token_is_refused(served: Served, header: str, status: int, code: str) -> None:
    rest, _ = served()
    answer = rest.get(VENDORS, **({"authorization": header} if header else {}))
    error = answer.json.get("ia::error") or answer.json["ia::result"]["ia::error"]
    assert (answer.status, error["code"]) == (status, code)


def authorize(rest: RestClient, sent: Any = None, **query: str) -> RestResponse:
    usual = {
        "response_type": "code",
        "client_id": REST_CREDENTIALS["client_id"],
        "redirect_uri": REDIRECT,
        "state": "s",
    }
    address = f"/oauth2/authorize?{urlencode({**usual, **query})}"
    return rest.get(address) if sent is None else rest.send("POST", address, form=sent)


ACCEPTED = {
    "company": CREDENTIALS["company_id"],
    "user": CREDENTIALS["user_id"],
    "password": CREDENTIALS["user_password"],
    "answer": "accept",
}


def code_of(answer: RestResponse) -> str:
    assert answer.status == 302, answer.body
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["state"] == ["s"]
    return query["code"][0]


def test_a_person_accepts_and_the_code_is_exchanged_once_with_pkce(served: Served) -> None:
    rest, _ = served()
    verifier = "a" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256", "scope": "offline_access"}
    assert b"demo-client" in authorize(rest, **pkce).body
    code = code_of(authorize(rest, ACCEPTED, **pkce))
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    form["client_id"] = REST_CREDENTIALS["client_id"]
    answer = token(rest, **form, code_verifier=verifier)
    assert answer.status == 200 and answer.json["refresh_token"]
    assert RestClient(rest.base, answer.json["access_token"]).get(VENDORS).status == 200
    assert token(rest, **form, code_verifier=verifier).json["error"] == "invalid_grant"


def test_a_code_needs_its_verifier_its_client_and_its_address(served: Served) -> None:
    other = RestClientSettings(client_id="other", client_secret="other-secret")
    rest, _ = served(settings=EmulatorSettings(rest_clients=(RestClientSettings(), other)))
    challenge = {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, **REST_CREDENTIALS}
    for wrong in (
        {"code": code_of(authorize(rest, ACCEPTED, **challenge)), "code_verifier": "guess"},
        {"code": code_of(authorize(rest, ACCEPTED)), "client_id": "other", "client_secret": "other-secret"},
        {"code": code_of(authorize(rest, ACCEPTED)), "redirect_uri": "https://127.0.0.1/else"},
        {"code": "never-given"},
    ):
        assert token(rest, **{**form, **wrong}).json["error"] == "invalid_grant"
    answer = token(rest, **form, code=code_of(authorize(rest, ACCEPTED)))
    assert answer.status == 200 and "refresh_token" not in answer.json


def test_a_wrong_password_shows_the_page_again_and_a_refusal_goes_back(served: Served) -> None:
    rest, _ = served()
    again = authorize(rest, {**ACCEPTED, "password": "wrong"})
    assert again.status == 200 and b"is wrong" in again.body
    declined = authorize(rest, {**ACCEPTED, "answer": "decline"})
    assert parse_qs(urlsplit(declined.headers["location"]).query) == {"error": ["access_denied"], "state": ["s"]}


@pytest.mark.parametrize(
    "query", [{"client_id": "<script>"}, {"redirect_uri": "http://attacker.example/"}, {"redirect_uri": "javascript:1"}]
)
def test_a_browser_is_sent_to_no_address_that_the_application_did_not_register(
    served: Served, query: dict[str, str]
) -> None:
    rest, _ = served()
    answer = authorize(rest, ACCEPTED, **query)
    assert answer.status == 400 and "location" not in answer.headers and b"<script>" not in answer.body


def test_registered_addresses_are_the_only_ones(served: Served) -> None:
    client = replace(RestClientSettings(), redirect_uris=("https://app.example/back",))
    rest, _ = served(settings=EmulatorSettings(rest_clients=(client,)))
    assert authorize(rest, ACCEPTED).status == 400
    assert authorize(rest, ACCEPTED, redirect_uri="https://app.example/back").status == 302


def test_the_session_bridge_signs_in_to_the_xml_interface(served: Served) -> None:
    rest, emulator = served()
    session = rest.sign_in().get("/services/core/session/id").result
    assert session["expiresIn"] == 7200
    body = (
        "<request><control><senderid>demo-sender</senderid><password>demo-sender-password</password>"
        "<controlid>1</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control><operation>"
        f"<authentication><sessionid>{session['sessionId']}</sessionid></authentication><content>"
        '<function controlid="a"><query><object>VENDOR</object><select><field>VENDORID</field></select>'
        "<pagesize>1</pagesize></query></function></content></operation></request>"
    )
    reply = emulator(rest.base.replace("/ia/api/v1", "/ia/xml/xmlgw.phtml"), body.encode())
    assert b"<status>success</status>" in reply.body and b"<VENDORID>" in reply.body


def test_no_credential_is_in_the_log(served: Served) -> None:
    rest, emulator = served()
    rest.sign_in()
    rest.send("POST", "/oauth2/token", CLIENT)
    authorize(rest, ACCEPTED)
    kept = b"".join(one.body for one in emulator.received)
    assert b"/oauth2/token" in kept
    for secret in (REST_CREDENTIALS["client_secret"], CREDENTIALS["user_password"]):
        assert secret.encode() not in kept


def test_the_entity_header_and_the_entity_of_the_username_say_where_records_belong(served: Served) -> None:
    rest, _ = served()
    top = rest.sign_in()
    key = top.create("company-config/class", id="T", name="Top")
    inside = rest.sign_in(f"{USER}|100")
    assert inside.get(f"/objects/company-config/class/{key}").status == 200
    body = {"id": "V-100", "name": "Of entity 100", "contacts": {"default": {"printAs": "Of entity 100"}}}
    own = inside.post("/objects/accounts-payable/vendor", body).result["key"]
    assert inside.read("accounts-payable/vendor", own)["entity"]["id"] == "100"
    for header in ({"X-IA-API-Param-Entity": "300"}, {"X-IA-API-ParamEntity": "300"}):
        assert inside.send("GET", f"{VENDORS}/{own}", **header).status == 404
    assert inside.send("GET", VENDORS, **{"X-IA-API-Param-Entity": "999"}).status == 403
