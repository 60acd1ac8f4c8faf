"""The REST interface: from one request to its answer.

A request is signed in by its token, works in the entity of its header, and goes to a service or to the records of an
object. Every refusal is an answer with one of the three envelopes that were seen, as `rest_errors` says.
"""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import msgspec

from intacct_emulator.access.rights import can_enter
from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.company.sessions import Sessions
from intacct_emulator.company.users import ACTIVE, user_of
from intacct_emulator.rest import bulk
from intacct_emulator.rest.allowed_operations import LIST as ALLOWED_OPERATIONS
from intacct_emulator.rest.allowed_operations import allowed_operations
from intacct_emulator.rest.catalogue import RestObject, catalogue, pairs
from intacct_emulator.rest.composite import PATH as COMPOSITE
from intacct_emulator.rest.composite import composite
from intacct_emulator.rest.dimensions import dimensions
from intacct_emulator.rest.idempotency import answered_once
from intacct_emulator.rest.messages import (
    JSON,
    RestAnswer,
    RestRefusedError,
    RestRequest,
    forbidden,
    invalid_request,
    method_not_allowed,
    not_found,
    page_meta,
    result,
)
from intacct_emulator.rest.model import model
from intacct_emulator.rest.oauth import OAuth
from intacct_emulator.rest.paired import PairedRecords
from intacct_emulator.rest.query import query
from intacct_emulator.rest.records import Columns, href
from intacct_emulator.rest.stored import StoredRecords
from intacct_emulator.rest.work import RestWork, Scripted
from intacct_emulator.rest.workflows import run_workflow
from intacct_emulator.settings.companies import EmulatorSettings, UserSettings
from intacct_protocol.xml.reply import Reply
from intacct_protocol.xml.values import DEFAULT

MOST_BYTES = 1_000_000
"""Of a request's body, as a client that ran against the real interface reports."""
XML_PATH = "/ia/xml/xmlgw.phtml"
PATH = "/ia/api/v1"
LIST_ROWS = 100
MOST_RECORDS = 500
"""Records in one batch."""
_OAUTH = "/oauth2/"
_METHODS = {"GET": "get", "POST": "create", "PATCH": "update", "DELETE": "delete"}
Service = Callable[[RestWork, RestRequest], RestAnswer]
_T = TypeVar("_T")


