"""The load generator does what it says, and says so when something goes wrong."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from .case import SystemCase
from .processes import free_port, poll
from .relay import Relay
from .server import Server
from .sipload import FOLDER, Outcome, Sipload

DOMAIN = "load.test"
LIMITS = '[limits]\nexempt = ["127.0.0.0/8"]\n\n[[trusted]]\nnetwork = "127.0.0.4"\nrole = "trunk"\n'
_servers: list[Server] = []


def server() -> Server:
    """One whose limits by address do not hold for the generator."""
    if not _servers or not _servers[0].child.running:
        names = [(f"u{number}", f"secret{number}") for number in range(8)]
        _servers[:] = [Server(LIMITS, users=0, log_messages=False, domain=DOMAIN, names=names)]
    return _servers[0]


class AgainstOurs(SystemCase):
    """Eight users, a second of load at a rate that any machine can do."""

    def setUp(self) -> None:
        self.use(server())

    def load(self, transport: str, command: str, *words: str, port: int = 0, password: str = "secret%d") -> Sipload:
        ports = {"udp": self.server.port, "ws": self.server.ws_port, "wss": self.server.wss_port}
        common = ("--transport", transport, "--clients", "8", "--domain", DOMAIN, "--password", password)
        rate = ("--rate", "50", "--seconds", "1")
        return Sipload(*common, *rate, *words, command, f"127.0.0.1:{port or ports[transport]}")

    def succeeds(self, transport: str, command: str, *words: str, least: int = 40) -> Outcome:
        outcome = self.load(transport, command, *words).ended()
        self.assertEqual(0, outcome.status, outcome.text)
        self.assertEqual(["ready", "begin", "end"], [each["event"] for each in outcome.events])
        end = outcome.event("end")
        self.assertEqual([0, 0, 0], [end["failed"], end["wrong"], end["dropped"]], outcome.text)
        self.assertGreaterEqual(end["done"], least, outcome.text)
        return outcome

    def test_register_udp(self) -> None:
        """REGISTERs with digest, at their rate; with --pid the server's CPU and memory stand in the result."""
        end = self.succeeds("udp", "register", "--pid", str(self.server.child.process.pid)).event("end")
        self.assertTrue(45 <= end["per_second"] <= 55, end)
        self.assertTrue(0 < end["p50_us"] <= end["p90_us"] <= end["p99_us"] <= end["max_us"], end)
        self.assertGreater(end["server_cpu_us_per_unit"], 10)
        self.assertGreater(end["server_kb"], 10_000)

    def test_register_ws(self) -> None:
        """The same over WebSocket, as JsSIP would."""
        self.assertEqual(8, self.succeeds("ws", "register").event("end")["connections"])

    def test_options(self) -> None:
        """OPTIONS to the domain, as fast as they are answered."""
        self.succeeds("udp", "options", "--rate", "0", "--outstanding", "4")

    def test_call_udp(self) -> None:
        """Calls, challenged once for each caller."""
        self.assertGreater(self.succeeds("udp", "call", "--rate", "20", least=15).event("end")["unit_p99_us"], 0)

    def test_call_trusted(self) -> None:
        """Calls of a trunk, that is not challenged and does not register."""
        self.succeeds("udp", "call", "--rate", "20", "--trusted-caller", "127.0.0.4", least=15)

    def test_call_ws(self) -> None:
        """Calls between WebSockets, with as much description as browsers send."""
        self.succeeds("ws", "call", "--rate", "20", "--sdp", "3000", least=15)

    def test_call_wss(self) -> None:
        """Calls over TLS."""
        self.succeeds("wss", "call", "--rate", "10", least=7)

    def test_idle(self) -> None:
        """Connections that stay, two of each user."""
        outcome = self.succeeds("ws", "idle", "--users", "4", "--ping", "0.5", least=0)
        self.assertEqual(8, outcome.event("end")["connections"])

    def test_dropped(self) -> None:
        """Connections that end are counted as dropped, and the status is 1."""
        wire = Relay((self.server.address, self.server.ws_port))
        self.addCleanup(wire.close)
        load = self.load("ws", "idle", port=wire.port)
        load.child.expect('"begin"', 10)
        wire.cut(refuse=True)
        outcome = load.ended()
        end = outcome.event("end")
        self.assertEqual((1, 8, 0), (outcome.status, end["dropped"], end["connections"]))

    def test_wrong_password(self) -> None:
        """A wrong password: no load, status 1, the answer shown."""
        outcome = self.load("udp", "register", password="wrong").ended()
        self.assertEqual((1, ["failed"]), (outcome.status, [each["event"] for each in outcome.events]))
        self.assertIn("SIP/2.0 401", outcome.text)

    def test_registrations_end(self) -> None:
        """What was registered over UDP is taken back at the end: the next run's calls shall not fork to it."""

        def registered() -> bool:
            return "@127.0.0.1:" in self.server.command("bindings", f"u7@{DOMAIN}")

        load = self.load("udp", "register", "--seconds", "4")
        load.child.expect('"ready"', 10)
        poll(registered, 10, "u7 is registered")
        self.assertEqual(0, load.ended().status)
        poll(lambda: not registered(), 10, "u7 is not registered any more")


