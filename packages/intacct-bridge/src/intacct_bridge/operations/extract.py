"""Extract: a company's objects into a copy that is kept current, the cost of it, and the files attached to records.

    result = extract(client, ExtractRequest(to="duckdb:///books.duckdb", streams=("VENDOR", "APBILL")))
    for stream in result.streams: ...

This is the only place where an extraction is put together and carried out: for commands, pages, the Singer tap, dlt,
the demo and programs.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.client import Client
from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.copies.destinations.open import copy_states, importing, open_destination
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import Prepared, ReadRequest, prepare
from intacct_bridge.extract.run import DELETES, HISTORY
from intacct_bridge.extract.stream_run import StreamProgress
from intacct_bridge.operations.extract_request import ExtractRequest
from intacct_bridge.streams.defaults import (
    DOCUMENTS,
    LISTS,
    fields_of_objects,
    refuse_joined,
    refuse_unknown_streams,
    selected_fields,
    streams_for,
)
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.uri_text import redacted

if TYPE_CHECKING:
    from intacct_bridge.copies.views.apply import AppliedViews
    from intacct_bridge.extract.estimate import Estimate
    from intacct_bridge.mapping.language import EntityMap
    from intacct_bridge.runs.recorder import RunRecorder

__all__ = [
    "DELETES",
    "DOCUMENTS",
    "LISTS",
    "Estimate",
    "ExtractRequest",
    "ExtractResult",
    "StreamOutcome",
    "StreamProgress",
    "estimate",
    "extract",
    "importing",
]

Progress = Callable[[StreamProgress], None]


@dataclass(frozen=True, slots=True)
class ExtractProblem:
    """What went wrong beside the streams."""

    subject: str
    """`views` or `company settings`."""
    error: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """The result of a run."""

    to: str
    """The address of the copy, without a password."""
    streams: tuple[StreamOutcome, ...]
    """What was read of each stream: its name, rows, deleted rows, and the error if it was not read to its end."""
    seconds: float
    transactions: int
    """API transactions."""
    further: tuple[StreamOutcome, ...] = ()
    """Outcomes that are not those of a stream: `deletes`, and `history` if the run could not be noted in the copy."""
    objects: tuple[str, ...] = ()
    """The objects that were read."""
    views: "tuple[AppliedViews, ...]" = ()
    """The views that a database has."""
    problems: tuple[ExtractProblem, ...] = ()

    @property
    def outcomes(self) -> tuple[StreamOutcome, ...]:
        """All outcomes, in the order in which they are told."""
        return (*self.streams, *self.further)

    @property
    def complete(self) -> bool:
        """Whether every stream was read to its end, and the views were made."""
        views = all(problem.subject != VIEWS for problem in self.problems)
        return views and all(outcome.complete and not outcome.error for outcome in self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "to": self.to,
            "complete": self.complete,
            "seconds": round(self.seconds, 3),
            "transactions": self.transactions,
            "streams": [outcome.to_dict() for outcome in self.streams],
            "further": [outcome.to_dict() for outcome in self.further],
            "problems": [asdict(problem) for problem in self.problems],
            "views": [{"schema": made.schema, "views": list(made.views)} for made in self.views],
        }


VIEWS, SETTINGS = "views", "company settings"


def extract(
    client: Client,
    request: ExtractRequest,
    *,
    run: "RunRecorder | None" = None,
    progress: Progress | None = None,
    output: Destination | None = None,
) -> ExtractResult:
    """Bring the copy up to date. A stream that fails has its error in the result, and costs no other stream anything.

    `run` is the run of the history that this belongs to. `progress` is called as rows arrive. `output` takes Singer
    messages, in place of a destination that the address names.
    """
    began, spent = time.monotonic(), client.meter.transactions
    extraction = prepare_extraction(client, request)
    result = extraction.run(run=run, progress=progress, output=output)
    seconds, transactions = time.monotonic() - began, client.meter.transactions - spent
    return replace(result, seconds=seconds, transactions=transactions)


def estimate(client: Client, request: ExtractRequest) -> "tuple[Estimate, ...]":
    """What a run would read and cost. The estimate itself takes one API transaction a stream."""
    extraction = prepare_extraction(client, request, only_described=True)
    return tuple(extraction.prepared.estimate(copy_states(request.to), extraction.options))


@dataclass(frozen=True, slots=True)
class PreparedExtraction:
    """An extraction whose streams are known, for programs that need them before it runs."""

    client: Client
    request: ExtractRequest
    prepared: Prepared
    options: ExtractOptions

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams as they are stored."""
        return self.prepared.stored

    @property
    def read(self) -> tuple[Stream, ...]:
        """The streams as they are read."""
        return self.prepared.streams

    @property
    def names(self) -> tuple[str, ...]:
        """The name in the request of each stream that is read; one name may mean several streams."""
        return self.prepared.names

    @property
    def headers(self) -> Mapping[str, Stream]:
        """The headers of lines that are not read themselves, by object."""
        return self.prepared.headers

    @property
    def refused(self) -> tuple[StreamOutcome, ...]:
        """The streams that the user may not read."""
        return self.prepared.refused

    @property
    def missing(self) -> Mapping[str, tuple[str, ...]]:
        """Selected fields that the company does not have, by stream."""
        return self.prepared.missing

    def field_labels(self) -> Mapping[str, Mapping[str, str]]:
        """The label of each field, by stream; virtual streams have none."""
        return {
            stream.name: {
                field.name: field.label
                for field in self.client.describe(stream.object, stream.doc_par_id).fields.values()
            }
            for stream in self.read
            if stream.object
        }

    def refreshing(self, names: Iterable[str]) -> "PreparedExtraction":
        """The same, with a full refresh of these streams."""
        by_stream = {**self.options.full_every_by_stream, **dict.fromkeys(names, 0)}
        return replace(self, options=replace(self.options, full_every_by_stream=by_stream))

    def try_out(self) -> None:
        """Read one record of each stream; an error of the gateway raises."""
        self.prepared.try_out()

    def run(
        self,
        *,
        run: "RunRecorder | None" = None,
        progress: Progress | None = None,
        output: Destination | None = None,
    ) -> ExtractResult:
        """Carry it out, as `extract` does."""
        client, to = self.client, self.request.to
        began, spent = time.monotonic(), client.meter.transactions
        if run is not None:
            run.destination = "standard output" if output is not None else redacted(to)

        def note(event: StreamProgress) -> None:
            if progress is not None:
                progress(event)
            if run is not None:
                run.tick()

        def keep(outcomes: Sequence[StreamOutcome]) -> None:
            if run is not None:
                run.add_streams([one for one in outcomes if one.name not in NO_STREAMS or one.error])

        opened = open_destination(to, hard_deletes=self.request.hard_deletes) if output is None else output
        with closing(opened) as destination:
            extraction = self.prepared.run(destination, self.options, progress=note, keep=keep)
            views, problems = ((), ()) if output is not None else self._after(destination)
        return ExtractResult(
            redacted(to),
            tuple(one for one in extraction.outcomes if one.name not in NO_STREAMS),
            time.monotonic() - began,
            client.meter.transactions - spent,
            tuple(one for one in extraction.outcomes if one.name in NO_STREAMS),
            tuple(self.prepared.objects(extraction)),
            views,
            problems,
        )

    def _after(self, destination: Destination) -> "tuple[tuple[AppliedViews, ...], tuple[ExtractProblem, ...]]":
        """Make the views of a database, and keep what readers of files need to know about the company."""
        subject = VIEWS if parse_uri(self.request.to).is_database else SETTINGS
        try:
            if subject == SETTINGS:
                self._keep_settings(destination)
                return (), ()
            from intacct_bridge.operations.views import views_after_extract  # not for files: a tenth of a run

            objects_only = not (self.request.unified or self.request.maps)
            views = views_after_extract(
                destination,
                self.client,
                reporting=objects_only and self.request.views,
                lower_names=self.request.lower_names,
                full=self.options.full,
            )
        except IntacctError as error:
            return (), (ExtractProblem(subject, error.message, error.advice),)
        return views, ()

    def _keep_settings(self, destination: Destination) -> None:
        from intacct_bridge.copies.destinations.files import FileDestination
        from intacct_bridge.copies.views.company_settings import has_sources, keep_financial_setup

        assert isinstance(destination, FileDestination)
        if has_sources(destination):
            keep_financial_setup(destination, self.client, self.client.company_time, again=self.options.full)


