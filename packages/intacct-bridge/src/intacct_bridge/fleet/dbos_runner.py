"""The runner on DBOS: its queue and its workflows in the fleet's PostgreSQL database, in a schema of their own.

Found by experiment with DBOS 3.4, and what follows from it:

- A workflow of a killed process stays pending: DBOS itself hands out only those of its own executor id. `recover` does
  it for the ids of workers that the fleet knows to be dead, and gives each run to one living worker.
- A queue whose partitions have a concurrency of 1 never starts two runs of one tenant, also after a recovery.
- Another application version takes no queued run, so the version is that of the arguments and not of this package.
- A queue's worker_concurrency is in the database, where the latest worker's would hold for all. Its poller reads the
  queue's row again before each look at the queue, so the number is replaced in what this process reads. DBOS 3.4 has
  no public way to do so.
- A run that is handed out too often ends as MAX_RECOVERY_ATTEMPTS_EXCEEDED, and no function of ours is called.
- Its schedules take a thread each in every process, so the fleet keeps the times itself.
- The arguments, the result and the error of a workflow are stored as they are: names and a word are all it gets.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from intacct_bridge.fleet.runner import CarryOut, HandedBackError, RunKey, RunState, UnfinishedRun
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_protocol.errors import SettingsError, UnreachableError
from intacct_protocol.model.batched import batched

_LONGEST = 50
"""Characters of the schema's name that are left before the suffix `_engine`."""
_QUEUE = "flows"
_WORKFLOW = "run_flow"
_APPLICATION = "intacct-fleet"
_ARGUMENTS = "1"
"""The version of the workflow's arguments. It stays when the package is upgraded, so that queued runs go on."""
_POLL_SECONDS = 0.5
_RECOVERIES = 20
"""How often a run is handed out again before it is given up: it may be what kills the workers."""
_AT_ONCE = 1_000
_GIVEN_UP = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", _GIVEN_UP]
_UNFINISHED = ["ENQUEUED", "PENDING"]
_CLIENT_CONNECTIONS, _ENGINE_CONNECTIONS = 2, 4
"""The most connections that DBOS opens: of its client, and of its engine, which has another one for notifications."""
_BUG = "bug"
_LOST_AFTER = 30.0
"""Seconds for which a run must be one of this worker's and not be carried out, before it is queued again."""


if TYPE_CHECKING:
    from dbos import EnqueueOptions


class _NoEnd(BaseException):
    """Ends a workflow's thread so that DBOS stores no end: it stores that of an Exception."""


