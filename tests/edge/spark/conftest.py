"""One Spark for all tests of a process, since it takes seconds to start."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.spark_session import running_spark


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session with eight tasks at a time, each tried up to three times."""
    with running_spark("local[8,3]", tmp_path_factory.mktemp("spark")) as session:
        yield session
