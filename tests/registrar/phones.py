"""Phones that register, a registrar to register at, and a store that takes its time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from twisted.trial import unittest

from oversip_tw.interfaces import Flow
from oversip_tw.outbound.flows import FlowTable
from oversip_tw.promise import Promise, spawn
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.changes import Change, Changes, StoreFailed
from oversip_tw.registrar.location import MemoryLocation
from oversip_tw.registrar.quotas import Quotas
from oversip_tw.registrar.registrar import Registrar
from oversip_tw.registrar.settings import Settings
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request, Response
from oversip_tw.testing import Clock, MemoryFlow

T = TypeVar("T")
DOMAIN = "example.com"
ALICE = "sip:alice@example.com"
UUID = "urn:uuid:0c67446d-f1a1-4f11-b5f2-6c0f3f6d0d52"
OTHER_UUID = "urn:uuid:7a1e7d3c-93ab-4a5e-9f8f-0a8e5a0c3c1d"


class Outcome:
    """What becomes of a coroutine: ``value`` or ``error`` once it is ``done``."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.done = False
        self.task = spawn(self._run(coroutine), self._failed)

    async def _run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.value = await coroutine
        self.done = True

    def _failed(self, error: BaseException) -> None:
        self.error = error
        self.done = True


def outcome(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for; raises what it raises."""
    got = Outcome(coroutine)
    if got.error is not None:
        raise got.error
    if not got.done:
        raise AssertionError("it still waits")
    value: T = got.value
    return value


class Phone:
    """A user agent: makes REGISTERs with one Call-ID and growing CSeq."""

    _numbers = 0

    def __init__(
        self,
        user: str = "alice",
        instance: str | None = None,
        reg_id: int | None = None,
        contact: str = "",
        supported: str = "path,gruu,outbound",
    ) -> None:
        Phone._numbers += 1
        self.aor = f"sip:{user}@{DOMAIN}"
        self.contact = contact or f"sip:x{Phone._numbers}@h{Phone._numbers}.invalid;transport=ws"
        self.params = ";+sip.ice"
        if reg_id is not None:
            self.params += f";reg-id={reg_id}"
        if instance is not None:
            self.params += f';+sip.instance="<{instance}>"'
        self.supported = supported
        self.call_id = f"call{Phone._numbers}"
        self.cseq = 0

    def register(
        self, expires: int | str | None = 600, contacts: Sequence[str] | None = None, **headers: str
    ) -> Request:
        """A REGISTER; ``contacts`` in place of its own, ``headers`` besides (``_`` for ``-``), ``expires`` a header."""
        self.cseq += 1
        fields = [
            ("Via", f"SIP/2.0/WSS h.invalid;branch=z9hG4bK{self.cseq}"),
            ("Max-Forwards", "69"),
            ("To", f"<{self.aor}>"),
            ("From", f"<{self.aor}>;tag=f"),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} REGISTER"),
        ]
        if expires is not None:
            fields.append(("Expires", str(expires)))
        if self.supported:
            fields.append(("Supported", self.supported))
        fields += [("Contact", text) for text in ([f"<{self.contact}>{self.params}"] if contacts is None else contacts)]
        fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
        return Request.build("REGISTER", f"sip:{DOMAIN}", fields)


class SlowStore:
    """A `BindingStore` whose writes wait for `release`, unless ``patient`` is False; ``broken`` makes them fail."""

    def __init__(self, patient: bool = False) -> None:
        self.patient = patient
        self.broken = False
        #: what is durable: bindings by key, with their times as dates
        self.rows: dict[bytes, Binding] = {}
        self.shifts: list[float] = []
        self.writes = 0
        self._waiting: list[tuple[Promise[None], Changes]] = []

    async def write(self, changes: Changes) -> None:
        promise: Promise[None] = Promise()
        self._waiting.append((promise, changes))
        if not self.patient:
            self.release()
        await promise

    def release(self, number: int | None = None) -> None:
        """Let the oldest writes reach the disk: all, or that many."""
        ready, self._waiting = self._waiting[:number], self._waiting[len(self._waiting[:number]) :]
        for promise, changes in ready:
            self.writes += 1
            if self.broken:
                promise.fail(StoreFailed("disk full"))
                continue
            self._apply(changes)
            promise.resolve(None)

    def _apply(self, changes: Changes) -> None:
        for binding in changes.drop:
            row = self.rows.get(binding.key)
            if row is not None and (row.call_id, row.cseq) == (binding.call_id, binding.cseq):
                del self.rows[binding.key]
        for binding in changes.put:
            self.rows[binding.key] = binding
        for key in changes.forget:
            self.rows.pop(key, None)

    async def load(self, offset: float) -> Sequence[Binding]:
        if self.broken:
            raise StoreFailed("disk full")
        return list(self.rows.values())

    async def shift(self, seconds: float) -> None:
        self.shifts.append(seconds)


class RegistrarCase(unittest.SynchronousTestCase):
    """A registrar over memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.flows = FlowTable()
        self.heard: list[tuple[Change, Binding]] = []
        self.returned: list[tuple[bytes, Flow]] = []
        self.moved: list[tuple[bytes, bytes, Flow]] = []
        self.chance: Callable[[], float] = lambda: 0.0
        self.failures: list[BaseException] = []
        self.settle()

    def settle(self, store: SlowStore | None = None, quotas: Quotas | None = None, **settings: Any) -> None:
        """Make location and registrar anew, as a restart does."""
        self.store = store
        self.location = MemoryLocation(
            self.clock,
            lambda: self.clock.seconds(),
            store,
            on_change=self._heard,
            failed=self.failures.append,
            quotas=quotas,
        )
        outcome(self.location.load())
        self.registrar = Registrar(
            self.location,
            Settings(domains=frozenset({DOMAIN}), **settings),
            self.clock,
            self.flows,
            lambda: "tag",
            node="n1",
            secret=b"secret",
            on_change=self._heard,
            came_back=lambda key, flow: self.returned.append((key, flow)),
            quotas=quotas,
            superseded=lambda old, key, flow: self.moved.append((old, key, flow)),
            chance=self.chance,
        )

    def _heard(self, change: Change, binding: Binding) -> None:
        self.heard.append((change, binding))

    def connect(self, transport: str = "wss", port: int = 40000) -> MemoryFlow:
        """A new flow."""
        flow = MemoryFlow(transport, ("192.0.2.7", port))
        self.flows.add(flow)
        return flow

    def disconnect(self, flow: MemoryFlow) -> None:
        """The connection breaks; the registrar's location hears of it, as the server sees to."""
        flow.lose()
        self.flows.remove(flow)
        outcome(self.location.flow_lost(flow.id))

    def start(self, request: Request, flow: Flow | None = None, path: Sequence[str] = ()) -> Outcome:
        """REGISTER without waiting for the end."""
        return Outcome(self.registrar.register(request, request.to.uri.aor, flow, path))

    def register(self, request: Request, flow: Flow | None = None, path: Sequence[str] = ()) -> Response:
        """REGISTER; the 200."""
        return outcome(self.registrar.register(request, request.to.uri.aor, flow, path))

    def refused(self, request: Request, flow: Flow | None = None, path: Sequence[str] = ()) -> SIPError:
        """REGISTER; the refusal."""
        return self.assertRaises(SIPError, self.register, request, flow, path)

    def bindings(self, aor: str = ALICE) -> Sequence[Binding]:
        """All that are there."""
        return outcome(self.location.bindings(aor))

    def lookup(self, aor: str = ALICE) -> Sequence[Binding]:
        """All that may be called."""
        return outcome(self.location.lookup(aor))

    @property
    def changes(self) -> list[Change]:
        return [change for change, _ in self.heard]


def contacts(response: Response) -> list[str]:
    """The URIs of the Contacts."""
    return [address.uri.text for address in response.contacts]
