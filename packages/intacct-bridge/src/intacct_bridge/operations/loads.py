"""Loads: the rows of a file or of a program become a plan, and the plan, once it is applied, becomes receipts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from intacct_bridge.connections.connection import CHOICES as CONNECTION_CHOICES
from intacct_bridge.connections.connection import CURRENCY_SETTINGS
from intacct_bridge.load.apply.sender import refuse_without_plan
from intacct_bridge.load.layouts.base import Layout, settings_of_constants
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.layouts.declaration import (
    LayoutProposal,
    MissingColumn,
    declarations,
    is_known_name,
    layout_names,
    likeliest,
    missing_values,
    proposed_layouts,
)
from intacct_bridge.load.layouts.refused_rows import with_folder_of_files
from intacct_bridge.load.layouts.refused_rows import write_refused as _write_refused
from intacct_bridge.load.plan.company_facts import CompanyFacts
from intacct_bridge.load.plan.plan import (
    AfterUndo,
    EqualRecords,
    MatchRules,
    Mode,
    Plan,
    PlanSettings,
    SendOptions,
    Verdict,
)
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.cells import DateOrder, text_of
from intacct_bridge.load.tables.header_row import HeaderSearch
from intacct_bridge.load.tables.open import check_input, open_table, sheet_names
from intacct_bridge.load.tables.program_rows import JsonLines, Source, table_of_source
from intacct_bridge.load.tables.reading import HERE, BoundedReading, Reading
from intacct_bridge.load.tables.row_filter import with_constants, with_filter
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.tables.typed_cells import exact
from intacct_bridge.load.target.attachments import FOLDER
from intacct_bridge.load.target.writable import writable_object
from intacct_bridge.mapping.language import parse_map
from intacct_bridge.operations.job_settings import LoadSettings
from intacct_bridge.operations.plans import (
    USUAL,
    ApplyOptions,
    Confirm,
    Progress,
    Receipts,
    RecordOutcome,
    apply_plan,
    missing_rows,
    rejected_rows,
)
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_bridge.runs.run import RecordCounts
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.day_formats import check_format
from intacct_protocol.model.wording import listed
from intacct_protocol.xml.values import Kind

__all__ = [
    "ApplyOptions",
    "ColumnPreview",
    "JsonLines",
    "LayoutProposal",
    "LoadPreview",
    "LoadRequest",
    "LoadTexts",
    "MappingField",
    "MissingColumn",
    "Mode",
    "SendOptions",
    "Source",
    "check_input",
    "check_layout",
    "column_values",
    "date_formats",
    "exact",
    "key_names",
    "layout_kinds",
    "layout_names",
    "load",
    "mapping_fields",
    "parse_map",
    "plan_load",
    "plan_loads",
    "preview_columns",
    "preview_load",
    "proposed_layout",
    "text_of",
    "unnamed_layout",
    "write_refused_rows",
    "write_rows_again",
]

_LONGEST_CELL = 200
_FIRST_ROWS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What is loaded, how its rows are read, and what becomes of its records."""

    source: Source
    """A file (CSV, JSON lines, Parquet, Excel), rows as mappings, or a table with the Arrow C stream interface, such as
    a DataFrame. Rows and tables are read once and held."""
    name: str = ""
    """What rows that are in no file are called in messages and in the outbox."""
    layout: str = ""
    """A layout (`bills`), an object (`VENDOR`), or a unified entity (`v1:Bills`); empty with a mapping."""
    mapping: Path | None = None
    """A mapping file, by which the rows are read."""
    mode: Mode = Mode.CREATE
    key: tuple[str, ...] = ()
    """To create: the columns that identify a record in its source. Otherwise: the fields by which it is found. Columns
    that are no fields of the object are the record's key in its source for an upsert too."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    decimal: Literal[".", ","] | None = None
    """The decimal sign of amounts that are text."""
    date_order: DateOrder | None = None
    date_formats: Mapping[str, str] = field(default_factory=dict)
    """The formats of dates by column, such as DD.MM.YYYY; an empty name stands for all other columns."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Columns that are added, with their value in every row."""
    where: str | None = None
    """A filter on columns: other rows are left out."""
    attachments: Mapping[str, Path] | None = None
    """The only files that rows may name; None: those beside a file, and none for rows of a program."""
    takes_files: bool = True
    """Whether the rows of a file may name files at all."""
    is_foreign: bool = False
    """Whether the file came through a browser or an agent: a process of its own reads it, within limits."""

    draft: bool = False
    clear_empty: bool = False
    """Clear the field if a cell is empty, instead of leaving it unchanged."""
    source_name: str = ""
    """The name of the source that the keys belong to, such as a shop; inputs without a name share one source."""
    new: tuple[int, ...] = ()
    """Numbers of rows whose records are new, though one with the same number, key or content was posted before."""
    equal_records: EqualRecords = "refuse"
    """What a record without a key is, if an equal one was posted from an input that this one does not have in whole."""
    after_undo: AfterUndo = "post"
    """Whether a record that was taken back and comes again as it was is posted again."""
    send_currency: str = ""
    """Whether the decided currency of a document is sent: auto, always or never; empty: as the connection says."""
    party_currency: str = ""
    """A document in its party's currency, which is not the entity's: use or refuse; empty: as the connection says."""
    unusual_rates: str = ""
    """An exchange rate that no pair of currencies has: refuse or use; empty: as the connection says."""
    offline: bool = False
    """Plan without any request."""
    attachment_folder: str = FOLDER

    @property
    def file(self) -> Path | None:
        """The file that is loaded; None for rows of a program."""
        return Path(self.source) if isinstance(self.source, str | Path) else None

    @property
    def called(self) -> str:
        """What messages call the input."""
        return self.file.name if self.file is not None else self.name

    @property
    def settings(self) -> PlanSettings:
        """The settings of the planner."""
        match = () if self.mode is Mode.CREATE else tuple(name.upper() for name in self.key)
        rules = MatchRules(self.source_name, self.new, self.equal_records, self.after_undo)
        return PlanSettings(
            self.offline, rules, self.mode, match, self.send_currency, self.party_currency, self.unusual_rates
        )


