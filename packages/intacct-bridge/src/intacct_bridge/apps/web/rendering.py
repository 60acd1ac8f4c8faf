"""Pages as HTML and as JSON, from the same data.

Every text is escaped, and shows the characters that turn the direction of writing, as a terminal does: a person who
approves a record must see it as it is sent. Money is Decimal or text; in JSON it is text, so that no reader makes a
float of it.
"""

import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge import __version__
from intacct_bridge.apps.web.setting_fields import LABELS
from intacct_protocol.model.wording import counted, display_lines, display_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_SETTING = re.compile(r"`([a-z_]+)((?: = [^`]+)?)`")


@cache
def environment(folder: Path) -> "Environment":
    """The templates in a folder, and those that all applications share, with their filters."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader([folder, _HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_visible,
    )
    templates.filters |= {
        "money": money,
        "number": number,
        "moment": time_tag,
        "day": day,
        "percent": percent,
        "cell": cell,
        "pair": pair,
        "place": place,
        "spelled": spelled,
        "unchanged": unchanged,
    }
    templates.globals |= {"counted": counted, "version": __version__}
    return templates


def render(folder: Path, template: str, values: Mapping[str, Any]) -> str:
    """A template of the application that has its templates in a folder."""
    return environment(folder).get_template(template).render(values)


def render_json(data: Any) -> bytes:
    """The data of a page: decimals are text, times are ISO 8601."""
    import msgspec

    return msgspec.json.format(msgspec.json.Encoder(decimal_format="string", enc_hook=_plain).encode(data), indent=2)


def _visible(value: Any) -> Any:
    """A value as a page shows it; HTML is shown as it is."""
    return display_lines(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def unchanged(value: Any) -> "Markup":
    """A value that a form sends back: with every character as it is."""
    from markupsafe import escape

    return escape(value)


def _plain(value: Any) -> Any:
    html = getattr(value, "__html__", None)
    return str(html()) if html is not None else str(value)


def money(value: Decimal | str | int | None, places: int | None = None) -> str:
    """An amount with thousands separators and all of its decimal places, at least 2."""
    if value is None or value == "":
        return ""
    amount = Decimal(value)
    exponent = amount.as_tuple().exponent
    shown = places if places is not None else max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{amount:,.{shown}f}".replace("-", "−")


def number(value: int | None) -> str:
    """A whole number with thousands separators."""
    return "" if value is None else f"{value:,}".replace("-", "−")


def moment(value: datetime | None) -> str:
    """A time in UTC, as `2026-11-22 19:36 UTC`: the same for every reader, wherever the clock is."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def time_tag(value: datetime | None) -> "Markup":
    """The same for a template, with the exact time for programs."""
    from markupsafe import Markup

    if value is None:
        return Markup("")
    return Markup('<time datetime="{}">{}</time>').format(value.astimezone(UTC).isoformat(), moment(value))


def day(value: date | None) -> str:
    """A date, as `2026-11-22`."""
    return "" if value is None else value.isoformat()


def percent(value: float | Decimal | None) -> str:
    """A part of one, as `97.5 %`."""
    return "" if value is None else f"{value * 100:.1f} %"


def cell(value: Any) -> str:
    """A value of a record in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, Decimal):
        return money(value)
    if isinstance(value, list | tuple):
        return ", ".join(cell(one) for one in value)
    return number(value) if isinstance(value, int) else display_text(str(value))


def pair(value: str) -> tuple[str, str]:
    """A value of a choice that is its own label."""
    return value, value


def place(value: str) -> str:
    """A file's path as people write it: `~` for their own folder."""
    home = str(Path.home())
    return "~" + value.removeprefix(home) if value.startswith(home + os.sep) else value


def spelled(text: str) -> "Markup":
    """A message with each setting under the name that forms have for it; other names in backticks are code."""
    from markupsafe import Markup, escape

    def named(match: re.Match[str]) -> str:
        return f"<strong>{LABELS.get(match[1], match[1])}</strong>{match[2]}"

    marked = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", _SETTING.sub(named, str(escape(display_lines(text)))))
    return Markup(marked)  # noqa: S704 - the text is escaped above
