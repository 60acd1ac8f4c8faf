"""What carries out flows: each becomes its job with checked settings, and runs as its command would."""

import io
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.terminal.command_context import CommandContext
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import run_job
from intacct_bridge.operations.flow_jobs import FlowJob
from intacct_bridge.operations.job_settings import JobSettings, declared_settings
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.recorded_run import TenantRun

if TYPE_CHECKING:
    from intacct_bridge.operations.runs import Run

_JOBS = {
    "extract": "extract:extract",
    "load": "load:load",
    "watch": "watch:watch",
    "reconcile": "reconcile:reconcile_copy",
    "sql": "sql:run_sql",
}
"""The module and the function of each job, which is imported when it runs."""
_SHARED = ("connection", "entity", "json", "log-format", "quiet", "verbose")
"""The options of every command, by which messages name settings."""


def job_of(command: str) -> Callable[[CommandContext, Any], int]:
    """The function of a job."""
    module, _, name = _JOBS[command].partition(":")
    job: Callable[[CommandContext, JobSettings], int] = getattr(
        import_module(f"intacct_bridge.apps.jobs.{module}"), name
    )
    return job


class FlowRunner:
    """Carries out each flow as a person would run its command. Threads may share it."""

    def __init__(self, *, entity: str | None = None) -> None:
        """`entity` is that of all flows, in place of those of their connections."""
        self._entity = entity

    def carry_out(
        self, job: FlowJob, messages: Messages, *, person: str = "", tenant: TenantRun | None = None
    ) -> "tuple[int, Run | None]":
        """Carry out a flow as a run of its own; a console gets the results too, other messages the messages only."""
        flow = job.flow
        output = messages if isinstance(messages, Output) else ForwardingOutput(messages)
        context = CommandContext(output, flow=flow.name, arguments=job.words, person=person)
        context.tenant, context.entity, context.command = tenant, self._entity, job.command
        if tenant is None and flow.connection:
            context.name = flow.connection
        names = [*(one.name for one in declared_settings(type(job.settings)).values() if not one.argument), *_SHARED]
        context.takes(f"--{name}" for name in names)
        context.begins()
        try:
            work = job_of(flow.command)
            status = run_job(
                lambda: work(context, job.settings), output, target=lambda: context.target, keep=context.failed
            )
        finally:
            context.close()
        return status, context.end_run(status)


class ForwardingOutput(Output):
    """A command's output for a program that has messages only: results go nowhere, and questions to the program."""

    def __init__(self, messages: Messages) -> None:
        super().__init__(out=io.StringIO(), err=io.StringIO())
        self._messages = messages
        self.quiet, self.verbose = messages.quiet, messages.verbose
        self.log_facts = messages.log_facts
        self.mask_with(messages)

    def show(self, text: str, level: str, facts: Mapping[str, Any]) -> None:
        """Pass a message on."""
        self._messages.show(text, level, facts)

    def progressed(self, name: str, done: int, total: int | None, noun: str) -> None:
        """Pass the progress on."""
        self._messages.progressed(name, done, total, noun)

    def confirm(self, question: str) -> bool:
        """The program's answer."""
        return self._messages.confirm(question)
