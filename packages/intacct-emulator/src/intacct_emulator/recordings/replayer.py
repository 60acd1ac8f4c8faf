"""Answers requests from a recording: the same request gets the recorded answers in their order, the last one for ever.

Requests are the same if they agree in all but their control ids and what the recording masks. If the key of the masks
is not on this machine, or the program sends something else, the next request with the same functions, elements and
objects is taken. For a request that resembles none, the answer is an error that says so.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock

from intacct_emulator.recordings.exchanges import NO_ANSWER, UNREADABLE, Exchange
from intacct_emulator.recordings.masks import ExchangeMasks
from intacct_protocol.errors import Fault, ProtocolError
from intacct_protocol.xml.codec import encode_faults
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from intacct_protocol.xml.xml import Element, document, element, parse, serialize

_CONTROL_IDS = ("controlid", "uniqueid")
_XML = {"content-type": 'text/xml; encoding="UTF-8"'}
_NAMING = ("object", "docparid", "listtype")
"""Elements whose text says of what a request asks, as the name of a function does."""


class _Series:
    """Exchanges with the same request, or the same shape: each is taken once, the last one again and again."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._next = 0

    def take(self, used: set[int]) -> Exchange:
        while self._next < len(self.exchanges) - 1 and self.exchanges[self._next].number in used:
            self._next += 1
        return self.exchanges[self._next]


class Replayer:
    """A transport that answers from exchanges."""

    def __init__(
        self, exchanges: Iterable[Exchange], masks: ExchangeMasks, *, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """`say` gets a line for each request that has no recorded answer of its own."""
        self._masks, self._say = masks, say
        self._equal: dict[str, _Series] = {}
        self._alike: dict[tuple[str, ...], _Series] = {}
        self._used = set[int]()
        self._lock = Lock()
        for exchange in exchanges:
            self._equal.setdefault(_sameness(exchange.request), _Series()).exchanges.append(exchange)
            self._alike.setdefault(tuple(_shape(exchange.request)), _Series()).exchanges.append(exchange)

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        """The recorded answer to a request, with the request's own control ids and the endpoint it came by."""
        try:
            request = parse(body)
        except ProtocolError as error:
            return _no_recording("", f"The request is no document: {error.message}")
        with self._lock:
            masked, _ = self._masks.exchange(request, None)
            equal = self._equal.get(_sameness(masked))
            series = equal or self._alike.get(tuple(_shape(request)))
            exchange = series.take(self._used) if series else None
            if exchange is not None:
                self._used.add(exchange.number)
        control_id = next((block.findtext("controlid") for block in request.findall("control")), "")
        functions = ", ".join(_functions(request)) or "no function"
        if exchange is None:
            self._say(f"no recorded answer: {functions}")
            return _no_recording(control_id, f"There is no recorded answer to a request like this: {functions}")
        if equal is None:
            self._say(f"{exchange.number:06} answers a request that differs from it: {functions}")
        if exchange.outcome == NO_ANSWER:
            raise ConnectionCutError(f"the gateway gave no answer when {exchange.number:06} was recorded", sent=True)
        if exchange.outcome == UNREADABLE or exchange.answer is None:
            return Reply(exchange.status, exchange.note.encode(), exchange.headers)
        answer = _with(exchange.answer, iter([control_id, *_control_ids(request)]), endpoint)
        return Reply(exchange.status, document(answer), exchange.headers or _XML)


def _functions(request: Element) -> Iterator[str]:
    yield from (function.children[0].tag for function in _each(request, "function") if function.children)


def _control_ids(request: Element) -> Iterator[str]:
    yield from (function.get("controlid") for function in _each(request, "function"))


def _each(node: Element, tag: str) -> Iterator[Element]:
    for child in node:
        if child.tag == tag:
            yield child
        else:
            yield from _each(child, tag)


def _sameness(request: Element) -> str:
    """A request without what may differ between two equal ones."""
    return serialize(_without_control_ids(request))


def _without_control_ids(node: Element) -> Element:
    attributes = {name: text for name, text in node.attributes.items() if name not in _CONTROL_IDS}
    children = tuple(_without_control_ids(child) for child in node if child.tag not in _CONTROL_IDS)
    return Element(node.tag, node.text, children, attributes)


def _shape(node: Element, path: str = "") -> Iterator[str]:
    """The paths of all elements, with what they say of an object; sign-in may be by either way."""
    here = f"{path}/{node.tag}"
    if node.tag == "authentication":
        return
    yield f"{here} {node.text}" if node.tag in _NAMING else here
    yield from (f"{here}@{name}={text}" for name, text in node.attributes.items() if name in _NAMING)
    for child in node:
        yield from _shape(child, here)


def _with(node: Element, control_ids: Iterator[str], endpoint: str) -> Element:
    """A recorded answer with other control ids, in the order of the document, and another endpoint."""
    text = node.text
    if node.tag == "controlid":
        text = next(control_ids, text)
    elif node.tag == "endpoint":
        text = endpoint
    children: Sequence[Element] = node.children if node.tag == "data" and not _names_endpoint(node) else ()
    return Element(
        node.tag, text, tuple(children) or tuple(_with(child, control_ids, endpoint) for child in node), node.attributes
    )


def _names_endpoint(data: Element) -> bool:
    return any(child.tag == "api" for child in data)


def _no_recording(control_id: str, text: str) -> Reply:
    """An answer to a request that was not recorded, with an error number that Intacct does not have."""
    control = element("control", element("status", "failure"), element("controlid", control_id))
    refusal = element("response", control, encode_faults([Fault("EMULATOR-0002", description2=text)]))
    return Reply(200, document(refusal), _XML)
