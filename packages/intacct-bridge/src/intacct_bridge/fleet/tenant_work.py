"""One run of one tenant's flow: its connection, its end in the registry, and what follows from the end.

The flow itself is carried out by the program that `intacct run` uses too, which is handed in. A run that is carried out
twice, since its worker was killed, changes nothing the second time: an extraction goes on from its bookmarks, and a
load asks its outbox.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Protocol

from intacct_bridge.connections.connection import Connection
from intacct_bridge.fleet.fleet import Fleet
from intacct_bridge.fleet.registry import SealedSecrets, UnknownTenantError
from intacct_bridge.fleet.run_queue import RunEnding, RunKey, TenantRun
from intacct_bridge.fleet.run_record import RunRecord, report_of
from intacct_bridge.fleet.run_threads import HandedBackError
from intacct_bridge.fleet.tenant import Tenant
from intacct_bridge.fleet.waiting_runs import WaitingRuns
from intacct_bridge.fleet.work_state import SIGN_INS, WorkState
from intacct_bridge.load.apply.settle import SETTLE_AFTER
from intacct_bridge.machine.secret import unwrapped
from intacct_bridge.runs.definitions import Flow
from intacct_bridge.runs.run import Run, RunEnd, RunError, end_of
from intacct_bridge.shared_state.database import LONGEST_REQUEST, SEND_WITHIN
from intacct_protocol.errors import IntacctError, RunStoppedError, SignInError
from intacct_protocol.model.uri_text import uri_secrets
from intacct_protocol.model.wording import counted

_log = logging.getLogger(__name__)

RETRIES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20))
"""How long after each run with a temporary fault the next one is due, if the schedule does not come first."""
LONGEST_WAIT = timedelta(hours=1)
"""The longest time until the next run of a company that does not answer."""
SENDING_IS_OVER = SEND_WITHIN + LONGEST_REQUEST + timedelta(minutes=1)
"""After this time the last request of a killed worker is over, and records that Intacct has are found."""
_NOT_FOUND_LATER = SETTLE_AFTER - SENDING_IS_OVER + timedelta(minutes=1)
"""How long after that a record that was not found may be sent again."""
LONGEST_RUN = timedelta(hours=6)
_NO_FURTHER_RUN = "no further run begins until the credentials change."
_WAIT_FOR_OTHER = 60.0
"""Seconds to wait for another process that still runs the tenant, as far as the database knows."""


class StopSignal:
    """Tells runs of a worker to end at their next request: all of them, or one that lasts too long."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def ask(self) -> None:
        """Let every run end."""
        self._stopped.set()

    @property
    def is_asked(self) -> bool:
        """Whether runs are to end."""
        return self._stopped.is_set()

    def check(self, longest: timedelta) -> Callable[[], None]:
        """What a run that begins now calls before each request; RunStoppedError if it is to end."""
        until = time.monotonic() + longest.total_seconds()

        def stop_if_asked() -> None:
            if self.is_asked:
                raise RunStoppedError("the worker ends", fix="Another worker continues this run.")
            if time.monotonic() > until:
                minutes = round(longest.total_seconds() / 60)
                raise RunStoppedError(
                    f"the run lasted longer than {counted(minutes, 'minute')}",
                    fix="The next run continues. Give `longest_run` a higher value if the company needs more time.",
                    setting="longest_run",
                )

        return stop_if_asked


