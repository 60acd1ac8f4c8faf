"""Tools that plan writes, and the one that applies a plan which a person approved. No tool approves.

Every plan of this server needs an approval, even if its connection asks for none. That is part of the plan's digest.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from intacct_bridge.apps.mcp.cancellation import cancelled, stop_if_cancelled
from intacct_bridge.apps.mcp.failures import failure
from intacct_bridge.apps.mcp.session import AgentSession
from intacct_bridge.apps.mcp.values import plain
from intacct_bridge.operations.loads import LoadRequest, Mode, plan_load
from intacct_bridge.operations.plans import (
    RECORDS_ON_PAGE,
    ApplyOptions,
    ApprovalMissingError,
    Plan,
    PlanSummary,
    Receipts,
    RecordQuery,
    RecordSort,
    RecordSummary,
    SavedPlan,
    SendOptions,
    apply_plan,
    open_revalidated,
    save_plan,
    saved_plans,
    summary_of,
    tally,
)
from intacct_protocol.errors import IntacctError, InvalidRequestError
from intacct_protocol.model.day_formats import check_format

_SHOWN_RECORDS = 50
_SHOWN_GROUPS = 20
FIRST_PAGE = RecordQuery()
_MOST_RECORDS = 2_000
_LARGEST_FILE = 50 * 2**20
_EXACT_DIGITS = 15
"""Digits of a JSON number that no reader rounds."""


def _exact(value: object) -> object:
    """The value; ValueError for a number that has lost digits on its way, as JSON numbers do beyond 15 digits."""
    if isinstance(value, float) and len(Decimal(repr(value)).normalize().as_tuple().digits) > _EXACT_DIGITS:
        raise ValueError(f"the number has more than {_EXACT_DIGITS} digits and may be rounded: write it as text")
    return value


Cell = Annotated[str | int | Decimal | bool | None, BeforeValidator(_exact)]
Day = Annotated[str, Field(description="A date as YYYY-MM-DD.", pattern=r"^\d{4}-\d{2}-\d{2}$")]
DueDay = Annotated[
    str | None,
    Field(description="A date as YYYY-MM-DD; left out if the terms give it.", pattern=r"^\d{4}-\d{2}-\d{2}$"),
]
Amount = Annotated[Decimal, BeforeValidator(_exact), Field(description='An amount, best as text such as "1250.00".')]
PlanId = Annotated[str, Field(description="A plan's id, such as plan-0123456789ab.", pattern=r"^plan-[0-9a-f]{12}$")]
Digest = Annotated[str, Field(description="The plan's digest, all 64 digits.", pattern=r"^[0-9a-f]{64}$")]
More = Annotated[
    dict[str, str] | None,
    Field(description="More columns of the layout by their names, such as department, location, project, terms."),
]


class LedgerLine(BaseModel):
    """One line of a journal entry: a debit or a credit."""

    model_config = ConfigDict(extra="forbid")

    account: Annotated[str, Field(description="The number of the account.")]
    debit: Amount | None = None
    credit: Amount | None = None
    memo: str = ""
    department: str = ""
    location: str = ""
    more: More = None


class DocumentLine(BaseModel):
    """One line of a bill or an invoice."""

    model_config = ConfigDict(extra="forbid")

    account: Annotated[str, Field(description="The number of the account.")]
    amount: Amount
    memo: str = ""
    department: str = ""
    location: str = ""
    more: More = None


class LoadOptions(BaseModel):
    """How a table is read, and what becomes of its records. What is left out is decided as usual."""

    model_config = ConfigDict(extra="forbid")

    decimal: Annotated[Literal[".", ","] | None, Field(description="The decimal sign of amounts in text.")] = None
    date_order: Annotated[
        Literal["mdy", "dmy"] | None, Field(description="The order of day and month in dates such as 03/04/2026.")
    ] = None
    date_formats: Annotated[
        dict[str, str],
        Field(description="The format of dates by column, such as DD.MM.YYYY; an empty name means all others."),
    ] = {}
    constants: Annotated[
        dict[str, str], Field(description="Columns that the table lacks, each with its value for every row.")
    ] = {}
    where: Annotated[
        str | None, Field(description="A filter on columns, such as status = 'Approved': other rows are left out.")
    ] = None
    sheet: Annotated[str | None, Field(description="The sheet of a workbook, instead of the first.")] = None
    header_row: Annotated[int | None, Field(description="The row with the names of the columns, from 1.", ge=1)] = None
    encoding: Annotated[str | None, Field(description="The encoding of a CSV file.")] = None
    delimiter: Annotated[str | None, Field(description="The delimiter of a CSV file.")] = None
    draft: Annotated[bool, Field(description="Make drafts, which are not posted.")] = False
    clear_empty: Annotated[bool, Field(description="An empty cell clears its field; else it changes nothing.")] = False
    after_undo: Annotated[
        Literal["post", "refuse"], Field(description="What to do with a record that was taken back and comes again.")
    ] = "post"
    send_currency: Annotated[
        Literal["", "auto", "always", "never"], Field(description="Whether the currency of a document is sent.")
    ] = ""
    party_currency: Annotated[
        Literal["", "use", "refuse"],
        Field(description="What to do with a document in the currency of its party, if the entity has another."),
    ] = ""
    unusual_rates: Annotated[
        Literal["", "refuse", "use"],
        Field(description="What to do with an exchange rate that no pair of currencies has."),
    ] = ""

    def applied_to(self, request: LoadRequest) -> LoadRequest:
        """The load with these options. SettingsError for a format of dates that is none."""
        formats = {column: check_format(pattern) for column, pattern in self.date_formats.items()}
        return replace(request, **(self.model_dump() | {"date_formats": formats}))


class PlanTools:
    """Plans of one server."""

    def __init__(self, session: AgentSession) -> None:
        self._session = session

    def plan_journal_entry(
        self,
        *,
        journal: Annotated[str, Field(description="The symbol of the journal, such as GJ.")],
        date: Day,
        title: Annotated[str, Field(description="The title of the entry.", min_length=1)],
        lines: Annotated[list[LedgerLine], Field(description="The lines.", min_length=2, max_length=_MOST_RECORDS)],
        reference: Annotated[
            str, Field(description="A reference number, which identifies the entry: it is never posted twice.")
        ] = "",
        more: More = None,
    ) -> dict[str, Any]:
        """Plan one journal entry; nothing is posted. Returns the plan's id and digest, which a person must approve.

        Debits and credits must be equal. `refusals` say which line is wrong and what to do.
        """
        head = {"journal": journal, "date": date, "title": title, "reference": reference, **(more or {})}
        return self._plan_lines("journal-entries", head, lines)

    def plan_bill(
        self,
        *,
        vendor: Annotated[str, Field(description="The id of the vendor.")],
        number: Annotated[str, Field(description="The vendor's number of the bill.", min_length=1)],
        date: Day,
        lines: Annotated[list[DocumentLine], Field(description="The lines.", min_length=1, max_length=_MOST_RECORDS)],
        due_date: DueDay = None,
        more: More = None,
    ) -> dict[str, Any]:
        """Plan one bill of a vendor; nothing is posted. Returns the plan's id and digest, which a person must approve.

        A bill that the company has already is refused. `refusals` say which line is wrong and what to do.
        """
        head = {"vendor": vendor, "bill no": number, "date": date, "due date": due_date or "", **(more or {})}
        return self._plan_lines("bills", head, lines)

    def plan_invoice(
        self,
        *,
        customer: Annotated[str, Field(description="The id of the customer.")],
        number: Annotated[str, Field(description="Your number of the invoice.", min_length=1)],
        date: Day,
        lines: Annotated[list[DocumentLine], Field(description="The lines.", min_length=1, max_length=_MOST_RECORDS)],
        due_date: DueDay = None,
        more: More = None,
    ) -> dict[str, Any]:
        """Plan one invoice to a customer; nothing is posted. Returns the plan's id and digest for a person to approve.

        An invoice that the company has already is refused. `refusals` say which line is wrong and what to do.
        """
        head = {"customer": customer, "invoice no": number, "date": date, "due date": due_date or "", **(more or {})}
        return self._plan_lines("invoices", head, lines)

    def plan_load(
        self,
        *,
        load_as: Annotated[
            str,
            Field(
                description="How records are read: a layout (journal-entries, bills, invoices, vendors, customers,"
                " payments, ...), or an object of Intacct such as VENDOR with its own field names."
            ),
        ],
        records: Annotated[
            list[dict[str, Cell]] | None,
            Field(
                description="Flat rows by column name; lines of one document repeat its head.", max_length=_MOST_RECORDS
            ),
        ] = None,
        file: Annotated[
            str | None,
            Field(description="Instead of records: a CSV, JSON lines, Parquet or Excel file below the allowed folder."),
        ] = None,
        mode: Annotated[
            Literal["create", "update", "upsert", "delete"],
            Field(description="Create, update or delete; upsert updates existing records and creates the others."),
        ] = "create",
        key: Annotated[
            list[str] | None,
            Field(
                description="Columns that identify a record in its source; to update or delete: fields to find it by."
            ),
        ] = None,
        atomic: Annotated[bool, Field(description="Apply all records of a request or none.")] = False,
        source_name: Annotated[
            str, Field(description="The source that the keys belong to, such as a shop; records without it share one.")
        ] = "",
        new: Annotated[
            list[int] | None,
            Field(
                description="Numbers of rows whose records are new, though one with the same number or content was"
                " posted before. Only if a person said so."
            ),
        ] = None,
        equal_records: Annotated[
            Literal["refuse", "same", "new"],
            Field(description="What a record without a key is, if an equal one was posted before."),
        ] = "refuse",
        options: Annotated[LoadOptions | None, Field(description="How the table is read, if not as usual.")] = None,
    ) -> dict[str, Any]:
        """Plan to create, update or delete records; nothing is written. Returns the plan's id and digest to approve.

        `refusals` name the row, the column, the problem and the fix. Correct them and plan again. Records that were
        posted before are recognised and not posted again.
        """
        if (records is None) == (file is None):
            raise InvalidRequestError("give records, or a file", fix="Give exactly one of the two.")
        if file is not None:
            path = self._session.input_file(file)
            if path.stat().st_size > _LARGEST_FILE:
                raise InvalidRequestError(f"{file} is larger than 50 MB", fix="Let a person load it.")
            # files that rows name would be read from anywhere on this machine
            request = LoadRequest(
                source=path,
                is_foreign=True,
                layout=load_as,
                mode=Mode(mode),
                key=tuple(key or ()),
                takes_files=False,
            )
        else:
            rows = [{name: _cell(value) for name, value in record.items()} for record in records or ()]
            request = LoadRequest(
                source=rows, name=f"{load_as} (agent)", layout=load_as, mode=Mode(mode), key=tuple(key or ())
            )
        rules = replace(request, source_name=source_name, new=tuple(new or ()), equal_records=equal_records)
        return self._plan(options.applied_to(rules) if options is not None else rules, SendOptions(atomic=atomic))

    def show_plan(
        self,
        plan: PlanId,
        *,
        page: Annotated[int, Field(description="The page of its records, from 1.", ge=1)] = 1,
        find: Annotated[str, Field(description="Only records with this text in a field or a line.")] = "",
        sort: Annotated[
            Literal["plan", "amount", "party", "record"],
            Field(description="As in the plan, the largest amounts first, by party, or by name."),
        ] = "plan",
    ) -> dict[str, Any]:
        """Show a plan as the company is now: what is left to do, whether it is approved, and a page of its records.

        `summary` has the totals of all records by currency, party and account, with positive and negative amounts
        apart.
        """
        with self._session.planning() as run:
            query = RecordQuery(find=find, sort=RecordSort(sort), page=page)
            return self._shown(open_revalidated(run, plan), query)

    def list_plans(
        self,
        *,
        done: Annotated[bool, Field(description="List those of which nothing is left to apply.")] = False,
        after: Annotated[str, Field(description="The `next` of the page before.")] = "",
    ) -> dict[str, Any]:
        """List the saved plans of this connection's outbox by page, the latest first, with their approvals."""
        with self._session.without_company() as run:
            page = saved_plans(run, done=done, after=after, limit=RECORDS_ON_PAGE)
        listed = [
            {"plan": saved.id, "digest": saved.digest, "made_at": saved.made_at, "approved": saved.is_approved}
            for saved in page.plans
        ]
        return {"plans": plain(listed), "next": page.next or None}

    def apply_plan(self, plan: PlanId, digest: Digest) -> dict[str, Any]:
        """Apply a plan that a person has approved. This is the only tool that writes to the company.

        Refused unless a person has approved exactly this digest, outside of this server, and the approval holds.
        Applying again does only what was not done; nothing is posted twice.
        """
        options = ApplyOptions(digest=digest, require_approval=True)
        with self._session.applying() as run:
            try:
                receipts = apply_plan(run, plan, options, stop=cancelled().is_set)
            except ApprovalMissingError as error:
                error.fix = (
                    f"Ask a person to look at it and approve it: intacct plan approve {plan}. Then apply it again."
                )
                raise
        if receipts.error is not None and not receipts.outcomes:
            raise receipts.error
        return _applied(receipts, plan, digest) | _stop(receipts.error)

    # --- parts

    def _plan_lines(
        self, layout: str, head: Mapping[str, Cell], lines: Sequence[LedgerLine | DocumentLine]
    ) -> dict[str, Any]:
        rows = [{**head, **_cells(line)} for line in lines]
        names = list(dict.fromkeys(name for row in rows for name in row))
        filled = [name for name in names if any(row.get(name) not in (None, "") for row in rows)]
        cells = [{name: _cell(row.get(name)) for name in filled} for row in rows]
        return self._plan(LoadRequest(source=cells, name=f"{layout} (agent)", layout=layout), SendOptions())

    def _plan(self, request: LoadRequest, sending: SendOptions) -> dict[str, Any]:
        with self._session.planning() as run:
            plan = plan_load(run, request)
            stop_if_cancelled()
            if not plan.to_send:
                return {"plan": None, "why": _nothing_saved(plan), **_content(plan, summary_of(plan), FIRST_PAGE)}
            return self._shown(save_plan(run, plan, sending=sending, needs_approval=True), FIRST_PAGE)

    def _shown(self, saved: SavedPlan, query: RecordQuery) -> dict[str, Any]:
        approval: dict[str, Any] = {"approved": saved.is_approved, "problem": saved.approval_problem}
        if not saved.is_approved:
            words = f"intacct plan approve {saved.id} --connection {self._session.connection.name}"
            approval |= {"command_for_a_person": words, "page": self._session.approval_page(saved.id) or None}
        return {
            "plan": saved.id,
            "digest": saved.digest,
            "approval": approval,
            **_content(saved.plan, saved.summary, query),
        }


