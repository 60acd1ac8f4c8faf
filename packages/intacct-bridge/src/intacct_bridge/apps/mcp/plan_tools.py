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
from intacct_bridge.apps.mcp.failures import ApprovalMissingError, failure
from intacct_bridge.apps.mcp.session import AgentSession
from intacct_bridge.apps.mcp.values import plain
from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.apps.views.load import amount_of, outcome_rows, plan_data, tally, unreached
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.approval.admission import approval_problem, confirmed_plan
from intacct_bridge.load.approval.approvals import keep_plan, made_plan
from intacct_bridge.load.approval.plan_folder import PlanFolder
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.outbox.entry import KeptPlan
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import WRITTEN, Mode, Plan, PlanSettings, SendOptions, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.open import check_input, open_table
from intacct_bridge.load.tables.table import InputTable, table_of_given_rows
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError

_SHOWN_RECORDS = 50
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
            check_input(path)
            # files that rows name would be read from anywhere on this machine
            return self._plan(replace(open_table(path), takes_files=False), load_as, Mode(mode), key, atomic=atomic)
        rows = [{name: _cell(value) for name, value in record.items()} for record in records or ()]
        return self._plan(table_of_given_rows(f"{load_as} (agent)", rows), load_as, Mode(mode), key, atomic=atomic)

    def show_plan(self, plan: PlanId) -> dict[str, Any]:
        """Show a plan as the company is now: what is left to do, whether it is approved, and what is missing."""
        with self._session.company() as client, self._session.open_outbox() as outbox:
            company = client
            kept = PlanFolder(outbox).open(plan)
            made = made_plan(kept, company, outbox)
            now = confirmed_plan(kept, made, company, outbox)
            return self._shown(now, made, approval_problem(made, self._session.connection, outbox))

    def list_plans(self) -> dict[str, Any]:
        """List the kept plans of this connection's outbox, the latest first, with their approvals."""
        with self._session.open_outbox() as outbox:
            found = []
            for name in PlanFolder(outbox).ids()[:_SHOWN_RECORDS]:
                made = outbox.kept_plan(name)
                if made is not None:
                    problem = approval_problem(made, self._session.connection, outbox)
                    found.append({"plan": name, "digest": made.digest, "made_at": made.at, "approved": not problem})
        return {"plans": plain(found)}

    def apply_plan(self, plan: PlanId, digest: Digest) -> dict[str, Any]:
        """Apply a plan that a person has approved. This is the only tool that writes to the company.

        Refused unless a person has approved exactly this digest, outside of this server, and the approval holds.
        Applying again does only what was not done; nothing is posted twice.
        """
        with self._session.company_to_apply() as client, self._session.open_outbox() as outbox:
            company = client
            kept = PlanFolder(outbox).open(plan)
            made = made_plan(kept, company, outbox)
            self._refuse_unapproved(made, digest, outbox)
            assert kept.origin is not None
            options = kept.origin.options
            settle = SettleSettings(repeat_guard=client.runtime.calibration.repeat_guard)
            settings = LoadSettings(
                batch_size=options.batch_size,
                atomic=options.atomic,
                stop_on_error=options.stop_on_error,
                settle=settle,
            )
            now = confirmed_plan(kept, made, company, outbox)
            outcomes: list[RecordOutcome] = []
            stopped: IntacctError | None = None
            try:
                for outcome in Loader(company, outbox, settings).apply(now):
                    outcomes.append(outcome)
                    if cancelled().is_set():
                        break
            except IntacctError as error:
                if not outcomes:
                    raise
                stopped = error
            return self._applied(now, made, outcomes, client.meter.transactions) | _stop(stopped)

    # --- parts

    def _plan_lines(
        self, layout: str, head: Mapping[str, Cell], lines: Sequence[LedgerLine | DocumentLine]
    ) -> dict[str, Any]:
        rows = [{**head, **_cells(line)} for line in lines]
        names = list(dict.fromkeys(name for row in rows for name in row))
        filled = [name for name in names if any(row.get(name) not in (None, "") for row in rows)]
        table = table_of_given_rows(
            f"{layout} (agent)", [{name: _cell(row.get(name)) for name in filled} for row in rows]
        )
        return self._plan(table, layout, Mode.CREATE, None)

    def _plan(
        self, table: InputTable, load_as: str, mode: Mode, key: Sequence[str] | None, *, atomic: bool = False
    ) -> dict[str, Any]:
        names = tuple(key or ())
        with self._session.company() as client, self._session.open_outbox() as outbox:
            company = client
            created = mode is Mode.CREATE
            layout = layout_for(load_as, company, key=names if created else (), complete=created)
            settings = PlanSettings(mode=mode, match=() if created else tuple(name.upper() for name in names))
            plan = make_plan(table, layout, company, outbox, settings)
            stop_if_cancelled()
            if not plan.of(*WRITTEN, Verdict.IN_DOUBT):
                return {"plan": None, "why": _nothing_kept(plan), **_content(plan)}
            options = SendOptions(atomic=atomic)
            kept = keep_plan(plan, company, outbox, options, person=self._session.person, needs_approval=True)
            PlanFolder(outbox).save(kept)
            made = made_plan(kept, company, outbox)
            return self._shown(kept, made, approval_problem(made, self._session.connection, outbox))

    def _shown(self, plan: Plan, made: KeptPlan, problem: str) -> dict[str, Any]:
        approval: dict[str, Any] = {"approved": not problem, "problem": problem}
        if problem:
            words = f"intacct plan approve {made.id} --connection {self._session.connection.name}"
            approval |= {"command_for_a_person": words, "page": self._session.approval_page(made.id) or None}
        return {"plan": made.id, "digest": made.digest, "approval": approval, **_content(plan)}

    def _refuse_unapproved(self, made: KeptPlan, digest: str, outbox: Outbox) -> None:
        """Refuse a plan without an approval of this digest, even if the connection would let it pass."""
        if digest != made.digest:
            raise SettingsError(
                f"the plan {made.id} has another digest", fix="Call show_plan, and apply what it shows."
            )
        problem = approval_problem(made, self._session.connection, outbox)
        if problem:
            raise ApprovalMissingError(
                f"no approval of the plan {made.id} holds: {problem}",
                plan=made.id,
                fix=f"Ask a person to look at it and approve it: intacct plan approve {made.id}. Then apply it again.",
            )

    def _applied(
        self, plan: Plan, made: KeptPlan, outcomes: Sequence[RecordOutcome], transactions: int
    ) -> dict[str, Any]:
        columns = ("record", "outcome", "receipt", "why")
        rows = [dict(zip(columns, row, strict=True)) for row in outcome_rows(outcomes, as_json=True)]
        good = sum(one.good for one in outcomes)
        doubtful = any(one.status is RecordStatus.IN_DOUBT for one in outcomes)
        return plain(  # type: ignore[no-any-return]
            {
                "plan": made.id,
                "digest": made.digest,
                "summary": tally(outcomes, plan),
                "counts": dict(Counter(one.status.outcome_text for one in outcomes)),
                "all_done": good == len(outcomes) and not unreached(outcomes, plan),
                "outcomes": sorted(rows, key=lambda row: row["outcome"] == "posted")[:_SHOWN_RECORDS],
                "next": "Some records are in doubt. Apply it again later: they are looked for." if doubtful else "",
                "api_transactions": transactions,
            }
        )


