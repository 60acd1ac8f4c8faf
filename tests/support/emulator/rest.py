"""A client of the emulator's REST interface for tests: plain HTTP and JSON, without any code of the connector."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from intacct_emulator import CREDENTIALS, REST_CREDENTIALS, Emulator

USER = f"{CREDENTIALS['user_id']}@{CREDENTIALS['company_id']}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass
class RestResponse:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def result(self) -> Any:
        """`ia::result` of a success."""
        assert self.status < 300, self.body.decode()
        return self.json["ia::result"]

    @property
    def meta(self) -> Any:
        return self.json["ia::meta"]

    @property
    def error(self) -> Any:
        """The error of the usual envelope."""
        assert self.status >= 400, self.body.decode()
        return self.json["ia::result"]["ia::error"]


@dataclass
class RestClient:
    """Sends requests with one token."""

    base: str
    """The address below which the interface is: `http://127.0.0.1:8081/ia/api/v1`."""
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, *, form: Any = None, **headers: str) -> RestResponse:
        """One request; a name of a header is written with `_`."""
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent: bytes | None = None
        if form is not None:
            sent = urllib.parse.urlencode(form).encode()
        elif body is not None:
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            given.setdefault("content-type", "application/json")
        if self.token and "authorization" not in given:
            given["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.base + path, sent, given, method=method)
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=30) as answer:
                return RestResponse(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as refused:
            return RestResponse(refused.code, _lower(refused.headers), refused.read())

    def sign_in(self, username: str = USER, **more: str) -> "RestClient":
        """A client with a token by client credentials."""
        form = {"grant_type": "client_credentials", **REST_CREDENTIALS, "username": username, **more}
        answer = self.send("POST", "/oauth2/token", form=form)
        assert answer.status == 200, answer.body
        return RestClient(self.base, answer.json["access_token"], dict(self.headers))

    def get(self, path: str, **headers: str) -> RestResponse:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> RestResponse:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> RestResponse:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> RestResponse:
        return self.send("DELETE", path, **headers)

    def create(self, name: str, /, **fields: Any) -> str:
        """Create a record; its key."""
        return str(self.post(f"/objects/{name}", fields).result["key"])

    def read(self, name: str, key: str) -> Any:
        return self.get(f"/objects/{name}/{key}").result

    def query(self, name: str, fields: str, *filters: Any, **more: Any) -> RestResponse:
        """A query of fields, which a text separates by blanks."""
        return self.post(
            "/services/core/query", {"object": name, "fields": fields.split(), "filters": list(filters), **more}
        )


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


Served = Callable[..., tuple[RestClient, Emulator]]
"""Serves a small company with settings; gives a client without a token, and the emulator."""
