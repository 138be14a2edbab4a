"""A browser asks for a WebSocket: who may refuse it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.hooks import Hooks
from oversip_tw.interfaces import Flow, HandshakeRequest
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