def plan_load(run: CompanyRun, request: LoadRequest) -> Plan:
    """Decide on each record, before anything is sent. Nothing is written to the company or to the outbox."""
    return _planned(run, request, CompanyFacts())


def requested_load(settings: LoadSettings, file: Path, *, in_flow: bool) -> LoadRequest:
    """The load of one file of a job. In a flow no person sees that a record was taken back, so it is refused then."""
    return LoadRequest(
        source=file,
        layout=settings.as_name,
        mapping=settings.map_file,
        mode=Mode(settings.mode),
        key=key_names(settings.key or ""),
        encoding=settings.encoding,
        delimiter=settings.delimiter,
        sheet=settings.sheet,
        header_row=settings.header_row,
        decimal=settings.decimal,
        date_order=settings.date_order,
        date_formats=date_formats(settings.date_format, "`date_format`"),
        constants=column_values(settings.constants, "`constants`"),
        where=settings.where,
        draft=settings.draft,
        clear_empty=settings.clear_empty,
        source_name=settings.source_name or "",
        new=row_numbers(settings.new or "", "`new`"),
        equal_records=settings.equal_records,
        after_undo=settings.after_undo or ("refuse" if in_flow else "post"),
        send_currency=settings.send_currency or "",
        party_currency=settings.party_currency or "",
        unusual_rates=settings.unusual_rates or "",
        offline=settings.offline,
        attachment_folder=settings.attachment_folder,
    )


def plan_loads(run: CompanyRun, requests: Iterable[LoadRequest]) -> Iterator[Plan]:
    """The plan of each load, made when the caller asks for it: it may apply each plan before it asks for the next.

    The company is asked once for what several inputs refer to.
    """
    facts = CompanyFacts()
    for request in requests:
        plan = _planned(run, request, facts)
        yield plan
        facts.forget(*(stage.object for stage in plan.stages))


