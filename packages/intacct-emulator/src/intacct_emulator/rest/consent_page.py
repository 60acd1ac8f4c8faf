"""The page on which a person lets an application in."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    pages = resources.files("intacct_emulator.data").joinpath("pages")
    return Environment(
        loader=FunctionLoader(lambda name: pages.joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
    )


def form(application: str, query: Mapping[str, str], refusal: str) -> bytes:
    """The form, which sends its answer to the address of the request."""
    template = _templates().get_template("consent.html")
    address = f"?{urlencode(query)}"
    offline = "offline_access" in query.get("scope", "").split()
    return template.render(
        title="Allow access", application=application, address=address, refusal=refusal, offline=offline
    ).encode()


def problem(title: str, text: str) -> bytes:
    """A page that says why there is no form."""
    return (
        _templates()
        .get_template("consent.html")
        .render(title=title, application="", address="", refusal=text, offline=False)
        .encode()
    )
