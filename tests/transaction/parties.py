"""Messages, users that remember, and elements joined by a wire that may lose, double and delay."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from oversip_tw.interfaces import Flow
from oversip_tw.sip.message import Request, Response
from oversip_tw.sip.parser import parse
from oversip_tw.testing import Clock, MemoryFlow
from oversip_tw.transaction.client import ClientTransaction
from oversip_tw.transaction.server import ServerTransaction
from oversip_tw.transaction.table import Transactions
from oversip_tw.transaction.timers import Timers
from oversip_tw.transaction.wheel import TimerWheel

#: a timer ends within this much after its time
SLOT = 0.1


def request(
    method: str = "INVITE",
    branch: str = "z9hG4bK1",
    sent_by: str = "host.invalid",
    cseq: int = 1,
    to_tag: str = "",
    call_id: str = "call",
    from_tag: str = "a",
    via: str = "",
    uri: str = "sip:bob@example.org",
    extra: Iterable[tuple[str, str]] = (),
) -> Request:
    """A request as it is read from the wire."""
    text = "".join(
        f"{line}\r\n"
        for line in (
            f"{method} {uri} SIP/2.0",
            f"Via: {via or f'SIP/2.0/UDP {sent_by};branch={branch}'}",
            "Max-Forwards: 70",
            f"From: <sip:alice@example.org>;tag={from_tag}",
            f"To: <sip:bob@example.org>{f';tag={to_tag}' if to_tag else ''}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            *(f"{name}: {value}" for name, value in extra),
            "Content-Length: 0",
            "",
        )
    )
    message = parse(text.encode())
    assert isinstance(message, Request)
    return message


def responses(data: Iterable[bytes]) -> list[Response]:
    """What was sent, if it is responses alone."""
    messages = [parse(one) for one in data]
    assert all(isinstance(message, Response) for message in messages)
    return [message for message in messages if isinstance(message, Response)]


def said(data: Iterable[bytes]) -> list[str]:
    """The methods and statuses of what was sent, in order."""
    messages = (parse(one) for one in data)
    return [message.method if isinstance(message, Request) else str(message.status) for message in messages]


class Caller:
    """A ClientUser that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.responses: list[Response] = []
        #: it waits for a client that lost its connection
        self.patient = False

    def answered(self, transaction: ClientTransaction, response: Response) -> None:
        self.told.append(str(response.status))
        self.responses.append(response)

    def timed_out(self, transaction: ClientTransaction) -> None:
        self.told.append("timed out")

    def failed(self, transaction: ClientTransaction, reason: str) -> None:
        self.told.append(f"failed: {reason}")

    def waits(self, transaction: ClientTransaction) -> bool:
        return self.patient

    def superseded(self, transaction: ClientTransaction, key: bytes, flow: Flow | None) -> None:
        self.told.append(f"superseded: {key!r}")


class Callee:
    """A ServerUser that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.cancels: list[Request] = []
        #: of the binding of whoever it answers
        self.key = b""

    def cancelled(self, transaction: ServerTransaction, cancel: Request) -> None:
        self.told.append("cancelled")
        self.cancels.append(cancel)

    def failed(self, transaction: ServerTransaction) -> None:
        self.told.append("failed")

    def lost(self) -> bytes:
        return self.key

    def moved(self, flow: Flow) -> None:
        self.told.append(f"moved to {flow.peer[1]}")


class Element:
    """A transaction layer that receives. What is new goes to ``serve``, which answers as it likes."""

    def __init__(
        self,
        clock: Clock,
        serve: Callable[[ServerTransaction], None] = lambda transaction: None,
        client_flow: bool = False,
        timers: Timers | None = None,
        quiet: bool = False,
    ) -> None:
        self.quiet = quiet
        self.clock = clock
        self.wheel = TimerWheel(clock)
        self.transactions = Transactions(self.wheel, timers)
        self.client_flow = client_flow
        self.user = Callee()
        self.serve = serve
        self.served: list[ServerTransaction] = []
        #: ACKs to 2xx, which no transaction absorbs
        self.acks: list[Request] = []
        self.strays: list[Response] = []

    def received(self, data: bytes, flow: MemoryFlow) -> None:
        message = parse(data)
        if isinstance(message, Response):
            if not self.transactions.answered(message):
                self.strays.append(message)
        elif not self.transactions.absorb(message, flow, self.client_flow):
            if message.method == "ACK":
                self.acks.append(message)
            elif message.method == "CANCEL":
                flow.send(message.response(481, to_tag="x").to_bytes())
            else:
                transaction = self.transactions.serve(message, flow, self.client_flow, self.user, self.quiet)
                self.served.append(transaction)
                self.serve(transaction)

    # the rest of Receiver, which in-memory flows report to
    def flow_opened(self, flow: MemoryFlow) -> None:
        """Nothing is done."""

    def malformed(self, error: Exception, flow: MemoryFlow) -> None:
        raise AssertionError(error)

    def flow_lost(self, flow: MemoryFlow, reason: str) -> None:
        self.transactions.flow_lost(flow, reason)

    def unreachable(self, peer: tuple[str, int]) -> None:
        self.transactions.unreachable(peer)


class Wire:
    """Carries datagrams between two flows. ``fate`` says, for each, after how many seconds its copies arrive: ()
    loses it, two figures double it, different ones reorder."""

    def __init__(self, clock: Clock, fate: Callable[[], Iterable[float]], *flows: MemoryFlow) -> None:
        self.clock = clock
        self.fate = fate
        for flow in flows:
            flow.send = self._sender(flow)  # type: ignore[method-assign]

    def _sender(self, flow: MemoryFlow) -> Callable[[bytes], None]:
        def send(data: bytes) -> None:
            flow.sent.append(data)
            assert flow.other is not None
            for delay in self.fate():
                self.clock.callLater(delay, flow.other.receive, data)

        return send
