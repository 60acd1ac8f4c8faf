"""The letter to the administrator as a page with pictures of Intacct's forms: it needs nothing but a browser.

The pictures are drawn here as SVG, with a title and a description for readers.
A picture shows the fields and their values, not the look of a screen. It is narrow, so that it can be read on a phone,
and has its own light background, so that it looks the same on a dark page and on paper.
"""

from collections.abc import Sequence
from html import escape
from textwrap import wrap

from intacct_bridge.operations.setup import (
    FormField,
    RoleGrant,
    SetUpChecklist,
    SetUpStep,
    administrators_steps,
    closing,
    grant_text,
    is_done,
    opening,
    subject,
)

_WIDTH = 420
_SIDE = 16
_ROW = 54
_BOX = 28
_LETTERS = 42
"""Letters of a value in its field; the table beside the picture has it in full."""
_WITHOUT_BUTTON = ("sender", "company")
"""The steps whose values are only read."""
_RIGHTS = ("List", "View", "Add", "Edit", "Delete")
_INK, _SOFT, _LINE, _PAPER, _BAR, _MARK = "#1b1f24", "#57606a", "#8c959f", "#ffffff", "#e7ecf2", "#0550ae"
_FONT = 'font-family="system-ui, sans-serif"'


_STYLE = """
:root { color-scheme: light; } body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff;
max-width: 44rem; margin: 1.5rem auto; padding: 0 1rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; }
.path { color: #57606a; } .done { color: #1a7f37; font-weight: 600; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top; }
th { font-weight: 400; } td { font-weight: 600; } section { break-inside: avoid; } .table { overflow-x: auto; }
"""


def page(checklist: SetUpChecklist) -> str:
    """The letter as one HTML document with the pictures of the forms; it loads nothing and can be printed."""
    title = subject(checklist)
    steps = "".join(_section(number, step) for number, step in enumerate(administrators_steps(checklist), 1))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>"
        f"<p>{escape(opening(checklist))}</p>\n{steps}<p>{escape(closing(checklist))}</p></body></html>\n"
    )


def _section(number: int, step: SetUpStep) -> str:
    done = '<p class="done">Done already</p>' if is_done(step) else ""
    path = f'<p class="path">{escape(step.menu)}</p>' if step.menu else ""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.label)}</th><td>{escape(one.value)}</td></tr>' for one in step.fields
    )
    grants = "".join(f"<li>{escape(grant_text(one))}</li>" for one in step.grants)
    notes = "".join(f"<p>{escape(one)}</p>" for one in step.notes)
    return (
        f"<section><h2>{number}. {escape(step.title)}</h2>{done}{path}<p>{escape(step.why)}</p>"
        f'<div class="table"><table>{rows}</table></div>'
        f"{f'<ul>{grants}</ul>' if grants else ''}{notes}{picture(step)}</section>\n"
    )


def picture(step: SetUpStep) -> str:
    """The SVG of a step's form; empty for a step without one."""
    if not step.form:
        return ""
    path = [line for part in [step.menu] if part for line in wrap(part, 58)]
    top = 38 + 16 * len(path)
    parts = [_bar(step.form, path, top)]
    y = top + 14
    for field in step.fields:
        parts.append(_field(field, y))
        y += _ROW
    if step.grants:
        grid, y = _grants_grid(step.grants, y)
        parts.append(grid)
    if step.id in _WITHOUT_BUTTON:
        return _svg(step, "".join(parts), y)
    parts.append(_button("Save", y))
    return _svg(step, "".join(parts), y + 46)


def _svg(step: SetUpStep, body: str, height: int) -> str:
    name = f"picture-{step.id}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-labelledby="{name}-title {name}-text"><title id="{name}-title">{escape(step.form)}</title>'
        f'<desc id="{name}-text">{escape(description(step))}</desc>'
        f'<rect x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="6" fill="{_PAPER}" stroke="{_LINE}"/>'
        f"{body}</svg>"
    )


def description(step: SetUpStep) -> str:
    """What the picture shows, in words."""
    values = [f"{one.label}: {one.value}" for one in step.fields]
    grants = [f"{one.application}, {one.permission}: {', '.join(one.rights)}" for one in step.grants]
    return "; ".join([*values, *grants])