def _planned(run: CompanyRun, request: LoadRequest, facts: CompanyFacts) -> Plan:
    layout = _layout(run, request)
    table = _table(request, layout)
    settings = request.settings
    if settings.match and settings.match != _found_by(run, request, layout.object):
        settings = replace(settings, match=())
        layout = _layout(run, request, key=request.key)
    with run.open_outbox() as outbox:
        plan = make_plan(table, layout, run.client, outbox, settings, facts=facts)
    run.recorder.destination = run.connection.target
    run.recorder.add_counts(RecordCounts(refused=len(plan.of(Verdict.REFUSED))))
    return replace(plan, input=table)


def load(
    run: CompanyRun,
    request: LoadRequest,
    options: ApplyOptions = USUAL,
    *,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
) -> Receipts:
    """Plan a load and apply the plan. Records that an earlier run posted are known, and are not posted again.

    SettingsError, before a request is sent, if the connection requires approvals: only a saved plan can have one.
    """
    refuse_without_plan(run.connection)
    with run.open_outbox():
        return apply_plan(run, plan_load(run, request), options, confirm=confirm, progress=progress)


# --- a look at the input


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """A column of an input."""

    name: str
    has_meaning: bool
    """Whether the layout gives it a meaning."""
    first: tuple[str, ...]
    """Its first cells, as text."""


@dataclass(frozen=True, slots=True)
class LoadPreview:
    """How an input is read, from its first rows."""

    form: str
    sheet: str
    sheets: tuple[str, ...]
    header: int
    object: str
    """What its records are of."""
    fits: bool
    """Whether it has the columns that are required."""
    missing: tuple[MissingColumn, ...]
    """Required columns that it lacks, and that one value can stand for in every row."""
    columns: tuple[ColumnPreview, ...]
    notes: tuple[str, ...]
    faults: tuple[str, ...]


def preview_load(run: CompanyRun, request: LoadRequest) -> LoadPreview:
    """Read the beginning of an input. The company is asked for its objects only."""
    layout = _layout(run, request)
    table = _table(request, layout)
    rows = list(islice(iter(table), _FIRST_ROWS))
    fits = layout.fits(table.columns)
    return LoadPreview(
        form=table.form,
        sheet=table.sheet,
        sheets=tuple(sheet_names(request.file, _reading(request))) if request.file is not None else (),
        header=table.header,
        object=layout.object,
        fits=fits,
        missing=() if fits or request.mapping is not None else missing_values(request.layout, table.columns),
        columns=_columns(table, rows, layout),
        notes=(*table.notes, *_notes(layout, table)),
        faults=tuple(f"row {row.number}: {row.fault}" for row in rows if row.fault),
    )


def preview_columns(request: LoadRequest) -> tuple[ColumnPreview, ...]:
    """The columns of an input for which no layout is chosen yet. Nothing is asked of a company."""
    table = _table(request, None)
    return _columns(table, list(islice(iter(table), _FIRST_ROWS)), None)


def layout_kinds() -> tuple[tuple[str, str], ...]:
    """Every layout, with a few words on what its rows are."""
    return tuple((one.name, one.about.partition(":")[0].rstrip(".")) for one in declarations().values())


def layout_proposals(request: LoadRequest) -> tuple[LayoutProposal, ...]:
    """The layouts that the columns of an input fit, the likeliest first. Nothing is asked of a company."""
    return proposed_layouts(_table(request, None).columns, request.called)


def proposed_layout(request: LoadRequest) -> LayoutProposal | None:
    """The layout that the columns of an input fit; None if none does, or several do equally well."""
    return likeliest(layout_proposals(request))


