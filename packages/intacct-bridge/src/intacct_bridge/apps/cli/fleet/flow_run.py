"""The program of a fleet's runs: a tenant's flow is carried out as `intacct run` does, in a thread of the worker."""

import io

import click

from intacct_bridge.apps.cli.context import Start
from intacct_bridge.apps.cli.flows.command_line import checked_command
from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.apps.terminal.failures import report
from intacct_bridge.fleet.tenant_work import FlowEnd, FlowToRun
from intacct_bridge.operations.recorded_run import TenantRun
from intacct_bridge.runs.channels import find_channels
from intacct_bridge.runs.notify import notify
from intacct_bridge.runs.run import RunError
from intacct_protocol.errors import IntacctError


class SilentConsole(Console):
    """The output of a run that no person watches: its messages go to the run's log."""

    def __init__(self) -> None:
        super().__init__(out=io.StringIO(), err=io.StringIO())

    def confirm(self, question: str) -> bool:  # noqa: ARG002
        """The answer is no: a worker asks no question."""
        return False


class FlowRun:
    """Carries out flows. Threads may share it."""

    def __init__(self, root: click.Group, start: Start, shown: Console, person: str) -> None:
        self._root, self._start, self._shown, self._person = root, start, shown, person

    def __call__(self, work: FlowToRun) -> FlowEnd:
        """Carry out a flow, and return how it ended."""
        flow, connection = work.flow, work.connection
        console = SilentConsole()
        hidden = (*connection.secrets, *work.secrets)
        console.hide(hidden)
        self._shown.hide(hidden)
        console.log_facts = {"tenant": connection.name, "flow": flow.name}
        tenant = TenantRun(connection, work.history, work.stop_if_asked)
        try:
            command = checked_command(flow, self._root)
            channels = find_channels(flow.notify)
            for channel in channels:
                console.hide(channel.secrets)
            words = command.line(["-q"])
            status, run = self._start(words, console, flow.name, self._person, tenant)
        except IntacctError as error:
            return FlowEnd(report(error, console), None, RunError.of(error))
        if run is not None:
            notify(channels, run, warn=self._shown.complain)
        console.log_file.close()
        return FlowEnd(status, run, run.error if run is not None else None)
