"""Keys at a URL: fetched, refreshed, and kept when that fails."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone

from oversip_tw.interfaces import NotProven, Proof
from oversip_tw.promise import spawn
from oversip_tw.sip.errors import SIPError
from oversip_tw.testing import Clock, MemoryLog
from oversip_tw.tokens.remote import MOST, PAUSE, RemoteKeys
from tests.tokens.issuer import SECRET, jwk, jwks, private_pem, rsa_key, token, verified, verifier

URL = "https://login.example.com/jwks"


class Answer:
    """What the web server says."""

    def __init__(self, octets: bytes, code: int = 200) -> None:
        self.code = code
        self.octets = octets

    def deliverBody(self, protocol: Any) -> None:
        protocol.makeConnection(StringTransport())
        for at in range(0, len(self.octets), 50_000):
            protocol.dataReceived(self.octets[at : at + 50_000])
        protocol.connectionLost(Failure(ResponseDone()))


class Web:
    """An agent whose answers are made by hand."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []
        self.answer: Answer | None = None

    def request(self, method: bytes, uri: bytes, headers: object, body: object) -> Deferred[Any]:
        assert (method, uri) == (b"GET", URL.encode())
        self.asked.append(succeed(self.answer) if self.answer is not None else Deferred())
        return self.asked[-1]


class RemoteTests(SynchronousTestCase):
    """One set of keys that is somewhere else."""

    def setUp(self) -> None:
        self.clock, self.log, self.web = Clock(), MemoryLog(), Web()
        self.remote = RemoteKeys(URL, self.web, self.clock, self.log)  # type: ignore[arg-type]
        self.verifier = verifier([], self.remote)
        self.old = token(private_pem(rsa_key()), "RS256", "old")
        self.new = token(private_pem(rsa_key(1)), "RS256", "new")

    def publish(self, *names: str) -> None:
        numbers = {"old": 0, "new": 1}
        self.web.answer = Answer(jwks(*(jwk(rsa_key(numbers[name]), name) for name in names)))

    def verify_later(self, text: str) -> list[object]:
        found: list[object] = []

        async def run() -> None:
            found.append(await self.verifier.verify(text, True))

        spawn(run(), found.append)
        return found

    def test_at_the_start(self) -> None:
        """Fetched at the start, and again every hour; not when the server has stopped."""
        self.publish("old")
        self.remote.start()
        self.assertTrue(verified(self.verifier, self.old))
        self.clock.advance(3599)
        self.assertEqual(len(self.web.asked), 1)
        self.publish("new")
        self.clock.advance(2)
        self.assertTrue(verified(self.verifier, self.new))
        self.assertEqual(len(self.web.asked), 2)
        self.remote.stop()
        self.clock.advance(7200)
        self.assertEqual((len(self.web.asked), self.clock.getDelayedCalls()), (2, []))

    def test_key_that_is_new(self) -> None:
        """A name that nobody knows is worth a fetch, but not one for each token that an attacker makes up."""
        self.publish("old")
        self.remote.start()
        self.publish("old", "new")
        self.clock.advance(PAUSE)
        self.assertTrue(verified(self.verifier, self.new))
        self.assertEqual(len(self.web.asked), 2)
        for number in range(50):
            self.assertRaises(NotProven, verified, self.verifier, token(SECRET, "HS256", f"k{number}"))
            self.assertRaises(
                NotProven, verified, self.verifier, token(private_pem(rsa_key()), "RS256", f"k{number}")
            )
        self.assertEqual(len(self.web.asked), 2)
        self.remote.stop()

    def test_waiting(self) -> None:
        """Whoever comes while the keys are fetched waits; one who loses patience takes nothing from the others."""
        self.remote.start()
        one, other = self.verify_later(self.old), self.verify_later(self.old)
        self.assertEqual((one, other, len(self.web.asked)), ([], [], 1))

        async def run() -> None:
            await self.verifier.verify(self.old, True)

        spawn(run(), one.append).cancel()
        self.publish("old")
        self.web.asked[0].callback(self.web.answer)
        self.assertEqual([type(each[0]) for each in (one, other)], [Proof, Proof])
        self.remote.stop()

    def test_failures(self) -> None:
        """The old keys stay whatever the web server says, one line tells, and it is asked again soon."""
        self.publish("old")
        self.remote.start()
        for wrong in (
            Answer(b"", 500),
            Answer(b"<html>"),
            Answer(b"{}"),
            Answer(b'{"keys": []}'),
            Answer(b"[" * 100_000),
            Answer(b" " * (MOST + 1)),
        ):
            self.web.answer = wrong
            self.log.lines.clear()
            self.clock.advance(3600)
            self.assertEqual([level for level, _ in self.log.lines], ["warn"], wrong.octets[:20])
            self.assertIn("the ones from before stay", self.log.lines[0][1])
            self.assertTrue(verified(self.verifier, self.old))
            before = len(self.web.asked)
            self.publish("old")
            self.clock.advance(PAUSE)
            self.assertEqual(len(self.web.asked), before + 1)
        self.remote.stop()

    def test_never_there(self) -> None:
        """While no key was ever seen nobody can tell: 503 and not "wrong"."""
        self.remote.start()
        self.web.asked[0].errback(ConnectionRefusedError())
        self.assertEqual(self.assertRaises(SIPError, verified, self.verifier, self.old).status, 503)
        found = self.verify_later(self.old)
        self.clock.advance(PAUSE)
        self.assertEqual(len(self.web.asked), 2)
        self.assertIsInstance(found[0], SIPError)
        self.remote.stop()

    def test_silence(self) -> None:
        """A server that does not answer is not waited for, and may not hold the body back either."""
        self.remote.start()
        found = self.verify_later(self.old)
        self.clock.advance(5)
        self.assertIsInstance(found[0], SIPError)
        slow = Answer(b"")
        transport = StringTransport()
        slow.deliverBody = lambda protocol: protocol.makeConnection(transport)  # type: ignore[method-assign]
        self.web.answer = slow
        self.clock.advance(PAUSE)
        self.clock.advance(5)
        self.assertTrue(transport.disconnected or transport.disconnecting)
        self.remote.stop()