def _text(
    x: float, y: float, text: str, size: int = 14, colour: str = _INK, *, bold: bool = False, mid: bool = False
) -> str:
    more = (' font-weight="600"' if bold else "") + (' text-anchor="middle"' if mid else "")
    return f'<text x="{x}" y="{y}" {_FONT} font-size="{size}" fill="{colour}"{more}>{escape(text)}</text>'


def _bar(title: str, path: Sequence[str], bottom: int) -> str:
    lines = "".join(_text(_SIDE, 44 + 16 * place, line, 12, _SOFT) for place, line in enumerate(path))
    return (
        f'<path d="M0.5 {bottom}V6.5a6 6 0 0 1 6-6h{_WIDTH - 13}a6 6 0 0 1 6 6V{bottom}z" fill="{_BAR}"'
        f' stroke="{_LINE}"/>'
        f"{_text(_SIDE, 26, title, 16, bold=True)}{lines}"
    )


def _field(field: FormField, y: int) -> str:
    label = _text(_SIDE, y + 12, field.label, 13, _SOFT)
    width = _WIDTH - 2 * _SIDE
    top = y + 18
    if field.kind == "switch":
        box = f'<rect x="{_SIDE}" y="{top + 4}" width="38" height="20" rx="10" fill="{_MARK}"/>'
        knob = f'<circle cx="{_SIDE + 28}" cy="{top + 14}" r="8" fill="{_PAPER}"/>'
        return f"{label}{box}{knob}{_text(_SIDE + 48, top + 19, 'on')}"
    value = field.value if len(field.value) <= _LETTERS else field.value[: _LETTERS - 1] + "…"
    shown = _text(_SIDE + 10, top + 19, value, 14, _INK if field.kind != "secret" else _SOFT, bold=True)
    if field.kind == "fixed":
        return f"{label}{shown}"
    box = f'<rect x="{_SIDE}" y="{top}" width="{width}" height="{_BOX}" rx="4" fill="{_PAPER}" stroke="{_LINE}"/>'
    arrow = ""
    if field.kind == "choice":
        right = _SIDE + width - 22
        arrow = f'<path d="M{right} {top + 11}h12l-6 7z" fill="{_SOFT}"/>'
    return f"{label}{box}{shown}{arrow}"


def _grants_grid(grants: Sequence[RoleGrant], y: int) -> tuple[str, int]:
    """The grid of permissions, with a ticked box for each right, and where it ends."""
    first, wide = 214, 40
    parts = [_text(first + wide * place + 12, y + 14, name, 11, _SOFT, mid=True) for place, name in enumerate(_RIGHTS)]
    parts.append(_text(_SIDE, y + 14, "Permission", 13, _SOFT))
    y += 24
    application = ""
    for grant in grants:
        if grant.application != application:
            application = grant.application
            parts.append(_text(_SIDE, y + 16, application, 13, bold=True))
            y += 24
        parts.append(_text(_SIDE + 8, y + 15, grant.permission[:28], 13))
        parts += [_box(first + wide * place + 4, y + 3, on=name in grant.rights) for place, name in enumerate(_RIGHTS)]
        y += 24
    return "".join(parts), y + 10


def _box(x: int, y: int, *, on: bool) -> str:
    if not on:
        return f'<rect x="{x}" y="{y}" width="16" height="16" rx="3" fill="{_PAPER}" stroke="{_LINE}"/>'
    tick = f'<path d="M{x + 3.5} {y + 8.5}l3 3.5 6-8" fill="none" stroke="{_PAPER}" stroke-width="2"/>'
    return f'<rect x="{x}" y="{y}" width="16" height="16" rx="3" fill="{_MARK}" stroke="{_MARK}"/>{tick}'


def _button(text: str, y: int) -> str:
    width = 72
    x = _WIDTH - _SIDE - width
    box = f'<rect x="{x}" y="{y + 4}" width="{width}" height="28" rx="4" fill="{_MARK}"/>'
    return f"{box}{_text(x + width / 2, y + 23, text, 14, _PAPER, bold=True, mid=True)}"
