"""The pytest plugin of `make mutate`: it notes which test runs which lines, and tries mutants in forked processes.

A process collects the tests once. For each mutant it forks; the child changes the code of one function in place, so
that every name bound to it has the change, and runs the tests that reach the changed line until one fails.

A verdict holds on a busy machine too. All limits are of CPU time. A test that fails has to fail a second time, in a
child of its own, since a slow moment may fail a test once. A child that waits for very long is no verdict.
"""

import ast
import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings

from mutation.mutants import Mutant, functions_of, mutated, path_of

JOB = "MUTATION_JOB"
"""The environment variable with the job's file."""
KILLED, SURVIVED, NOT_TRIED = 1, 0, 3
_PATIENCE = 20
"""CPU seconds for a mutant beyond five times those that its tests take without it."""
_SLOWNESS = 20
"""How many seconds of the clock a child has for each of its CPU seconds."""
SERVER = "MUTATION_POSTGRES"
"""The environment variable with the URI of the one PostgreSQL server, which all children share."""


def pytest_configure(config: pytest.Config) -> None:
    job = json.loads(Path(os.environ[JOB]).read_text(encoding="utf-8"))
    config.pluginmanager.register(Cover(job) if job["mode"] == "cover" else Try(job))


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """A failing property is not made small: that it fails is enough."""
    settings.register_profile(
        "mutation",
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
        phases=(Phase.explicit, Phase.generate),
    )
    settings.load_profile("mutation")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """The server of the tests is the one that runs already: a child that is killed would leave its own behind."""
    for name, module in list(sys.modules.items()):
        if name.rpartition(".")[2] == "conftest" and hasattr(module, "running_postgres"):
            vars(module)["running_postgres"] = _shared_server


@contextmanager
def _shared_server() -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(uri=os.environ[SERVER])


class Cover:
    """Runs the tests, and notes the lines of the mutated modules that each of them runs."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._out = Path(job["out"])
        self._share, self._shares = job["share"]
        self._modules = job["modules"]
        self._lines: set[tuple[str, int]] = set()
        self._found: dict[str, Any] = {}
        self._failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Each process has the tests of some files. The modules are loaded by now."""
        for module in self._modules:
            note_statements(module, partial(self._note, module))
        files = sorted({one.path for one in items})
        mine = set(files[self._share :: self._shares])
        items[:] = [one for one in items if one.path in mine]

    def _note(self, module: str, line: int) -> None:
        self._lines.add((module, line))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._lines = set()
        began = time.process_time()
        try:
            return (yield)
        finally:
            lines: dict[str, list[int]] = {}
            for module, line in sorted(self._lines.copy()):
                lines.setdefault(module, []).append(line)
            if lines and item.nodeid not in self._failed:
                self._found[item.nodeid] = {"seconds": round(time.process_time() - began, 3), "lines": lines}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self._out.write_text(json.dumps({"tests": self._found, "failed": sorted(self._failed)}), encoding="utf-8")