@dataclass(frozen=True, slots=True)
class FlowToRun:
    """A flow with everything that its program needs."""

    flow: Flow
    """With its secrets in place."""
    connection: Connection
    record: RunRecord
    """What keeps what it does, and its log."""
    secrets: tuple[str, ...] = field(repr=False)
    """Strings of the flow that must not be printed."""
    stop_if_asked: Callable[[], None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """How a flow ended."""

    status: int
    """The exit status of its command."""
    run: Run | None
    error: RunError | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What it was carried out with, which may be in no text that is kept."""


class FlowProgram(Protocol):
    """Carries out a flow as `intacct run` does."""

    def __call__(self, work: FlowToRun, /) -> FlowEnd:
        """Carry it out; an error that is a user's or the gateway's becomes an exit status."""


class TenantWork:
    """What a worker does with the runs that it is given."""

    def __init__(
        self,
        fleet: Fleet,
        state: WorkState,
        program: FlowProgram,
        *,
        stop: StopSignal,
        waiting: WaitingRuns | None = None,
        longest_run: timedelta = LONGEST_RUN,
        ended: Callable[[TenantRun, FlowEnd], None] = lambda _run, _end: None,
    ) -> None:
        """`ended` is told of each run that ended."""
        self._fleet, self._state, self._program = fleet, state, program
        self._stop, self._longest = stop, longest_run
        self._waiting = waiting or WaitingRuns()
        self._ended = ended

    def carry_out(self, run: TenantRun) -> None:
        """Carry out a run, and keep its end. It raises HandedBackError only."""
        self._waiting.began(run.key)
        try:
            self._carry_out(run)
        except HandedBackError:
            raise
        except Exception as error:
            _log.exception("run of %s %s", run.tenant, run.flow)
            self._keep_failure(run, error)
        finally:
            self._waiting.ended(run.key)

    def _carry_out(self, run: TenantRun) -> None:
        if not self._hold(run.tenant):
            self._end_busy(run)
            return
        try:
            tenant, sealed = self._fleet.registry.with_secrets(run.tenant)
            if tenant.paused:
                self._end_unbegun(run, RunEnd.INTERRUPTED, "The tenant is paused.")
            else:
                self._run(tenant, sealed, run)
        except UnknownTenantError:
            self._end_unbegun(run, RunEnd.SETTINGS, "The tenant was removed.")
        finally:
            self._state.release_tenant(run.tenant)

    def _end_unbegun(self, run: TenantRun, end: RunEnd, detail: str) -> None:
        self._fleet.queue.end(run, RunEnding(end.value, detail))

    def _hold(self, tenant: str) -> bool:
        until = time.monotonic() + _WAIT_FOR_OTHER
        while not self._state.hold_tenant(tenant):
            if time.monotonic() > until or self._stop.is_asked:
                return False
            time.sleep(0.5)
        return True

    def _run(self, tenant: Tenant, sealed: Mapping[str, SealedSecrets], run: TenantRun) -> None:
        credentials = credentials_digest(tenant, sealed)
        refused = self._state.refused_sign_ins(tenant.name, credentials)
        if refused >= SIGN_INS:
            self._end_unbegun(run, RunEnd.REFUSED, f"The sign-in was refused before: {_NO_FURTHER_RUN}")
            return
        record = RunRecord(self._fleet.queue, run)
        end = self._end(tenant, sealed, run.key, record)
        if self._stop.is_asked and (end.error is None or end.error.kind == RunStoppedError.__name__) and end.status:
            record.flush()
            raise HandedBackError
        if refused and end.run is not None and end.run.transactions and not _is_refused(end):
            self._state.signed_in(run.tenant)
        counts = end.run
        ending = RunEnding(end_of(end.status).value, self._react(run.key, credentials, end), log=record.lines.take())
        if counts is not None:
            ending = replace(
                ending,
                transactions=counts.transactions,
                rows=counts.rows,
                in_doubt=counts.records.in_doubt,
                report=report_of(counts),
            )
        self._fleet.end_run(run, ending, hide=end.secrets)
        self._ended(run, end)

    def _end(self, tenant: Tenant, sealed: Mapping[str, SealedSecrets], key: RunKey, record: RunRecord) -> FlowEnd:
        hidden: tuple[str, ...] = ()
        try:
            connection, flow = self._fleet.connection_and_flow(tenant, sealed, key.flow)
            option_secrets = _secret_texts(tenant.flow(key.flow).options, flow.options)
            hidden = (*connection.secrets, *option_secrets)
            work = FlowToRun(flow, connection, record, option_secrets, self._before_request(key))
            return replace(self._program(work), secrets=hidden)
        except IntacctError as error:
            return FlowEnd(error.exit_status, None, RunError.of(error), hidden)

    def _before_request(self, key: RunKey) -> Callable[[], None]:
        stop_if_asked = self._stop.check(self._longest)

        def before_request() -> None:
            self._waiting.began(key)
            stop_if_asked()

        return before_request

    def _react(self, key: RunKey, credentials: str, end: FlowEnd) -> str:
        """Set the time of the next run by how this one ended, and return the detail to keep."""
        sentences = []
        if _is_refused(end):
            times = self._state.sign_in_refused(key.tenant, credentials)
            if times >= SIGN_INS:
                sentences.append(f"The sign-in was refused {times} times: {_NO_FURTHER_RUN}")
        sentences += self._delay_if_unanswered(key, end)
        sending_is_open = _sending_is_open(end)
        if sending_is_open or end_of(end.status) is RunEnd.TRANSIENT:
            earlier = self._fleet.queue.failures([key.tenant]).get((key.tenant, key.flow), 0)
            if earlier < len(RETRIES):
                after = RETRIES[earlier]
                if sending_is_open:
                    after = _NOT_FOUND_LATER if earlier else SENDING_IS_OVER
                if moment := self._state.retry(key, after):
                    sentences.append(f"It is tried again at {moment:%Y-%m-%d %H:%M} UTC.")
        detail = detail_of(end)
        return " ".join((f"{detail.removesuffix('.')}." if sentences and detail else detail, *sentences)).strip()

    def _delay_if_unanswered(self, key: RunKey, end: FlowEnd) -> Iterator[str]:
        """Where the company did not answer, let its next run begin later, and say so."""
        if self._waiting.is_unanswered(key) and end_of(end.status) is RunEnd.TRANSIENT:
            unanswered = self._fleet.queue.count_unanswered(key.tenant, wait_after)
            runs = f"{unanswered.times} runs one after the other" if unanswered.times > 1 else "This run"
            yield f"{runs} got no answer: by schedule, none begins before {unanswered.until:%Y-%m-%d %H:%M} UTC."
        elif end.run is not None and end.run.transactions:
            self._fleet.queue.clear_unanswered(key.tenant)

    def _end_busy(self, run: TenantRun) -> None:
        if self._stop.is_asked:
            raise HandedBackError
        detail = "Another process was still running a flow of this tenant."
        self._end_unbegun(run, RunEnd.TRANSIENT, detail)
        self._state.retry(run.key, RETRIES[0])

    def _keep_failure(self, run: TenantRun, error: Exception) -> None:
        """Keep the end of a run that failed by a bug, or since the fleet's database failed."""
        status = error.exit_status if isinstance(error, IntacctError) else 70
        try:
            self._fleet.end_run(run, RunEnding(end_of(status).value, str(error)))
            if status == 4:
                self._state.retry(run.key, RETRIES[0])
        except IntacctError:
            raise HandedBackError from None  # the database does not answer, so that nothing can be kept


def wait_after(times: int) -> timedelta:
    """The time until the next run of a company that did not answer this number of runs in a row."""
    return min(timedelta(minutes=2 ** min(times - 1, 10)), LONGEST_WAIT)


def credentials_digest(tenant: Tenant, sealed: Mapping[str, SealedSecrets]) -> str:
    """A digest that changes with the credentials of a tenant. It is made of sealed secrets, so it reveals nothing."""
    hashed = sha256(repr(sorted((name, str(value)) for name, value in tenant.settings.items())).encode())
    for owner, owner_secrets in sorted(sealed.items()):
        for name, text in sorted(owner_secrets.values.items()):
            hashed.update(f"\0{owner}\0{name}\0".encode() + text)
    return hashed.hexdigest()


def _is_refused(end: FlowEnd) -> bool:
    """Whether the sign-in was refused."""
    return end.error is not None and end.error.kind == SignInError.__name__


def _sending_is_open(end: FlowEnd) -> bool:
    """Whether a load could not end, since records are in doubt or a killed worker may still send them."""
    records = end.run.records if end.run is not None else None
    return records is not None and not records.refused and bool(records.in_doubt or records.not_sent)


def detail_of(end: FlowEnd) -> str:
    """A sentence about how a flow ended; empty for a success."""
    if not end.status:
        return ""
    if end.error is not None:
        return f"{end.error.message}. {end.error.fix}".strip() if end.error.fix else end.error.message
    run = end.run
    if run is None:
        return ""
    failed = [f"{one.name}: {one.error}" for one in run.streams if one.error]
    counts = {"refused": run.records.refused, "in doubt": run.records.in_doubt, "not sent": run.records.not_sent}
    told = [f"{counted(number, 'record')} {what}" for what, number in counts.items() if number]
    return "; ".join((*failed, *told))


def _secret_texts(named: Mapping[str, object], filled: Mapping[str, object]) -> tuple[str, ...]:
    """The options in which a reference was replaced, as strings, and the passwords in them."""
    secret_texts: list[str] = []
    for key, value in filled.items():
        if named.get(key) != value:
            texts = [str(unwrapped(part)) for part in (value if isinstance(value, list) else [value])]
            secret_texts += [*texts, *(password for text in texts for password in uri_secrets(text))]
    return tuple(secret_texts)