def unnamed_layout(request: LoadRequest) -> SettingsError:
    """The error for an input of which no setting says what its rows are, with the layouts that its columns fit."""
    proposals = layout_proposals(request)
    name = request.called or "the input"
    if not proposals:
        return SettingsError(
            f"It is not known what {name} holds. Its columns fit no layout.",
            fix="Use `as` with an object such as VENDOR, or give a mapping with `map`. `intacct template` lists the"
            " layouts of files.",
            setting="as",
        )
    proposal = likeliest(proposals)
    if proposal is None:
        likely = [other.layout for other in proposals if other.rank == proposals[0].rank]
        return SettingsError(
            f"It is not known what {name} holds. Its columns fit {listed(likely, 'or')}.",
            fix=f"Use `as = {likely[0]}`, or another of them.",
            setting="as",
        )
    missing = [column.name for column in proposal.missing]
    values = f", and one value for all rows: {settings_of_constants(missing)}" if missing else ""
    lacking = f", if one value is given for {listed(missing)}" if missing else ""
    return SettingsError(
        f"It is not said what {name} holds. Its columns fit {proposal.layout}{lacking}.",
        fix=f"Use `as = {proposal.layout}`{values}.",
        setting="as",
    )


def _columns(table: InputTable, rows: Sequence[SourceRow], layout: Layout | None) -> tuple[ColumnPreview, ...]:
    return tuple(
        ColumnPreview(
            name, layout is not None and layout.knows(name), tuple(_cell(row.cells.get(name)) for row in rows)
        )
        for name in table.columns
    )


def _cell(cell: object) -> str:
    return "" if cell is None else str(cell)[:_LONGEST_CELL]


def _notes(layout: Layout, table: InputTable) -> Sequence[str]:
    try:
        return layout.notes(table)
    except IntacctError as error:  # columns that the layout does not know: they are marked as such
        return (error.message,)


def check_layout(run: CompanyRun, request: LoadRequest) -> None:
    """Raise what the layout says of the columns of an input; its rows are read for that, so it may have none."""
    layout = _layout(run, request)
    list(layout.read(_table(request, layout)))


@dataclass(frozen=True, slots=True)
class MappingField:
    """A field that a column can be mapped to: `NAME`, or `APBILLITEM.TRX_AMOUNT` of a line."""

    name: str
    reading: str
    """How its cells are read: `date`, `time`, `number`, `integer`, `boolean`, or empty for text."""


_READINGS = {
    Kind.DATE: "date",
    Kind.TIMESTAMP: "time",
    Kind.DECIMAL: "number",
    Kind.INTEGER: "integer",
    Kind.BOOLEAN: "boolean",
}


def mapping_fields(run: CompanyRun, object_name: str) -> tuple[MappingField, ...]:
    """The fields of an object that a mapping can fill, with those of its lines."""
    writable = writable_object(run.client, object_name)
    owned = {one.wrapper for one in writable.lines}
    kinds: dict[str, Kind | None] = {}
    for line in writable.lines:
        described = line.described.fields if line.described is not None else {}
        kinds |= {f"{line.object}.{name}": definition.kind for name, definition in described.items()}
    fields = []
    for name in writable.names():
        if name not in owned:
            definition = writable.field(name)
            kind = definition.kind if definition is not None else kinds.get(name)
            fields.append(MappingField(name, _READINGS.get(kind, "") if kind is not None else ""))
    return tuple(fields)


# --- refused rows


def write_refused_rows(plan: Plan, outcomes: Iterable[RecordOutcome], path: Path, *, all_missing: bool = False) -> int:
    """Write the rows of a load that the plan or Intacct refused, each with its reason; how many there are.

    The file has the form of the input, so that it can be corrected and loaded again. Nothing is written without rows.
    `all_missing`: also the rows of records that are not in Intacct for another reason, such as one in doubt.
    """
    assert plan.input is not None, "only a plan that was made in this program knows its input"
    failed = missing_rows(outcomes) if all_missing else rejected_rows(outcomes)
    rows = sorted([*plan.refused_rows, *failed], key=lambda pair: pair[0].number)
    return _write_refused(plan.input, rows, path, at=plan.position) if rows else 0


