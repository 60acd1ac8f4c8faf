"""Bar and line charts as SVG, drawn on the server.

Each has a title and a description for screen readers, and a table with the same numbers beside it. Colours and fonts
come from the style sheet by class. Amounts stay Decimal; only positions on the page are rounded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count
from typing import TYPE_CHECKING

from intacct_bridge.apps.web.rendering import money
from intacct_protocol.model.wording import counted, display_text

if TYPE_CHECKING:
    from markupsafe import Markup

_WIDTH, _HEIGHT = 760, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 12, 14, 34
_STEPS = 4
_LABELS = 14
"""The most labels under a chart; of more, every second, third, ... is written."""
_TONES = 5
_BAR_PART = Decimal("0.72")
_numbers = count(1)
Format = Callable[[Decimal], str]


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """One row of numbers, one for each label; None if there is none."""

    name: str
    values: Sequence[Decimal | int | None]


def bar_chart(
    title: str, labels: Sequence[str], series: Sequence[ChartSeries], *, about: str = "", form: Format = money
) -> "Markup":
    """Bars side by side for each label."""
    scale = _Scale.of(series)
    room = _room(len(labels))
    wide = room * _BAR_PART / max(1, len(series))

    def shapes() -> Iterator[str]:
        for place, bars in enumerate(series):
            for at, value in enumerate(bars.values):
                if value is None:
                    continue
                left = _LEFT + room * at + room * (1 - _BAR_PART) / 2 + wide * place
                top, bottom = sorted((scale.y(Decimal(value)), scale.y(Decimal(0))))
                yield (
                    f'<rect class="bar s{place % _TONES + 1}" x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" '
                    f'height="{max(bottom - top, Decimal("0.5")):.1f}"/>'
                )

    return _Figure(title, about, labels, series, form).around(shapes(), scale)


def line_chart(
    title: str, labels: Sequence[str], series: Sequence[ChartSeries], *, about: str = "", form: Format = money
) -> "Markup":
    """A line for each series over the labels; it has a gap where a value is missing."""
    scale = _Scale.of(series)
    room = _room(len(labels))

    def shapes() -> Iterator[str]:
        for place, line in enumerate(series):
            tone = f"s{place % _TONES + 1}"
            points: list[str] = []
            for at, value in enumerate([*line.values, None]):
                if value is not None:
                    x, y = _LEFT + room * at + room / 2, scale.y(Decimal(value))
                    points.append(f"{x:.1f},{y:.1f}")
                    yield f'<circle class="dot {tone}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>'
                elif points:
                    yield f'<polyline class="line {tone}" points="{" ".join(points)}"/>'
                    points = []

    return _Figure(title, about, labels, series, form).around(shapes(), scale)


@dataclass(frozen=True, slots=True)
class _Scale:
    """The vertical axis, from `low` to `high` in equal steps that are round numbers."""

    low: Decimal
    high: Decimal
    step: Decimal

    @classmethod
    def of(cls, series: Sequence[ChartSeries]) -> "_Scale":
        values = [Decimal(value) for one in series for value in one.values if value is not None]
        low, high = min([*values, Decimal(0)]), max([*values, Decimal(0)])
        if low == high:
            high = Decimal(1)
        rough = (high - low) / _STEPS
        ten = Decimal(1).scaleb(rough.adjusted())
        step = next(ten * part for part in (1, 2, Decimal("2.5"), 5, 10) if ten * part >= rough)
        return cls(
            (low / step).to_integral_value(ROUND_FLOOR) * step,
            (high / step).to_integral_value(ROUND_CEILING) * step,
            step,
        )

    def y(self, value: Decimal) -> Decimal:
        """The height on the page."""
        tall = Decimal(_HEIGHT - _TOP - _BOTTOM)
        return _TOP + (self.high - value) / (self.high - self.low) * tall

    def marks(self) -> Iterator[Decimal]:
        """The numbers along the axis."""
        for at in range(int((self.high - self.low) / self.step) + 1):
            yield self.low + self.step * at


def _text(text: str) -> str:
    """A text inside of a chart: escaped, and showing the characters that turn the direction of writing."""
    from markupsafe import escape

    return str(escape(display_text(text)))


def _room(labels: int) -> Decimal:
    """The width of one label's part."""
    return Decimal(_WIDTH - _LEFT - _RIGHT) / max(1, labels)


@dataclass(frozen=True, slots=True)
class _Figure:
    """The frame of the shapes: the axes, the table, and a legend if there are several series."""

    title: str
    about: str
    labels: Sequence[str]
    series: Sequence[ChartSeries]
    form: Format

    def around(self, shapes: Iterator[str], scale: _Scale) -> "Markup":
        from markupsafe import Markup

        number = next(_numbers)
        names = ", ".join(one.name for one in self.series)
        about = self.about or f"{self.title}: {counted(len(self.labels), 'value')} of {names}."
        title = _text(self.title)
        ids = f"chart-{number}-t", f"chart-{number}-d"
        body = "".join([*(_rule(scale, mark) for mark in scale.marks()), *self._words(), *shapes, _axis(scale)])
        drawn = (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{" ".join(ids)}">'
            f'<title id="{ids[0]}">{title}</title><desc id="{ids[1]}">{_text(about)}</desc>{body}</svg>'
        )
        inside = f"<h3>{title}</h3>{_legend(self.series)}{drawn}{self._table()}"
        return Markup(f'<figure class="chart">{inside}</figure>')  # noqa: S704 - every text in it is escaped

    def _words(self) -> Iterator[str]:
        """The labels under the chart."""
        every = -(-len(self.labels) // _LABELS)
        room = _room(len(self.labels))
        for at in range(0, len(self.labels), max(1, every)):
            x = _LEFT + room * at + room / 2
            yield f'<text x="{x:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{_text(self.labels[at])}</text>'

    def _table(self) -> str:
        heads = "".join(f'<th scope="col" class="number">{_text(one.name)}</th>' for one in self.series)
        rows = "".join(
            f'<tr><th scope="row">{_text(label)}</th>{"".join(self._cell(one.values[at]) for one in self.series)}</tr>'
            for at, label in enumerate(self.labels)
        )
        return (
            '<details><summary>The numbers as a table</summary><div class="scroll"><table>'
            f'<caption class="visually-hidden">{_text(self.title)}</caption>'
            f'<thead><tr><th scope="col"><span class="visually-hidden">Label</span></th>{heads}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div></details>"
        )

    def _cell(self, value: Decimal | int | None) -> str:
        return f'<td class="number">{"" if value is None else _text(self.form(Decimal(value)))}</td>'


def _axis(scale: _Scale) -> str:
    y = scale.y(Decimal(0))
    return f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _rule(scale: _Scale, mark: Decimal) -> str:
    y = scale.y(mark)
    return (
        f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(mark)}</text>'
    )


def _short(mark: Decimal) -> str:
    """A number of the axis: `1,500,000` in full, whole unless the steps are fractions."""
    plain = mark.normalize()
    places = max(0, -int(plain.as_tuple().exponent)) if plain else 0
    return f"{plain:,.{places}f}".replace("-", "−")


def _legend(series: Sequence[ChartSeries]) -> str:
    if len(series) < 2:
        return ""
    items = (
        f'<li><svg class="chip" viewBox="0 0 10 10" aria-hidden="true"><rect class="swatch s{place % _TONES + 1}" '
        f'width="10" height="10" rx="2"/></svg> {_text(one.name)}</li>'
        for place, one in enumerate(series)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'
