"""The doctor's last steps: how this company and this user behave, where nothing is missing but much can go wrong.

Dates and offsets, clocks, open periods, whether repeated control ids are remembered, how times in filters are read,
what the month's transactions are, a user who may too much, a name that does not fit the environment.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

from intacct_bridge.client.client import Client
from intacct_bridge.edge.doctor_rights import refusal
from intacct_bridge.edge.findings import Finding, Level, from_error, ok
from intacct_bridge.errors import IntacctError, NotPermittedError
from intacct_bridge.model.query import Query, field
from intacct_bridge.wire.envelope import Function
from intacct_bridge.wire.values import DEFAULT, Kind, render_value
from intacct_bridge.wire.xml import Element, element

FORMATTING, CLOCK, ENVIRONMENT, BUDGET = "date format and offset", "clock", "environment", "API budget"
PERIODS, MEMORY, FILTER_TIME, PRIVILEGES = "open periods", "repeated control ids", "times in filters", "privileges"
DIMENSIONS = "dimensions"
_USERS = "Company ▸ Admin ▸ Users ▸ Preferences (on the user's row)"
_ADMIN = "company administrator"
_TEST_NAME = re.compile(
    r"(^|[-_.])(imp|implementation|sandbox|sbx|test|tst|dev|demo|trial|train|training|copy|preview)\d*($|[-_.])", re.I
)


def formatting(client: Client) -> Iterator[Finding]:
    """The user's preferences decide how every date in every answer is written."""
    try:
        found = client.formatting
    except IntacctError as error:
        yield from_error(FORMATTING, error, level=Level.WARNING)
        return
    hours, minutes = divmod(abs(found.offset_minutes), 60)
    offset = f"GMT{'-' if found.offset_minutes < 0 else '+'}{hours:02}:{minutes:02}"
    seen = f"{found.date}, {found.clock} hours, {offset}"
    if found == DEFAULT:
        yield ok(FORMATTING, seen)
        return
    level = Level.WARNING if "y" in found.date else Level.NOTE
    yield Finding(
        FORMATTING,
        level,
        seen,
        means="The answers are read by this format, so nothing is lost; Intacct does not follow summer time by itself,"
        " and a two-digit year leaves the century open."
        if found.offset_minutes or level is Level.WARNING
        else "The answers are read by this format, so nothing is lost.",
        fix="For an API user choose the date format MM/DD/YYYY, the 24-hour clock and the time zone GMT.",
        menu=_USERS,
        who=_ADMIN,
    )


