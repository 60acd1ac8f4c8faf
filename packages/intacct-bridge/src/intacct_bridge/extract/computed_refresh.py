"""Reading again what Intacct computes: the balance of a vendor changes with each bill, but its time of change does not.

The records that changed and deleted documents name are read again, after the documents. If it is not known which these
are (the destination cannot be asked for deleted documents, or an earlier run was killed before it came to this), the
whole table is read.
"""

from collections.abc import Sequence

from intacct_bridge.extract.stream_run import StreamRun
from intacct_bridge.streams.computed_fields import ComputedFields, computed_fields
from intacct_bridge.streams.partition import lookup_filters
from intacct_protocol.model.query.query import MAX_IN
from intacct_protocol.xml.values import Value


def documents_of(run: StreamRun, runs: Sequence[StreamRun]) -> list[StreamRun]:
    """The streams of this run from which fields of a stream are computed; none if it has no such fields."""
    computed = _computed(run)
    if computed is None or not run.context.options.refresh_computed:
        return []
    return [document for document in runs if document.stream.object in computed.documents]


def refresh_computed(run: StreamRun, documents: Sequence[StreamRun]) -> None:
    """Read the records again whose documents changed or were deleted."""
    computed = _computed(run)
    if computed is None or run.bookmark.in_progress:
        return
    parties = _parties(run, documents)
    if parties is not None and not parties:
        return
    start = run.changed(run.stream, run.bookmark.progress.start)
    if parties is None or _takes_fewer_pages(run, len(parties)):
        partitions = [run.partition(*start)]
    else:
        values = sorted(parties, key=str)
        partitions = [run.partition(filter_, *start) for filter_, _ in lookup_filters(computed.by, values)]
    for partition in partitions:
        for page in run.walk(partition):
            run.take(page)
            run.safe_point()
        run.save()


def _computed(run: StreamRun) -> ComputedFields | None:
    """The computed fields that a stream reads, if they are known to change with documents."""
    stream = run.stream
    computed = computed_fields().get(stream.object)
    if computed is None or not computed.documents or not stream.modified or stream.where is not None:
        return None
    return computed if stream.fields.keys() & computed.fields else None


def _parties(run: StreamRun, documents: Sequence[StreamRun]) -> set[Value] | None:
    """The records whose documents changed; None: any of them."""
    parties: set[Value] = set()
    for document in documents:
        if document.count.full:  # what this run has read in full as well, is as new
            if not run.count.full:
                return None
        elif document.parties is None:
            return None
        else:
            parties |= document.parties
    return parties


def _takes_fewer_pages(run: StreamRun, parties: int) -> bool:
    """Whether the whole table is read with fewer calls than these records."""
    rows = run.writer.count_rows()
    return rows is not None and -(-rows[0] // run.context.options.page_size) < -(-parties // MAX_IN)