class RestApi:
    """The interface of one emulator."""

    def __init__(
        self,
        settings: Callable[[], EmulatorSettings],
        companies: Mapping[str, CompanyData],
        sessions: Callable[[], Sessions],
        clock: Callable[[], float],
        *,
        draw: Callable[[], str],
        report_incident: Callable[[str], None],
        services: "Mapping[tuple[str, str], Service]" = MappingProxyType({}),
    ) -> None:
        """`services` are those that the server has besides, by method and path."""
        self._settings, self._companies, self._open_sessions = settings, companies, sessions
        self._clock, self._draw, self._report_incident = clock, draw, report_incident
        self.oauth = OAuth(settings, companies, clock, draw)
        self._columns: WeakKeyDictionary[CompanyData, tuple[object, Columns]] = WeakKeyDictionary()
        self._services: dict[tuple[str, str], Service] = {
            ("GET", "/services/core/model"): lambda _, request: model(request),
            ("POST", "/services/core/query"): self._query,
            ("GET", "/services/core/session/id"): self._session,
            ("POST", COMPOSITE): self._composite,
            ("POST", bulk.CREATE): self._bulk,
            ("POST", ALLOWED_OPERATIONS): self._allowed_operations,
            ("GET", bulk.STATUS): bulk.job_status,
            ("GET", "/services/company-config/dimensions/list"): lambda work, _: dimensions(work),
            **services,
        }

    @property
    def _sessions(self) -> Sessions:
        return self._open_sessions()

    def answer(self, request: RestRequest, scripted: Scripted = ()) -> RestAnswer:
        """The answer to a request; a refusal is one too."""
        try:
            if request.path.startswith(_OAUTH):
                return self._signing_in(request)
            if len(request.body) > MOST_BYTES and request.path != bulk.CREATE:
                raise RestRefusedError(413, "invalidRequest", "The request body is larger than 1 MB")
            work = self.work(request, scripted)
            return answered_once(work, request, lambda: self._routed(work, request), self.refused)
        except RestRefusedError as error:
            return self.refused(error)
        except Exception:  # even then the answer is one that the gateway could give
            self._report_incident(traceback.format_exc())
            failure = RestRefusedError(500, "GW-0001", "An unexpected error occurred", envelope="error")
            return failure.answer("error", self._support_id())

    def refused(self, error: RestRefusedError) -> RestAnswer:
        """The answer to a request that is refused, in the envelope of the settings."""
        return error.answer(self._settings().behaviour.rest_errors, self._support_id())

    def work(self, request: RestRequest, scripted: Scripted = ()) -> RestWork:
        """Who works where: the holder of the token, in the entity of the header. Raises RestRefusedError."""
        grant = self.oauth.grant_of(request)
        company = self._companies.get(grant.company_id)
        user = None if company is None else user_of(company, grant.user_id)
        if company is None or user is None or user.status != ACTIVE:
            raise self.oauth.dead_token()
        if not company.settings.web_services:
            raise forbidden("The company has no subscription to Web Services")
        entity = request.header("x-ia-api-param-entity", "x-ia-api-paramentity") or grant.entity
        if entity and not can_enter(company, user, entity):
            raise forbidden(f"The entity {entity} is not open to this user")
        session = self._sessions.for_one_request(
            _with_plain_formats(user),
            company.settings.company_id,
            sender_id=grant.client_id,
            entity=entity,
            endpoint=request.base,
            now=self._clock(),
        )
        return RestWork(
            company,
            session,
            self._sessions,
            self._clock() + company.ahead,
            request.base,
            request.headers,
            scripted,
        )

    def columns(self, company: CompanyData) -> Columns:
        """The columns of a company, company_columns again when its definitions change."""
        state, company_columns = self._columns.get(company, (None, None))
        if company_columns is None or state is not company.catalog:
            company_columns = Columns(company)
            self._columns[company] = (company.catalog, company_columns)
        return company_columns

    # --- where a request goes

    def _signing_in(self, request: RestRequest) -> RestAnswer:
        place = request.path.removeprefix(_OAUTH).strip("/")
        if place == "authorize" and request.method in ("GET", "POST"):
            return self.oauth.consent(request)
        endpoints = {"token": self.oauth.token, "revoke": self.oauth.revoke, "introspect": self.oauth.introspect}
        if place not in endpoints:
            raise RestRefusedError(404, "GW-0033", f"There is no endpoint {request.path}", envelope="error")
        if request.method != "POST":
            raise method_not_allowed(request.method, request.path)
        return endpoints[place](request)

    def _routed(self, work: RestWork, request: RestRequest) -> RestAnswer:
        path = request.path.rstrip("/")
        if path.startswith("/objects/"):
            return self._objects(work, request, path.removeprefix("/objects/"))
        if path in catalogue().workflows:
            return run_workflow(work, request, payload_of(request), lambda name: self._paired(work, name))
        service = self._services.get((request.method, path))
        if service is not None:
            return service(work, request)
        if path in catalogue().services:
            methods = {method for method, service_path in self._services if service_path == path}
            if methods and request.method not in methods:
                raise method_not_allowed(request.method, path)
            raise RestRefusedError(501, "notEmulated", f"{path} is not emulated")
        raise not_found(f"The resource {path}")

    def _query(self, work: RestWork, request: RestRequest) -> RestAnswer:
        payload = payload_of(request)
        work.refuse_scripted()
        return query(work, payload, self.columns(work.company))

    def _composite(self, work: RestWork, request: RestRequest) -> RestAnswer:
        def answered(place: int, part: RestRequest) -> RestAnswer:
            return self.answer(part, work.scripted[place : place + 1])

        return composite(request, payload_of(request), answered)

    def _allowed_operations(self, work: RestWork, request: RestRequest) -> RestAnswer:
        return allowed_operations(payload_of(request), lambda rest: self._records(work, rest))

    def _bulk(self, work: RestWork, request: RestRequest) -> RestAnswer:
        def write(rest: RestObject, operation: str, record: Mapping[str, Any]) -> dict[str, Any] | None:
            _check_method(rest, operation, request)
            records = self._records(work, rest)
            if operation == "create":
                return records.create(record)
            key, fields = _with_key(record)
            if operation == "update":
                return records.update(key, fields)
            records.delete(key)
            return None

        return bulk.create_job(work, request, self._draw(), write)

    def _session(self, work: RestWork, request: RestRequest) -> RestAnswer:
        """A session of the XML interface for the holder of the token."""
        endpoint = request.base.removesuffix(PATH) + XML_PATH
        session = self._sessions.open(
            user_of(work.company, work.session.user.user_id) or work.session.user,
            work.session.company_id,
            sender_id="",
            entity=work.session.entity,
            endpoint=endpoint,
            now=self._clock(),
        )
        return result({"sessionId": session.session_id, "expiresIn": int(self._sessions.seconds)})

    # --- objects

    def _objects(self, work: RestWork, request: RestRequest, place: str) -> RestAnswer:
        parts = place.split("/", 2)
        name, key = "/".join(parts[:2]), parts[2] if len(parts) > 2 else ""
        rest = catalogue().find(name)
        if rest is None:
            raise not_found(f"The resource /objects/{name}")
        records = self._records(work, rest)
        if request.method == "GET" and not key:
            _check_method(rest, "list", request)
            work.refuse_scripted()
            return self._listed(work, rest, request)
        method = _METHODS.get(request.method, "")
        _check_method(rest, method, request)
        if method == "create":
            if key:
                raise method_not_allowed("POST", f"/objects/{place}")
            return self._each(work, request, records.create, status=201)
        if method == "update":
            if key:
                return self._each(work, request, lambda one: records.update(key, one), status=200)
            return self._each(work, request, lambda one: records.update(*_with_key(one)), status=200)
        if not key:
            raise method_not_allowed(request.method, f"/objects/{place}")
        if method == "delete":
            return self._deleted(work, records, key)
        work.refuse_scripted()
        return result(records.read(key)) if "," not in key else self._several(records, key)

    def _paired(self, work: RestWork, name: str) -> PairedRecords:
        return PairedRecords(work, pairs()[name], self.columns(work.company))

    def _records(self, work: RestWork, rest: RestObject) -> PairedRecords | StoredRecords:
        pair = pairs().get(rest.name)
        return StoredRecords(work, rest) if pair is None else PairedRecords(work, pair, self.columns(work.company))

    def _listed(self, work: RestWork, rest: RestObject, request: RestRequest) -> RestAnswer:
        """Keys, ids and addresses, a hundred a page."""
        start, size = _number(request, "start", 1), _number(request, "size", LIST_ROWS)
        sent = {"object": rest.name, "fields": ["key", "id"], "start": start, "size": min(size, LIST_ROWS)}
        answer = query(work, sent, self.columns(work.company))
        page = msgspec.json.decode(answer.body)
        rows = [{**row, "href": href(rest.name, row["key"])} for row in page["ia::result"]]
        total = page["ia::meta"]["totalCount"]
        return result(rows, meta=page_meta(total, start, min(size, LIST_ROWS)))

    def _several(self, records: PairedRecords | StoredRecords, keys: str) -> RestAnswer:
        return _answers([_attempt(lambda key: (200, records.read(key)), key) for key in keys.split(",")], 200)

    def _deleted(self, work: RestWork, records: PairedRecords | StoredRecords, keys: str) -> RestAnswer:
        if "," not in keys:
            with work.company.store.together():
                work.refuse_scripted()
                records.delete(keys)
            return RestAnswer(204)

        def delete_one(key: str) -> tuple[int, Any]:
            with work.company.store.together():
                work.refuse_scripted()
                records.delete(key)
            return 204, None

        return _answers([_attempt(delete_one, key) for key in keys.split(",")], 204)

    def _each(
        self, work: RestWork, request: RestRequest, write: Callable[[Mapping[str, Any]], Any], *, status: int
    ) -> RestAnswer:
        """Write one record, or each record of an array; an atomic array is written whole or not at all."""
        payload = payload_of(request)
        if isinstance(payload, Mapping):
            with work.company.store.together():
                work.refuse_scripted()
                return result(write(payload), status)
        if not isinstance(payload, list) or not payload or not all(isinstance(one, Mapping) for one in payload):
            raise invalid_request("The body is an object or an array of objects", error_id="REST-1028")
        if len(payload) > MOST_RECORDS:
            raise invalid_request(f"A batch has at most {MOST_RECORDS} records")

        def written(record: Mapping[str, Any]) -> tuple[int, Any]:
            with work.company.store.together():
                work.refuse_scripted()
                return status, write(record)

        if request.header("x-ia-api-param-transaction").lower() != "true":
            return _answers([_attempt(written, one) for one in payload], status)
        with work.company.store.together():
            rows = [written(one)[1] for one in payload]
        return result(rows, status, {"totalCount": len(rows), "totalSuccess": len(rows), "totalError": 0})

    def _support_id(self) -> str:
        return f"EMU-{self._draw()[:12]}"


