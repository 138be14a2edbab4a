"""Checks 24 to 26: name servers, several targets, and requests that cannot be sent on."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

from twisted.names import dns

from oversip_tw.hooks import Proxy
from oversip_tw.interfaces import LookupFailed, NaptrRecord, SrvRecord
from oversip_tw.promise import spawn
from oversip_tw.proxy.settings import Profile
from oversip_tw.resolve import settings as resolve
from oversip_tw.sip.message import Request
from oversip_tw.testing import Clock, FakeLookups, MemoryFlow
from oversip_tw.transaction.timers import Timers
from oversip_tw.transport.dns import DnsLookups
from tests.edge.behind import Core, EdgeWorld
from tests.oversip.edge_case import EdgeCase, Routed
from tests.resolve.looking import SlowLookups, Tests
from tests.server.world import CORE
from tests.transport.test_dns import CannedResolver

DESK = "sip:desk@example.com"
NAME = "pbx.example.net"
SECOND = "127.0.0.3"
THIRD = "127.0.0.4"


class LookupTests(Tests):
    """24: what is asked, and in which order its answers are used."""

    def hosts(self, text: str, lookups: FakeLookups) -> list[str]:
        return [target.address for target in self.resolve(text, lookups)]

    def test_24_naptr_order_then_lower_preference(self) -> None:
        """By order, and within it the *lower* preference first (OverSIP had it the wrong way round)."""
        services = [(10, 60, "udp"), (10, 50, "tcp"), (5, 99, "tls")]
        words = {"udp": "SIP+D2U", "tcp": "SIP+D2T", "tls": "SIPS+D2T"}
        lookups = FakeLookups(
            naptr={NAME: [NaptrRecord(o, p, "s", words[t], f"{t}.example.net") for o, p, t in services]},
            srv={f"{t}.example.net": [SrvRecord(1, 1, 5060, "a.example.net")] for _, _, t in services},
            a={"a.example.net": ["192.0.2.1"]},
        )
        found = [target.transport for target in self.resolve(f"sip:{NAME}", lookups)]
        self.assertEqual(["tls", "tcp", "udp"], found)

    def test_24_weights(self) -> None:
        """60 to 40: within ten points of that in 500 look-ups."""
        lookups = FakeLookups(
            srv={f"_sip._udp.{NAME}": [SrvRecord(1, 60, 5060, "a.example"), SrvRecord(1, 40, 5060, "b.example")]},
            a={"a.example": ["192.0.2.1"], "b.example": ["192.0.2.2"]},
        )
        first: Counter[str] = Counter()
        for number in range(500):
            self.chance = (number * 0.618034) % 1
            first[self.hosts(f"sip:{NAME};transport=udp", lookups)[0]] += 1
        self.assertTrue(250 <= first["192.0.2.1"] <= 350, first)

    def test_24_equal_priorities_and_zero_weights(self) -> None:
        """With `;transport=udp`: every record is used once. OverSIP answered 500, or nothing."""
        for weights in ((0, 0, 0), (5, 5, 5), (0, 10, 0)):
            for self.chance in (0.0, 0.5, 0.999):
                records = [SrvRecord(1, weight, 5060, f"{n}.example.net") for n, weight in enumerate(weights)]
                lookups = FakeLookups(
                    srv={f"_sip._udp.{NAME}": records}, a={f"{n}.example.net": [f"192.0.2.{n}"] for n in range(3)}
                )
                found = self.hosts(f"sip:{NAME};transport=udp", lookups)
                self.assertEqual(["192.0.2.0", "192.0.2.1", "192.0.2.2"], sorted(found))
        self.chance = 0.0


class FailingCoreNames(EdgeCase):
    """24: what the phone hears when the core cannot be looked up."""

    def call(self, lookups: FakeLookups, seconds: float = 0, **options: Any) -> tuple[int, str]:
        """Status and reason of the answer to an INVITE, ``seconds`` later at most."""
        self.use(EdgeWorld((f"sip:{NAME}",), lookups=lookups, **options))
        caller = self.world.phone("alice")
        caller.send(caller.build("INVITE", DESK))
        self.advance(seconds)
        answer = self.final(caller)
        self.assertEqual([], self.core.take())
        return answer.status, answer.reason

    def test_24_no_such_name(self) -> None:
        """No record of any kind: 404, with OverSIP's phrase."""
        self.assertEqual((404, "No DNS Resolution"), self.call(FakeLookups()))

    def test_24_name_server_fails(self) -> None:
        """SERVFAIL is 500 at once, and a silent name server 500 within 4 s (OverSIP: 404, and nothing at all)."""
        self.assertEqual(500, self.call(FakeLookups(broken=[NAME, *(f"_sip{s}._{t}.{NAME}" for s, t in (
            ("", "udp"), ("", "tcp"), ("s", "tcp")))]))[0])  # fmt: skip
        silent = SlowLookups([NAME, f"naptr {NAME}", *(f"_sip{s}._{t}.{NAME}" for s, t in (
            ("", "udp"), ("", "tcp"), ("s", "tcp")))])  # fmt: skip
        self.assertEqual(500, self.call(silent, 4.2)[0])

    def test_24_in_dialog_without_srv(self) -> None:
        """What the sample says of requests within a dialog: no NAPTR and no SRV, addresses alone."""
        lookups = FakeLookups(a={NAME: [CORE]})
        plain = Profile(resolve=resolve.Settings(naptr=False, srv=False))
        self.use(EdgeWorld(lookups=lookups, profiles={"in_dialog": plain}))
        caller = self.world.phone("alice")
        invite = caller.build("INVITE", DESK)
        caller.send(invite)
        self.core.answer(self.arrived(self.core), 200)
        dialog = caller.dialog(invite, self.final(caller))
        dialog.target = f"sip:desk@{NAME}"
        for method in ("ACK", "BYE"):
            dialog.send(method)
        self.assertEqual({"a", "aaaa"}, {kind for kind, _ in lookups.asked})
        self.assertEqual([b"ACK", b"BYE"], [data[:3] for data in self.world.udp_flow((CORE, 5060)).sent])

    def test_24_negative_answers_are_kept_shortly(self) -> None:
        """ "No such name" is believed for 10 s at most, a failure for 2 s (OverSIP: both for 300 s and more)."""
        for code, seconds in ((dns.ENAME, 10), (dns.ESERVER, 2)):
            clock = Clock()
            resolver = CannedResolver(clock)
            resolver.codes[NAME] = code
            lookups = DnsLookups(resolver, clock, None)
            for wait, asked in ((0, 1), (seconds - 0.5, 1), (1, 2)):
                clock.advance(wait)
                spawn(self.ask(lookups), self.fail)
                self.assertEqual(asked, len(resolver.asked), (code, wait))

    async def ask(self, lookups: DnsLookups) -> None:
        with contextlib.suppress(LookupFailed):
            await lookups.a(NAME)


