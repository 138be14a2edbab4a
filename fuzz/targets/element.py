"""The whole element between phones and peers in memory: scripts of messages, time and lost connections.

A script is records, each behind its octet 0x1e: the next octet is a place in `FLOWS`, on which the rest arrives, or an
event. It is played twice: to an element that trusts the core, and to one that trusts nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from fuzz.seeds import MESSAGES
from fuzz.targets import Wrong, must
from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.limits import Limits
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import Framing, parse
from oversip_tw.testing import MemoryFlow
from tests.server.world import CORE, Dialog, Phone, World, call

MOST = 66_000
READINGS = 2
_MARK = b"\x1e"
#: records of one script; no more is learnt from a longer one
_RECORDS = 24
#: transport and peer of each flow; the octet in a script counts from "0"
FLOWS = (
    ("udp", ("127.0.0.1", 6001)),
    ("udp", (CORE, 5060)),
    ("ws", ("127.0.0.1", 40001)),
    ("ws", ("127.0.0.1", 40002)),
    ("tcp", ("127.0.0.1", 40003)),
    ("tcp", (CORE, 40004)),
    ("wss", ("127.0.0.3", 40005)),
)
#: octets of events: a second, half a minute, an hour; the flow of the octet behind is lost
_TIMES = {ord("s"): 1.0, ord("m"): 33.0, ord("h"): 3700.0}
_LOSE = ord("x")
_ROOMY = Limits(*(each * 2 for each in (65536, 16384, 128, 70, 20, 10, 2048, 8192)))
_FRAMING: dict[str, Framing] = {"udp": "datagram", "tcp": "stream"}
_TRUSTING = (TrustedSource((CORE,), Role.CORE), TrustedSource(("127.0.0.4",), Role.EDGE))


class Scene:
    """A world and its flows, alike each time down to the ids."""

    def __init__(self, trusted: tuple[TrustedSource, ...]) -> None:
        self.world = World(trusted=trusted)
        self.flows = [self._flow(place, *each) for place, each in enumerate(FLOWS)]
        self.trusting = bool(trusted)

    def _flow(self, place: int, transport: str, peer: tuple[str, int]) -> MemoryFlow:
        world = self.world
        if transport == "udp":
            return world.udp_flow(peer)
        listener = {"ws": world.ws, "wss": world.wss, "tcp": world.tcp}[transport]
        flow = MemoryFlow(transport, peer, listener, id=b"sfuzz%04d" % place, receiver=world.element)
        world.flows.add(flow)
        world.element.flow_opened(flow)
        return flow

    def play(self, script: bytes) -> None:
        """Let everything in ``script`` happen."""
        for record in script.split(_MARK)[1 : _RECORDS + 1]:
            if not record:
                continue
            if record[0] in _TIMES:
                self.world.clock.advance(_TIMES[record[0]])
            elif record[0] == _LOSE:
                flow = self.flows[record[1] % len(FLOWS) if len(record) > 1 else 2]
                if flow.reliable and not flow.closed:
                    self.world.lose(flow)
            else:
                self.flows[record[0] % len(FLOWS)].receive(record[1:])

    def sent(self) -> list[tuple[MemoryFlow, bytes]]:
        """All that left, and by which flow."""
        everywhere = {id(flow): flow for flow in (*self.flows, *self.world._udp_flows.values())}
        everywhere |= {id(flow): flow for flow in self.world.dialled.values()}
        return [(flow, data) for flow in everywhere.values() for data in flow.sent]


def run(data: bytes) -> object:
    script = data if data[:1] == _MARK else _MARK + data
    return [_played(Scene(trusted), script) for trusted in (_TRUSTING, ())].__repr__()


def _played(scene: Scene, script: bytes) -> object:
    scene.play(script)
    for seconds in (1, 40, 200):
        scene.world.clock.advance(seconds)
    for flow in scene.flows:
        if flow.reliable and not flow.closed:
            scene.world.lose(flow)
    scene.world.clock.advance(200)
    errors = scene.world.errors()
    must(not errors, f"{'trusting' if scene.trusting else 'strict'}: {errors[:3]}")
    must(scene.world.element.core.transactions.count == 0, "a transaction that never ends")
    sent = scene.sent()
    for flow, octets in sent:
        _check(flow, octets)
    if not scene.trusting:
        # Nobody is trusted and all users are on flows: nothing leaves but to where something came from (F20, R1, R5).
        must(not scene.world.dialled, "dialled for a stranger")
        spoke = {FLOWS[record[0] % len(FLOWS)][1][0] for record in script.split(_MARK)[1:] if record}
        must({flow.peer[0] for flow, _ in sent} <= spoke, "reflected to who did not ask")
    return sorted({octets[:11] for _, octets in sent})


def _check(flow: MemoryFlow, octets: bytes) -> None:
    """What leaves is a message. An answer may echo what was bad in a request, and what is behind the Via that a callee
    gave back is the caller's to judge; yet it is one head."""
    if octets in (b"\r\n", b"\r\n\r\n"):
        return
    try:
        message = parse(octets, _ROOMY, _FRAMING.get(flow.transport, "websocket"))
    except ParseError as error:
        if octets.startswith(b"SIP/2.0 "):
            head = octets.partition(b"\r\n\r\n")[0].replace(b"\r\n", b"")
            must(not any(odd in head for odd in (b"\r", b"\n")), "CR or LF in an answer")
            return
        raise Wrong(f"sent what is no SIP: {error.reason}: {octets[:3000]!r}") from error
    if isinstance(message, Request):
        must(message.max_forwards is not None, "a request without Max-Forwards left")
        must(b"wonderland" not in octets, "a secret left")


