"""Users whom a web application knows: what is asked, what is believed, and for how long."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IHostnameResolver
from twisted.trial import unittest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import implementer

from oversip_tw.sip.errors import SIPError
from oversip_tw.store import http_users
from oversip_tw.store.http_users import HttpUsers, Settings, WebFetch
from oversip_tw.store.passwords import ALGORITHMS, Digests, digests
from oversip_tw.store.ports import Users
from oversip_tw.testing import Clock
from tests.registrar.phones import DOMAIN, Outcome, outcome
from tests.store.contracts import NASTY, UsersContract
from tests.store.files import RealReactor
from tests.store.test_contracts import OwnClock

GOOD = json.dumps({"MD5": "0" * 32, "sha-256": "A" * 64})


class Application:
    """A `Fetch` that says what it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Any = (200, GOOD.encode())
        self.waiting: list[Deferred[tuple[int, bytes]]] | None = None

    def __call__(self, url: str, headers: dict[str, str]) -> Deferred[tuple[int, bytes]]:
        self.asked.append((url, headers))
        if self.waiting is not None:
            self.waiting.append(Deferred())
            return self.waiting[-1]
        return fail(self.answer) if isinstance(self.answer, BaseException) else succeed(self.answer)

    def close(self) -> Deferred[None]:
        return succeed(None)


class Asking(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.application = Application()
        self.failures: list[BaseException] = []
        self.use()

    def use(self, **settings: Any) -> None:
        given = {"url": "http://app.example/users?key=1", "remembered": 3} | settings
        self.users = HttpUsers(Settings(**given), self.clock, self.application, self.failures.append)

    def ask(self, user: str = "alice", algorithm: str = "MD5") -> str | None:
        return outcome(self.users.ha1(user, DOMAIN, algorithm))

    def refused(self) -> None:
        """Nobody knows: 503, with a hint when to come back."""
        error = self.assertRaises(SIPError, self.ask)
        self.assertEqual((error.status, error.headers), (503, (("Retry-After", "5"),)))

    def test_remembered(self) -> None:
        """One question for all algorithms of a user, for as long as configured."""
        self.assertEqual((self.ask(), self.ask("alice", "SHA-256")), ("0" * 32, "a" * 64))
        self.assertIsNone(self.ask("alice", "SHA-512-256"))
        self.assertEqual(len(self.application.asked), 1)
        self.clock.advance(59.9)
        self.ask()
        self.assertEqual(len(self.application.asked), 1)
        self.clock.advance(0.2)
        self.ask()
        self.assertEqual(len(self.application.asked), 2)

    def test_missing_is_remembered(self) -> None:
        """That there is no such user is believed for a shorter time."""
        self.application.answer = (404, b"no such page")
        self.assertIsNone(self.ask())
        self.assertIsNone(self.ask())
        self.assertEqual(len(self.application.asked), 1)
        self.application.answer = (200, GOOD.encode())
        self.clock.advance(10.1)
        self.assertEqual(self.ask(), "0" * 32)

    def test_failure_is_not_an_answer(self) -> None:
        """Whatever goes wrong is 503, never an unknown user, and the next phone asks again."""
        for answer in (
            OSError("refused"),
            TimeoutError(),
            (500, b""),
            (301, b""),
            (204, b""),
            (200, b""),
            (200, b"[]"),
            (200, b"{}"),
            (200, b"\xff"),
            (200, b'{"MD5": "00"}'),
            (200, b'{"MD5": 7}'),
            (200, b'{"MD5": "' + b"g" * 32 + b'"}'),
            (200, b'{"MD5": "' + b"0" * 64 + b'"}'),
        ):
            self.application.answer = answer
            self.refused()
        self.assertEqual(len(self.application.asked), 13)
        self.application.answer = (200, GOOD.encode())
        self.assertEqual(self.ask(), "0" * 32)

    def test_failure_is_said_once(self) -> None:
        """One line for each reason, and again after it was well."""
        self.application.answer = (500, b"")
        self.refused()
        self.refused()
        self.assertEqual([str(each) for each in self.failures], ["http://app.example/users?key=1: status 500"])
        self.application.answer = (200, GOOD.encode())
        self.ask()
        self.clock.advance(100)
        self.application.answer = (500, b"")
        self.refused()
        self.assertEqual(len(self.failures), 2)

    def test_known_outlive_a_failure(self) -> None:
        """Who is remembered is not asked for: an application that is away for a moment stops nobody."""
        self.ask()
        self.application.answer = OSError("refused")
        self.assertEqual(self.ask(), "0" * 32)

    def test_bounded(self) -> None:
        """Those who were not asked for longest are forgotten: a stranger who invents names fills no memory."""
        for name in ("a", "b", "c", "a", "d"):
            self.ask(name)
        self.assertEqual(len(self.application.asked), 4)
        self.ask("a")
        self.assertEqual(len(self.application.asked), 4)
        self.ask("b")
        self.assertEqual(len(self.application.asked), 5)
        self.assertEqual(len(self.users._said), 3)

    def test_asked_once_at_a_time(self) -> None:
        """Phones of one user that come together share one question."""
        self.application.waiting = []
        running = [Outcome(self.users.ha1("alice", DOMAIN, "MD5")) for _ in range(3)]
        self.assertEqual(len(self.application.waiting), 1)
        self.application.waiting[0].callback((200, GOOD.encode()))
        self.assertEqual([each.value for each in running], ["0" * 32] * 3)

    def test_K1_too_many(self) -> None:
        """K1: questions without answers are bounded; whoever comes then is refused at once."""
        self.patch(http_users, "MOST_ASKED", 2)
        self.application.waiting = []
        running = [Outcome(self.users.ha1(name, DOMAIN, "MD5")) for name in ("a", "b")]
        self.refused()
        for each in self.application.waiting:
            each.callback((404, b""))
        self.assertEqual([(each.value, each.error) for each in running], [(None, None)] * 2)

    def test_A18_question(self) -> None:
        """A18: whatever name is asked for stands in one parameter of the URL, and nothing beside it."""
        self.use(token="secret")
        for nasty in NASTY:
            self.ask(nasty)
            url, headers = self.application.asked[-1]
            self.assertTrue(url.isascii() and url.isprintable() and " " not in url, url)
            parts = urlsplit(url)
            self.assertEqual((parts.netloc, parts.path, parts.fragment), ("app.example", "/users", ""))
            found = parse_qs(parts.query, keep_blank_values=True, errors="surrogateescape", max_num_fields=3)
            self.assertEqual(found, {"key": ["1"], "user": [nasty], "domain": [DOMAIN]})
            self.assertEqual(headers["Authorization"], "Bearer secret")

    def test_refresh(self) -> None:
        """SIGHUP forgets all answers."""
        self.ask()
        outcome(self.users.refresh_users())
        self.ask()
        self.assertEqual(len(self.application.asked), 2)
        outcome(self.users.close())


@implementer(IHostnameResolver)
class Literally:
    """A name is an address: the reactor's own resolver has threads, which start when that runs."""

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int = 0, *others: Any, **more: Any) -> Any:
        receiver.resolutionBegan(self)
        receiver.addressResolved(IPv4Address("TCP", hostName, portNumber))
        receiver.resolutionComplete()
        return self