class FailoverTests(EdgeCase):
    """25: a core with several targets."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, transport: str = "udp", **options: Any) -> None:
        """A core of two addresses, by SRV."""
        lookups = FakeLookups(
            srv={f"_sip._{transport}.{NAME}": [SrvRecord(1, 0, 5080, "a.example.net"),
                                              SrvRecord(2, 0, 5080, "b.example.net")]},
            a={"a.example.net": [CORE], "b.example.net": [SECOND]},
        )  # fmt: skip
        profile = Profile(timers=Timers(b=6.0, f=6.0), **options)
        self.use(EdgeWorld((f"sip:{NAME};transport={transport}",), profile, lookups=lookups))
        self.second = Core(self.world, (SECOND, 5080))
        self.caller = self.world.phone("alice")

    def sent(self, method: str = "INVITE") -> None:
        uri = DESK if method == "INVITE" else "sip:example.com"
        contact = {"Contact": f"<{self.caller.contact}>;expires=60", "To": f"<{self.caller.aor}>"}
        self.caller.send(self.caller.build(method, uri, **(contact if method == "REGISTER" else {})))

    def assert_as_good(self, first: Request | None, second: Request, name: str) -> None:
        """The copy for the second target has our headers, once, and one hop less, as the first one had."""
        if first is not None:
            self.assertNotEqual(first.via.branch, second.via.branch)
        self.assertEqual(68, second.max_forwards)
        values = second.values(name)
        self.assertEqual(2, len(values))
        self.assertIn("127.0.0.1:5060", values[0])
        self.assertRegex(values[1], r"@127\.0\.0\.1:8080;transport=ws")
        self.assertEqual(2, len(second.vias))

    def test_25_second_after_a_503(self) -> None:
        """503 of the first: the second gets INVITE or REGISTER with the same Record-Route or Path."""
        for method, name in (("INVITE", "Record-Route"), ("REGISTER", "Path")):
            self.sent(method)
            first = self.arrived(self.core, method)
            self.core.answer(first, 503, Retry_After="60")
            second = self.arrived(self.second, method)
            self.assert_as_good(first, second, name)
            self.second.answer(second, 200)
            self.assertEqual(200, self.final(self.caller).status)

    def dialled(self, address: str) -> MemoryFlow:
        """The one connection that we opened to there."""
        [flow] = [flow for target, flow in self.world.dialled.items() if target.address == address]
        return flow

    def test_25_second_after_a_refused_connection(self) -> None:
        """The first refuses TCP: the same; and while it is passed over, too (there OverSIP forgot the headers)."""
        self.begin("tcp")
        self.world.connecting = True
        for method, name in (("INVITE", "Record-Route"), ("REGISTER", "Path")):
            self.sent(method)
            if method == "INVITE":
                self.world.lose(self.dialled(CORE))
            self.second.flow = self.dialled(SECOND)
            second = self.arrived(self.second, method)
            self.assertEqual("TCP", second.via.transport)
            self.assert_as_good(None, second, name)
            self.second.answer(second, 200)
            self.assertEqual(200, self.final(self.caller).status)
        self.assertEqual(1, len(self.dialled(CORE).sent))

    def test_25_second_after_silence(self) -> None:
        """The first says nothing for a third of Timer B, 4 s at most: the second is tried (OverSIP waited it out)."""
        self.sent()
        first = self.arrived(self.core)
        self.advance(2.2)
        second = self.arrived(self.second)
        self.assert_as_good(first, second, "Record-Route")
        self.second.answer(second, 486)
        self.assertEqual([100, 486], self.caller.statuses())

    def test_25_all_fail(self) -> None:
        """503 of the last one is 500 to the caller: a 503 would tell it never to come back (§16.7)."""
        self.sent()
        for core in (self.core, self.second):
            core.answer(self.arrived(core), 503, Retry_After="60")
        self.assertEqual(500, self.final(self.caller).status)

    def test_25_all_down(self) -> None:
        """When all are known to be down, the answer is a 503 of our own with Retry-After, at once (OverSIP: 500)."""
        self.begin("tcp")
        self.world.connecting = True
        self.sent()
        for address in (CORE, SECOND):
            self.world.lose(self.dialled(address))
        self.assertEqual(503, self.final(self.caller).status)
        self.sent()
        answer = self.final(self.caller)
        self.assertEqual(503, answer.status)
        self.assertTrue(answer.has("Retry-After"))

    def test_25_failover_off(self) -> None:
        """`failover_on_503 = false`: 500 at once, and the second target hears nothing."""
        self.begin(failover_on_503=False)
        self.sent()
        self.core.answer(self.arrived(self.core), 503)
        self.assertEqual(500, self.final(self.caller).status)
        self.assertEqual([], self.second.take())


class Everywhere(Routed):
    """User code that routes by the Request-URI."""

    def prepare(self, proxy: Proxy, arrival: Any) -> None:
        self.to = arrival.request.uri


class LocalErrorTests(EdgeCase):
    """26: what cannot be sent on, as the caller and user code see it."""

    def call(self, uri: str, **options: Any) -> tuple[int, str, list[str]]:
        """What becomes of an INVITE for ``uri`` by a profile with these settings of the resolver."""
        hooks = Everywhere()
        profile = Profile(resolve=resolve.Settings(**options))
        lookups = FakeLookups(a={NAME: [THIRD]}, aaaa={"six.example.net": ["2001:db8::1"]})
        self.use(EdgeWorld(hooks=hooks, profiles={"default": profile}, lookups=lookups))
        caller = self.world.phone("alice")
        caller.send(caller.build("INVITE", uri, To="<sip:x@example.com>"))
        answer = self.final(caller)
        return answer.status, answer.reason, hooks.heard

    def test_26_scheme(self) -> None:
        """tel: is 416. It is refused before user code sees it, unless a Route says where to."""
        self.assertEqual((416, "Unsupported URI Scheme", []), self.call("tel:+34666"))

    def test_26_transport(self) -> None:
        """ws (which nobody can dial), sctp, and one that nobody knows: 478."""
        for transport in ("ws", "wss", "sctp", "foo"):
            status, reason, heard = self.call(f"sip:a@{NAME};transport={transport}")
            self.assertEqual((478, "Unsupported Transport"), (status, reason))
            self.assertEqual(["error 478 unsupported_transport"], heard)
        self.assertEqual(478, self.call(f"sip:a@{NAME};transport=tcp", transports=("udp",))[0])

    def test_26_families_and_names(self) -> None:
        """A family that is switched off, and a name where none may be looked up: 478 that says which."""
        for uri, options, what, code in (
            (f"sip:a@{THIRD}", {"families": ("ipv6",)}, "IPv4", "no_ipv4"),
            ("sip:a@[2001:db8::1]", {"families": ("ipv4",)}, "IPv6", "no_ipv6"),
            ("sip:a@six.example.net", {"families": ("ipv4",)}, "IPv6", "no_ipv6"),
            (f"sip:a@{NAME}", {"dns": False}, "DNS Query", "no_dns"),
        ):
            status, reason, heard = self.call(uri, **options)
            self.assertEqual((478, f"Destination Requires Unsupported {what}"), (status, reason))
            self.assertEqual([f"error 478 {code}"], heard)

    def test_26_connection_refused(self) -> None:
        """Nobody listens on TCP there: 500 Connection Error, at once."""
        hooks = Everywhere()
        self.use(EdgeWorld(hooks=hooks))
        self.world.connecting = True
        caller = self.world.phone("alice")
        caller.send(caller.build("INVITE", f"sip:a@{THIRD};transport=tcp"))
        [flow] = self.world.dialled.values()
        self.world.lose(flow)
        answer = self.final(caller)
        self.assertEqual((500, "Connection Error"), (answer.status, answer.reason))
        self.assertEqual(["error 500 connection_error"], hooks.heard)

    def test_26_no_such_name(self) -> None:
        """404 and its word."""
        self.assertEqual((404, "No DNS Resolution", ["error 404 no_dns_resolution"]), self.call("sip:a@no.example"))
