"""A team's console behind a real reverse proxy with TLS: names, cookies, addresses and forms as browsers send them."""

import http.client
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from intacct_bridge.apps.console.app import TeamMode
from intacct_bridge.apps.console.sign_in import SECRET_HEADER
from intacct_emulator.server.certificates import CertificateAuthority
from support.apps.console_site import RunningConsole, Seen, running_console, save_connection
from support.apps.signing_proxy import SIGNED_IN, signing_proxy

SITE, PERSON, SECRET = "books.localhost", "X-Forwarded-User", "a-long-secret-of-the-proxy"


class Browser:
    """A browser of one person: it verifies the certificate and keeps cookies."""

    def __init__(self, port: int, trust: ssl.SSLContext, person: str) -> None:
        self._port, self._trust = port, trust
        self.cookies = {SIGNED_IN: person} if person else {}
        self.attributes = ""

    def ask(
        self, method: str, path: str, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] = {}
    ) -> Seen:
        """One request to the site's address."""
        line = http.client.HTTPSConnection("localhost", self._port, context=self._trust, timeout=60)
        sent = {"Host": SITE, "Cookie": "; ".join(f"{name}={text}" for name, text in self.cookies.items())}
        if method == "POST":
            sent |= {"Origin": f"https://{SITE}", "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(fields).encode() if fields is not None else None
        line.request(method, path, body, {**sent, **headers})
        answer = line.getresponse()
        told = {name.lower(): text for name, text in answer.getheaders()}
        seen = Seen(answer.status, told, answer.read())
        line.close()
        if cookie := told.get("set-cookie"):
            self.attributes = cookie.partition(";")[2]
            name, _, text = cookie.partition(";")[0].partition("=")
            self.cookies[name] = text
        return seen

    def token(self) -> str:
        """The token of the session's forms."""
        return self.ask("GET", "/").html.partition('name="csrf" value="')[2].partition('"')[0]


@pytest.fixture(scope="module")
def team(user: Path, gateway: str) -> Iterator[RunningConsole]:
    save_connection("books", gateway)
    with running_console(team=TeamMode(PERSON, SECRET), hosts=(SITE,), administrators=("anna",), person="") as made:
        yield made


@pytest.fixture(scope="module")
def site(team: RunningConsole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, ssl.SSLContext]]:
    authority = CertificateAuthority(tmp_path_factory.mktemp("certificates"))
    headers = {"Host": SITE, SECRET_HEADER: SECRET, "X-Forwarded-Proto": "https"}
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    with signing_proxy(team.url, authority.server_context(), ["anna", "ben"], headers, PERSON) as port:
        yield port, trust


def test_people_act_under_their_own_names_over_https(site: tuple[int, ssl.SSLContext]) -> None:
    anna, ben = Browser(*site, "anna"), Browser(*site, "ben")
    for browser, name in ((anna, "anna"), (ben, "ben")):
        page = browser.ask("GET", "/")
        assert page.status == 200
        assert name in page.text
        assert {part.strip().lower() for part in browser.attributes.split(";")} >= {
            "secure", "httponly", "samesite=strict", "path=/",
        }  # fmt: skip
    form = {"csrf": anna.token(), "name": "books"}
    sent = anna.ask("POST", "/connections/books/test", form)
    assert sent.status in (200, 303), sent.text
    assert urlsplit(sent.location).netloc == "", "a redirect leads to the address that the browser knows"
    assert ben.ask("POST", "/connections/books/remove", {"csrf": ben.token()}).status == 403


def test_a_browser_can_neither_name_a_person_nor_come_without_one(site: tuple[int, ssl.SSLContext]) -> None:
    ben = Browser(*site, "ben")
    page = ben.ask("GET", "/", headers={PERSON: "anna", SECRET_HEADER: "guessed", "X-Forwarded-Proto": "http"})
    assert page.status == 200
    assert "ben" in page.text
    assert "anna" not in page.text
    assert "secure" in ben.attributes.lower()
    stranger = Browser(*site, "")
    assert stranger.ask("GET", "/").status == 302


def test_the_cookie_of_one_person_does_not_make_another_that_person(site: tuple[int, ssl.SSLContext]) -> None:
    anna, ben = Browser(*site, "anna"), Browser(*site, "ben")
    token = anna.token()
    ben.cookies |= {name: text for name, text in anna.cookies.items() if name != SIGNED_IN}
    page = ben.ask("GET", "/")
    assert "ben" in page.text
    assert ben.ask("POST", "/connections/books/test", {"csrf": token}).status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", f"https://{SITE}.evil.example", "null", ""])
def test_a_form_of_another_site_is_refused(site: tuple[int, ssl.SSLContext], origin: str) -> None:
    anna = Browser(*site, "anna")
    sent = anna.ask("POST", "/connections/books/test", {"csrf": anna.token()}, {"Origin": origin})
    assert sent.status == 403, sent.text
