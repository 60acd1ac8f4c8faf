"""Sends recorded requests to the emulator, and compares its answers with the recorded ones.

Compared are the status of each level, the shape of each answer (which elements and attributes there are), the order of
elements, and the number and text of each error. Values are not compared, and lists are compared by their first record:
the emulator has another company's records. Credentials are masked in a recording, so requests sign in with those of the
emulator's company. Where the recording shows a refused sign-in, the password or the session is wrong. Record numbers
and results of earlier answers are replaced in later requests by the emulator's own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest

from intacct_emulator.recordings.exchanges import ANSWERED, Exchange
from intacct_protocol.errors import Fault, ProtocolError
from intacct_protocol.xml.codec import decode_faults
from intacct_protocol.xml.reply import ConnectionCutError, Transport
from intacct_protocol.xml.xml import Element, document, element, parse

_ENDPOINT = "https://api.intacct.com/ia/xml/xmlgw.phtml"
_KEYS = re.compile(r"keys|key|resultid|\w*recordno|\w*key", re.IGNORECASE)
_UNCOUNTED = ("count", "totalcount", "numremaining", "start", "end", "total")


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the emulator's answer differs from the recorded one."""

    exchange: int
    function: str
    kind: str
    """status, shape, order, error number, error text, or answer."""
    place: str
    """The path of the element."""
    recorded: str
    emulated: str
    recording: str = ""
    """The name of the recording; empty if there is one only."""


@dataclass(frozen=True, slots=True)
class FunctionAgreement:
    """How many calls of a function were answered in the same way."""

    function: str
    calls: int
    agreeing: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.agreeing / self.calls


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a whole recording."""

    agreements: tuple[FunctionAgreement, ...]
    differences: tuple[Difference, ...]
    left_out: int
    """Exchanges without a recorded answer that is a document."""

    @property
    def calls(self) -> int:
        """The calls that were compared."""
        return sum(agreement.calls for agreement in self.agreements)

    @property
    def agreeing(self) -> int:
        """The calls that were answered in the same way."""
        return sum(agreement.agreeing for agreement in self.agreements)


def together(comparisons: Mapping[str, Comparison]) -> Comparison:
    """The comparisons of several recordings, by their names, as one."""
    calls, agreeing = Counter[str](), Counter[str]()
    for comparison in comparisons.values():
        for agreement in comparison.agreements:
            calls[agreement.function] += agreement.calls
            agreeing[agreement.function] += agreement.agreeing
    return Comparison(
        tuple(FunctionAgreement(name, calls[name], agreeing[name]) for name in sorted(calls)),
        tuple(
            replace(difference, recording=name)
            for name, comparison in comparisons.items()
            for difference in comparison.differences
        ),
        sum(comparison.left_out for comparison in comparisons.values()),
    )


def compare(exchanges: Iterable[Exchange], emulator: Transport, credentials: Mapping[str, str]) -> Comparison:
    """Send each recorded request to the emulator, in order, and compare the answers."""
    calls, agreeing = Counter[str](), Counter[str]()
    differences: list[Difference] = []
    replaced: dict[str, str] = {}
    left_out = 0
    for exchange in exchanges:
        if exchange.answer is None or exchange.outcome != ANSWERED:
            left_out += 1
            continue
        request = _signed_in(_renumbered(exchange.request, replaced), exchange.answer, credentials)
        names = [_named(body) for body in exchange.functions] or ["(no function)"]
        try:
            answer = parse(emulator(_ENDPOINT, document(request)).body)
        except (ConnectionCutError, ProtocolError) as error:
            answer = element("response")
            differences.append(
                Difference(exchange.number, names[0], "answer", "/response", "a document", error.message)
            )
        _learn(exchange.answer, answer, replaced)
        for name, pairs in _calls(names, exchange.answer, answer):
            told = [
                Difference(exchange.number, name, *difference)
                for recorded, emulated in pairs
                for difference in _differences(recorded, emulated)
            ]
            differences += told
            calls[name] += 1
            agreeing[name] += not told
    agreements = (FunctionAgreement(name, calls[name], agreeing[name]) for name in sorted(calls))
    return Comparison(tuple(agreements), tuple(differences), left_out)


def _named(body: Element) -> str:
    """A function, with the object that it acts on."""
    objects = [body.findtext("object"), body.get("object"), *(child.tag for child in body if body.tag in _WRITES)]
    return " ".join([body.tag, *[name.upper() for name in objects if name][:1]])


_WRITES = ("create", "update", "delete")
_Pair = tuple[Element | None, Element | None]


def _calls(names: list[str], recorded: Element, emulated: Element) -> Iterator[tuple[str, list[_Pair]]]:
    """For each function its results; what stands above the results counts with the first function."""
    above: list[_Pair] = [(_without_results(recorded), _without_results(emulated))]
    pairs = zip_longest(_results(recorded), _results(emulated))
    for name, pair in zip_longest(names, pairs):
        yield name or names[-1], [*above, *([pair] if pair else [])]
        above = []


def _results(answer: Element) -> list[Element]:
    return [result for operation in answer.findall("operation") for result in operation.findall("result")]


def _without_results(answer: Element) -> Element:
    children = tuple(
        Element(child.tag, "", tuple(part for part in child if part.tag != "result"))
        if child.tag == "operation"
        else child
        for child in answer
    )
    return Element(answer.tag, "", children)


# --- requests


def _signed_in(request: Element, answer: Element, credentials: Mapping[str, str]) -> Element:
    """A recorded request with credentials of the emulator; wrong ones where the recorded answer refuses them."""
    operations = answer.findall("operation")
    refused_sender = not operations and bool(answer.find("errormessage"))
    blocks = [operation.find("authentication") for operation in operations]
    refused = [block is not None and block.findtext("status") == "failure" for block in blocks]
    children, place = [], 0
    for child in request:
        if child.tag == "control":
            password = "wrong" if refused_sender else credentials["sender_password"]
            texts = {"senderid": credentials["sender_id"], "password": password}
            children.append(_with_texts(child, texts))
        elif child.tag == "operation":
            wrong = place < len(refused) and refused[place]
            children.append(_operation(child, credentials, wrong=wrong))
            place += 1
        else:
            children.append(child)
    return Element(request.tag, "", tuple(children), request.attributes)


def _operation(operation: Element, credentials: Mapping[str, str], *, wrong: bool) -> Element:
    login = element(
        "login",
        element("userid", credentials["user_id"]),
        element("companyid", credentials["company_id"]),
        element("password", "wrong" if wrong else credentials["user_password"]),
    )
    parts = (
        element("authentication", login)
        if part.tag == "authentication" and not (wrong and part.find("sessionid"))
        else part
        for part in operation
    )
    return Element(operation.tag, "", tuple(parts), operation.attributes)


def _with_texts(node: Element, texts: Mapping[str, str]) -> Element:
    return Element(
        node.tag,
        node.text,
        tuple(Element(child.tag, texts.get(child.tag, child.text), child.children) for child in node),
        node.attributes,
    )


def _renumbered(node: Element, replaced: Mapping[str, str]) -> Element:
    """A request with the emulator's record numbers in the fields that hold such."""
    text = node.text
    if _KEYS.fullmatch(node.tag.rpartition(".")[2]):
        text = ",".join(replaced.get(part.strip(), part) for part in text.split(","))
    attributes = {
        name: replaced.get(value, value) if _KEYS.fullmatch(name) else value for name, value in node.attributes.items()
    }
    return Element(node.tag, text, tuple(_renumbered(child, replaced) for child in node), attributes)


