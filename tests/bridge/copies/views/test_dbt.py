"""dbt itself builds the package that `intacct views dbt` writes, and its models hold what the views hold."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from intacct_bridge.copies.views.apply import copy_shape, open_database
from intacct_bridge.copies.views.dbt_package import dbt_package, write_package
from intacct_bridge.copies.views.dialects import DIALECTS
from support.copies.reported import Copy
from support.judges import judge

pytestmark = pytest.mark.foreign

PROFILE = """built:
  target: here
  outputs:
    here: {{type: duckdb, path: '{path}', schema: built, threads: 1}}
"""
PROJECT = """name: own_project
version: '1.0'
config-version: 2
profile: built
model-paths: [models]
"""
OWN_MODELS = {
    "late": "select * from {{ intacct_reporting.ap_ageing(\"date '2026-10-31'\") }}",
    "income": "select account_no, sum(amount) as amount from {{ ref('income_statement') }} group by 1",
}
"""Models as a user writes them over the package: one calls a macro, one a view."""


@pytest.fixture(scope="module")
def built(demo_copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A copy with the models of a project that uses the package, and what dbt printed."""
    folder = tmp_path_factory.mktemp("dbt")
    copy = folder / "copy.duckdb"
    copy.write_bytes(Path(demo_copy.uri.removeprefix("duckdb:")).read_bytes())
    with open_database(f"duckdb:{copy}") as destination:
        write_package(dbt_package(DIALECTS[destination.dialect], copy_shape(destination, {})), folder / "package")
    project = folder / "project"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(PROJECT)
    (project / "packages.yml").write_text("packages:\n  - local: ../package\n")
    (project / "profiles.yml").write_text(PROFILE.format(path=copy))
    for name, sql in OWN_MODELS.items():
        (project / f"models/{name}.sql").write_text(sql + "\n")
    said = ""
    for command in (["deps"], ["build"], ["docs", "generate", "--empty-catalog"]):
        done = subprocess.run(
            [judge("dbt-duckdb") / "dbt", "--no-use-colors", "--no-send-anonymous-usage-stats", *command],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said += done.stdout + done.stderr
        assert done.returncode == 0, said
    with duckdb.connect(str(copy), read_only=True) as con:
        yield con, said


def test_dbt_builds_every_model_without_a_warning_about_the_package(
    built: tuple[duckdb.DuckDBPyConnection, str],
) -> None:
    con, said = built
    views = "SELECT view_name FROM duckdb_views() WHERE schema_name = '{}' AND NOT internal"
    ours = {name for (name,) in con.execute(views.format("reporting")).fetchall()}
    theirs = {name for (name,) in con.execute(views.format("built")).fetchall()}
    assert theirs == ours | set(OWN_MODELS)
    assert "ERROR=0" in said
    assert "WARN=0" in said


def test_the_models_hold_what_the_views_hold(built: tuple[duckdb.DuckDBPyConnection, str]) -> None:
    con, _ = built
    names = "SELECT view_name FROM duckdb_views() WHERE schema_name = 'reporting' AND NOT internal"
    for (name,) in con.execute(names).fetchall():
        one, other = (f"SELECT * FROM {schema}.{name}" for schema in ("reporting", "built"))
        differing = f"({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})"
        assert con.execute(f"SELECT count(*) FROM ({differing})").fetchall() == [(0,)], name
    columns = [row[0] for row in con.execute("DESCRIBE built.late").fetchall()]
    assert (
        con.execute("SELECT * FROM built.late ORDER BY ALL").fetchall()
        == con.execute(
            f"SELECT {', '.join(columns)} FROM reporting.ap_ageing(DATE '2026-10-31') ORDER BY ALL"
        ).fetchall()
    )