def _applied(receipts: Receipts, plan: str, digest: str) -> dict[str, Any]:
    rows = [outcome.to_dict() for outcome in receipts]
    all_good = all(outcome.good for outcome in receipts) and not receipts.unreached
    again = "Some records are in doubt. Apply it again later: they are looked for." if receipts.is_in_doubt else ""
    return plain(  # type: ignore[no-any-return]
        {
            "plan": plan,
            "digest": digest,
            "summary": tally(receipts.outcomes, receipts.plan),
            "counts": dict(Counter(outcome.status.outcome_text for outcome in receipts)),
            "all_done": all_good,
            "outcomes": sorted(rows, key=lambda row: row["outcome"] == "posted")[:_SHOWN_RECORDS],
            "next": again,
            "api_transactions": receipts.transactions,
        }
    )


def _stop(error: IntacctError | None) -> dict[str, Any]:
    """Why a plan was not applied to its end."""
    if error is None:
        return {}
    return {"all_done": False, "stopped": failure(error)["error"], "next": "Apply it again: it goes on with the rest."}


def _nothing_saved(plan: Plan) -> str:
    """Why there is nothing to approve."""
    if plan.refused:
        return "No record can be written, so no plan is saved. Correct what `refusals` say, and plan again."
    return "Every record is already in Intacct as given, so no plan is saved."


