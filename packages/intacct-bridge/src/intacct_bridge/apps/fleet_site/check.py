"""What stands in front of what a fleet serves: which part answers, under which host, and to whom.

The credential page is for strangers on the internet, behind the vendor's reverse proxy; the JSON interface is for the
vendor's own programs. So the interface answers under no public address, and each of its requests carries the bearer
token. A form must come from a page of this site (Origin).
"""

from starlette.requests import Request
from starlette.responses import Response

from intacct_bridge.apps.fleet_site.link_pages import refused
from intacct_bridge.apps.fleet_site.problems import error_body
from intacct_bridge.apps.fleet_site.site import FleetApp
from intacct_bridge.apps.web.security import SAFE, WrongTokens, carries_token, only
from intacct_protocol.errors import SettingsError

PAGE, INTERFACE = "/connect", "/api/"


class FleetCheck:
    """Refuses a request that neither the page nor the interface may answer."""

    def __init__(self, app: FleetApp) -> None:
        self._app = app
        self._wrong = WrongTokens()

    async def __call__(self, request: Request) -> Response | None:
        """The answer to a request that goes no further."""
        path, host = request.scope["path"], only(request, "host")
        if path.startswith(INTERFACE):
            return self._interface(request, host)
        if path != PAGE and not path.startswith(f"{PAGE}/"):
            return refused(self._app, 404, "Not found", "There is no page under this address.", close=True)
        return self._page(request, host)

    def _page(self, request: Request, host: str) -> Response | None:
        if not self._app.serves_page_under(host):
            text = "This page does not answer under the name in the address."
            return refused(self._app, 421, "Unknown address", text, close=True)
        if request.method not in (*SAFE, "POST"):
            return refused(self._app, 405, "Not possible", "Pages are read and their forms are sent.", close=True)
        site = self._app.public or f"http://{host}"
        if request.method == "POST" and only(request, "origin").lower() != site.lower():
            text = "The form was not sent by a page of this site. Nothing was done."
            return refused(self._app, 403, "Refused", text, close=True)
        return None

    def _interface(self, request: Request, host: str) -> Response | None:
        if not self._app.serves_interface_under(host):
            return _problem(421, "The interface does not answer under this host name.", "Use `--allow-host`.")
        if not carries_token(request, self._app.settings.token):
            text = "The request does not carry the bearer token."
            if seconds := self._wrong.wait():
                return _problem(429, text, f"Correct the token, and try again in {seconds} seconds.", seconds)
            return _problem(401, text, "Send `Authorization: Bearer TOKEN`.")
        return None


def _problem(status: int, message: str, fix: str, wait: int = 0) -> Response:
    headers = {"connection": "close"} | ({"www-authenticate": "Bearer"} if status == 401 else {})
    headers |= {"retry-after": str(wait)} if wait else {}
    return Response(error_body(SettingsError(message, fix=fix)), status, headers, "application/json")
