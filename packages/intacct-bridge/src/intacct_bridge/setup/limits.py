"""The doctor's last checks: page size, concurrency, budget, privileges and environment."""

import re
from collections.abc import Iterator, Mapping, Sequence

from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.sources import ListedConnection
from intacct_bridge.setup.findings import DoctorFinding, Status, known_finding, ok
from intacct_bridge.setup.queries import QueryAnswer
from intacct_bridge.shared_state.place import shared_place
from intacct_protocol.model.wording import counted

_SMALL_PAGE = 1000
_NEARLY = 0.8
_STANDARD_CONCURRENCY = 2
_NO_ADMIN = ("", "off", "no", "false", "none", "-")
_TEST_NAME = re.compile(
    r"(^|[-_.])(imp|implementation|sandbox|sbx|test|tst|dev|demo|trial|train|training|copy|preview)\d*($|[-_.])", re.I
)


def pages(page_size: int | None) -> Iterator[DoctorFinding]:
    """The page size of the planned job."""
    if page_size is None or page_size >= _SMALL_PAGE:
        yield ok("pages", f"{page_size or 2000:,} rows")
        return
    text = f"the job reads pages of {page_size:,} rows"
    yield known_finding("pages", "page-small", text, status=Status.WARNING, ids={"page_size": f"{page_size:,}"})


def pace(client: Client) -> Iterator[DoctorFinding]:
    """Whether the gateway throttled these checks, which send one request at a time."""
    refusals = client.runtime.refusals
    if refusals:
        times = {1: "once", 2: "twice"}.get(refusals, f"{refusals} times")
        text = f"the gateway throttled these checks {times}, although they send one request at a time"
        yield known_finding("pace", "throttled", text, status=Status.WARNING)
        return
    more = client.connection.concurrency > _STANDARD_CONCURRENCY
    aside = " (the standard service runs one and queues one)" if more else ""
    yield ok("pace", f"up to {counted(client.connection.concurrency, 'request')} at once{aside}")


def budget(client: Client, used: int | None) -> Iterator[DoctorFinding]:
    """The month's API transactions, as far as they are counted here, compared with `monthly_transactions`."""
    limit = client.connection.monthly_transactions
    if used is None:
        yield ok("budget", "not counted over the month, because this gateway is on this machine")
        return
    place = "this machine" if shared_place(client.connection) is None else "all machines"
    if limit is None:
        yield ok("budget", f"{used:,} this month from {place}; `monthly_transactions` is not set")
        return
    share = used / limit if limit else 1.0
    text = f"{used:,} of {limit:,} this month from {place} ({share:.0%})"
    if share < _NEARLY:
        yield ok("budget", text)
        return
    yield known_finding("budget", "budget-nearly-used", text, status=Status.FAILURE if share >= 1 else Status.WARNING)


def privileges(user: QueryAnswer, ids: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """A finding for a user with administrator privileges, which no job needs."""
    if not user.rows:
        yield ok("privileges", "unknown: the user cannot read users, which is fine")
        return
    admin = user.rows[0].get("ADMIN", "").strip()
    if admin.lower() in _NO_ADMIN:
        yield ok("privileges", f"{ids['user_id']} is not an administrator")
        return
    text = f"{ids['user_id']} has administrator privileges: {admin}"
    yield known_finding("privileges", "over-privileged", text, status=Status.WARNING, ids=ids)


def environment(
    client: Client, ids: Mapping[str, str], siblings: Sequence[ListedConnection] = ()
) -> Iterator[DoctorFinding]:
    """The company that answered, compared with the connection's company and environment."""
    connection = client.connection
    answered = client.sign_in().company_id if connection.authentication == "session" else ""
    company = connection.client_id or connection.company_id
    if answered and answered.lower() not in (company.lower(), connection.company_id.lower()):
        text = f"signed in to {answered}, but the connection names {company}"
        yield known_finding("environment", "other-company", text, ids=ids)
        return
    other = next((one for one in siblings if _disputes(one, connection)), None)
    if other is not None:
        text = f"{company} is {connection.environment} here, but {other.environment} in the connection {other.name}"
        yield known_finding("environment", "environment-mismatch", text, status=Status.WARNING, ids=ids)
        return
    looks_like_test = bool(_TEST_NAME.search(company))
    says_production = connection.environment == "production"
    if looks_like_test == says_production:
        kind = "a test company" if looks_like_test else "a production company"
        text = f"{company} looks like {kind}, but the connection says {connection.environment}"
        yield known_finding("environment", "environment-mismatch", text, status=Status.WARNING, ids=ids)
        return
    yield ok("environment", f"{company} is {connection.environment}")


def _disputes(other: ListedConnection, connection: Connection) -> bool:
    same = other.company_id.lower() == connection.company_id.lower() and other.name != connection.name
    return same and not connection.client_id and other.environment != connection.environment