def write_rows_again(run: CompanyRun, request: LoadRequest, reasons: Mapping[int, str], path: Path) -> int:
    """Write the rows of these numbers, each with its reason, from an input that was planned in another program."""
    table = _table(request, _layout(run, request))
    rows: list[tuple[SourceRow, str]] = [(row, reasons[row.number]) for row in table if row.number in reasons]
    with run.open_outbox() as outbox:
        position = outbox.position
    return _write_refused(table, rows, path, at=position) if rows else 0


# --- reading the input


def _found_by(run: CompanyRun, request: LoadRequest, object_name: str) -> tuple[str, ...]:
    """The fields by which existing records are found; none for an upsert by columns of the source."""
    names = request.settings.match
    if request.mode is not Mode.UPSERT or not names:
        return names
    described = writable_object(run.client, object_name).described
    return names if any(described.get(name) is not None for name in names) else ()


def _layout(run: CompanyRun, request: LoadRequest, *, key: tuple[str, ...] = ()) -> Layout:
    if request.file is not None:
        check_input(request.file)
    if not request.layout and request.mapping is None:
        raise unnamed_layout(request)
    created = request.mode is Mode.CREATE
    return layout_for(
        request.layout,
        run.client,
        map_file=request.mapping,
        draft=request.draft,
        clear=request.clear_empty,
        key=request.key if created else key,
        date_order=request.date_order,
        date_formats=request.date_formats,
        folder=request.attachment_folder,
        offline=request.offline,
        complete=created,
    )


def _reading(request: LoadRequest) -> Reading:
    return BoundedReading(request.file.name) if request.is_foreign and request.file is not None else HERE


def _table(request: LoadRequest, layout: Layout | None) -> InputTable:
    """The rows, filtered, with the constants."""
    if request.file is None:
        assert not isinstance(request.source, str | Path)
        table = table_of_source(request.source, request.name)
    else:
        search = HeaderSearch(
            request.header_row,
            *(
                (layout.knows, lambda columns: layout.fits([*columns, *request.constants]))
                if layout is not None
                else (is_known_name,)
            ),
        )
        table = open_table(
            request.file,
            encoding=request.encoding,
            delimiter=request.delimiter,
            sheet=request.sheet,
            search=search,
            reading=_reading(request),
        )
        if request.attachments is None and request.takes_files:
            table = with_folder_of_files(table)
        table = replace(table, takes_files=request.takes_files)
    table = replace(table, decimal=request.decimal or table.decimal, came_with=request.attachments)
    return with_filter(with_constants(table, request.constants), request.where)


# --- requests from text


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "mode": tuple(Mode),
    "date_order": ("mdy", "dmy"),
    "decimal": (".", ","),
    "on_error": ("stop", "continue"),
    "equal_records": ("refuse", "same", "new"),
    "after_undo": ("post", "refuse"),
    **{name: CONNECTION_CHOICES[name] for name in CURRENCY_SETTINGS},
}
_NUMBERS = {"header_row": (1, None), "batch_size": (1, 100), "settle_after": (0, None)}
"""Whole numbers, each with the least and the most."""
_IS_TRUE = {"true": True, "false": False, "": False}