class Try:
    """Tries mutants, each in a child."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._out = Path(job["out"])
        self._mutants = [(Mutant(**one["mutant"]), one["tests"]) for one in job["mutants"]]
        self._seconds: dict[str, float] = job["seconds"]
        self._failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed = self._failed or report.nodeid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        by_id = {one.nodeid: one for one in session.items}
        gc.collect()
        gc.freeze()
        with self._out.open("a", encoding="utf-8") as out:
            for mutant, names in self._mutants:
                began = time.monotonic()
                ended, test = self._tried(session, mutant, [by_id[name] for name in names if name in by_id])
                seconds = round(time.monotonic() - began, 1)
                out.write(json.dumps({"mutant": mutant.name, "line": mutant.line, "ended": ended, "test": test,
                                      "tests": len(names), "seconds": seconds}) + "\n")  # fmt: skip
                out.flush()
        return True

    def _tried(self, session: pytest.Session, mutant: Mutant, items: list[pytest.Item]) -> tuple[str, str]:
        """How the mutant ended: killed, survived, timeout, stuck, no test, or not tried; and the test that failed."""
        left = items
        while left:
            ended, test = self._run(session, mutant, left)
            failed = next((at for at, one in enumerate(left) if one.nodeid == test), None)
            if ended != "killed" or failed is None:
                return ended, test
            again, _ = self._run(session, mutant, [left[failed]])
            if again != "survived":
                return again, test
            left = left[failed + 1 :]
        return ("survived" if items else "no test"), ""

    def _run(self, session: pytest.Session, mutant: Mutant, items: list[pytest.Item]) -> tuple[str, str]:
        """How a child with these tests ended, and the test that failed."""
        cpu = int(_PATIENCE + 5 * sum(self._seconds[one.nodeid] for one in items))
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            self._child(session, mutant, items, cpu, writer)
        os.close(writer)
        with suppress(OSError):
            os.setpgid(child, child)
        ended = self._wait(child, _SLOWNESS * cpu)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what the tests have started
        with os.fdopen(reader, "rb") as pipe:
            return ended, pipe.read().decode()

    def _wait(self, child: int, longest: float) -> str:
        until = time.monotonic() + longest
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() > until:
                with suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "stuck"
            time.sleep(0.005)
        if os.WIFSIGNALED(status):
            return "timeout" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else "killed"
        return {SURVIVED: "survived", NOT_TRIED: "not tried"}.get(os.WEXITSTATUS(status), "killed")

    def _child(
        self, session: pytest.Session, mutant: Mutant, items: list[pytest.Item], cpu: int, writer: int
    ) -> None:  # pragma: no cover
        with suppress(BaseException):
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (1, 2):
                os.dup2(nothing, stream)
            try:
                apply(mutant)
            except (LookupError, ValueError, TypeError, AttributeError) as error:
                os.write(writer, repr(error).encode()[:500])
                os._exit(NOT_TRIED)
            for item, following in zip(items, [*items[1:], None], strict=True):
                runtestprotocol(item, log=False, nextitem=following)
                if self._failed:
                    break
            else:
                os._exit(SURVIVED)
            os.write(writer, self._failed.encode())
        with suppress(BaseException):
            signal.alarm(20)
            session._setupstate.teardown_exact(None)
        os._exit(KILLED)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """A child does not log, so failures are noted here."""
        if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
            self._failed = self._failed or item.nodeid


# --- changing the code that runs


def apply(mutant: Mutant) -> None:
    """Change the module as it is loaded in this process."""
    module = import_module(mutant.module)
    tree = mutated(mutant)
    if mutant.function:
        code = compile(tree, str(path_of(mutant.module)), "exec", dont_inherit=True)
        function = _function(module, mutant.function)
        function.__code__ = _code(code, mutant.function)
    else:
        _rebind(module, tree, mutant.line)


def note_statements(name: str, note: Callable[[int], None]) -> None:
    """Let every statement of a loaded module's functions call `note` with its line before it runs."""
    module = import_module(name)
    tree = _Noting().visit(ast.parse(path_of(name).read_text(encoding="utf-8")))
    vars(module)[_NOTE] = note
    code = compile(ast.fix_missing_locations(tree), str(path_of(name)), "exec", dont_inherit=True)
    for function in functions_of(name):
        with suppress(TypeError, ValueError, KeyError, StopIteration):
            _function(module, function).__code__ = _code(code, function)


_NOTE = "__note_statement__"


class _Noting(ast.NodeTransformer):
    """Puts a call before every statement inside a function."""

    def __init__(self) -> None:
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if self._depth and isinstance(statements, list) and statements and isinstance(statements[0], ast.stmt):
                setattr(node, field, [part for one in statements for part in (_note_of(one), one)])
        return node


def _note_of(statement: ast.stmt) -> ast.stmt:
    call = ast.Call(ast.Name(_NOTE, ast.Load()), [ast.Constant(statement.lineno)], [])
    return ast.copy_location(ast.Expr(call), statement)


def _function(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    for unwrapped in ("__func__", "fget", "func", "__wrapped__"):
        found = getattr(found, unwrapped, None) or found
    if type(found) is not FunctionType:
        raise TypeError(f"{name} is no function")
    return found


def _code(code: CodeType, name: str) -> CodeType:
    for part in name.split("."):
        code = next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == part)
    return code


def _rebind(module: ModuleType, tree: ast.Module, line: int) -> None:
    """Give a name of the module its changed value, here and wherever it was imported."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and statement.lineno <= line <= (statement.end_lineno or line):
            space = dict(vars(module))
            exec(compile(ast.Module([statement], []), "mutant", "exec"), space)
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    old, new = vars(module)[target.id], space[target.id]
                    for other in list(sys.modules.values()):
                        names: dict[str, Any] = getattr(other, "__dict__", {})
                        if names.get(target.id) is old:
                            names[target.id] = new
            return
    raise LookupError(line)