NO_STREAMS = (DELETES, HISTORY)
"""Outcomes that are not those of a stream."""


def prepare_extraction(client: Client, request: ExtractRequest, *, only_described: bool = False) -> PreparedExtraction:
    """Select the streams. SettingsError or InvalidRequestError for a request that cannot be carried out.

    With `only_described`, it will not be run: all definitions are read, and no library of a destination is imported.
    """
    request.check()
    select = selected_fields(request.select)
    if request.as_text:
        client.read_as_text(fields_of_objects(request.as_text))
    maps = _maps(request.maps)
    options = request.reading(show_private=not client.connection.location_id)
    names: Sequence[str] = request.streams
    if not request.skip_missing:
        refuse_joined(names)
        if maps:
            names = [entity.name for entity in maps]
        elif not request.unified:
            names = streams_for(client, names, everything=request.everything)
        refuse_unknown_streams("full_every", options.full_every_by_stream, names, request.unified)
        if request.unified:
            refuse_unknown_streams("select", select, names, request.unified)
    read = ReadRequest(
        () if maps else names,
        select,
        request.unified,
        request.entity_column,
        early=request.skip_refused and not (request.skip_missing or only_described),
        skip_refused=request.skip_refused,
        skip_missing=request.skip_missing,
        without_arrow=request.without_arrow,
        maps=maps,
    )
    with nullcontext() if request.without_arrow or only_described else importing(request.to):
        return PreparedExtraction(client, request, prepare(client, read), options)


def _maps(paths: Sequence[Path]) -> "list[EntityMap]":
    if not paths:
        return []
    from intacct_bridge.export_maps import read_map, with_lists  # with the modules of mappings

    return [with_lists(read_map(path)) for path in paths]


# --- attachments


@dataclass(frozen=True, slots=True)
class SavedAttachments:
    """The files that were saved."""

    folder: Path
    files: int = 0
    failures: Mapping[str, str] = field(default_factory=dict)
    """Why there are no files, by the supporting document that names them."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"folder": str(self.folder), "files": self.files, "failures": dict(self.failures)}


def save_attachments(
    client: Client,
    objects: Sequence[str],
    folder: Path,
    *,
    saved: Callable[[str, int], None] = lambda _name, _files: None,
    failed: Callable[[str, str], None] = lambda _name, _reason: None,
) -> SavedAttachments:
    """Save the files attached to the records of these objects, each file once; `objects` are those of a result."""
    from intacct_bridge.extract.attachments import fetch_attachments

    files, failures = 0, dict[str, str]()
    for document, count, problem in fetch_attachments(client, objects, folder):
        files += count
        if problem:
            failures[document] = problem
            failed(document, problem)
        else:
            saved(document, count)
    return SavedAttachments(folder, files, failures)