def rest_reply(answer: RestAnswer) -> Reply:
    """The answer as HTTP sends it."""
    headers = {"content-type": JSON} if answer.document is not None else {}
    return Reply(answer.status, answer.body, {**headers, **answer.headers})


def payload_of(request: RestRequest) -> Any:
    """The JSON of a request. Raises RestRefusedError."""
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if kind not in ("application/json", ""):
        message = f"The content type {kind} is not supported"
        raise RestRefusedError(400, "GW-0014", message, envelope="error")
    if not request.body.strip():
        raise invalid_request("A payload is required", error_id="REST-1028")
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError as error:
        raise invalid_request(f"The body is not JSON: {error}") from None
    except RecursionError:
        raise invalid_request("The body is nested too deeply") from None


def _with_key(payload: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    key = str(payload.get("key") or "")
    if not key:
        raise invalid_request("Each record of a batch has its key", target="/key")
    return key, {name: value for name, value in payload.items() if name != "key"}


def _check_method(rest: RestObject, method: str, request: RestRequest) -> None:
    if method not in rest.methods:
        raise method_not_allowed(request.method, f"/objects/{rest.name}")


def _number(request: RestRequest, name: str, usual: int) -> int:
    text = request.parameter(name, str(usual))
    if not text.isdecimal() or int(text) < 1:
        raise invalid_request(f"{name} is a number from 1", target=f"/{name}")
    return int(text)


def _attempt(work: Callable[[_T], tuple[int, Any]], record: _T) -> tuple[int, Any]:
    """The status and the result of one record of a batch, or its error."""
    try:
        return work(record)
    except RestRefusedError as error:
        return error.status, {"ia::error": error.error}


def _answers(outcomes: list[tuple[int, Any]], status: int) -> RestAnswer:
    """The answer to a batch: 207 with a status for each record if one of them failed."""
    failed = sum(1 for one, _ in outcomes if one >= 400)
    meta = {"totalCount": len(outcomes), "totalSuccess": len(outcomes) - failed, "totalError": failed}
    if not failed:
        if status == 204:
            return RestAnswer(204)
        return result([value for _, value in outcomes], status, meta)
    rows = [{"ia::status": one, **(value or {})} for one, value in outcomes]
    return result(rows, 207, meta)


def _with_plain_formats(user: UserSettings) -> UserSettings:
    """The user with the formatting in which cells are kept: REST has one format for everybody."""
    return replace(user, date=DEFAULT.date, clock=DEFAULT.clock, offset_minutes=0, clock_changes=(), summer_minutes=0)