def _learn(recorded: Element, emulated: Element, replaced: dict[str, str]) -> None:
    """Remember which record number of the emulator stands where the recording has which."""
    if _KEYS.fullmatch(recorded.tag.rpartition(".")[2]) and recorded.text and emulated.text:
        replaced[recorded.text] = emulated.text
    result = recorded.get("resultId")
    if result and emulated.get("resultId"):
        replaced[result] = emulated.get("resultId")
    for theirs, ours in zip(recorded, emulated, strict=False):
        if theirs.tag == ours.tag:
            _learn(theirs, ours, replaced)


# --- answers

_Told = tuple[str, str, str, str]


def _differences(recorded: Element | None, emulated: Element | None, path: str = "") -> Iterator[_Told]:
    """(kind, path, recorded, emulated) for each difference between two elements with the same tag."""
    if recorded is None or emulated is None:
        present = recorded if recorded is not None else emulated
        place = f"{path}/{present.tag}" if present is not None else path
        yield "shape", place, *(("present", "absent") if emulated is None else ("absent", "present"))
        return
    here = f"{path}/{recorded.tag}"
    if recorded.tag == "status" and recorded.text != emulated.text:
        yield "status", here, recorded.text, emulated.text
    if recorded.tag == "errormessage":
        yield from _faults(decode_faults(recorded), decode_faults(emulated), here)
        return
    attributes = {*recorded.attributes} ^ {*emulated.attributes}
    for name in sorted(attributes - {*_UNCOUNTED}):
        yield (
            "shape",
            f"{here}@{name}",
            *(("present", "absent") if name in recorded.attributes else ("absent", "present")),
        )
    theirs, ours = _first_of_each(recorded), _first_of_each(emulated)
    if recorded.tag == "data" and not (theirs and ours):
        return  # an empty list has no shape
    shared = [tag for tag in theirs if tag in ours]
    order = [tag for tag in ours if tag in theirs]
    if shared != order:
        yield "order", here, " ".join(shared), " ".join(order)
    for tag in [*theirs, *(tag for tag in ours if tag not in theirs)]:
        yield from _differences(theirs.get(tag), ours.get(tag), here)


def _first_of_each(node: Element) -> dict[str, Element]:
    """The first child of each tag, in order."""
    first: dict[str, Element] = {}
    for child in node:
        first.setdefault(child.tag, child)
    return first


def _faults(recorded: tuple[Fault, ...], emulated: tuple[Fault, ...], path: str) -> Iterator[_Told]:
    for place, (theirs, ours) in enumerate(zip_longest(recorded, emulated), 1):
        here = f"{path}/error[{place}]"
        if theirs is None or ours is None:
            yield "shape", here, *(("present", "absent") if ours is None else ("absent", "present"))
            continue
        if theirs.errorno != ours.errorno:
            yield "error number", here, theirs.errorno, ours.errorno
        for name in ("description", "description2", "correction"):
            text, emulated_text = getattr(theirs, name), getattr(ours, name)
            if text != emulated_text:
                yield "error text", f"{here}/{name}", text, emulated_text
