"""One extraction as the commands run it: from a client into a destination, with a view of how far it has come."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from intacct_bridge.client.client import Client
from intacct_bridge.edge.singer.sink import SingerSink
from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.terminal.process import stoppable
from intacct_bridge.edge.terminal.progress import progress
from intacct_bridge.flow.destinations.base import Sink
from intacct_bridge.flow.destinations.open import getting_ready, open_sink
from intacct_bridge.flow.extract.attachments import objects_of
from intacct_bridge.flow.extract.options import Options
from intacct_bridge.flow.extract.source import choose, choose_early
from intacct_bridge.flow.extract.transform import objects_extraction
from intacct_bridge.flow.extract.unified import choose_unified, unified_extraction
from intacct_bridge.flow.streams.stream import StreamOutcome


@dataclass(frozen=True, slots=True)
class Extracted:
    """How it went."""

    outcomes: tuple[StreamOutcome, ...]
    seconds: float
    transactions: int
    objects: tuple[str, ...] = ()
    """The objects that were read."""

    @property
    def sound(self) -> bool:
        """Whether every stream was read to its end."""
        return all(one.complete and not one.error for one in self.outcomes)


def run_extraction(
    client: Client,
    streams: Sequence[str],
    to: str,
    console: Console,
    *,
    options: Options | None = None,
    select: Mapping[str, Sequence[str]] | None = None,
    hard_deletes: bool = False,
    unified: str = "",
    entity_column: str = "",
) -> Extracted:
    """Bring the copy up to date; with `unified`, a copy in the words of that version of the schema.

    `entity_column` names a column for the entity that owns a record.
    """
    began, spent = time.monotonic(), client.meter.transactions
    with stoppable(console), getting_ready(to):
        refused: list[StreamOutcome] = []
        entities = choose_unified(client, unified, streams, select, refused=refused) if unified else []
        if unified or entity_column:
            chosen = choose(client, () if unified else streams, None if unified else select, without_refused=True)
        else:
            chosen = choose_early(client, streams, select)
    sink: Sink = (
        SingerSink(sys.stdout.buffer, options=options) if to == "-" else open_sink(to, hard_deletes=hard_deletes)
    )
    with stoppable(console, sink.seal if isinstance(sink, SingerSink) else lambda _: None), closing(sink):
        if unified:
            run = unified_extraction(client, entities, sink, options, refused=refused)
        else:
            run = objects_extraction(client, chosen, sink, options, entity_column=entity_column)
        with progress(console, spent=lambda: client.meter.transactions - spent, noun="rows") as view:
            for moved in run:
                view.update(moved.stream, moved.rows, moved.rows + moved.expected)
    read = objects_of(parts.read for one in entities for parts in (one, *one.parts)) or objects_of(run.streams)
    return Extracted(run.outcomes, time.monotonic() - began, client.meter.transactions - spent, tuple(read))