def clock(client: Client, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Times are the gateway's own, so a wrong clock here only confuses people."""
    apart = abs(now() - client.company_time)
    if apart < timedelta(minutes=2):
        yield ok(CLOCK, f"this machine and Intacct are {apart.total_seconds():.0f} s apart")
        return
    yield Finding(
        CLOCK,
        Level.WARNING,
        f"this machine and Intacct are {apart} apart",
        means="Bookmarks use Intacct's clock, so nothing is lost; logs and receipts show this machine's.",
        fix="Let the machine keep its time by NTP.",
        who="you",
    )


def environment(client: Client) -> Iterator[Finding]:
    """The company that answered, against what the connection says it is."""
    connection = client.connection
    signed = client.sign_in()
    if signed.company_id and signed.company_id.lower() != connection.company_id.lower():
        yield Finding(
            ENVIRONMENT,
            Level.PROBLEM,
            f"signed in to {signed.company_id}, and the connection says {connection.company_id}",
            means="Another company answered than the one that was asked for.",
            fix="Correct `company_id`.",
            who="you",
        )
        return
    looks_like_test = bool(_TEST_NAME.search(connection.company_id))
    says_production = connection.environment == "production"
    if looks_like_test == says_production:
        other = "a test company" if looks_like_test else "a production company"
        yield Finding(
            ENVIRONMENT,
            Level.WARNING,
            f"{connection.company_id} looks like {other}, and the connection says {connection.environment}",
            means="Writes are announced with the environment; a wrong one invites writing into the wrong books.",
            fix=f"Correct `environment` (or `company_id`) of the connection {connection.name}.",
            who="you",
        )
        return
    yield ok(ENVIRONMENT, f"{connection.company_id} is {connection.environment}")


def budget(client: Client) -> Iterator[Finding]:
    """The month's transactions as counted here, against what the tier includes."""
    limit = client.connection.monthly_transactions
    used = client.month_to_date or 0
    if limit is None:
        yield ok(BUDGET, f"{used:,} API transactions this month from this machine; no allowance is set")
        return
    share = used / limit if limit else 1.0
    seen = f"{used:,} of {limit:,} API transactions this month ({share:.0%}), as counted on this machine"
    if share < 0.8:
        yield ok(BUDGET, seen)
        return
    yield Finding(
        BUDGET,
        Level.PROBLEM if share >= 1 else Level.WARNING,
        seen,
        means="What goes beyond the tier is not refused but billed.",
        fix="Run less often, select fewer streams, set --max-transactions, or ask Sage for a larger tier.",
        menu="Company ▸ Admin ▸ API usage",
        who=_ADMIN,
    )


def periods(client: Client, today: date) -> Iterator[Finding]:
    """From which day each entity's books are open."""
    try:
        rows = list(client.query(Query("LOCATIONENTITY", ("LOCATIONID", "STARTOPEN"))))
    except IntacctError as error:
        level = Level.WARNING if isinstance(error, NotPermittedError) else Level.NOTE
        yield from_error(PERIODS, error, level=level, objects=("LOCATIONENTITY",))
        return
    closed = [
        str(row["LOCATIONID"]) for row in rows if isinstance(opened := row.get("STARTOPEN"), date) and opened > today
    ]
    if closed:
        yield Finding(
            PERIODS,
            Level.PROBLEM,
            f"today is closed in {', '.join(closed)}",
            means="Nothing dated today can be posted there.",
            fix="Open the books, or date what is posted into an open period.",
            menu="General Ledger ▸ All ▸ Books ▸ Open",
            who="accounting",
        )
        return
    opened_on = sorted({str(row["STARTOPEN"]) for row in rows if row.get("STARTOPEN")})
    yield ok(PERIODS, f"open from {', '.join(opened_on)}" if opened_on else "no closed period is told")


def memory(client: Client) -> Iterator[Finding]:
    """A read sent twice under one control id: the second is refused where control ids are remembered."""
    probe = element(
        "query",
        element("object", "USERINFO"),
        element("select", element("field", "RECORDNO")),
        element("pagesize", "1"),
    )
    control_id = f"doctor-{datetime.now(UTC):%Y%m%d%H%M%S%f}"
    results = [client.submit([Function(probe, control_id)])[0] for _ in range(2)]
    first, second = (refusal(result) for result in results)
    if first is not None:
        yield from_error(MEMORY, first, level=Level.NOTE)
    elif second is not None:
        yield ok(MEMORY, "a control id that was completed is refused: a write cannot be repeated by accident")
    else:
        yield Finding(
            MEMORY,
            Level.NOTE,
            "the same control id was answered twice",
            means="Either reads are not remembered, or nothing is. Loads do not rely on it: what is in doubt is looked"
            " for, and sent again only where not finding it proves something.",
        )


def filter_time(client: Client) -> Iterator[Finding]:
    """Whether times in filters are read as UTC or in the user's offset; it matters only where there is an offset."""
    offset = client.formatting.offset_minutes
    if not offset:
        yield ok(FILTER_TIME, "the user's time is GMT, so it cannot matter")
        return
    rows = list(
        client.query(
            Query("USERINFO", ("RECORDNO", "WHENMODIFIED"), where=field("WHENMODIFIED").is_not_null()), limit=1
        )
    )
    moment = rows[0].get("WHENMODIFIED") if rows else None
    if not isinstance(moment, datetime):
        yield Finding(FILTER_TIME, Level.SKIPPED, "no record to try it on")
        return
    reading = _how_read(client, str(rows[0]["RECORDNO"]), moment, offset)
    extraction = "Extraction asks from the earlier of both readings, so nothing is missed either way."
    yield Finding(FILTER_TIME, Level.NOTE, f"times in filters are read {reading}", means=extraction)


def _how_read(client: Client, record: str, moment: datetime, offset: int) -> str:
    """Ask for the record by its own time, written once as UTC and once as the user's wall clock."""
    answers = []
    for shift in (0, offset):
        text = render_value(Kind.TIMESTAMP, moment + timedelta(minutes=shift))
        where = element(
            "and",
            element("equalto", element("field", "RECORDNO"), element("value", record)),
            element("equalto", element("field", "WHENMODIFIED"), element("value", text)),
        )
        body = element(
            "query",
            element("object", "USERINFO"),
            element("select", element("field", "RECORDNO")),
            element("filter", where),
            element("pagesize", "1"),
        )
        (result,) = client.call(body, read=True)
        answers.append(refusal(result) is None and result.data is not None and result.data.get("count") == "1")
    return {(True, False): "as UTC", (False, True): "in the user's own offset"}.get(
        (answers[0], answers[1]), "in a way that this record does not show"
    )


def privileges(client: Client) -> Iterator[Finding]:
    """A user with more rights than any job needs."""
    user = client.connection.user_id
    where = field("LOGINID") == user
    try:
        rows = list(
            client.query(
                Query("USERINFO", ("LOGINID", "ADMIN", "USERTYPE", "LOGINDISABLED"), where=where, case_insensitive=True)
            )
        )
    except IntacctError as error:
        yield Finding(PRIVILEGES, Level.NOTE, f"not told: {error.message}")
        return
    admin = str(rows[0].get("ADMIN") or "") if rows else ""
    if admin.strip().lower() in ("", "off", "no", "false", "none", "-"):
        yield ok(PRIVILEGES, f"{user} is no administrator")
        return
    yield Finding(
        PRIVILEGES,
        Level.WARNING,
        f"{user} has administrator privileges: {admin}",
        means="Whoever gets hold of these credentials can change users, roles and set-up.",
        fix="Set admin privileges to Off and give the user a role for its job; `intacct doctor --letter` writes one.",
        menu="Company ▸ Admin ▸ Web Services users ▸ (the user) ▸ Admin privileges",
        who=_ADMIN,
    )


def dimensions(client: Client) -> Iterator[Finding]:
    """The company's dimensions, the ones it made itself among them, and whether those can be read."""
    (result,) = client.call(element("getDimensions"), read=True)
    error = refusal(result)
    if error is not None:
        yield from_error(DIMENSIONS, error, level=Level.NOTE)
        return
    names = _own_dimensions(result.data)
    if not names:
        yield ok(DIMENSIONS, "none beyond the standard ones")
        return
    bodies = [
        element(
            "query", element("object", name), element("select", element("field", "RECORDNO")), element("pagesize", "1")
        )
        for name in names
    ]
    unreadable = {}
    for name, answer in zip(names, client.call(*bodies, read=True), strict=True):
        wrong = refusal(answer)
        if isinstance(wrong, NotPermittedError):
            unreadable[name] = wrong
    if not unreadable:
        yield ok(DIMENSIONS, f"{len(names)} of its own, all readable: {', '.join(names)}")
        return
    yield from_error(DIMENSIONS, next(iter(unreadable.values())), level=Level.WARNING, objects=tuple(unreadable))


def _own_dimensions(data: Element | None) -> list[str]:
    """The object names of user-defined dimensions in an answer to getDimensions."""
    rows = () if data is None else data.children
    return [
        row.findtext("objectName") for row in rows if row.findtext("userDefinedDimension").strip().lower() == "true"
    ]
