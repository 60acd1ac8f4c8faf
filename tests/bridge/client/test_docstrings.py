"""The examples in the docstrings of the public names run against the demo company."""

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import intacct_bridge
from intacct_bridge.library import client_of
from intacct_emulator.server.gateway import Emulator
from support.demo_company import DEMO

FINDER = doctest.DocTestFinder(exclude_empty=True, recurse=True)


def examples() -> Iterator[doctest.DocTest]:
    """Every docstring of a public class or function that has an example."""
    for name in intacct_bridge.__all__:
        found = getattr(intacct_bridge, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            yield from (test for test in FINDER.find(found, name) if test.examples)


EXAMPLES = {test.name: test for test in examples()}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_runs_as_written(demo: Emulator, name: str, tmp_path: Path) -> None:
    test = EXAMPLES[name]
    said: list[str] = []
    with client_of(DEMO, transport=demo, outbox=tmp_path / "outbox.sqlite3") as client:
        test.globs = {each: getattr(intacct_bridge, each) for each in intacct_bridge.__all__} | {"client": client}
        done = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append, clear_globs=False)
    assert done.failed == 0, "".join(said)


def test_the_client_has_examples() -> None:
    for method in ("query", "read", "create", "describe", "entity", "call", "batches"):
        assert f"Client.{method}" in EXAMPLES
