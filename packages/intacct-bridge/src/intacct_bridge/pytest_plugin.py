"""The pytest plugin: `intacct_gateway`, an emulated company for each test, over HTTP and in process.

    @pytest.mark.intacct(company="demo", as_of="2026-10-31")
    def test_my_connector(intacct_gateway):
        intacct_gateway.inject("cut-after", function="create")
        my_connector(url=intacct_gateway.url, **intacct_gateway.credentials)
        assert len(intacct_gateway.rows("APBILL")) == 1

Each test gets the company in its first state: it is reset between tests in milliseconds, and the server keeps running.
The library is imported only when a test asks for the fixture.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from intacct_bridge.testing import Company

_MARK = "intacct(company='empty', as_of=None, seed=1, scenario=None, data=None): the company that intacct_gateway gives"


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", _MARK)


@pytest.fixture(scope="session")
def _intacct_companies() -> Iterator[dict[tuple[Any, ...], "Company"]]:
    """The companies of this run by the arguments of the marks; each is made once."""
    made: dict[tuple[Any, ...], Company] = {}
    yield made
    for company in made.values():
        company.close()


@pytest.fixture
def intacct_gateway(
    request: pytest.FixtureRequest, _intacct_companies: dict[tuple[Any, ...], "Company"]
) -> Iterator["Company"]:
    """An emulated company in its first state; the mark `intacct` says which."""
    from intacct_bridge.testing import make_company

    mark = request.node.get_closest_marker("intacct")
    arguments = _arguments(mark) if mark is not None else {}
    key = tuple(sorted((name, str(value)) for name, value in arguments.items()))
    company = _intacct_companies.get(key)
    if company is None:
        company = _intacct_companies[key] = make_company(**arguments)
    yield company
    company.reset()


def _arguments(mark: pytest.Mark) -> dict[str, Any]:
    """The mark's arguments. A mistake in them fails the test with one sentence."""
    from inspect import signature

    from intacct_bridge.testing import make_company
    from intacct_protocol.model.suggestions import did_you_mean

    known = tuple(signature(make_company).parameters)
    wrong = next((name for name in mark.kwargs if name not in known), "")
    if wrong:
        near = did_you_mean(wrong, known) or f"; there are {', '.join(known)}"
        pytest.fail(f"the mark intacct takes no {wrong!r}{near}", pytrace=False)
    if mark.args:
        pytest.fail(f"the mark intacct takes names, as in company={mark.args[0]!r}", pytrace=False)
    return dict(mark.kwargs)
