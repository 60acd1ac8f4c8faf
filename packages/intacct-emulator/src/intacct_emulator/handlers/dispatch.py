"""Runs the functions of one operation: each by itself, or all together when the operation is a transaction.

In a transaction the first failure undoes the functions before it: they come back `aborted`, the failed one comes back
with its own errors first, and the functions after it are not run and come back `aborted` too.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace

from intacct_emulator.company.company_data import CompanyData, FunctionAnswer, FunctionCall
from intacct_emulator.company.sessions import EmulatedSession, Sessions
from intacct_emulator.handlers.registry import HANDLERS, not_emulated
from intacct_emulator.handlers.replay import first_answer, keep_answer
from intacct_emulator.ledger.journals.reversals import finish_due
from intacct_emulator.settings.faults import RequestFaults
from intacct_emulator.settings.refusals import (
    ROLLED_BACK,
    FunctionRefusedError,
    bad_query,
    refused,
    session_not_alone,
    unexpected,
)
from intacct_protocol.errors import Fault, IntacctError, InvalidRequestError
from intacct_protocol.xml.envelope import ABORTED, FAILURE, SUCCESS, Control, Function, Operation, Result
from intacct_protocol.xml.xml import Element, element


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is the same for every function of an operation."""

    control: Control
    company: CompanyData
    session: EmulatedSession
    sessions: Sessions
    now: float
    """Seconds since the epoch, by the emulator's clock."""
    faults: RequestFaults
    first: int
    """The place in the request of the operation's first function."""
    report_incident: Callable[[str], None]
    """Takes the traceback of an error in the emulator itself."""
    started_before: bool = False
    """The work began earlier, when no control id of it was completed: none is refused now, though one was completed
    meanwhile. Only completed control ids are documented to be refused."""
    alone: bool = True
    """Whether the operation has one function only."""


@dataclass(frozen=True, slots=True)
class FunctionOutcome:
    """A function's result as the envelope has it, and its handler's answer."""

    result: Result
    answer: FunctionAnswer


class _RolledBack(Exception):  # noqa: N818  # a signal to the savepoint, never an error of the caller's
    pass


def run(context: RequestContext, operation: Operation) -> list[FunctionOutcome]:
    """One outcome per function, in the order of the request."""
    context = replace(context, alone=len(operation.functions) == 1)
    finish_due(context.company, context.now)
    if not operation.transaction:
        return [_run_one(context, function, place) for place, function in enumerate(operation.functions)]
    outcomes: list[FunctionOutcome] = []
    try:
        with context.company.store.together():
            for place, function in enumerate(operation.functions):
                outcomes.append(_run_one(context, function, place))
                if outcomes[-1].result.status != SUCCESS:
                    raise _RolledBack
    except _RolledBack:
        return _rolled_back(outcomes, operation.functions)
    return outcomes


def all_failed(operation: Operation, fault: Fault) -> list[FunctionOutcome]:
    """The outcomes of an operation whose functions all fail with one error, and none runs."""
    return [_failed(function, (fault,), FunctionAnswer()) for function in operation.functions]


def _rolled_back(outcomes: list[FunctionOutcome], functions: tuple[Function, ...]) -> list[FunctionOutcome]:
    failed_at = len(outcomes) - 1
    results = []
    for place, function in enumerate(functions):
        if place == failed_at:
            failed = outcomes[place].result
            result = replace(failed, data=None, faults=(*failed.faults, ROLLED_BACK))
        else:
            result = Result(ABORTED, function.name, function.control_id, faults=(ROLLED_BACK,))
        results.append(FunctionOutcome(result, FunctionAnswer()))
    return results


def _run_one(context: RequestContext, function: Function, place: int) -> FunctionOutcome:
    scripted = context.faults.of_function(context.first + place)
    call = FunctionCall(
        context.company,
        context.session,
        function.body,
        function.control_id,
        context.now,
        context.sessions,
        scripted.records,
    )
    try:
        with context.company.store.together():
            if scripted.whole is not None:
                raise FunctionRefusedError(scripted.whole)
            answer = _answer(context, call, function)
    except FunctionRefusedError as error:
        answer = FunctionAnswer(error.data, extra=_list_type(function))
        return _failed(function, error.faults, answer, status="" if error.unmarked else FAILURE)
    except InvalidRequestError as error:
        return _failed(function, bad_query(error.message).faults, FunctionAnswer())
    except IntacctError as error:
        return _failed(function, refused(error.message, correction=error.fix).faults, FunctionAnswer())
    except Exception:  # even then the answer is one that the gateway could give
        context.report_incident(traceback.format_exc())
        return _failed(function, (unexpected(function.name),), FunctionAnswer())
    status = FAILURE if answer.faults else SUCCESS
    result = Result(status, function.name, function.control_id, answer.data, answer.key, answer.faults, answer.extra)
    return FunctionOutcome(result, answer)


def _answer(context: RequestContext, call: FunctionCall, function: Function) -> FunctionAnswer:
    behaviour = context.company.behaviour
    unique = context.control.uniqueid and behaviour.remember_controlids
    first = first_answer(call) if unique and not context.started_before else None
    if first is not None:
        return first
    if function.name == "getAPISession" and not context.alone and behaviour.session_mixed == "refused":
        raise session_not_alone()
    handler = HANDLERS.get(function.name)
    if handler is None:
        raise not_emulated(function.name)
    answer = handler(call)
    if unique and not answer.faults:
        keep_answer(call, answer)
    return answer


def _list_type(function: Function) -> tuple[Element, ...]:
    """The list's type, which a recorded failure of `get_list` has without numbers."""
    return (element("listtype", function.body.get("object")),) if function.name == "get_list" else ()


def _failed(
    function: Function, faults: tuple[Fault, ...], answer: FunctionAnswer, status: str = FAILURE
) -> FunctionOutcome:
    result = Result(status, function.name, function.control_id, answer.data, faults=faults, extra=answer.extra)
    return FunctionOutcome(result, answer)
