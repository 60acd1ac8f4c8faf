"""The doctor's steps about time and memory: dates, clocks, times in filters, repeated control ids, open periods.

What is found here is worth keeping: how times in filters are read, and whether repeated control ids are refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.calibration import Calibration
from intacct_bridge.edge.doctor.findings import (
    DoctorFinding,
    Status,
    from_error,
    gateway_text,
    known_finding,
    ok,
    skipped,
)
from intacct_bridge.edge.doctor.queries import equals, error_of, query_all, query_body, submit
from intacct_bridge.errors import IntacctError, NotPermittedError
from intacct_bridge.wire.envelope import Function
from intacct_bridge.wire.values import DEFAULT, Formatting, Kind, parse_value, render_value
from intacct_bridge.wire.xml import Element, element

_FAR = timedelta(minutes=2)
_REPEATED = "control-id-used"
"""The catalogue's name for the refusal of a repeated control id."""
_RECORDS = ("USERINFO", "LOCATION", "VENDOR", "GLACCOUNT")
"""Where a record with a time of change is looked for, after the streams of the job."""
_MOST = 4


@dataclass(slots=True)
class TimeCheck:
    """The steps, and what they learned."""

    client: Client
    now: Callable[[], datetime]
    words: Mapping[str, str]
    user_id: str
    formatting: Formatting = DEFAULT
    learned: Calibration = field(default_factory=Calibration)

    def format_and_clock(self) -> Iterator[DoctorFinding]:
        """The user's preferences decide how every date in every answer is written."""
        body = element("readUserFormatting", element("userId", self.user_id))
        (result,) = submit(self.client, [body], read=True)
        error = error_of(result)
        if error is not None or result.data is None:
            said = gateway_text(error) if error is not None else "no answer"
            yield known_finding("formatting", "formatting-unread", said, status=Status.WARNING, words=self.words)
            return
        told_of = result.data.find("userformatting") or result.data
        self.formatting = Formatting.of(*(told_of.findtext(name) for name in ("dateformat", "clock", "gmtoffset")))
        yield from self._format()
        apart = abs(self.now() - self.client.company_time)
        if apart >= _FAR:
            seen = f"this machine and Intacct are {timedelta(seconds=round(apart.total_seconds()))} apart"
            yield known_finding("formatting", "clock-apart", seen, status=Status.WARNING)

    def _format(self) -> Iterator[DoctorFinding]:
        found = self.formatting
        hours, minutes = divmod(abs(found.offset_minutes), 60)
        sign = "-" if found.offset_minutes < 0 else "+"
        seen = f"{found.date}, {found.clock} hours, GMT{sign}{hours:02}:{minutes:02}"
        if found == DEFAULT:
            yield ok("formatting", seen)
            return
        name = "formatting-short-year" if "y" in found.date else "formatting-uncommon"
        yield known_finding("formatting", name, seen, status=Status.WARNING, words=self.words)

    def periods(self) -> Iterator[DoctorFinding]:
        """From which day each entity's books are open."""
        body = query_body("LOCATIONENTITY", "LOCATIONID", "STARTOPEN", where=equals("STATUS", "active"), size=2000)
        answer = query_all(self.client, body)[0]
        if answer.error is not None:
            if isinstance(answer.error, NotPermittedError):
                yield skipped("periods", "not told: the user may not read entities")
            else:
                yield ok("periods", "not told: the company has no entities")
            return
        opened = {row["LOCATIONID"]: day for row in answer.rows if (day := self._day(row.get("STARTOPEN", "")))}
        today = self.client.company_time.date()
        closed = [entity for entity, day in opened.items() if day > today]
        if closed:
            seen = f"today is closed in {', '.join(closed)}"
            yield known_finding("periods", "period-closed", seen, status=Status.WARNING, objects=tuple(closed))
            return
        days = sorted({f"{day:%Y-%m-%d}" for day in opened.values()})
        yield ok("periods", f"open from {', '.join(days)}" if days else "no closed period is told")

    def _day(self, text: str) -> date | None:
        try:
            value = parse_value(Kind.DATE, text, self.formatting)
        except IntacctError:
            return None
        return value if isinstance(value, date) else None

    def memory(self) -> Iterator[DoctorFinding]:
        """A read sent twice under one control id: the second is refused where control ids are remembered."""
        probe = element("readUserFormatting", element("userId", self.user_id))
        if self.client.connection.read_only:
            yield skipped("memory", "the connection is read-only, so nothing can be posted twice")
            return
        control_id = f"doctor-{datetime.now(UTC):%Y%m%d%H%M%S%f}"
        results = [self.client.submit([Function(probe, control_id)])[0] for _ in range(2)]
        first, second = (error_of(result) for result in results)
        if first is not None:
            yield from_error("memory", first, status=Status.SKIPPED)
            return
        known = second is not None and second.diagnosis is not None and second.diagnosis.entry == _REPEATED
        # A refusal in words that we do not know proves nothing for a load: it must tell a repetition from a bad record.
        self.learned = replace(self.learned, memory=known)
        if second is not None:
            aside = "" if known else f", in words that are new to us: {gateway_text(second)}"
            yield ok("memory", f"a control id that was completed is refused{aside}")
        else:
            yield ok(
                "memory",
                "the same control id was answered twice: reads are not remembered, or nothing is",
                "Loads do not rely on it: what is in doubt is looked for, and sent again only where not finding it"
                " proves something.",
            )

    def filter_time(self, streams: Sequence[str] = ()) -> Iterator[DoctorFinding]:
        """Whether times in filters are read as UTC or in the user's offset; without an offset it cannot matter."""
        offset = self.formatting.offset_minutes
        self.learned = replace(self.learned, offset_minutes=offset)
        if not offset:
            yield ok("filter_time", "the user's time is GMT, so it cannot matter")
            return
        found = self._record_with_a_time(streams)
        if found is None:
            yield ok("filter_time", "no record to try it on; extraction asks from the earlier of both readings")
            return
        reads_as = self._how_read(*found)
        self.learned = replace(self.learned, reads_as=reads_as)
        seen = {
            "utc": "times in filters are read as UTC",
            "user": "times in filters are read in the user's own offset",
            "": "this company's records do not show how times in filters are read",
        }[reads_as]
        yield ok("filter_time", seen, "" if reads_as else "Extraction asks from the earlier of both readings.")

    def _record_with_a_time(self, streams: Sequence[str]) -> tuple[str, str, datetime] | None:
        known = element("isnotnull", element("field", "WHENMODIFIED"))
        for name in (*streams, *_RECORDS)[:_MOST]:
            answer = query_all(self.client, query_body(name, "RECORDNO", "WHENMODIFIED", where=known))[0]
            if answer.rows and (moment := self._moment(answer.rows[0].get("WHENMODIFIED", ""))) is not None:
                return name, answer.rows[0].get("RECORDNO", ""), moment
        return None

    def _moment(self, text: str) -> datetime | None:
        try:
            value = parse_value(Kind.TIMESTAMP, text, self.formatting)
        except IntacctError:
            return None
        return value if isinstance(value, datetime) else None

    def _how_read(self, name: str, record: str, moment: datetime) -> str:
        """Ask for the record by its own time, written once as UTC and once as the user's wall clock."""
        bodies = [
            self._by_time(name, record, moment + timedelta(minutes=m)) for m in (0, self.formatting.offset_minutes)
        ]
        as_utc, as_user = (answer.error is None and len(answer.rows) == 1 for answer in query_all(self.client, *bodies))
        return {(True, False): "utc", (False, True): "user"}.get((as_utc, as_user), "")

    def _by_time(self, name: str, record: str, moment: datetime) -> Element:
        text = render_value(Kind.TIMESTAMP, moment)
        return query_body(
            name, "RECORDNO", where=element("and", equals("RECORDNO", record), equals("WHENMODIFIED", text))
        )
