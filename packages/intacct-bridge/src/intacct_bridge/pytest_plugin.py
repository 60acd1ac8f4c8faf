"""The pytest plugin: `intacct_gateway`, an emulated company for each test with clients of this library.

    @pytest.mark.intacct(company="demo", as_of="2026-10-31")
    def test_my_connector(intacct_gateway):
        intacct_gateway.inject("cut-after", function="create")
        my_connector(intacct_gateway.client())
        assert len(intacct_gateway.rows("APBILL")) == 1

It is `intacct_company`, the fixture of `intacct-emulator`, with `client()` and `outbox`, and its mark can also name a
`copy`. The library is imported only when a test asks for the fixture.

`pytest --destination=URI` runs the suite that every destination passes, see `destination_suite`.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from intacct_bridge.testing import Company


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option `--destination`."""
    of = "the address of a destination, which the suite of Intacct Bridge judges; {folder} is an empty folder"
    parser.getgroup("intacct").addoption("--destination", metavar="URI", help=of)


def pytest_configure(config: pytest.Config) -> None:
    """With `--destination`, run its suite, unless other tests are named."""
    if config.getoption("--destination") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = [str(Path(__file__).with_name("destination_suite.py"))]


@pytest.fixture(scope="session")
def _intacct_gateways() -> Iterator[dict[tuple[Any, ...], "Company"]]:
    """The companies of this run by the arguments of the marks; each is made once."""
    companies: dict[tuple[Any, ...], Company] = {}
    yield companies
    for company in companies.values():
        company.close()


@pytest.fixture
def intacct_gateway(
    request: pytest.FixtureRequest, _intacct_gateways: dict[tuple[Any, ...], "Company"]
) -> Iterator["Company"]:
    """An emulated company in its first state; the mark `intacct` says which."""
    if find_spec("intacct_emulator") is None:
        pytest.fail("the fixture intacct_gateway needs: pip install 'intacct-bridge[emulator]'", pytrace=False)
    from intacct_bridge.testing import CompanyArguments, make_company
    from intacct_emulator.pytest_plugin import company_of_mark

    yield from company_of_mark(request, _intacct_gateways, make_company, CompanyArguments)
