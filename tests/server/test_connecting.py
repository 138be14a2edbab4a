"""A browser asks for a WebSocket: who may refuse it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Flow, HandshakeRequest, TlsPeer
from oversip_tw.promise import spawn
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import MemoryHandshake
from tests.server.world import World


class Doorkeeper(Hooks):
    """Lets in whom ``said`` names, when it has thought about it."""

    def __init__(self) -> None:
        self.thinks: Deferred[None] | None = None

    async def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
        if self.thinks is not None:
            await self.thinks
        if handshake.query == "defect":
            raise ZeroDivisionError
        if handshake.query != "friend":
            raise SIPError(403, "Not You", [("X-Why", handshake.query)])
        flow.variables["friend"] = True


class Examiner(Hooks):
    """Lets in those for whom an authority vouches, on both sides."""

    async def on_tls_accepted(self, flow: Flow, peer: TlsPeer) -> None:
        if peer.verified is None:
            await Deferred()  # thinks for ever
        if not peer.verified:
            raise SIPError(403, "Not You")

    def on_tls_connected(self, flow: Flow, peer: TlsPeer) -> None:
        if not peer.verified:
            raise SIPError(500, "Not Them")


class TlsPeerTests(SynchronousTestCase):
    """`Element.tls_accepted` and `Element.tls_connected`, which TLS connections ask before a message passes."""

    def outcome(self, world: World, ask: Callable[[Flow, TlsPeer], Awaitable[None] | None], peer: TlsPeer) -> object:
        """What becomes of somebody: "asked nobody", "in", or the SIPError that keeps them out."""
        answer = ask(world.connect(), peer)
        if answer is None:
            return "asked nobody"
        ends: list[object] = []

        async def run() -> None:
            await answer
            ends.append("in")

        spawn(run(), ends.append)
        world.clock.pump([1] * 6)
        return ends[0]

    def test_nobody_asked(self) -> None:
        """Hooks that have nothing to say there cost nothing."""
        world = World(hooks=Doorkeeper())
        for ask in (world.element.tls_accepted, world.element.tls_connected):
            self.assertEqual("asked nobody", self.outcome(world, ask, TlsPeer()))

    def test_verdict(self) -> None:
        """What a hook raises keeps the peer out; plain and async methods are alike."""
        world = World(hooks=Examiner())
        for ask, reason in ((world.element.tls_accepted, "Not You"), (world.element.tls_connected, "Not Them")):
            self.assertEqual("in", self.outcome(world, ask, TlsPeer(verified=True)))
            error = self.outcome(world, ask, TlsPeer(verified=False, error="certificate has expired"))
            assert isinstance(error, SIPError)
            self.assertEqual(reason, error.reason)

    def test_k15_never_ends(self) -> None:
        """K15: a hook that never ends keeps the peer out after 5 s."""
        world = World(hooks=Examiner())
        error = self.outcome(world, world.element.tls_accepted, TlsPeer())
        assert isinstance(error, SIPError)
        self.assertEqual((500, "Hook Took Too Long"), (error.status, error.reason))


class ConnectingTests(SynchronousTestCase):
    """`Element.connecting`, which the WebSocket listeners ask."""

    def setUp(self) -> None:
        self.hooks = Doorkeeper()
        self.world = World(hooks=self.hooks)
        self.ends: list[object] = []

    def ask(self, query: str, world: World | None = None) -> Flow:
        world = world or self.world
        flow = world.connect()

        async def run() -> None:
            await world.element.connecting(MemoryHandshake("/ws", query), flow)
            self.ends.append(200)

        spawn(run(), lambda error: self.ends.append(getattr(error, "status", error)))
        return flow

    def test_hook_decides(self) -> None:
        """What it raises is the refusal; what it leaves in the flow's variables stays there."""
        self.ask("stranger")
        flow = self.ask("friend")
        self.assertEqual([403, 200], self.ends)
        self.assertEqual({"friend": True}, flow.variables)
        self.assertEqual({}, self.world.connect().variables)

    def test_words_of_a_refusal(self) -> None:
        """Status, reason and headers get to the transport whole; so does a defect, which is 500 there."""
        for query in ("stranger", "defect"):
            spawn(self.world.element.connecting(MemoryHandshake("/ws", query), self.world.connect()), self.ends.append)
        refusal, defect = self.ends
        assert isinstance(refusal, SIPError)
        said = (refusal.status, refusal.reason, refusal.headers)
        self.assertEqual((403, "Not You", (("X-Why", "stranger"),)), said)
        self.assertIsInstance(defect, ZeroDivisionError)

    def test_hook_may_wait(self) -> None:
        """``async``: the answer comes when the hook has made up its mind, or after 5 s as 500 (K15)."""
        self.hooks.thinks = Deferred()
        self.ask("friend")
        self.assertEqual([], self.ends)
        self.hooks.thinks.callback(None)
        self.assertEqual([200], self.ends)
        self.hooks.thinks = Deferred()
        self.ask("friend")
        self.world.clock.pump([1] * 6)
        self.assertEqual([200, 500], self.ends)

    def test_k12_no_new_connections(self) -> None:
        """K12: a server that is about to end lets nobody in any more."""
        world = World()
        world.element.draining = True
        self.ask("friend", world)
        self.assertEqual([503], self.ends)
