"""The guard in front of what a fleet serves: which part answers, under which host, and to whom.

The credential page is for strangers on the internet, behind the vendor's reverse proxy; the JSON interface is for the
vendor's own programs. So the interface answers under no public address, and each of its requests carries the bearer
token. A form must come from a page of this site (Origin).
"""

from intacct_bridge.apps.console.access import same_secret
from intacct_bridge.apps.console.guard import Asgi, Receive, Scope, Send, count, html, refuse_other, with_headers
from intacct_bridge.apps.console.rendering import render
from intacct_bridge.apps.fleet_site.problems import error_body
from intacct_bridge.apps.fleet_site.site import FleetSite
from intacct_protocol.errors import SettingsError

PAGE, INTERFACE = "/connect", "/api/"
_SAFE = ("GET", "HEAD")
_BEARER = "bearer "


class FleetGuard:
    """The checks before a request reaches the page or the interface."""

    def __init__(self, page: Asgi, interface: Asgi, site: FleetSite) -> None:
        self._page = page
        self._interface = interface
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await refuse_other(scope, send)
        path = scope["path"]
        answer = with_headers(send, is_static=path.startswith(f"{PAGE}/static/"))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "") if count(scope, "host") == 1 else ""
        if path.startswith(INTERFACE):
            return await self._to_interface(scope, receive, answer, headers, host)
        if path != PAGE and not path.startswith(f"{PAGE}/"):
            return await self._refuse(answer, 404, "Not found", "There is no page under this address.")
        return await self._to_page(scope, receive, answer, headers, host)

    async def _to_page(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], host: str) -> None:
        if not self._site.serves_page_under(host):
            text = "This page does not answer under the name in the address."
            return await self._refuse(send, 421, "Unknown address", text)
        if scope["method"] not in (*_SAFE, "POST"):
            return await self._refuse(send, 405, "Not possible", "Pages are read and their forms are sent.")
        own = self._site.public or f"http://{host}"
        if scope["method"] == "POST" and (count(scope, "origin") != 1 or headers["origin"].lower() != own.lower()):
            text = "The form was not sent by a page of this site. Nothing was done."
            return await self._refuse(send, 403, "Refused", text)
        return await self._page(scope, receive, send)

    async def _to_interface(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], host: str
    ) -> None:
        if not self._site.serves_interface_under(host):
            return await _json(send, 421, "The interface does not answer under this host name.", "Use `--allow-host`.")
        given = headers.get("authorization", "") if count(scope, "authorization") == 1 else ""
        token = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
        if not same_secret(token, self._site.serve.token):
            return await _json(
                send, 401, "The request does not carry the bearer token.", "Send `Authorization: Bearer TOKEN`."
            )
        return await self._interface(scope, receive, send)

    async def _refuse(self, send: Send, status: int, title: str, text: str) -> None:
        values = {"page_title": title, "text": text, "fix": "", "vendor": self._site.vendor, "visit": None}
        frame = {"events": "", "refresh": 0}
        await html(send, status, render("credential_refused.html", {**values, **frame}), close=True)


async def _json(send: Send, status: int, message: str, fix: str) -> None:
    body = error_body(SettingsError(message, fix=fix))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
