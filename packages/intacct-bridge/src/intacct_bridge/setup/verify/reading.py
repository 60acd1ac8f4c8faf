"""Probes of reads: `query`, `read`, `readByQuery`, `readMore` and `lookup`."""

from collections import deque
from itertools import pairwise

from intacct_bridge.setup.queries import equals, error_of, query_all, query_body
from intacct_bridge.setup.verify.probe import ProbeAnswer, ProbedCompany, UnansweredError, probe, refusal
from intacct_protocol.errors import IntacctError, RefusedError
from intacct_protocol.xml.envelope import Result
from intacct_protocol.xml.xml import Element, element

_LARGEST_PAGE, _MOST_KEYS = 1000, 100
_FULL_PAGE = 2000
_ENTITY_RECORDS = ("APBILL", "ARINVOICE", "GLBATCH", "VENDOR", "CUSTOMER")
"""Objects whose records can belong to one entity."""


def _attempt(company: ProbedCompany, function: Element, usual: Element | None = None) -> Result | IntacctError:
    """The result of a read, or the error with which the function or the whole request was refused.

    With a `usual` read the error is that of what differs from it. Raises the error with which the usual one is refused,
    such as a missing right.
    """
    if usual is not None:
        refused = _attempt(company, usual)
        if isinstance(refused, IntacctError):
            raise refused
    try:
        (result,) = company.client.call(function, read=True)
    except RefusedError as error:
        return error
    return error_of(result) or result


def _accounts(*keys: str) -> Element:
    """A `read` of the numbers of accounts."""
    parts = (element("keys", ",".join(keys)), element("fields", "RECORDNO"))
    return element("read", element("object", "GLACCOUNT"), *parts)


@probe(
    "How does the gateway read times in filters?",
    {
        "utc": "Incremental reads filter by UTC.",
        "user": "Incremental reads filter in the user's offset.",
    },
    emulator="utc",
)
def filter_times(company: ProbedCompany) -> str:
    """A record is looked up by its own time, once in UTC and once in the user's offset. The result is kept."""
    times = company.times
    deque(times.format_and_clock(), maxlen=0)
    deque(times.filter_time(), maxlen=0)
    reads_as = times.learned.reading_of(times.formatting.offset_minutes) if times.formatting.offset_minutes else ""
    if not reads_as:
        reason = "no record shows it" if times.formatting.offset_minutes else "the user's time zone is GMT"
        raise UnansweredError(f"{reason}; incremental reads work either way")
    return reads_as


@probe(
    "What are the columns of sums, averages, minima and maxima called?",
    {
        "prefixed": "The column `MAX.FIELD` is read as it is.",
        "plain": "The column gets the name `MAX.FIELD`.",
    },
    emulator="prefixed",
)
def aggregate_tags(company: ProbedCompany) -> str:
    """The highest record number of the accounts."""
    select = element("select", element("max", "RECORDNO"))
    answered = _attempt(company, element("query", element("object", "GLACCOUNT"), select))
    if isinstance(answered, IntacctError):
        raise answered
    row = next(iter(answered.data or ()), None)
    tags = [cell.tag for cell in row or ()]
    if tags not in (["MAX.RECORDNO"], ["RECORDNO"]):
        raise UnansweredError("the answer has neither of the two names")
    return "plain" if tags == ["RECORDNO"] else "prefixed"


@probe(
    "Do record numbers that are text sort as text or as numbers?",
    {
        "text": "Pages by such keys are checked one by one.",
        "number": "Pages by such keys are checked one by one.",
    },
    emulator="text",
)
def text_keys(company: ProbedCompany) -> str:
    """Record numbers of ledger details and order documents, in ascending order."""
    order = element("orderby", element("order", element("field", "RECORDNO"), element("ascending")))
    for name in ("GLDETAIL", "SODOCUMENT", "PODOCUMENT"):
        plain = query_body(name, "RECORDNO", size=_FULL_PAGE)
        (page,) = query_all(company.client, Element("query", "", (*plain.children, order)))
        keys = [key for row in page.rows if (key := row["RECORDNO"]).isdecimal()]
        as_text, as_number = keys == sorted(keys), keys == sorted(keys, key=int)
        if as_text != as_number:
            return "text" if as_text else "number"
    raise UnansweredError("no page of record numbers tells the two orders apart")


@probe(
    "What does `read` without keys give?",
    {
        "none": "Intacct Bridge never sends `read` without keys.",
        "first": "Intacct Bridge never sends `read` without keys.",
        "refused": "Intacct Bridge never sends `read` without keys.",
    },
    emulator="none",
)
def empty_keys(company: ProbedCompany) -> ProbeAnswer | str:
    """A `read` of accounts without keys."""
    answered = _attempt(company, _accounts(""), usual=_accounts("1"))
    if isinstance(answered, IntacctError):
        return refusal(answered)
    return "first" if answered.data is not None and answered.data.children else "none"


