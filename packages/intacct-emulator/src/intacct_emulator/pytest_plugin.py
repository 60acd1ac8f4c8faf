"""The pytest plugin: `intacct_company`, an emulated company for each test, which any program reaches over HTTP.

    @pytest.mark.intacct(company="demo", as_of="2026-10-31")
    def test_my_program(intacct_company):
        intacct_company.inject("cut-after", function="create")
        my_program(url=intacct_company.url, **intacct_company.credentials)
        assert len(intacct_company.rows("APBILL")) == 1

Each test gets the company in its first state: it is reset between tests in milliseconds, and the server keeps running.
The emulator is imported only when a test asks for the fixture.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from intacct_emulator.testing import Company

    C = TypeVar("C", bound=Company)

_MARK = "intacct(company='empty', as_of=None, seed=1, scenario=None, data=None): the emulated company of the test"


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", _MARK)


@pytest.fixture(scope="session")
def _intacct_companies() -> Iterator[dict[tuple[Any, ...], "Company"]]:
    """The companies of this run by the arguments of the marks; each is made once."""
    companies: dict[tuple[Any, ...], Company] = {}
    yield companies
    for company in companies.values():
        company.close()


@pytest.fixture
def intacct_company(
    request: pytest.FixtureRequest, _intacct_companies: dict[tuple[Any, ...], "Company"]
) -> Iterator["Company"]:
    """An emulated company in its first state; the mark `intacct` says which."""
    from intacct_emulator.testing import CompanyArguments, make_company

    yield from company_of_mark(request, _intacct_companies, make_company, CompanyArguments)


def company_of_mark(
    request: pytest.FixtureRequest,
    companies: dict[tuple[Any, ...], "C"],
    make: "Callable[..., C]",
    arguments: type[Any],
) -> Iterator["C"]:
    """The company that a test's mark names, made once a run and reset after the test. For fixtures like this one."""
    mark = request.node.get_closest_marker("intacct")
    chosen = _checked(mark, ("company", *arguments.__annotations__)) if mark is not None else {}
    key = tuple(sorted((name, str(value)) for name, value in chosen.items()))
    if key not in companies:
        companies[key] = make(**chosen)
    yield companies[key]
    companies[key].reset()


def _checked(mark: pytest.Mark, names: tuple[str, ...]) -> dict[str, Any]:
    """The mark's arguments. A mistake in them fails the test with one sentence."""
    from intacct_protocol.model.suggestions import did_you_mean

    wrong = next((name for name in mark.kwargs if name not in names), "")
    if wrong:
        near = did_you_mean(wrong, names) or f"; there are {', '.join(names)}"
        pytest.fail(f"the mark intacct takes no {wrong!r}{near}", pytrace=False)
    if mark.args:
        pytest.fail(f"the mark intacct takes names, as in company={mark.args[0]!r}", pytrace=False)
    return dict(mark.kwargs)
