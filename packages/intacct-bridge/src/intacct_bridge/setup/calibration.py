"""The doctor's checks of date formats, clocks, open periods, repeated control IDs and times in filters.

Two results are kept for extraction and loading: how the gateway reads times in filters, and whether it refuses a
repeated control ID.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.calibration import Calibration
from intacct_bridge.setup.findings import (
    DoctorFinding,
    Status,
    from_error,
    gateway_text,
    known_finding,
    ok,
    skipped,
)
from intacct_bridge.setup.queries import equals, error_of, query_all, query_body, submit
from intacct_protocol.errors import InDoubtError, IntacctError, NotPermittedError
from intacct_protocol.xml.envelope import Function
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, parse_value, render_value
from intacct_protocol.xml.xml import Element, element

_FAR = timedelta(minutes=2)
_REPEATED = "control-id-used"
"""The error catalogue's name for the refusal of a repeated control ID."""
_RECORDS = ("USERINFO", "LOCATION", "VENDOR", "GLACCOUNT")
"""Objects to search for a record with a modification time, after the streams of the job."""
_NO_MEMORY = (
    "Loads do not rely on control IDs. A record in doubt is looked up, and sent again only if a lookup proves that it"
    " was not applied."
)
_MOST = 4
"""Objects that are searched, since each costs a transaction."""


@dataclass(frozen=True, slots=True)
class RepeatedControlId:
    """The answer to a read that was sent twice with one control ID."""

    error: IntacctError | None = None
    """The error of the second answer, or of the first one; None if both were answered."""
    first_refused: bool = False
    without_status: bool = False
    """The second answer has a result without a status."""