@probe(
    "What is the answer to more than 100 keys in one `read`?",
    {
        "refused": "Calls are split before they are sent.",
        "taken": "Calls are split before they are sent.",
    },
    emulator="refused",
    number="BL01001973",
)
def over_hundred(company: ProbedCompany) -> ProbeAnswer | str:
    """A `read` with 101 times one key."""
    answered = _attempt(company, _accounts(*["1"] * (_MOST_KEYS + 1)), usual=_accounts("1"))
    return refusal(answered) if isinstance(answered, IntacctError) else "taken"


@probe(
    "What is the answer to a page of `readByQuery` of more than 1,000 rows?",
    {
        "refused": "Intacct Bridge does not use `readByQuery`.",
        "clamped": "Intacct Bridge does not use `readByQuery`.",
        "taken": "Intacct Bridge does not use `readByQuery`.",
    },
    emulator="refused",
    number="XL03000003",
)
def legacy_page(company: ProbedCompany) -> ProbeAnswer | str:
    """A page of 1,001 ledger details or contacts."""
    for name in ("GLDETAIL", "CONTACT"):
        answered = _attempt(company, _by_query(name, _LARGEST_PAGE + 1), usual=_by_query(name, 1))
        if isinstance(answered, IntacctError):
            return refusal(answered)
        rows = len(answered.data.children) if answered.data is not None else 0
        if rows > _LARGEST_PAGE:
            return "taken"
        if answered.data is not None and answered.data.get("numremaining", "0") != "0":
            return "clamped"
    raise UnansweredError("the page is accepted, but no object has more rows")


def _by_query(name: str, size: int) -> Element:
    parts = (element("fields", "RECORDNO"), element("query", ""), element("pagesize", str(size)))
    return element("readByQuery", element("object", name), *parts)


@probe(
    "In which order are the rows of `readByQuery`?",
    {
        "key": "Intacct Bridge does not use `readByQuery`.",
        "scattered": "Intacct Bridge does not use `readByQuery`.",
    },
    emulator="scattered",
)
def scan_order(company: ProbedCompany) -> str:
    """A page of the chart of accounts."""
    answered = _attempt(company, _by_query("GLACCOUNT", _MOST_KEYS))
    if isinstance(answered, IntacctError):
        raise answered
    keys = [int(key) for row in answered.data or () if (key := row.findtext("RECORDNO")).isdecimal()]
    if len(keys) <= 2:
        raise UnansweredError("the company has too few accounts")
    return "key" if all(before < after for before, after in pairwise(keys)) else "scattered"


@probe(
    "What is the answer to `readMore` with a result that does not exist?",
    {"refused": "Intacct Bridge does not use results."},
    emulator="refused",
    number="readMore Failed",
)
def unknown_result(company: ProbedCompany) -> ProbeAnswer:
    """The next page of a made-up result."""
    answered = _attempt(company, element("readMore", element("resultId", "0")))
    if isinstance(answered, IntacctError):
        return refusal(answered)
    raise UnansweredError("the made-up result has a page")


@probe(
    "Does every error have a stable id?",
    {
        "none": "Errors are recognised by their number and text.",
        "given": "Errors are recognised by their number and text, and messages name the id too.",
    },
    emulator="none",
)
def error_ids(company: ProbedCompany) -> str:
    """The error of `readMore` with a made-up result."""
    answered = _attempt(company, element("readMore", element("resultId", "0")))
    if isinstance(answered, IntacctError):
        return "given" if any(fault.errorid for fault in answered.faults) else "none"
    raise UnansweredError("the made-up result has a page")


@probe(
    "Does `lookup` list fields whose names no element can have, such as `RECORD#`?",
    {
        "described": "Such fields are left out of queries.",
        "hidden": "There is nothing to leave out.",
    },
    emulator="described",
)
def hash_fields(company: ProbedCompany) -> str:
    """The description of reporting periods."""
    described = company.client.lookup("REPORTINGPERIOD")
    return "described" if any("#" in name for name in described.fields) else "hidden"


@probe(
    "Does the top level see an entity's private records?",
    {
        "with showprivate": "Queries at the top level set `showprivate`.",
        "always": "Queries at the top level set `showprivate`, which is not needed.",
        "never": "The top level misses these records. Read each entity with `--entity`.",
    },
    emulator="with showprivate",
    except_for="never",
)
def private_records(company: ProbedCompany) -> str:
    """The records of one entity are counted in it and at the top level, with and without `showprivate`."""
    client = company.client
    if client.connection.location_id:
        raise UnansweredError("the connection works in one entity")
    (entities,) = query_all(
        client, query_body("LOCATIONENTITY", "LOCATIONID", where=equals("STATUS", "active"), size=9)
    )
    for row in entities.rows:
        entity = row["LOCATIONID"]
        for name in _ENTITY_RECORDS:
            where = equals("MEGAENTITYID", entity)
            (inside,) = query_all(client.entity(entity), query_body(name, "RECORDNO", where=where))
            if not inside.total:
                continue
            bodies = [query_body(name, "RECORDNO", where=where, private=private) for private in (None, True)]
            usual, private = query_all(client, *bodies)
            return "always" if usual.total else "with showprivate" if private.total else "never"
    raise UnansweredError("no entity has private records")
