"""Answers for tests, written by hand from the shapes in Sage's developer documentation, never by our encoder."""

PROLOG = '<?xml version="1.0" encoding="UTF-8"?>'
CONTROL = (
    "<control><status>success</status><senderid>demo-sender</senderid><controlid>c-1</controlid>"
    "<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control>"
)
SIGNED_IN = (
    "<authentication><status>success</status><userid>demo-user</userid><companyid>demo-company</companyid>"
    "<locationid></locationid><sessiontimestamp>2026-11-21T00:50:25+00:00</sessiontimestamp>"
    "<sessiontimeout>2026-11-21T03:00:25+00:00</sessiontimeout></authentication>"
)


def answer(*results: str, authentication: str = SIGNED_IN) -> bytes:
    """A response with one operation."""
    return (f"{PROLOG}<response>{CONTROL}<operation>{authentication}{''.join(results)}</operation></response>").encode()


def result(inner: str, *, function: str = "query", status: str = "success") -> str:
    """One `<result>`."""
    return f"<result><status>{status}</status><function>{function}</function><controlid>f-1</controlid>{inner}</result>"


def page(rows: str, *, count: int, attributes: str = "", object_name: str = "GLDETAIL") -> bytes:
    """A page of a `query`. Shape: DOC:web-services/queries."""
    more = attributes or f'totalcount="{count}" offset="0" count="{count}" numremaining="0"'
    return answer(result(f'<data listtype="{object_name}" {more}>{rows}</data>'))
