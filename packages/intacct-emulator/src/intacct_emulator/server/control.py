"""The control API: what `intacct_emulator.testing` does in Python, over HTTP with JSON, for tests in other languages.

    GET  /control                      the companies: credentials, requests, API transactions
    GET  /control/rows/VENDOR          the stored records of an object, regardless of the users' rights
    GET  /control/received             the requests, oldest first, credentials masked; ?function=create for some
    POST /control/seed                 {"object": "VENDOR", "records": [{"VENDORID": "V-1", "NAME": "Acme"}]}
    POST /control/inject               {"kind": "cut-after", "function": "create", "calls": [1]}: a fault from now on
    POST /control/calm                 ends all faults
    POST /control/snapshot             keeps the present state
    POST /control/reset                goes back to it: records, sessions, requests and faults
    POST /control/close-books          {"until": "2026-10-31"}
    POST /control/revalue              {"day": "2026-10-31"}
    POST /control/clock                {"moment": "2026-11-01T09:00:00Z"}

`"company"` in a body, or `?company=` in an address, names a company; without it the first one is meant. A mistake is
answered with status 400 and {"error": ..., "fix": ...}.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from intacct_emulator.ledger.periods import close_books
from intacct_emulator.ledger.seeding import seed
from intacct_emulator.server.gateway import Emulator, EmulatorSnapshot
from intacct_emulator.server.schema.functions import functions
from intacct_emulator.settings.faults import FaultPlan, check_functions, fault_of
from intacct_emulator.subledgers.revaluation.revaluation import DEFAULT_JOURNAL
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.suggestions import did_you_mean

CONTROL = "/control"
_S = TypeVar("_S")


class _Seed(msgspec.Struct, forbid_unknown_fields=True):
    object: str
    records: list[dict[str, Any]]
    company: str = ""


class _CloseBooks(msgspec.Struct, forbid_unknown_fields=True):
    until: date
    entity: str = ""
    ledger: str = "GL"
    company: str = ""


class _Revalue(msgspec.Struct, forbid_unknown_fields=True):
    day: date
    rate_type: str = ""
    journal: str = DEFAULT_JOURNAL
    company: str = ""


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    moment: datetime
    company: str = ""


@dataclass(frozen=True, slots=True)
class ControlAnswer:
    """The status and the JSON document of an answer."""

    status: int
    document: bytes


@dataclass(slots=True)
class Control:
    """The control API of one emulator."""

    emulator: Emulator
    _snapshot: EmulatorSnapshot | None = field(default=None, init=False)

    def get(self, path: str, query: Mapping[str, str]) -> ControlAnswer:
        """Show something; `path` is what follows `/control/`."""
        name, _, rest = path.partition("/")
        shows: dict[str, Callable[[str, Mapping[str, str]], Any]] = {
            "": self._companies,
            "rows": self._rows,
            "received": self._received,
        }
        return _answered(shows, name, lambda show: show(rest, query))

    def post(self, path: str, body: bytes) -> ControlAnswer:
        """Change something."""
        acts: dict[str, Callable[[dict[str, Any]], Any]] = {
            "seed": self._seed,
            "inject": self._inject,
            "calm": self._calm,
            "snapshot": self._keep_snapshot,
            "reset": self._reset,
            "close-books": self._close_books,
            "revalue": self._revalue,
            "clock": self._set_clock,
        }
        return _answered(acts, path, lambda act: act(_sent(body)))

    # --- what it shows

    def _companies(self, _rest: str, _query: Mapping[str, str]) -> Any:
        companies = []
        for company_id in self.emulator.companies.by_id:
            count = self.emulator.request_count(company_id)
            companies.append(
                {
                    "credentials": self.emulator.settings.credentials(company_id),
                    "requests": count.requests,
                    "most_at_once": count.most_at_once,
                    "transactions": self.emulator.transactions(company_id).total,
                }
            )
        return {"companies": companies, "incidents": self.emulator.incidents}

    def _rows(self, name: str, query: Mapping[str, str]) -> Any:
        with self.emulator.between_requests(self._company_id(query.get("company", ""))) as company:
            return [dict(row) for _, row in company.table(company.catalog.find(name)).rows()]

    def _received(self, _rest: str, query: Mapping[str, str]) -> Any:
        function, company_id = query.get("function", ""), self._company_id(query.get("company", ""))
        return [
            {
                "functions": request.functions,
                "outcome": request.outcome,
                "company": request.company,
                "transactions": request.transactions,
                "at": request.at,
                "body": request.body.decode("utf-8", "replace"),
            }
            for request in self.emulator.received
            if (not function or function in request.functions) and (not company_id or company_id == request.company)
        ]

    # --- what it changes

    def _seed(self, sent: dict[str, Any]) -> Any:
        told = _read(_Seed, sent)
        with self.emulator.between_requests(self._company_id(told.company)) as company:
            return {"records": seed(company, told.object, told.records, now=self.emulator.now())}

    def _inject(self, sent: dict[str, Any]) -> Any:
        fault = fault_of(sent, "fault")
        check_functions((fault,), functions())
        self.emulator.fault_plan.add(fault)
        return {}

    def _calm(self, _sent: dict[str, Any]) -> Any:
        self.emulator.fault_plan = FaultPlan()
        return {}

    def _keep_snapshot(self, _sent: dict[str, Any]) -> Any:
        self._snapshot = self.emulator.snapshot()
        return {}

    def _reset(self, _sent: dict[str, Any]) -> Any:
        if self._snapshot is None:
            raise SettingsError("there is no snapshot to go back to", fix=f"take one first: POST {CONTROL}/snapshot")
        self.emulator.restore(self._snapshot)
        return {}

    def _close_books(self, sent: dict[str, Any]) -> Any:
        told = _read(_CloseBooks, sent)
        with self.emulator.between_requests(self._company_id(told.company)) as company:
            close_books(company, told.until, entity=told.entity, ledger=told.ledger)
        return {}

    def _revalue(self, sent: dict[str, Any]) -> Any:
        told = _read(_Revalue, sent)
        balances = self.emulator.revalue(
            told.day, rate_type=told.rate_type, journal=told.journal, company_id=self._company_id(told.company)
        )
        return {"balances": balances}

    def _set_clock(self, sent: dict[str, Any]) -> Any:
        told = _read(_Clock, sent)
        self.emulator.set_clock(told.moment, self._company_id(told.company))
        return {}

    def _company_id(self, company_id: str) -> str:
        """The id of a company that there is; empty for the first one."""
        companies = self.emulator.companies.by_id
        if company_id and company_id not in companies:
            raise SettingsError(f"there is no company {company_id}{did_you_mean(company_id, companies)}")
        return company_id


def _answered(actions: Mapping[str, Any], name: str, work: Callable[[Any], Any]) -> ControlAnswer:
    """The answer of the named action; an error as its sentence with its fix."""
    try:
        if name not in actions:
            near = did_you_mean(name, actions)
            raise SettingsError(
                f"there is no {CONTROL}/{name}{near}", fix=f"there are {', '.join(filter(None, actions))}"
            )
        return ControlAnswer(200, msgspec.json.encode(work(actions[name])))
    except IntacctError as error:
        return ControlAnswer(400, msgspec.json.encode({"error": error.message, "fix": error.fix}))


def _sent(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; an empty body is an empty object. Amounts keep their digits."""
    try:
        document = json.loads(body or b"{}", parse_float=Decimal)
    except ValueError as error:
        raise SettingsError(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise SettingsError("the body is not a JSON object")
    return document


def _read(kind: type[_S], sent: dict[str, Any]) -> _S:
    try:
        return msgspec.convert(sent, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"the body cannot be read: {error}") from None
