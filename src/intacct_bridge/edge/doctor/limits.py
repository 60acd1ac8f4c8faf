"""The doctor's last steps: page size, pace, budget, privileges, and whether this is the company that was meant."""

import re
from collections.abc import Iterator, Mapping, Sequence

from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.client.connections.sources import ListedConnection
from intacct_bridge.edge.doctor.findings import DoctorFinding, Status, known_finding, ok
from intacct_bridge.edge.doctor.queries import QueryAnswer

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
        yield ok("pages", f"{page_size or 2000:,} rows a page")
        return
    seen = f"the job reads {page_size:,} rows a page"
    yield known_finding("pages", "page-small", seen, status=Status.WARNING, words={"page_size": f"{page_size:,}"})


def pace(client: Client) -> Iterator[DoctorFinding]:
    """Whether the gateway asked this examination, one request at a time, to slow down."""
    refusals = client.runtime.refusals
    if refusals:
        times = {1: "once", 2: "twice"}.get(refusals, f"{refusals} times")
        seen = f"the gateway asked to slow down {times}, though this examination sends one request at a time"
        yield known_finding("pace", "throttled", seen, status=Status.WARNING)
        return
    more = client.connection.concurrency > _STANDARD_CONCURRENCY
    aside = "; the standard service runs one request and queues one" if more else ""
    yield ok("pace", f"up to {client.connection.concurrency} requests at once{aside}")


def budget(client: Client, used: int | None) -> Iterator[DoctorFinding]:
    """The month's transactions as counted here, against what the tier includes."""
    limit, used = client.connection.monthly_transactions, used or 0
    if limit is None:
        yield ok("budget", f"{used:,} API transactions this month from this machine; no allowance is set")
        return
    share = used / limit if limit else 1.0
    seen = f"{used:,} of {limit:,} API transactions this month ({share:.0%}), as counted on this machine"
    if share < _NEARLY:
        yield ok("budget", seen)
        return
    yield known_finding("budget", "budget-nearly-used", seen, status=Status.FAILURE if share >= 1 else Status.WARNING)


def privileges(user: QueryAnswer, words: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """A user with more rights than any job needs."""
    if not user.rows:
        yield ok("privileges", "not told: the user may not read users, as it should be")
        return
    admin = user.rows[0].get("ADMIN", "").strip()
    if admin.lower() in _NO_ADMIN:
        yield ok("privileges", f"{words['user_id']} is no administrator")
        return
    seen = f"{words['user_id']} has administrator privileges: {admin}"
    yield known_finding("privileges", "over-privileged", seen, status=Status.WARNING, words=words)


def environment(
    client: Client, words: Mapping[str, str], siblings: Sequence[ListedConnection] = ()
) -> Iterator[DoctorFinding]:
    """The company that answered, against what the connection says it is."""
    connection = client.connection
    answered = client.sign_in().company_id if connection.authentication == "session" else ""
    wanted = connection.client_id or connection.company_id
    if answered and answered.lower() not in (wanted.lower(), connection.company_id.lower()):
        seen = f"signed in to {answered}, and the connection says {wanted}"
        yield known_finding("environment", "other-company", seen, words=words)
        return
    other = next((one for one in siblings if _disputes(one, connection)), None)
    if other is not None:
        seen = f"{wanted} is {connection.environment} here, and {other.environment} in the connection {other.name}"
        yield known_finding("environment", "environment-mismatch", seen, status=Status.WARNING, words=words)
        return
    looks_like_test = bool(_TEST_NAME.search(wanted))
    says_production = connection.environment == "production"
    if looks_like_test == says_production:
        kind = "a test company" if looks_like_test else "a production company"
        seen = f"{wanted} looks like {kind}, and the connection says {connection.environment}"
        yield known_finding("environment", "environment-mismatch", seen, status=Status.WARNING, words=words)
        return
    yield ok("environment", f"{wanted} is {connection.environment}")


def _disputes(other: ListedConnection, connection: Connection) -> bool:
    same = other.company_id.lower() == connection.company_id.lower() and other.name != connection.name
    return same and not connection.client_id and other.environment != connection.environment
