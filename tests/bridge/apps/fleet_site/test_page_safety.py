"""Attacks on the credential page: each is refused, and nothing is done."""

import io
import socket
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_bridge.apps.fleet_site.link_pages import LARGEST_FORM
from intacct_bridge.apps.fleet_site.site import public_origin
from intacct_bridge.apps.web.security import POLICY
from intacct_bridge.fleet.links import LinkError, open_link
from intacct_bridge.shared_state.place import PostgresPlace, in_schema
from intacct_protocol.errors import SettingsError
from support.apps.console_site import Seen
from support.apps.fleet_site import TOKEN, Administrator, RunningFleet, running_fleet

OTHER = "https://evil.example"
GOOD = {"company_id": "demo-company", "user_id": "demo-user", "user_password": "demo-user-password"}


def path_of(link: str) -> str:
    return urlsplit(link).path


@pytest.fixture
def browser(served: RunningFleet) -> Administrator:
    """The administrator of acme, on the page."""
    made = served.administrator()
    assert made.open(served.link("acme")).status == 200
    return made


def nothing_kept(served: RunningFleet, tenant: str = "acme") -> bool:
    return served.fleet.secret_names(tenant) == () and "company_id" not in served.fleet.tenant(tenant).settings


# --- links


def test_a_link_works_once(served: RunningFleet) -> None:
    link = served.link("acme")
    assert served.administrator().open(link).status == 200
    seen = served.administrator().open(link)
    assert seen.status == 403
    assert "This link was already used. Each link works once." in seen.text


def test_opening_a_link_uses_nothing_up(served: RunningFleet) -> None:
    """Programs that scan mail open links."""
    link = served.link("acme")
    for method in ("HEAD", "GET", "GET"):
        assert served.administrator().ask(method, path_of(link)).status == 303
    assert served.administrator().open(link).status == 200


def test_the_same_browser_may_open_the_mail_again(served: RunningFleet) -> None:
    link = served.link("acme")
    browser = served.administrator()
    browser.open(link)
    seen = browser.follow(browser.get(path_of(link)))
    assert seen.status == 200 and "acme" in seen.text
    other = served.administrator()
    other.open(served.link("globex"))
    assert other.follow(other.get(path_of(link))).status == 403


def test_a_link_that_expired_or_was_taken_back_says_so(served: RunningFleet) -> None:
    link = served.link("acme")
    assert served.fleet.end_links("acme") >= 1
    seen = served.administrator().open(link)
    assert seen.status == 403
    assert "This link has expired, or was revoked." in seen.text


def test_ending_the_links_ends_the_sessions_that_they_began(served: RunningFleet, browser: Administrator) -> None:
    assert browser.get("/connect").status == 200
    served.fleet.end_links("acme")
    assert browser.get("/connect").status == 401


def test_a_session_ends_when_its_tenant_is_removed(served: RunningFleet) -> None:
    served.fleet.add("short-lived")
    browser = served.administrator()
    browser.open(served.link("short-lived"))
    served.fleet.remove("short-lived")
    served.fleet.add("short-lived")
    assert browser.get("/connect").status == 401
    served.fleet.remove("short-lived")


def test_between_opening_and_the_button_a_link_can_end(served: RunningFleet) -> None:
    first, second = served.administrator(), served.administrator()
    link = served.link("acme")
    for one in (first, second):
        one.learn(one.follow(one.get(path_of(link))))
    assert first.follow(first.post("/connect/start")).status == 200
    seen = second.follow(second.post("/connect/start"))
    assert seen.status == 403 and "already used" in seen.text


@pytest.fixture(scope="module")
def token(served: RunningFleet) -> str:
    return served.fleet.link("acme")


@settings(max_examples=40)
@given(place=st.integers(0, 43), letter=st.characters(codec="utf-8"))
def test_a_changed_token_is_none(served: RunningFleet, token: str, place: int, letter: str) -> None:
    for changed in (token[:place] + letter + token[place + 1 :], token[:place] + letter + token[place:]):
        if changed == token:
            continue
        with pytest.raises(LinkError) as refused:
            open_link(served.fleet, changed)
        assert (refused.value.reason, refused.value.link) == ("unknown", "")


@settings(max_examples=40)
@given(text=st.text(max_size=300))
def test_no_text_but_the_token_opens_a_link(served: RunningFleet, token: str, text: str) -> None:
    with pytest.raises(LinkError, match="incomplete"):
        open_link(served.fleet, text)


@pytest.mark.parametrize(
    "token", ["", "x", "A" * 43, "A" * 5000, "..%2f..%2f", "%00", "%F0%9F%94%91", "'%20OR%201=1--"]
)
def test_a_guessed_link_leads_nowhere(served: RunningFleet, token: str) -> None:
    stranger = served.administrator()
    seen = stranger.get(f"/connect/link/{token}")
    assert seen.status in (303, 401, 404)
    assert stranger.cookie == ""
    if seen.status == 303:
        assert served.administrator().follow(seen).status == 403