# -- seeds ------------------------------------------------------------------------------------------------------------


def seeds() -> Sequence[bytes]:
    """Each message from each side, and whole dialogs as they were really played."""
    alone = [_MARK + b"%d" % (number % len(FLOWS)) + message for number, message in enumerate(MESSAGES)]
    from_core = [_MARK + b"1" + message for message in MESSAGES]
    return [*alone, *from_core, *(_recorded(story) for story in _STORIES)]


def _recorded(story: Callable[[Scene], None]) -> bytes:
    """What the phones of ``story`` sent, as a script."""
    scene, script = Scene(_TRUSTING), bytearray()
    Phone._numbers = count(1)
    for place, flow in enumerate(scene.flows):
        _record(flow, place, script)
    story(scene)
    return bytes(script)


def _record(flow: MemoryFlow, place: int, script: bytearray) -> None:
    receive = flow.receive

    def received(data: bytes) -> None:
        script.extend(_MARK + b"%d" % place + data)
        receive(data)

    flow.receive = received  # type: ignore[method-assign]


def _phones(scene: Scene, one: int = 2, two: int = 3) -> tuple[Phone, Phone]:
    alice = Phone(scene.world, "alice", scene.flows[one])
    bob = Phone(scene.world, "bob", scene.flows[two])
    must(alice.register().status == 200 and bob.register().status == 200, "a seed does not register")
    return alice, bob


def _calls(scene: Scene) -> None:
    caller, callee = call(*_phones(scene))
    callee.send("INVITE")
    callee.phone.world.clock.advance(1)
    caller.send("BYE")
    [bye] = callee.phone.requests("BYE")
    callee.phone.answer(bye, 200)


def _refuses(scene: Scene) -> None:
    alice, bob = _phones(scene, 0, 4)
    invite = alice.invite(bob.aor)
    [arrived] = bob.requests("INVITE")
    bob.answer(arrived, 486)
    alice.acknowledge(invite, alice.take()[-1])  # type: ignore[arg-type]


def _cancels(scene: Scene) -> None:
    alice, bob = _phones(scene, 2, 6)
    invite = alice.invite(bob.aor)
    [arrived] = bob.requests("INVITE")
    bob.answer(arrived, 180)
    alice.cancel(invite)
    bob.answer(arrived, 487)


def _in_and_out(scene: Scene) -> None:
    """From the core to a phone and back."""
    _, bob = _phones(scene)
    core = Phone(scene.world, "alice", scene.flows[1])
    invite = core.invite(bob.aor)
    [arrived] = bob.requests("INVITE")
    response = bob.answer(arrived, 200)
    [*_, accepted] = core.take()
    Dialog(core, invite, accepted, False).send("ACK")  # type: ignore[arg-type]
    Dialog(bob, arrived, response, True).send("BYE")


def _goes(scene: Scene) -> None:
    alice, bob = _phones(scene)
    alice.register(expires=0)
    alice.ask(alice.build("MESSAGE", bob.aor))
    scene.flows[3].receive(b"")


_STORIES = (_calls, _refuses, _cancels, _in_and_out, _goes)
