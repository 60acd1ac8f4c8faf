"""Runs the functions of one operation: each by itself, or all together when the operation is a transaction.

In a transaction the first failure undoes what went before: those functions come back `aborted`, the culprit fails
with its own faults first, and what stands behind it is not run and comes back `aborted` too.
"""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from intacct_bridge.emulator.company.company_data import Books, FunctionAnswer, FunctionCall
from intacct_bridge.emulator.company.sessions import EmulatedSession, Sessions
from intacct_bridge.emulator.functions.replay import first_answer, remember
from intacct_bridge.emulator.settings.faults import Scripted, about
from intacct_bridge.emulator.settings.refusals import (
    ROLLED_BACK,
    FunctionRefusedError,
    bad_query,
    refused,
    session_not_alone,
    unexpected,
)
from intacct_bridge.errors import Fault, IntacctError, InvalidRequestError
from intacct_bridge.wire.envelope import ABORTED, FAILURE, SUCCESS, Control, Function, Operation, Result

Handler = Callable[[FunctionCall], FunctionAnswer]


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is the same for every function of a request."""

    control: Control
    books: Books
    session: EmulatedSession
    sessions: Sessions
    handlers: Mapping[str, Handler]
    now: float
    scripted: Scripted
    """Functions that fail by script, with the fault each fails with."""
    incident: Callable[[str], None]
    """Told of what should never happen."""
    alone: bool = True
    """Whether the operation holds one function only."""


@dataclass(frozen=True, slots=True)
class Done:
    """A function's result, and its bare body where it asked for one."""

    result: Result
    answer: FunctionAnswer


class _RolledBack(Exception):  # noqa: N818  # a signal to the savepoint, never an error of the caller's
    pass


def run(desk: RequestContext, operation: Operation) -> list[Done]:
    """One result a function, in the order of the request."""
    desk = replace(desk, alone=len(operation.functions) == 1)
    if not operation.transaction:
        return [_run_one(desk, function) for function in operation.functions]
    done: list[Done] = []
    try:
        with desk.books.store.together():
            for function in operation.functions:
                done.append(_run_one(desk, function))
                if done[-1].result.status != SUCCESS:
                    raise _RolledBack
    except _RolledBack:
        return _aborted(done, operation.functions)
    return done


def _aborted(done: list[Done], functions: tuple[Function, ...]) -> list[Done]:
    culprit = len(done) - 1
    results = []
    for place, function in enumerate(functions):
        if place == culprit:
            failed = done[place].result
            result = replace(failed, data=None, faults=(*failed.faults, ROLLED_BACK))
        else:
            result = Result(ABORTED, function.name, function.control_id, faults=(ROLLED_BACK,))
        results.append(Done(result, FunctionAnswer()))
    return results


def _run_one(desk: RequestContext, function: Function) -> Done:
    call = FunctionCall(desk.books, desk.session, function.body, function.control_id, desk.now, desk.sessions)
    try:
        with desk.books.store.together():
            answer = _answer(desk, call, function)
    except FunctionRefusedError as error:
        return _failed(function, error.faults, FunctionAnswer(error.data))
    except InvalidRequestError as error:
        return _failed(function, bad_query(error.message).faults, FunctionAnswer())
    except IntacctError as error:
        return _failed(function, refused(error.message, correction=error.fix).faults, FunctionAnswer())
    except Exception:  # whatever happens, the answer is the gateway's
        desk.incident(traceback.format_exc())
        return _failed(function, (unexpected(function.name),), FunctionAnswer())
    status = FAILURE if answer.faults else SUCCESS
    result = Result(status, function.name, function.control_id, answer.data, answer.key, answer.faults, answer.extra)
    return Done(result, answer)


def _answer(desk: RequestContext, call: FunctionCall, function: Function) -> FunctionAnswer:
    struck = desk.scripted.get((function.name, about(function)))
    if struck is not None:
        raise FunctionRefusedError(struck)
    guarded = desk.control.uniqueid and desk.books.behaviour.remember_controlids
    known = first_answer(call) if guarded else None
    if known is not None:
        return known
    if function.name == "getAPISession" and not desk.alone and desk.books.behaviour.session_mixed == "refused":
        raise session_not_alone()
    handler = desk.handlers.get(function.name)
    if handler is None:
        text = f"The function {function.name} is not emulated."
        raise FunctionRefusedError(Fault("EMULATOR-0001", "Not emulated", text))
    answer = handler(call)
    if guarded and not answer.faults:
        remember(call, answer)
    return answer


def _failed(function: Function, faults: tuple[Fault, ...], answer: FunctionAnswer) -> Done:
    return Done(Result(FAILURE, function.name, function.control_id, answer.data, faults=faults), answer)
