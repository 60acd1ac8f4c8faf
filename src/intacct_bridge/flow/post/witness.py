"""Proof that a company still remembers the control ids of a run: a harmless read that the run made before it sent.

That a company refuses a repeated control id today does not say for how long. So a loader asks something harmless under
a control id of its own before it sends records that cannot be looked for. As long as the repetition of that read is
refused, the memory reaches back to before those records, and one of them may be sent again under its control id. A
repetition that is not refused ends the proof for good, since it is remembered from then on itself.
"""

import threading

from intacct_bridge.errors import InDoubtError, IntacctError
from intacct_bridge.flow.company.gateway import Company
from intacct_bridge.flow.outbox.entry import Entry, State
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.post.sender import repeated
from intacct_bridge.wire.envelope import SUCCESS, Function
from intacct_bridge.wire.reply import ConnectionCutError
from intacct_bridge.wire.xml import element


class Witness:
    """Asks before, and asks again after."""

    def __init__(self, company: Company, outbox: Outbox) -> None:
        self._company = company
        self._outbox = outbox
        self._guard = threading.Lock()
        self._called = False

    def call(self) -> None:
        """Ask, once for a loader. Without an answer there is no proof later on, and that is all."""
        with self._guard:
            if self._called:
                return
            self._called = True
            control_id = f"ib1-witness-{self._outbox.loader}"
            try:
                (result,) = self._company.submit([self._question(control_id)])
            except IntacctError:
                return
            if result.status == SUCCESS:
                self._outbox.keep_witness(self._outbox.loader, control_id)

    def remembers(self, entry: Entry) -> bool:
        """Whether the company's memory is seen to reach back to before the entry was first sent."""
        loader = self._first_sender(entry)
        with self._guard:
            control_id = self._outbox.take_witness(loader)
            if not control_id:
                return False
            try:
                (result,) = self._company.submit([self._question(control_id)])
            except IntacctError as error:
                if not isinstance(error, InDoubtError) and not (isinstance(error, ConnectionCutError) and error.sent):
                    self._outbox.keep_witness(loader, control_id)  # it was not asked
                return False
            if repeated(result.faults):
                self._outbox.keep_witness(loader, control_id)
                return True
            return False

    def _first_sender(self, entry: Entry) -> str:
        """The loader that sent this attempt for the first time."""
        sent = (one for one in self._outbox.history(entry) if one["state"] == State.SENT)
        return next((str(one["loader"]) for one in sent if one["control_id"] == entry.control_id), "")

    def _question(self, control_id: str) -> Function:
        user = self._company.connection.user_id
        return Function(element("readUserFormatting", element("userId", user)), control_id)