def test_the_token_stays_in_no_address_page_or_log(served: RunningFleet) -> None:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        link = served.link("acme")
        token = path_of(link).rpartition("/")[2]
        browser = served.administrator()
        opened = browser.get(path_of(link))
        assert opened.status == 303 and token not in opened.location
        assert opened.headers["cache-control"] == "no-store" and opened.headers["referrer-policy"] == "same-origin"
        start = browser.learn(browser.follow(opened))
        assert token not in start.html
        done = browser.post("/connect/start")
        assert token not in done.location
        assert token not in browser.follow(done).html
        assert token not in browser.cookie
    assert token not in out.getvalue() + err.getvalue()
    rows = served.fleet.registry._db.read("SELECT * FROM link")
    assert rows and token not in str(rows)


def test_the_cookies_are_for_this_browser_and_this_site_only(schemas: Iterator[PostgresPlace]) -> None:
    place = next(schemas)
    with running_fleet(in_schema(place.uri, place.schema), public_address="https://connect.example.com/") as public:
        public.fleet.add("acme")
        assert public.app.address == "https://connect.example.com"
        stranger = public.administrator()
        refused = stranger.get(path_of(public.link("acme")))
        assert refused.status == 421
        seen = stranger.get(path_of(public.link("acme")), Host="connect.example.com")
        name, *flags = (part.strip() for part in seen.headers["set-cookie"].split(";"))
        assert name.startswith("__Host-intacct-link=")
        assert sorted(flags) == ["HttpOnly", "Max-Age=900", "Path=/", "SameSite=lax", "Secure"]
        assert public.ask("GET", "/tenants", Host="connect.example.com").status == 421
        assert public.ask("GET", "/tenants").status == 200


# --- whose data


def test_a_session_shows_its_own_tenant_only(served: RunningFleet, browser: Administrator) -> None:
    other = served.administrator()
    other.open(served.link("globex"))
    assert "globex" not in browser.get("/connect").html
    assert "acme" not in other.get("/connect").html
    mixed = served.administrator()
    mixed.cookie = other.cookie
    mixed.csrf = browser.csrf
    assert mixed.entered(**GOOD).status == 403
    for path in ("/connect?tenant=globex", "/connect?name=globex", "/connect/globex", "/connect/../globex"):
        assert "globex" not in browser.get(path).html
    assert nothing_kept(served) and nothing_kept(served, "globex")