class Answerer:
    """A UDP server that answers each OPTIONS with what ``answer`` makes of the right answer, None: not at all."""

    def __init__(self, answer: Callable[[int, bytes], bytes | None]) -> None:
        self.port = free_port()
        self._answer, self._count = answer, 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (received := self._socket.recvfrom(65536))[0] != b"end":
            kept = re.findall(rb"^(?:Via|From|To|Call-ID|CSeq):.*\r\n", received[0], re.MULTILINE)
            answer = self._answer(self._count, b"SIP/2.0 200 OK\r\n" + b"".join(kept) + b"Content-Length: 0\r\n\r\n")
            self._count += 1
            if answer is not None:
                self._socket.sendto(answer, received[1])

    def close(self) -> None:
        """End it."""
        self._socket.sendto(b"end", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()


class AgainstFaults(SynchronousTestCase):
    """Answers that are wrong or missing."""

    def load(self, answer: Callable[[int, bytes], bytes | None], *words: str, command: str = "options") -> Outcome:
        peer = Answerer(answer)
        self.addCleanup(peer.close)
        common = ("--rate", "20", "--seconds", "0.5", *words)
        return Sipload(*common, command, f"127.0.0.1:{peer.port}").ended()

    def test_right(self) -> None:
        """The answers that the others spoil are good ones."""
        outcome = self.load(lambda number, answer: answer)
        self.assertEqual((0, 0), (outcome.status, outcome.event("end")["retransmitted"]), outcome.text)

    def wrong(self, old: bytes, new: bytes, why: str) -> None:
        outcome = self.load(lambda number, answer: re.sub(old, new, answer) if number == 3 else answer)
        self.assertEqual((1, 1), (outcome.status, outcome.event("end")["wrong"]), outcome.text)
        self.assertIn(why, outcome.text)

    def test_wrong_echo(self) -> None:
        """An answer is no echo. (A good echo: the row of the floor in `test_bench`.)"""
        outcome = self.load(lambda number, answer: answer, command="echo")
        self.assertEqual((1, 0), (outcome.status, outcome.event("end")["done"]), outcome.text)
        self.assertIn("not what we have sent", outcome.text)

    def test_wrong_status(self) -> None:
        """A 404 is wrong."""
        self.wrong(b"200 OK", b"404 Not Found", "not the answer to an OPTIONS")

    def test_wrong_cseq(self) -> None:
        """So is another CSeq."""
        self.wrong(b"CSeq: 1", b"CSeq: 2", "another CSeq")

    def test_wrong_method(self) -> None:
        """And another method in it."""
        self.wrong(b"1 OPTIONS", b"1 INVITE", "another method in CSeq")

    def test_wrong_branch(self) -> None:
        """A branch that was never sent."""
        self.wrong(b"z9hG4bK", b"z9hG4bKx", "a branch that is not ours")

    def test_wrong_call_id(self) -> None:
        """Another Call-ID."""
        self.wrong(b"Call-ID: ", b"Call-ID: x", "another Call-ID")

    def test_wrong_tag(self) -> None:
        """Another From tag."""
        self.wrong(b"(From:.*;tag=).", b"\\1/", "another From tag")

    def test_wrong_via(self) -> None:
        """A Via too many."""
        self.wrong(b"(Via:.*\r\n)", b"\\1\\1", "more than one Via")

    def test_wrong_bytes(self) -> None:
        """No SIP at all."""
        self.wrong(b"(?s).*", b"hello", "no start line")

    def test_lost(self) -> None:
        """A request whose answer is lost goes out again, and the unit takes the 500 ms from when it was due."""
        end = self.load(lambda number, answer: None if number == 3 else answer, "--seconds", "1").event("end")
        self.assertEqual((0, 1), (end["failed"], end["retransmitted"]))
        self.assertGreaterEqual(end["max_us"], 500_000)

    def test_silence(self) -> None:
        """A server that never answers: status 1."""
        outcome = self.load(lambda number, answer: None)
        self.assertEqual((1, 0), (outcome.status, outcome.event("end")["done"]), outcome.text)


class CommandLine(SynchronousTestCase):
    """What it cannot do is said at once, with status 2."""

    def refused(self, words: str, why: str) -> None:
        outcome = Sipload(*words.split()).ended()
        self.assertEqual((2, []), (outcome.status, outcome.events))
        self.assertIn(why, outcome.text)

    def test_refused(self) -> None:
        """Each mistake has its words."""
        self.refused("register", "a command and HOST:PORT are needed")
        self.refused("dance 127.0.0.1:5060", "'dance' is not")
        self.refused("register 127.0.0.1", "is not HOST:PORT")
        self.refused("--clients 0 register 127.0.0.1:5060", "--clients 0: not a number from 1")
        self.refused("--transport sctp register 127.0.0.1:5060", "udp, ws or wss")
        self.refused("idle 127.0.0.1:5060", "idle is for")
        self.refused("call 127.0.0.1:5060", "call needs --clients 2")
        self.refused("--clients 4 --users 2 call 127.0.0.1:5060", "call needs a user for each client")
        self.refused("--nonsense register 127.0.0.1:5060", "see --help")
        self.refused("--pid 4194304 register 127.0.0.1:5060", "--pid 4194304")

    def test_help(self) -> None:
        """--help names every option that its README tells of."""
        found, told = Sipload("--help").ended(), (FOLDER / "README.md").read_text()
        self.assertEqual(0, found.status)
        options = set(re.findall(r"--[a-z][a-z-]+", told))
        self.assertIn("--rate", options)
        self.assertEqual(set(), options - set(re.findall(r"--[a-z][a-z-]+", found.text)))