def _stop(error: IntacctError | None) -> dict[str, Any]:
    """Why a plan was not applied to its end."""
    if error is None:
        return {}
    return {"all_done": False, "stopped": failure(error)["error"], "next": "Apply it again: it goes on with the rest."}


def _nothing_kept(plan: Plan) -> str:
    """Why there is nothing to approve."""
    if plan.of(Verdict.REFUSED):
        return "No record can be written, so no plan is kept. Correct what `refusals` say, and plan again."
    return "Every record is already in Intacct as given, so no plan is kept."


def _content(plan: Plan) -> dict[str, Any]:
    """What a plan would do, with its totals, refusals and cost."""
    data = plan_data(plan, Console())
    counts = Counter(one.verdict.value for one in plan.records)
    records = [
        {
            "record": one.write.label,
            "verdict": one.verdict.value,
            "object": one.write.object,
            "lines": sum(1 for _ in one.write.all_lines),
            "amount": amount_of(one.write),
            "intacct_record": one.receipt.record if one.receipt is not None else None,
            "changes": [{"field": c.name, "before": c.before, "after": c.after} for c in one.changes],
        }
        for one in plan.records[:_SHOWN_RECORDS]
    ]
    warnings = [str(found) for one in plan.records for found in one.findings if not found.refuses]
    return plain(  # type: ignore[no-any-return]
        {
            "target": f"company {plan.target.company} ({plan.target.environment})",
            "counts": dict(counts),
            "totals": data["totals"],
            "refusals": data["refusals"],
            "warnings": list(dict.fromkeys(warnings))[:_SHOWN_RECORDS],
            "notes": plan.notes,
            "not_checked": plan.unchecked,
            "records": records,
            "records_not_shown": max(0, len(plan.records) - _SHOWN_RECORDS),
            "cost": {"to_apply": plan.transactions, "planning": plan.reads, "unit": "API transactions"},
        }
    )


def _cells(line: LedgerLine | DocumentLine) -> dict[str, Cell]:
    own = {name: value for name, value in line.model_dump(exclude={"more"}).items() if value is not None}
    return own | (line.more or {})


def _cell(value: Cell) -> Cell:
    """A cell as a file would have it: an amount keeps its digits."""
    return format(value, "f") if isinstance(value, Decimal) else value