class Page(Resource):
    """The web application of `HttpContract`."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[str, str], Digests] = {}
        self.how = "good"

    def render_GET(self, request: Any) -> Any:
        if self.how == "silent":
            return NOT_DONE_YET
        if self.how == "endless":
            request.write(b"[" * 100_000)
            return NOT_DONE_YET
        if self.how == "cut":
            request.setHeader(b"Content-Length", b"1000")
            request.write(b"{")
            request.transport.loseConnection()
            return NOT_DONE_YET
        name, domain = (request.args[key][0].decode(errors="surrogateescape") for key in (b"user", b"domain"))
        digests = self.found.get((name, domain))
        if digests is None:
            request.setResponseCode(404)
            return b""
        said = {name: each.hex() for name, each in zip(ALGORITHMS, digests, strict=True) if each is not None}
        return json.dumps(said).encode()


class HttpTests(unittest.SynchronousTestCase, UsersContract):
    """The contract, over a real web server."""

    def setUp(self) -> None:
        self.reactor: RealReactor = RealReactor()
        self.clock = Clock()
        self.page = Page()
        self.port = reactor.listenTCP(0, Site(self.page), interface="127.0.0.1")
        self.addCleanup(reactor.installNameResolver, reactor.installNameResolver(Literally()))
        self.addCleanup(self.reactor_stops)
        self.opened: list[HttpUsers] = []

    def reactor_stops(self) -> None:
        for users in self.opened:
            self.reactor.result(users.close())
        stopped = self.port.stopListening()
        self.reactor.wait(lambda: stopped is None or stopped.called)
        for _ in range(5):
            self.reactor.turn()

    def users(self) -> HttpUsers:
        settings = Settings(f"http://127.0.0.1:{self.port.getHost().port}/users", timeout=0.3)
        users = HttpUsers(settings, OwnClock(self.clock), WebFetch(reactor, settings.timeout))
        self.opened.append(users)
        return users

    def accounts(self) -> Any:
        found = self.page.found

        class Direct:
            def add(self, name: str, domain: str, digests: Digests) -> None:
                found[name, domain] = digests

            change = add

            def remove(self, name: str, domain: str) -> None:
                del found[name, domain]

        return Direct()

    def look(self, users: Users) -> None:
        self.clock.advance(61)

    def test_no_good_answers(self) -> None:
        """Silence, an answer without end and one cut short are 503 within the time that was given."""
        self.set("alice")
        users = self.users()
        for how in ("silent", "endless", "cut"):
            self.page.how = how
            error = self.assertRaises(SIPError, self.ha1, users, "alice")
            self.assertEqual(error.status, 503, how)
        self.page.how = "good"
        self.assertEqual(self.ha1(users, "alice"), digests("alice", DOMAIN, "one")[0].hex())