class DbosRunner:
    """The runner of one process. DBOS allows one engine in a process."""

    def __init__(self, place: PostgresPlace, *, recoveries: int = _RECOVERIES) -> None:
        """Connect, and make DBOS's tables if there are none. `recoveries`: how often a run is handed out again."""
        try:
            from dbos import DBOSClient
        except ImportError:
            raise SettingsError("a fleet needs the fleet extra", fix="pip install 'intacct-bridge[fleet]'") from None
        logging.getLogger("dbos").setLevel(logging.ERROR)
        self._uri = _without_schema(place.uri)
        self._schema = f"{place.schema[:_LONGEST]}_engine"
        _make_tables(self._uri, self._schema)
        self._client = DBOSClient(
            system_database_url=self._uri,
            dbos_system_schema=self._schema,
            system_database_pool_size=_CLIENT_CONNECTIONS,
        )
        self._recoveries = recoveries
        self._engine: Any = None
        self._lock = threading.Lock()
        self._running = 0
        self._stopping = False
        self._worker = ""
        self._carried_out: set[str] = set()
        """The runs that go on in this process, and those that it hands back."""
        self._lost_since: dict[str, float] = {}

    def submit(self, key: RunKey) -> None:
        """Queue a run."""
        options: EnqueueOptions = {
            "queue_name": _QUEUE,
            "workflow_name": _WORKFLOW,
            "workflow_id": _id(key),
            "queue_partition_key": key.tenant,
            "app_version": _ARGUMENTS,
            "application_name": _APPLICATION,
        }
        self._client.enqueue(options, key.tenant, key.flow, key.due_at.isoformat())

    def start(self, carry_out: CarryOut, *, worker: str, threads: Callable[[], int]) -> None:
        """Begin to carry out queued runs."""
        from dbos import DBOS

        def run_flow(tenant: str, flow: str, due_at: str) -> str:
            return self._run_flow(RunKey(tenant, flow, datetime.fromisoformat(due_at)), carry_out)

        self._worker = worker
        DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=self._recoveries)(run_flow)
        DBOS(
            config={
                "name": _APPLICATION,
                "system_database_url": self._uri,
                "dbos_system_schema": self._schema,
                "application_version": _ARGUMENTS,
                "executor_id": worker,
                "log_level": "ERROR",
                "enable_otlp": False,
                "sys_db_pool_size": _ENGINE_CONNECTIONS,
            }
        )
        _limit_this_process(threads)
        DBOS.listen_queues([_QUEUE])
        DBOS.launch()
        self._engine = DBOS
        DBOS.register_queue(
            _QUEUE,
            partition_concurrency=1,
            polling_interval_sec=_POLL_SECONDS,
            on_conflict="always_update",
        )

    def _run_flow(self, key: RunKey, carry_out: CarryOut) -> str:
        """The word with which a run ended.

        A run that is handed back does not return: DBOS would store its end. If this process ends, another one takes it
        over; if it goes on, after a time without the database, `recover_lost` queues the run again.
        """
        with self._lock:
            self._running += 1
            self._carried_out.add(_id(key))
        word = ""
        try:
            word = carry_out(key)
        except HandedBackError:
            pass
        except Exception:  # its text may hold a secret, and DBOS would store it
            word = _BUG
        finally:
            with self._lock:
                self._running -= 1
                if word or not self._stopping:
                    self._carried_out.discard(_id(key))
        if not word:
            raise _NoEnd
        return word

    def running(self) -> int:
        """How many runs this process carries out now."""
        return self._running

    def stop_taking(self) -> None:
        """Take no further run from the queue."""
        self._stopping = True
        if self._engine is not None:
            for event in _instance().background_thread_stop_events:
                event.set()

    def recover(self, workers: Sequence[str]) -> int:
        """Queue the runs of dead workers again."""
        return len(self._engine._recover_pending_workflows(list(workers))) if self._engine is not None else 0

    def recover_lost(self) -> int:
        """Queue runs of this process again that it does not carry out.

        DBOS gives a run to a worker, and keeps its end, in one statement each. If the database dies in between, the
        run stays this worker's for good, and its tenant has no further run.
        """
        if self._engine is None:
            return 0
        unfinished = self._client.list_workflows(
            status="PENDING", queue_name=_QUEUE, executor_id=self._worker, load_input=False, load_output=False
        )
        now = time.monotonic()
        with self._lock:
            lost = {workflow.workflow_id for workflow in unfinished} - self._carried_out
        self._lost_since = {workflow_id: self._lost_since.get(workflow_id, now) for workflow_id in lost}
        again = [workflow_id for workflow_id, since in self._lost_since.items() if now - since >= _LOST_AFTER]
        for workflow_id in again:
            _instance()._sys_db.reenqueue_for_recovery(workflow_id, [self._worker], _QUEUE)
        return len(again)

    def cancel(self, key: RunKey) -> bool:
        """Take a queued run out of the queue."""
        workflows = self._client.list_workflows(workflow_ids=[_id(key)], load_input=False, load_output=False)
        if not workflows or workflows[0].status != "ENQUEUED":
            return False
        self._client.cancel_workflow(_id(key))
        return True

    def unfinished(self, *, limit: int = 1_000) -> list[UnfinishedRun]:
        """The runs that are queued or running."""
        workflows = self._client.list_workflows(
            status=_UNFINISHED,
            queue_name=_QUEUE,
            limit=limit,
            load_input=False,
            load_output=False,
        )
        return [
            UnfinishedRun(
                _key(one.workflow_id),
                RunState.QUEUED if one.status == "ENQUEUED" else RunState.RUNNING,
                (one.executor_id or "") if one.status == "PENDING" else "",
            )
            for one in workflows
        ]

    def unfinished_of(self, keys: Sequence[RunKey]) -> set[RunKey]:
        """The runs among these that are queued or running."""
        unfinished: set[RunKey] = set()
        for chunk in batched([_id(key) for key in keys], _AT_ONCE):
            rows = self._client.list_workflows(
                workflow_ids=chunk, status=_UNFINISHED, load_input=False, load_output=False
            )
            unfinished |= {_key(one.workflow_id) for one in rows}
        return unfinished

    def given_up(self) -> dict[RunKey, int]:
        """The runs that are no longer handed out."""
        workflows = self._client.list_workflows(status=_GIVEN_UP, limit=_AT_ONCE, load_input=False, load_output=False)
        return {_key(one.workflow_id): (one.recovery_attempts or 1) - 1 for one in workflows}

    def results(self, keys: Sequence[RunKey]) -> dict[RunKey, str]:
        """The word with which each of these runs ended."""
        by_id = {_id(key): key for key in keys}
        words = {}
        for chunk in batched(by_id, _AT_ONCE):
            for workflow in self._client.list_workflows(workflow_ids=chunk, status=_ENDED, load_input=False):
                word = workflow.output if workflow.status == "SUCCESS" else workflow.status.lower().replace("_", " ")
                words[by_id[workflow.workflow_id]] = str(word)
        return words

    def prune(self, before: datetime) -> int:
        """Forget runs that ended before a time."""
        workflows = self._client.list_workflows(
            status=_ENDED,
            completed_before=before.astimezone(UTC).isoformat(),
            limit=_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if workflows:
            self._client.delete_workflows([one.workflow_id for one in workflows])
        return len(workflows)

    def close(self) -> None:
        """Close the connections; a run that goes on in this process is not waited for."""
        if self._engine is not None:
            self._engine.destroy(workflow_completion_timeout_sec=0)
            self._engine = None
        self._client.destroy()


def _make_tables(uri: str, schema: str) -> None:
    from dbos import run_dbos_database_migrations
    from sqlalchemy.exc import OperationalError

    try:
        run_dbos_database_migrations(uri, schema=schema)
    except OperationalError as error:
        reason = str(error.orig).strip().rpartition("\n")[2]
        raise UnreachableError(
            f"the engine of the fleet cannot connect to its database: {reason}",
            fix="Start the server, or raise its `max_connections`, and run it again.",
        ) from None


def _limit_this_process(threads: Callable[[], int]) -> None:
    """Let this process take as many runs as `threads` says, independently of the number in the queue's row."""
    from dbos._sys_db import SystemDatabase

    stored = SystemDatabase.get_queue

    def with_own_number(self: SystemDatabase, name: str, *args: Any, **options: Any) -> Any:
        queue = stored(self, name, *args, **options)
        if queue is not None and name == _QUEUE:
            queue._worker_concurrency = threads()
        return queue

    SystemDatabase.get_queue = with_own_number  # type: ignore[method-assign]


def _instance() -> Any:
    from dbos._dbos import _get_dbos_instance

    return _get_dbos_instance()


def _id(key: RunKey) -> str:
    return f"{key.tenant}/{key.flow}/{key.due_at.astimezone(UTC).isoformat()}"


def _key(workflow_id: str) -> RunKey:
    tenant, flow, due_at = workflow_id.split("/")
    return RunKey(tenant, flow, datetime.fromisoformat(due_at))


def _without_schema(uri: str) -> str:
    """The address as SQLAlchemy takes it."""
    parts = urlsplit(uri)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name != "schema"]
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(options)))