def test_fields_of_the_vendor_are_not_taken(served: RunningFleet, browser: Administrator) -> None:
    """The endpoint would make the server send passwords and requests anywhere."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0)
        elsewhere = f"http://127.0.0.1:{trap.getsockname()[1]}/ia/xml/xmlgw.phtml"
        more = {
            "endpoint": elsewhere, "allow_endpoint": "true", "sender_id": "other", "sender_password": "other",
            "tenant": "globex", "to": "duckdb:////etc/x", "outbox": "/etc/x", "archive": "/etc/x", "flows": "x",
        }  # fmt: skip
        before = served.fleet.tenant("acme")
        browser.entered(**{**GOOD, "user_password": "wrong-for-now"}, **more)
        assert served.fleet.tenant("acme") == before
        assert nothing_kept(served) and nothing_kept(served, "globex")
        with pytest.raises(BlockingIOError):
            trap.accept()
    served.app.pages.forget("acme")


@pytest.mark.parametrize("field", ["company_id", "user_id", "user_password"])
@pytest.mark.parametrize("text", ["", "x" * 201, "a\nb", "a\x00b", "</userid><x/>\x07"])
def test_what_intacct_cannot_take_is_not_sent(
    served: RunningFleet, browser: Administrator, field: str, text: str
) -> None:
    seen = browser.post("/connect/save", {**GOOD, field: text})
    assert seen.status == 422
    assert "Cause" not in seen.text and nothing_kept(served)


def test_what_is_typed_is_shown_as_text(served: RunningFleet, browser: Administrator) -> None:
    script = '"><script>alert(1)</script>'
    seen = browser.post("/connect/save", {**GOOD, "company_id": script, "user_password": ""})
    assert seen.status == 422 and "<script>alert" not in seen.html
    assert "&lt;script&gt;alert" in seen.html


def test_a_name_that_holds_a_script_is_no_tenants_name(served: RunningFleet) -> None:
    with pytest.raises(SettingsError, match="is not a name for a tenant"):
        served.fleet.add("<script>alert(1)</script>")


def test_a_vendor_whose_name_holds_a_script_is_shown_as_text(schemas: Iterator[PostgresPlace]) -> None:
    place = next(schemas)
    with running_fleet(in_schema(place.uri, place.schema), vendor="<script>alert(1)</script>") as made:
        made.fleet.add("acme", settings={"sender_id": "demo-sender"})
        browser = made.administrator()
        page = browser.open(made.link("acme"))
        for seen in (page, browser.get("/connect/unusable"), made.administrator().get("/connect")):
            assert "<script>alert" not in seen.html and "&lt;script&gt;" in seen.html


# --- forms


@pytest.mark.parametrize("origin", [OTHER, "null", "-", "http://127.0.0.1", "http://127.0.0.1:1",
                                    "http://127.0.0.1:{port}.evil.example", "http://localhost:{port}"])  # fmt: skip
def test_a_form_of_another_origin_is_refused(served: RunningFleet, browser: Administrator, origin: str) -> None:
    given = origin.format(port=served.app.port)
    assert browser.post("/connect/save", GOOD, Origin=given).status == 403
    assert nothing_kept(served)


@pytest.mark.parametrize("token", ["-", "", "wrong"])
def test_a_form_without_the_sessions_token_is_refused(served: RunningFleet, browser: Administrator, token: str) -> None:
    for action in ("save", "check", "leave"):
        seen = browser.post(f"/connect/{action}", {**GOOD, "csrf": token})
        assert seen.status == 403 and "token of this session" in seen.text
    assert nothing_kept(served) and browser.get("/connect").status == 200


def test_the_button_needs_the_token_of_its_page(served: RunningFleet) -> None:
    browser = served.administrator()
    link = served.link("acme")
    browser.follow(browser.get(path_of(link)))
    assert browser.post("/connect/start", {"csrf": "wrong"}).status == 403
    assert browser.post("/connect/start", {"csrf": "x"}, Cookie="-").status == 403
    assert served.administrator().open(link).status == 200


def test_a_body_that_is_too_large_is_refused(served: RunningFleet, browser: Administrator) -> None:
    huge = {**GOOD, "user_password": "x" * LARGEST_FORM}
    assert browser.post("/connect/save", huge).status == 413
    assert nothing_kept(served)
    fresh = served.administrator()
    fresh.get(path_of(served.link("acme")))
    assert fresh.post("/connect/start", {"csrf": "x" * LARGEST_FORM}).status == 413


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "127.0.0.1:{port}.evil.example",
                                  "evil@127.0.0.1:{port}", "0.0.0.0:{port}"])  # fmt: skip
def test_another_name_for_this_machine_is_refused(served: RunningFleet, browser: Administrator, host: str) -> None:
    given = host.format(port=served.app.port) or "-"
    for seen in (browser.get("/connect", Host=given), browser.get(path_of(served.link("acme")), Host=given)):
        assert seen.status in (400, 421)
        assert "acme" not in seen.html


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(browser: Administrator, method: str) -> None:
    assert browser.ask(method, "/connect").status == 405


def test_without_a_session_there_is_no_page(served: RunningFleet) -> None:
    for cookie in ("-", f"intacct-page-{served.app.port}=guessed", f"intacct-link-{served.app.port}=guessed"):
        for path in ("/connect", "/connect/jobs/1/events", "/connect/nothing"):
            assert served.administrator().get(path, Cookie=cookie).status == 401
    for path in ("/", "/setup", "/api", "/static/console.css", "/jobs"):
        assert served.administrator().get(path).status == 404


def test_leaving_ends_the_session(browser: Administrator) -> None:
    cookie = browser.cookie
    assert browser.follow(browser.post("/connect/leave")).status == 200
    browser.cookie = cookie
    assert browser.get("/connect").status == 401


def test_a_session_ends_after_its_time(served: RunningFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    from intacct_bridge.apps.fleet_site import link_pages

    monkeypatch.setattr(link_pages, "SESSION_LASTS", timedelta(seconds=-1))
    browser = served.administrator()
    assert browser.open(served.link("acme")).status == 401


def test_every_answer_forbids_what_it_does_not_need(served: RunningFleet, browser: Administrator) -> None:
    answers: list[Seen] = [
        browser.get(path) for path in ("/connect", "/connect/unusable", "/connect/static/console.css")
    ]
    answers += [served.administrator().get("/connect"), browser.get("/connect", Host="evil.example")]
    answers += [browser.post("/connect/save", GOOD, Origin=OTHER), served.ask("GET", "/tenants")]
    for seen in answers:
        assert seen.headers["content-security-policy"] == POLICY
        assert seen.headers["x-frame-options"] == "DENY" and seen.headers["x-content-type-options"] == "nosniff"
        assert "server" not in seen.headers


def test_no_page_shows_a_secret(served: RunningFleet, browser: Administrator) -> None:
    for seen in (browser.get("/connect"), browser.post("/connect/save", {**GOOD, "company_id": ""})):
        for secret in ("demo-sender-password", GOOD["user_password"], TOKEN):
            assert secret not in seen.html


# --- the public address


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://connect.example.com", "https://connect.example.com"),
        ("https://Connect.Example.com:443/", "https://connect.example.com"),
        ("https://connect.example.com:8443", "https://connect.example.com:8443"),
        ("http://localhost:8090", "http://localhost:8090"),
    ],
)
def test_a_public_address_is_an_origin(given: str, origin: str) -> None:
    assert public_origin(given) == origin


@pytest.mark.parametrize(
    "given", ["http://connect.example.com", "connect.example.com", "https://a.example/path", "https://u@a.example",
              "https://", "ftp://a.example", "https://a.example:x", "https://a.example?x=1"],
)  # fmt: skip
def test_what_is_no_public_address_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="public address"):
        public_origin(given)
