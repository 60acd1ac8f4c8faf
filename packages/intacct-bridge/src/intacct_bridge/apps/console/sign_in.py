"""Who may use the console: the check in front of its pages.

In this order: the Host header must name this console, since another site can point its own name at this machine;
in team mode the proxy's secret must be there; a page needs a session, which only a start address begins; a form must
come from a page of this console (Origin) and carry the session's CSRF token, which the application checks.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from intacct_bridge.apps.web.rendering import render
from intacct_bridge.apps.web.security import LOOPBACK, SAFE, WrongTokens, host_of, only, same_secret

if TYPE_CHECKING:
    from intacct_bridge.apps.console.app import ConsoleApp
    from intacct_bridge.apps.web.sessions import VisitorSession

SECRET_HEADER = "X-Intacct-Console-Secret"  # noqa: S105 - the header's name
START = "/start/"
_STATIC = "/static/"
_LONGEST_PERSON = 200


class ConsoleCheck:
    """Refuses a request, or lets it through with the visitor's session as `scope["session"]`."""

    def __init__(self, app: "ConsoleApp") -> None:
        self._app = app
        self._wrong = WrongTokens()

    async def __call__(self, request: Request) -> Response | None:
        """The answer to a request that goes no further."""
        path = request.scope["path"]
        if refusal := self._refusal(request):
            return self._page(request, *refusal)
        if path.startswith(_STATIC):
            return None
        if path.startswith(START) and self._app.settings.team is None:
            return self._begin(request)
        session, is_new = self._session(request)
        if session is None:
            return self._page(request, 401, "Sign in to the console", self._sign_in_text())
        request.scope["session"] = session
        if is_new:
            request.scope["new_cookie"] = self._with_cookie(Response(), session, request).headers["set-cookie"]
        return None

    def _refusal(self, request: Request) -> tuple[int, str, str] | None:
        """The status, title and text of a refusal."""
        settings, host = self._app.settings, only(request, "host")
        if not self._is_ours(host):
            return 421, "Unknown address", "This console does not answer under the name in the address."
        if request.method not in (*SAFE, "POST"):
            return 405, "Not possible", "Pages of the console are read and their forms are sent; nothing else."
        team = settings.team
        if team is not None:
            once = all(len(request.headers.getlist(name)) <= 1 for name in (SECRET_HEADER, team.header))
            if not once or not same_secret(only(request, SECRET_HEADER), team.secret):
                return 403, "Refused", "This console is reached through the sign-in of your organisation only."
        if request.method == "POST":
            if only(request, "origin").lower() not in {f"{scheme}://{host.lower()}" for scheme in ("http", "https")}:
                return 403, "Refused", "The form was not sent by a page of this console. Nothing was done."
            if settings.read_only:
                return 403, "Read-only", "This console was started with --read-only. Nothing was changed."
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this console: this machine with the port, or an allowed host."""
        name, port = host_of(host)
        if name in LOOPBACK:
            return port == self._app.port and self._app.settings.team is None
        return name in {allowed.lower() for allowed in self._app.settings.hosts}

    def _session(self, request: Request) -> "tuple[VisitorSession | None, bool]":
        """The visitor's session, and whether it is new. In team mode it is that of the person whom the proxy names."""
        key = request.cookies.get(self._cookie_name, "")
        session = self._app.sessions.session(key) if key else None
        team = self._app.settings.team
        if team is None:
            return session, False
        person = _person(only(request, team.header))
        if not person:
            return None, False
        if session is not None and session.person == person:
            return session, False
        return self._app.sessions.begin_for(person), True

    def _begin(self, request: Request) -> Response:
        """Begin a session with a start token. The answer is a page and no redirect: browsers do not send a Strict
        cookie along a redirect that another program began.
        """
        session = None
        if request.method == "GET":
            session = self._app.sessions.begin(request.scope["path"].removeprefix(START), self._app.settings.person)
        if session is None and request.method == "GET" and (seconds := self._wrong.wait()):
            answer = self._page(request, 429, "Too many attempts", f"Try again in {seconds} seconds.")
            answer.headers["retry-after"] = str(seconds)
            return answer
        if session is None:
            text = f"This start address was already used, or is incomplete. {self._sign_in_text()}"
            return self._page(request, 403, "Sign in to the console", text)
        page = HTMLResponse(render(self._app.templates, "started.html", {}))
        return self._with_cookie(page, session, request)

    def _sign_in_text(self) -> str:
        if self._app.settings.team is not None:
            return "The proxy did not name a person."
        minutes = round(self._app.settings.idle_seconds / 60)
        return (
            "Open the address that intacct console printed. It works once; press Enter in that terminal for another "
            f"one. After {minutes} minutes without a visit you are signed out; work that you started goes on."
        )

    def _page(self, request: Request, status: int, title: str, text: str) -> Response:
        page = render(self._app.templates, "refused.html", {"title": title, "text": text, "status": status})
        answer = HTMLResponse(page, status)
        if request.method not in SAFE:  # what the browser still sends is not read
            answer.headers["connection"] = "close"
        return answer

    @property
    def _cookie_name(self) -> str:
        """Cookies are shared by all ports of a host, so that each console needs a name of its own."""
        return f"intacct-console-{self._app.port}"

    def _with_cookie(self, answer: Response, session: "VisitorSession", request: Request) -> Response:
        team = self._app.settings.team is not None
        secure = team and request.headers.get("x-forwarded-proto", "") == "https"
        answer.set_cookie(self._cookie_name, session.key, path="/", secure=secure, httponly=True, samesite="strict")
        return answer


def _person(text: str) -> str:
    """The person whom the proxy names, in UTF-8 if it is that; empty for a text that is not a name."""
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    name = text.strip()
    return name if name.isprintable() and "," not in name and len(name) <= _LONGEST_PERSON else ""
