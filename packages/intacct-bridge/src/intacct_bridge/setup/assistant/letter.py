"""What to send to the company's administrator: a letter as text, and a page that needs nothing but a browser.

Both have only the steps of the administrator, with the values to enter. No secret is in them.
"""

from html import escape
from textwrap import fill

from intacct_bridge.setup.assistant.checklist import SetUpChecklist, SetUpStep
from intacct_bridge.setup.assistant.form_pictures import picture
from intacct_bridge.setup.assistant.progress import DONE
from intacct_bridge.setup.doctor.role import RoleGrant

_WIDTH = 78
_STYLE = """
:root { color-scheme: light; } body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff;
max-width: 44rem; margin: 1.5rem auto; padding: 0 1rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; }
.path { color: #57606a; } .done { color: #1a7f37; font-weight: 600; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top; }
th { font-weight: 400; } td { font-weight: 600; } section { break-inside: avoid; } .table { overflow-x: auto; }
"""


def letter(found: SetUpChecklist) -> str:
    """The letter as plain text, to paste into an e-mail."""
    parts = [
        f"Subject: Access to Sage Intacct for {found.values.name}",
        "",
        "Hello,",
        "",
        fill(_opening(found), _WIDTH),
        "",
    ]
    for number, step in enumerate(_steps(found), 1):
        parts += [fill(f"{number}. {step.title}{_already(step)}", _WIDTH, subsequent_indent="   ")]
        if step.menu:
            parts += [fill(_plain(step.menu), _WIDTH, initial_indent="   ", subsequent_indent="   ")]
        wide = max((len(one.label) for one in step.fields), default=0)
        parts += [f"   {one.label + ':':<{wide + 2}}{one.value}" for one in step.fields]
        parts += [
            fill(_plain(_grant(one)), _WIDTH, initial_indent="   ", subsequent_indent="      ") for one in step.grants
        ]
        parts += [fill(_plain(note), _WIDTH, initial_indent="   ", subsequent_indent="   ") for note in step.notes]
        parts += [""]
    return "\n".join([*parts, fill(_closing(found), _WIDTH), "", "Thank you."])


def page(found: SetUpChecklist) -> str:
    """The letter as one HTML document with the pictures of the forms; it loads nothing and can be printed."""
    title = f"Access to Sage Intacct for {found.values.name}"
    steps = "".join(_section(number, step) for number, step in enumerate(_steps(found), 1))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>"
        f"<p>{escape(_opening(found))}</p>\n{steps}<p>{escape(_closing(found))}</p></body></html>\n"
    )


def _steps(found: SetUpChecklist) -> list[SetUpStep]:
    return [one for one in found.steps if one.for_administrator and one.form]


def _opening(found: SetUpChecklist) -> str:
    return (
        f"Our integration {found.values.purpose} in Sage Intacct ({found.values.environment}). It needs these settings,"
        " in this order. Settings that exist already can stay as they are."
    )


def _closing(found: SetUpChecklist) -> str:
    to = found.values.email
    address = f" to {to}" if to else " to the person who sets up the program"
    return f"Intacct mails the password of the new user{address}. Please never send a password yourself."


def _already(step: SetUpStep) -> str:
    return " (done)" if step.state == DONE and not step.by_hand else ""


def _grant(one: RoleGrant) -> str:
    unsure = "" if one.certain else " (the name on the screen may differ)"
    return f"{one.name}: {', '.join(one.rights)}{unsure}"


def _plain(text: str) -> str:
    return text.replace("▸", ">")


def _section(number: int, step: SetUpStep) -> str:
    done = '<p class="done">Done already</p>' if _already(step) else ""
    path = f'<p class="path">{escape(step.menu)}</p>' if step.menu else ""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.label)}</th><td>{escape(one.value)}</td></tr>' for one in step.fields
    )
    grants = "".join(f"<li>{escape(_grant(one))}</li>" for one in step.grants)
    notes = "".join(f"<p>{escape(one)}</p>" for one in step.notes)
    return (
        f"<section><h2>{number}. {escape(step.title)}</h2>{done}{path}<p>{escape(step.why)}</p>"
        f'<div class="table"><table>{rows}</table></div>'
        f"{f'<ul>{grants}</ul>' if grants else ''}{notes}{picture(step)}</section>\n"
    )