@dataclass(slots=True)
class TimeCheck:
    """The steps, and the results to keep."""

    client: Client
    now: Callable[[], datetime]
    ids: Mapping[str, str]
    user_id: str
    formatting: Formatting = DEFAULT
    learned: Calibration = field(default_factory=Calibration)

    def format_and_clock(self) -> Iterator[DoctorFinding]:
        """The user's preferences, which set the format of every date in an answer, and the difference of the clocks."""
        body = element("readUserFormatting", element("userId", self.user_id))
        (result,) = submit(self.client, [body], read=True)
        error = error_of(result)
        if error is not None or result.data is None:
            text = gateway_text(error) if error is not None else "no answer"
            yield known_finding("formatting", "formatting-unread", text, status=Status.WARNING, ids=self.ids)
            return
        preferences = result.data.find("userformatting") or result.data
        self.formatting = Formatting.of(*(preferences.findtext(name) for name in ("dateformat", "clock", "gmtoffset")))
        yield from self._format()
        apart = abs(self.now() - self.client.company_time)
        if apart >= _FAR:
            difference = f"this machine and Intacct differ by {timedelta(seconds=round(apart.total_seconds()))}"
            yield known_finding("formatting", "clock-apart", difference, status=Status.WARNING)

    def _format(self) -> Iterator[DoctorFinding]:
        formatting = self.formatting
        hours, minutes = divmod(abs(formatting.offset_minutes), 60)
        sign = "-" if formatting.offset_minutes < 0 else "+"
        pattern = f"{_pattern(formatting.date)}, {formatting.clock}-hour clock, GMT{sign}{hours:02}:{minutes:02}"
        if formatting == DEFAULT:
            yield ok("formatting", pattern)
            return
        name = "formatting-short-year" if "y" in formatting.date else "formatting-uncommon"
        yield known_finding("formatting", name, pattern, status=Status.WARNING, ids=self.ids)

    def periods(self) -> Iterator[DoctorFinding]:
        """The day from which each entity's books are open."""
        body = query_body("LOCATIONENTITY", "LOCATIONID", "STARTOPEN", where=equals("STATUS", "active"), size=2000)
        answer = query_all(self.client, body)[0]
        if answer.error is not None:
            if isinstance(answer.error, NotPermittedError):
                yield skipped("periods", "unknown: the user cannot read entities")
            else:
                yield ok("periods", "unknown: the company has no entities")
            return
        opened = {row["LOCATIONID"]: day for row in answer.rows if (day := self._day(row.get("STARTOPEN", "")))}
        today = self.client.company_time.date()
        closed = [entity for entity, day in opened.items() if day > today]
        if closed:
            text = f"today is in a closed period of {', '.join(closed)}"
            yield known_finding("periods", "period-closed", text, status=Status.WARNING, objects=tuple(closed))
            return
        days = sorted({f"{day:%Y-%m-%d}" for day in opened.values()})
        yield ok("periods", f"open from {', '.join(days)}" if days else "no closed period found")

    def _day(self, text: str) -> date | None:
        try:
            value = parse_value(Kind.DATE, text, self.formatting)
        except IntacctError:
            return None
        return value if isinstance(value, date) else None

    def memory(self) -> Iterator[DoctorFinding]:
        """A read sent twice with one control ID, to see whether the second one is refused."""
        if self.client.connection.read_only:
            yield skipped("memory", "the connection is read-only and cannot post twice")
            return
        repeated = self.repeat_control_id()
        second = repeated.error
        if repeated.first_refused and second is not None:
            yield from_error("memory", second, status=Status.SKIPPED)
        elif repeated.without_status:
            yield ok("memory", "the answer to a repeated control ID has no status", _NO_MEMORY)
        elif second is not None:
            aside = "" if self.learned.memory else f", with an unknown message: {gateway_text(second)}"
            yield ok("memory", f"a repeated control ID is refused{aside}")
        else:
            text = "a repeated control ID is answered twice: the gateway stores none, or none of reads"
            yield ok("memory", text, _NO_MEMORY)

    def repeat_control_id(self) -> "RepeatedControlId":
        """Send a read twice with one control ID, and learn whether the second one is refused with a known message."""
        control_id = f"doctor-{datetime.now(UTC):%Y%m%d%H%M%S%f}"
        call = Function(element("readUserFormatting", element("userId", self.user_id)), control_id)
        first = error_of(self.client.submit([call])[0])
        if first is not None:
            return RepeatedControlId(first, first_refused=True)
        try:
            second = error_of(self.client.submit([call])[0])
        except InDoubtError as error:
            if error.http_status != HTTPStatus.OK:
                raise
            self.learned = replace(self.learned, memory=False)
            return RepeatedControlId(without_status=True)
        # Loads rely only on a known refusal, because it must differ from the refusal of a bad record.
        is_refusal = second is not None and second.diagnosis is not None and second.diagnosis.entry == _REPEATED
        self.learned = replace(self.learned, memory=is_refusal)
        return RepeatedControlId(second)

    def keep(self) -> None:
        """Keep what was learned for extraction and loading."""
        if self.learned != Calibration():
            moment = f"{self.client.company_time:%Y-%m-%dT%H:%M:%SZ}"
            self.client.runtime.calibrate(replace(self.learned, measured=moment))

    def filter_time(self, streams: Sequence[str] = ()) -> Iterator[DoctorFinding]:
        """Whether the gateway reads times in filters as UTC or in the user's offset, if there is one."""
        offset = self.formatting.offset_minutes
        self.learned = replace(self.learned, offset_minutes=offset)
        if not offset:
            yield ok("filter_time", "the user's time zone is GMT, so there is no difference")
            return
        record = self._record_with_a_time(streams)
        if record is None:
            yield ok("filter_time", "no record to test with; extraction uses the earlier of both readings")
            return
        reads_as = self._how_read(*record)
        self.learned = replace(self.learned, reads_as=reads_as)
        text = {
            "utc": "read as UTC",
            "user": "read in the user's own offset",
            "": "unknown: the company's records do not show how they are read",
        }[reads_as]
        yield ok("filter_time", text, "" if reads_as else "Extraction uses the earlier of both readings.")

    def _record_with_a_time(self, streams: Sequence[str]) -> tuple[str, str, datetime] | None:
        has_time = element("isnotnull", element("field", "WHENMODIFIED"))
        for name in (*streams, *_RECORDS)[:_MOST]:
            answer = query_all(self.client, query_body(name, "RECORDNO", "WHENMODIFIED", where=has_time))[0]
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
        """Query the record by its own time, once as UTC and once in the user's offset."""
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


def _pattern(date_format: str) -> str:
    """A date format as Intacct's screens show it: `/mdY` is MM/DD/YYYY."""
    separator, letters = date_format[0], date_format[1:]
    return separator.join({"m": "MM", "d": "DD", "y": "YY", "Y": "YYYY"}[one] for one in letters)
