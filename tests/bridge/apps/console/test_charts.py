"""Charts and texts: positions follow the amounts, the table has the numbers, and every text is escaped."""

import re
from datetime import datetime
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.apps.console.charts import ChartSeries, bar_chart, line_chart
from intacct_bridge.apps.web.rendering import cell, moment, money, percent, render_json, spelled, time_tag

AMOUNTS = st.decimals(-(10**9), 10**9, places=2, allow_nan=False)
HOSTILE = "<script>alert(1)</script> & \"'"


def drawn(chart: str) -> ElementTree.Element:
    svg = re.search(r"<svg viewBox.*?</svg>", chart.rsplit("</ul>", maxsplit=1)[-1], re.DOTALL)
    assert svg is not None
    return ElementTree.fromstring(svg[0])


def bars(chart: str) -> list[tuple[float, float]]:
    """The top and the height of each bar."""
    return [(float(one.get("y", "0")), float(one.get("height", "0"))) for one in drawn(chart).iter("rect")]


@given(st.lists(AMOUNTS, min_size=1, max_size=24))
def test_heights_are_proportional_to_amounts(amounts: list[Decimal]) -> None:
    found = bars(str(bar_chart("x", [str(place) for place in range(len(amounts))], [ChartSeries("a", amounts)])))
    largest = max(amounts, key=abs)
    if largest:
        tallest = found[amounts.index(largest)][1]
        for amount, (_, height) in zip(amounts, found, strict=True):
            assert height == pytest.approx(max(0.5, float(abs(amount / largest)) * tallest), abs=0.11)
    assert all(top >= 0 and top + height <= 280 for top, height in found)


def test_amounts_below_zero_hang_from_the_axis() -> None:
    chart = str(bar_chart("x", ["a", "b"], [ChartSeries("s", [Decimal(100), Decimal(-100)])]))
    axis = next(one for one in drawn(chart).iter("line") if one.get("class") == "axis")
    (up, tall), (down, deep) = bars(chart)
    assert up + tall == pytest.approx(down, abs=0.11)
    assert down == pytest.approx(float(axis.get("y1", "0")), abs=0.11)
    assert tall == deep


def test_a_line_has_a_gap_where_a_value_is_missing() -> None:
    chart = str(line_chart("x", list("abcde"), [ChartSeries("s", [1, 2, None, 4, 5])]))
    lines = [one.get("points", "") for one in drawn(chart).iter("polyline")]
    assert [len(points.split()) for points in lines] == [2, 2]


def test_a_chart_has_a_title_a_description_and_its_numbers_as_a_table() -> None:
    chart = str(
        bar_chart("Sales", ["Jan", "Feb"], [ChartSeries("2026", [Decimal("1234567.5"), None])], about="By month")
    )
    svg = drawn(chart)
    assert svg.get("role") == "img"
    ids = svg.get("aria-labelledby", "").split()
    assert [one.text for one in svg if one.get("id") in ids] == ["Sales", "By month"]
    assert '<td class="number">1,234,567.50</td>' in chart
    assert "style=" not in chart


def test_every_text_of_a_chart_is_escaped() -> None:
    for draw in (bar_chart, line_chart):
        chart = str(draw(HOSTILE, [HOSTILE], [ChartSeries(HOSTILE, [1]), ChartSeries(HOSTILE, [2])], about=HOSTILE,
                         form=lambda _: HOSTILE))  # fmt: skip
        assert "<script" not in chart


def test_a_chart_shows_the_characters_that_turn_the_direction_of_writing() -> None:
    turned = "Rent \u202e00.9 yap\u2066"
    for draw in (bar_chart, line_chart):
        series = [ChartSeries(turned, [1]), ChartSeries("b", [2])]
        chart = str(draw(turned, [turned], series, about=turned))
        assert not set(chart) & set("\u202e\u2066")
        assert "Rent \\u202e00.9 yap\\u2066" in chart


def test_nothing_to_draw_is_an_empty_chart() -> None:
    for draw in (bar_chart, line_chart):
        assert bars(str(draw("x", [], []))) == []
        assert "<svg" in draw("x", ["a"], [ChartSeries("s", [None])])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1234567.5"), "1,234,567.50"),
        (Decimal("-0.005"), "−0.005"),
        (Decimal("1E+3"), "1,000.00"),
        ("12.10", "12.10"),
        (0, "0.00"),
        (None, ""),
        ("", ""),
        (Decimal("99999999999999999999.99"), "99,999,999,999,999,999,999.99"),
    ],
)
def test_money_is_written_with_all_of_its_digits(value: Decimal | str | int | None, shown: str) -> None:
    assert money(value) == shown


def test_values_are_written_for_people() -> None:
    assert [cell(one) for one in (None, True, False, 12345, ("a", 2), "x")] == ["", "yes", "no", "12,345", "a, 2", "x"]
    assert percent(Decimal("0.985")) == "98.5 %"
    assert percent(None) == ""


def test_a_time_is_the_same_for_every_reader() -> None:
    seen = time_tag(datetime.fromisoformat("2026-11-22T21:36:59+02:00"))
    assert seen == '<time datetime="2026-11-22T19:36:59+00:00">2026-11-22 19:36 UTC</time>'
    assert moment(None) == time_tag(None) == ""
    assert cell(datetime.fromisoformat("2026-11-22T21:36:59+02:00")) == "2026-11-22 19:36 UTC"


def test_amounts_are_text_in_the_data_of_a_page() -> None:
    assert render_json({"amount": Decimal("0.10")}) == b'{\n  "amount": "0.10"\n}'


def test_a_message_names_settings_as_the_form_does() -> None:
    assert spelled("Compare `sender_id` <b>") == "Compare <strong>Sender ID</strong> &lt;b&gt;"
    assert spelled("use `intacct doctor`") == "use <code>intacct doctor</code>"
    assert spelled("set `concurrency = 1`") == "set <strong>Requests at a time</strong> = 1"