def _content(plan: Plan, summary: PlanSummary, query: RecordQuery) -> dict[str, Any]:
    """What a plan would do: its totals, a page of its records, its refusals and its cost."""
    page = summary.page(query)
    records = [_record(record) for record in page.records]
    warnings = [str(found) for record in plan.records for found in record.findings if not found.refuses]
    data = plan.to_dict()
    return plain(  # type: ignore[no-any-return]
        {
            "target": f"company {plan.target.company} ({plan.target.environment})",
            "counts": {verdict.value: count for verdict, count in plan.counts.items()},
            "totals": data["totals"],
            "refusals": data["refusals"],
            "warnings": list(dict.fromkeys(warnings))[:_SHOWN_RECORDS],
            "notes": plan.notes,
            "not_checked": plan.unchecked,
            "summary": _summary(summary),
            "records": records,
            "page": page.page,
            "pages": page.pages,
            "records_that_match": page.matching,
            "cost": {"to_apply": plan.transactions, "planning": plan.reads, "unit": "API transactions"},
        }
    )


def _record(record: RecordSummary) -> dict[str, Any]:
    planned = record.planned
    return {
        **record.to_dict(),
        "amount": record.amount,
        "intacct_record": record.receipt.record if record.receipt is not None else None,
        "changes": [
            {"field": change.name, "before": change.before, "after": change.after} for change in planned.changes
        ],
    }


def _summary(summary: PlanSummary) -> dict[str, Any]:
    """The summary, with the parties and accounts of the largest amounts, and how many more there are."""
    data = summary.to_dict()
    for name in ("parties", "accounts"):
        data[f"more_{name}"] = max(0, len(data[name]) - _SHOWN_GROUPS)
        data[name] = data[name][:_SHOWN_GROUPS]
    data["largest"] = [record.label for record in summary.largest]
    return data


def _cells(line: LedgerLine | DocumentLine) -> dict[str, Cell]:
    cells = {name: value for name, value in line.model_dump(exclude={"more"}).items() if value is not None}
    return cells | (line.more or {})


def _cell(value: Cell) -> Cell:
    """A cell as a file would have it: an amount keeps its digits."""
    return format(value, "f") if isinstance(value, Decimal) else value
