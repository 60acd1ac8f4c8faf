"""The program of a fleet's runs: a tenant's flow is run as `intacct run` runs one, in a thread of the worker."""

from intacct_bridge.apps.cli.flows.program import CommandFlows
from intacct_bridge.fleet.tenant_work import FlowEnd, FlowToRun
from intacct_bridge.operations.flows import prepare_flow, run_flow
from intacct_bridge.operations.recorded_run import TenantRun
from intacct_bridge.runs.messages import Messages
from intacct_bridge.runs.run import RunError
from intacct_protocol.errors import IntacctError


class FlowRun:
    """Runs the flows of tenants; no person watches, so that their messages go to the logs of their runs."""

    def __init__(self, warnings: Messages, person: str) -> None:
        """`warnings` get what the receivers of notifications refuse."""
        self._warnings, self._person = warnings, person

    def __call__(self, work: FlowToRun) -> FlowEnd:
        """Run a flow, and return how it ended."""
        program, messages = CommandFlows(), Messages()
        messages.quiet = True
        for hiding in (messages, self._warnings):
            hiding.hide((*work.connection.secrets, *work.secrets))
        messages.log_facts = {"tenant": work.connection.name}
        tenant = TenantRun(work.connection, work.history, work.stop_if_asked)
        try:
            prepared = prepare_flow(work.flow, program)
        except IntacctError as error:
            return FlowEnd(error.exit_status, None, RunError.of(error))
        result = run_flow(prepared, program, messages, person=self._person, warnings=self._warnings, tenant=tenant)
        return FlowEnd(result.status, result.run, result.error)
