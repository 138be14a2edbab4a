"""Somebody looks at who has shown what in a TLS handshake, before a message passes."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from oversip_tw.interfaces import Flow, TlsPeer
from oversip_tw.promise import Cancelled
from oversip_tw.sip.errors import SIPError
from oversip_tw.transport.listener import ClientCertificates
from oversip_tw.transport.tls import ServerTls

from .test_tls import Call, ClientCreator, TlsCase
from .wires import OPTIONS, SLOT


class Looker:
    """Decides when the test says how; ``refuses`` at once, if that is set."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.refuses = refuses
        self.seen: list[tuple[Flow, TlsPeer]] = []
        self.decides: Deferred[None] = Deferred()
        self.cancelled = False

    async def __call__(self, flow: Flow, peer: TlsPeer) -> None:
        self.seen.append((flow, peer))
        if self.refuses is not None:
            raise self.refuses
        try:
            await self.decides
        except Cancelled:
            self.cancelled = True
            raise


class AcceptedTests(TlsCase):
    """Connections that clients make."""

    def meet(self, looker: Looker) -> Call:
        self.room.streams.tls_accepted = looker
        asks = ClientCertificates("ask", self.authority.file)
        shows = self.authority.files("client", dns=["client.example"])
        return Call(self.room, ServerTls([self.first], clients=asks), ClientCreator(certificate=shows))

    def say(self, call: Call, data: bytes = OPTIONS) -> None:
        call.tls.write(data)
        call.move()

    def test_let_in(self) -> None:
        """What the client sends meanwhile waits, in order; nobody is told of the flow before."""
        looker = Looker()
        call = self.meet(looker)
        [(flow, peer)] = looker.seen
        self.assertEqual((peer.verified, peer.identities), (True, ("client.example",)))
        self.assertIs(flow.tls, peer)
        self.say(call, OPTIONS + OPTIONS[:50])
        self.say(call, OPTIONS[50:])
        self.assertEqual((self.room.receiver.opened, self.room.receiver.data), ([], []))
        looker.decides.callback(None)
        self.assertEqual((self.room.receiver.opened, self.room.receiver.data), ([flow], [OPTIONS, OPTIONS]))
        self.say(call)
        self.assertEqual(len(self.room.receiver.data), 3)

    def test_time(self) -> None:
        """The deadline of the handshake is over; the connection's own begin when it is let in."""
        looker = Looker()
        self.meet(looker)
        self.room.advance(8)
        looker.decides.callback(None)
        self.assertEqual(self.room.flows.count, 1)
        self.room.advance(20 + SLOT)
        self.assertEqual(self.room.flows.count, 0)

    def test_nothing_asked_for(self) -> None:
        """A hook is called for every handshake; where no certificate is asked for it sees none."""
        looker = Looker()
        self.room.streams.tls_accepted = looker
        self.call(ServerTls([self.first]))
        [(flow, peer)] = looker.seen
        self.assertEqual((flow.tls, peer), (None, TlsPeer()))

    def test_refused(self) -> None:
        """Refused, at once or later: the connection is closed, and nobody hears of it or of what it has sent."""
        for at_once in (True, False):
            looker = Looker(SIPError(403) if at_once else None)
            call = self.meet(looker)
            if not at_once:
                self.say(call)
                looker.decides.errback(Failure(SIPError(403)))
            call.move()
            self.assertIsNotNone(call.client.lost)
            self.assertEqual(call.client.data, b"")
        self.assertEqual((self.room.receiver.opened, self.room.receiver.lost), ([], []))
        self.assertEqual((self.room.log.lines, self.room.wheel.count), ([], 0))

    def test_closed_by_the_hook(self) -> None:
        """To close the flow is to refuse it."""
        looker = Looker()
        call = self.meet(looker)
        looker.seen[0][0].close()
        looker.decides.callback(None)
        call.move()
        self.assertIsNotNone(call.client.lost)
        self.assertEqual(self.room.receiver.opened, [])

    def test_too_slow_or_broken(self) -> None:
        """A hook that took too long, or has a defect, refuses too, and that stands in the log."""
        for error, words in ((SIPError(500, "Too Long"), "Too Long"), (ZeroDivisionError("x"), "hook failed")):
            call = self.meet(Looker(error))
            call.move()
            self.assertIsNotNone(call.client.lost)
            self.assertIn(words, self.room.log.lines[-1][1])

    def test_bounded(self) -> None:
        """A client that sends without end meanwhile is cut off."""
        looker = Looker()
        call = self.meet(looker)
        for _ in range(20):
            self.say(call, bytes(10_000))
        self.assertIsNotNone(call.client.lost)
        self.assertTrue(looker.cancelled)
        self.assertEqual(self.room.wheel.count, 0)

    def test_gone(self) -> None:
        """A client that goes away meanwhile: the hook is told, in the way of coroutines."""
        looker = Looker()
        call = self.meet(looker)
        call.tls.transport.loseConnection()
        call.move()
        self.assertTrue(looker.cancelled)
        self.assertEqual(self.room.receiver.lost, [])