@dataclass(frozen=True, slots=True)
class LoadTexts:
    """The options of a load as text, as a form or the options of another program have them; empty for the default.

    Each is asked for by its name here. SettingsError names it as the program does: `names` has other names.
    """

    texts: Mapping[str, str]
    """Options by name. One that may be repeated, such as `constants`, has one in each line."""
    names: Mapping[str, str] = field(default_factory=dict)

    def request(
        self,
        source: Source,
        *,
        mapping: Path | None = None,
        attachments: Mapping[str, Path] | None = None,
        name: str = "",
    ) -> LoadRequest:
        """The request of a load with these options."""
        decimal = self.choice("decimal")
        order = self.choice("date_order")
        return LoadRequest(
            source=source,
            name=name,
            layout=self.text("layout"),
            mapping=mapping,
            mode=Mode(self.choice("mode") or Mode.CREATE),
            key=key_names(self.text("key")),
            encoding=self.text("encoding") or None,
            delimiter=self.texts.get("delimiter") or None,
            sheet=self.text("sheet") or None,
            header_row=self.number("header_row"),
            decimal="," if decimal == "," else "." if decimal else None,
            date_order="dmy" if order == "dmy" else "mdy" if order else None,
            date_formats=date_formats(self.lines("date_formats"), self._named("date_formats")),
            constants=column_values(self.lines("constants"), self._named("constants")),
            where=self.text("where") or None,
            attachments=attachments,
            draft=self.switch("draft"),
            clear_empty=self.switch("clear_empty"),
            source_name=self.text("source_name"),
            new=row_numbers(self.text("new"), self._named("new")),
            equal_records=_equal_records(self.choice("equal_records")),
            after_undo="refuse" if self.choice("after_undo") == "refuse" else "post",
            send_currency=self.choice("send_currency"),
            party_currency=self.choice("party_currency"),
            unusual_rates=self.choice("unusual_rates"),
        )

    @property
    def sending(self) -> SendOptions:
        """How the records are sent."""
        return SendOptions(self.number("batch_size") or 100, self.switch("atomic"), self.choice("on_error") == "stop")

    def text(self, name: str) -> str:
        """The option without white space around it."""
        return self.texts.get(name, "").strip()

    def lines(self, name: str) -> tuple[str, ...]:
        """An option that may be repeated."""
        return tuple(filter(None, map(str.strip, self.texts.get(name, "").splitlines())))

    def switch(self, name: str) -> bool:
        """An option that is on or off."""
        text = self.text(name)
        if text.lower() not in _IS_TRUE:
            raise self._wrong(name, text, "true or false")
        return _IS_TRUE[text.lower()]

    def choice(self, name: str) -> str:
        """One of the words that the option may have; empty for the default."""
        text = self.text(name)
        if text and text not in _CHOICES[name]:
            raise self._wrong(name, text, " or ".join((", ".join(_CHOICES[name][:-1]), _CHOICES[name][-1])))
        return text

    def number(self, name: str) -> int | None:
        """A whole number; None for the default."""
        text = self.text(name)
        if not text:
            return None
        least, most = _NUMBERS[name]
        if not (text.isascii() and text.isdecimal()) or int(text) < least or (most is not None and int(text) > most):
            raise self._wrong(
                name, text, f"a whole number, {f'{least} or more' if most is None else f'{least} to {most}'}"
            )
        return int(text)

    def _named(self, name: str) -> str:
        return self.names.get(name, name)

    def _wrong(self, name: str, text: str, allowed: str) -> SettingsError:
        named = self._named(name)
        return SettingsError(f"`{named}` is {text!r}", fix=f"use {allowed}", setting=named)


def key_names(text: str) -> tuple[str, ...]:
    """The columns, or fields, that identify a record, from a text with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def row_numbers(text: str, option: str) -> tuple[int, ...]:
    """Numbers of rows from a text with commas. SettingsError names the option."""
    numbers = key_names(text)
    wrong = next((number for number in numbers if not (number.isascii() and number.isdecimal())), None)
    if wrong is not None:
        raise SettingsError(f"{option} {wrong}: it is not the number of a row", fix="give numbers such as 12,15")
    return tuple(map(int, numbers))


def _equal_records(text: str) -> EqualRecords:
    return "same" if text == "same" else "new" if text == "new" else "refuse"


def column_values(texts: Iterable[str], option: str) -> dict[str, str]:
    """The values by column of texts such as `journal=PYRJ`. SettingsError names the option."""
    return dict(_pair(text, option) for text in texts)


def date_formats(texts: Iterable[str], option: str) -> dict[str, str]:
    """The formats of dates by column, of texts such as `Due=DD.MM.YYYY`; without a column, for all others."""
    pairs = [_pair(text, option) if "=" in text else ("", text) for text in texts]
    return {name: check_format(pattern) for name, pattern in pairs}


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"{option} {text}: it is not COLUMN=VALUE", fix=f"write {option} COLUMN=VALUE")
    return name.strip(), value.strip()
