"""Look-ups over twisted.names, with messages as they are on the wire and no socket."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import client, dns
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import LookupFailed, NaptrRecord, SrvRecord
from oversip_tw.promise import Task, spawn
from oversip_tw.testing import Clock
from oversip_tw.transport.dns import LIMIT, NEGATIVE, DnsLookups, dns_lookups
from oversip_tw.transport.dns_cache import CACHE_SIZE, FAILURE


class CannedResolver(client.Resolver):
    """A resolver whose name server is a dictionary; each answer is encoded and decoded on the way."""

    def __init__(self, clock: Clock, servers: int = 1) -> None:
        super().__init__(None, [(f"192.0.2.{n}", 53) for n in range(servers)], reactor=clock)
        self.records: dict[tuple[str, int], list[Any]] = {}
        self.codes: dict[str, int] = {}
        self.silent: list[Deferred[Any]] = []
        self.asked: list[tuple[str, int]] = []
        self.patience: list[tuple[float, ...]] = []
        #: of the zone, in answers without records
        self.zone: dns.Record_SOA | None = None
        self.dead = False

    def queryUDP(self, queries: list[dns.Query], timeout: tuple[float, ...]) -> Deferred[Any]:
        [query] = queries
        name = query.name.name.decode()
        self.asked.append((name, query.type))
        self.patience.append(timeout)
        if name.startswith("silent") or self.dead:
            self.silent.append(Deferred())
            return self.silent[-1]
        if name.startswith("broken"):
            return fail(OSError("no route"))
        message = dns.Message(answer=1, rCode=self.codes.get(name, dns.OK))
        message.queries = queries
        for payload in self.records.get((name, query.type), ()):
            message.answers.append(dns.RRHeader(query.name.name, payload.TYPE, dns.IN, payload.ttl, payload))
        if self.zone is not None:
            message.authority.append(dns.RRHeader(b"org", dns.SOA, dns.IN, self.zone.ttl, self.zone))
        decoded = dns.Message()
        decoded.fromStr(message.toStr())
        return succeed(decoded)


class DnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resolver = CannedResolver(self.clock)
        self.lookups = DnsLookups(self.resolver, self.clock, None)

    def begin(self, question: Coroutine[Any, Any, Any]) -> tuple[Task, list[Any]]:
        came: list[Any] = []

        async def ask() -> None:
            came.append(await question)

        return spawn(ask(), came.append), came

    def ask(self, question: Coroutine[Any, Any, Any]) -> Any:
        _, came = self.begin(question)
        if isinstance(came[0], BaseException):
            raise came[0]
        return came[0]

    def test_addresses(self) -> None:
        """A and AAAA records are texts; a CNAME in between is passed over."""
        alias = dns.Record_CNAME("h.example.org", 60)
        self.resolver.records = {
            ("example.org", dns.A): [alias, dns.Record_A("192.0.2.1", 60), dns.Record_A("192.0.2.2", 60)],
            ("example.org", dns.AAAA): [alias, dns.Record_AAAA("2001:db8::1", 60)],
        }
        self.assertEqual(self.ask(self.lookups.a("example.org")), ["192.0.2.1", "192.0.2.2"])
        self.assertEqual(self.ask(self.lookups.aaaa("example.org")), ["2001:db8::1"])

    def test_srv(self) -> None:
        """SRV records, the root as target being "."."""
        self.resolver.records[("_sip._udp.example.org", dns.SRV)] = [
            dns.Record_SRV(10, 60, 5070, "h.example.org", 60),
            dns.Record_SRV(20, 0, 0, "", 60),
        ]
        records = [SrvRecord(10, 60, 5070, "h.example.org"), SrvRecord(20, 0, 0, ".")]
        self.assertEqual(self.ask(self.lookups.srv("_sip._udp.example.org")), records)

    def test_naptr(self) -> None:
        """NAPTR records; one with a regexp has no replacement."""
        self.resolver.records[("example.org", dns.NAPTR)] = [
            dns.Record_NAPTR(10, 50, b"s", b"SIP+D2T", b"", b"_sip._tcp.example.org", 60),
            dns.Record_NAPTR(20, 50, b"u", b"E2U+sip", b"!^.*$!sip:a@b!", b"", 60),
        ]
        records = [
            NaptrRecord(10, 50, "s", "SIP+D2T", "_sip._tcp.example.org"),
            NaptrRecord(20, 50, "u", "E2U+sip", ""),
        ]
        self.assertEqual(self.ask(self.lookups.naptr("example.org")), records)

    def test_odd_bytes(self) -> None:
        """A record whose names are no ASCII is left out; the others are used."""
        odd = dns.Record_SRV(1, 1, 5060, "x", 60)
        odd.target.name = b"\xff\xfe"
        good = dns.Record_SRV(2, 1, 5060, "h.example.org", 60)
        self.resolver.records[("_sip._udp.example.org", dns.SRV)] = [odd, good]
        found = self.ask(self.lookups.srv("_sip._udp.example.org"))
        self.assertEqual(found, [SrvRecord(2, 1, 5060, "h.example.org")])

    def test_nothing_there(self) -> None:
        """No such name, or no such record, is an empty answer; SERVFAIL, REFUSED and errors on the way are none."""
        self.resolver.codes = {
            "no.example.org": dns.ENAME,
            "bad.example.org": dns.ESERVER,
            "x.example.org": dns.EREFUSED,
        }
        self.assertEqual(self.ask(self.lookups.a("no.example.org")), [])
        self.assertEqual(self.ask(self.lookups.a("empty.example.org")), [])
        for name in ("bad.example.org", "x.example.org", "broken.example.org"):
            self.assertRaises(LookupFailed, self.ask, self.lookups.a(name))

    def test_p15_names(self) -> None:
        """Names that cannot be asked for fail like any other question."""
        for name in ("x" * 254, "é" * 70, "a." * 200):
            with self.subTest(name=name):
                try:
                    self.assertEqual(self.ask(self.lookups.a(name)), [])
                except LookupFailed:
                    continue

    def test_k5_ends_within_the_limit(self) -> None:
        """Whatever the name server does, a question ends after 4 s, for all who share it; no timer stays."""
        _, first = self.begin(self.lookups.a("silent.example.org"))
        self.clock.advance(1)
        _, second = self.begin(self.lookups.a("silent.example.org"))
        self.clock.advance(LIMIT - 1.1)
        self.assertEqual((first, second), ([], []))
        self.clock.advance(0.1)
        self.assertEqual([type(one) for one in first + second], [LookupFailed, LookupFailed])
        self.assertEqual(len(self.resolver.silent), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_patience(self) -> None:
        """However many name servers there are, all are asked before the limit."""
        for servers in (1, 2, 3, 4, 9):
            resolver = CannedResolver(self.clock, servers)
            self.ask(DnsLookups(resolver, self.clock, None).a("example.org"))
            self.assertLess(sum(resolver.patience[0]) * servers, LIMIT)

    def test_giving_up_disturbs_nobody(self) -> None:
        """One of two that wait for the same answer gives up: the other gets it."""
        task, nothing = self.begin(self.lookups.a("silent.example.org"))
        _, came = self.begin(self.lookups.a("silent.example.org"))
        task.cancel()
        message = dns.Message(answer=1)
        message.answers = [dns.RRHeader(b"silent.example.org", dns.A, dns.IN, 60, dns.Record_A("192.0.2.1", 60))]
        self.resolver.silent[0].callback(message)
        self.assertEqual((nothing, came), ([], [["192.0.2.1"]]))

    def test_cache(self) -> None:
        """Answers are kept for their shortest TTL, an hour at most, "no such name" for seconds, failures for two."""
        self.resolver.records = {
            ("a.org", dns.A): [dns.Record_A("192.0.2.1", 60), dns.Record_A("192.0.2.2", 30)],
            ("b.org", dns.A): [dns.Record_A("192.0.2.1", 100_000)],
        }
        self.resolver.codes["bad.org"] = dns.ESERVER

        def asked(name: str) -> bool:
            self.resolver.asked.clear()
            with contextlib.suppress(LookupFailed):
                self.ask(self.lookups.a(name))
            return self.resolver.asked != []

        for name in ("a.org", "b.org", "none.org", "bad.org"):
            self.assertTrue(asked(name))
        self.assertFalse(asked("A.org"))
        self.assertFalse(asked("bad.org"))
        self.clock.advance(FAILURE)
        self.assertTrue(asked("bad.org"))
        self.clock.advance(NEGATIVE - FAILURE - 0.1)
        self.assertFalse(asked("none.org"))
        self.clock.advance(0.2)
        self.assertTrue(asked("none.org"))
        self.clock.advance(30)
        self.assertTrue(asked("a.org"))
        self.assertFalse(asked("b.org"))
        self.clock.advance(3600)
        self.assertTrue(asked("b.org"))

    def test_cache_is_bounded(self) -> None:
        """The cache forgets rather than grows."""
        for number in range(CACHE_SIZE + 10):
            self.ask(self.lookups.a(f"n{number}.org"))
        self.assertLessEqual(len(self.lookups._answers), CACHE_SIZE)

    def test_alias(self) -> None:
        """The TTL of an alias counts as that of the records; an alias to nothing is "no such record"."""
        self.resolver.records = {
            ("a.org", dns.A): [dns.Record_CNAME("b.org", 20), dns.Record_A("192.0.2.1", 60)],
            ("nowhere.org", dns.A): [dns.Record_CNAME("b.org", 3600)],
        }
        self.ask(self.lookups.a("a.org"))
        self.assertEqual(self.lookups.good_for("a", "a.org"), 20)
        self.assertEqual(self.ask(self.lookups.a("nowhere.org")), [])
        self.assertEqual(self.lookups.good_for("a", "nowhere.org"), NEGATIVE)

    def test_negative_by_the_zone(self) -> None:
        """The zone may say that "no such name" and "no such record" are good for less (RFC 2308 §5)."""
        self.resolver.codes["no.org"] = dns.ENAME
        for minimum, ttl, expected in ((3, 60, 3), (60, 4, 4), (900, 900, NEGATIVE)):
            self.resolver.zone = dns.Record_SOA("ns.org", "root.org", 1, 1, 1, 1, minimum, ttl)
            for name in ("no.org", "none.org"):
                self.assertEqual(self.ask(self.lookups.a(name)), [])
                self.assertEqual(self.lookups.good_for("a", name), expected)
            self.clock.advance(60)

    def test_good_for(self) -> None:
        """Nothing known is good for nothing; the rest by what is left of its TTL, by kind."""
        self.resolver.records[("a.org", dns.A)] = [dns.Record_A("192.0.2.1", 60)]
        self.ask(self.lookups.a("a.org"))
        self.clock.advance(10)
        self.assertEqual(self.lookups.good_for("a", "A.org"), 50)
        for kind in ("naptr", "srv", "aaaa"):
            self.assertEqual(self.lookups.good_for(kind, "a.org"), 0)
        self.clock.advance(100)
        self.assertEqual(self.lookups.good_for("a", "a.org"), 0)

    def test_k5_old_answer(self) -> None:
        """When the name server falls silent, what it said is used on; when it is back, its new answer is."""
        key = ("old.org", dns.A)
        self.resolver.records[key] = [dns.Record_A("192.0.2.1", 60)]
        self.ask(self.lookups.a("old.org"))
        self.clock.advance(60)
        self.resolver.dead = True
        _, came = self.begin(self.lookups.a("old.org"))
        self.assertEqual(came, [])
        self.clock.advance(1)
        self.assertEqual(came, [["192.0.2.1"]])
        self.clock.advance(LIMIT)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.resolver.silent[0].errback(TimeoutError())
        self.clock.advance(FAILURE)
        self.resolver.dead = False
        self.resolver.records[key] = [dns.Record_A("192.0.2.9", 60)]
        self.assertEqual(self.ask(self.lookups.a("old.org")), ["192.0.2.9"])

    def test_hosts_file(self) -> None:
        """A name in the hosts file has the addresses given there, and nobody is asked for anything else of it."""
        file = FilePath(self.mktemp())
        file.setContent(b"192.0.2.7 core.local core # ours\n2001:db8::7 CORE.local\n\n192.0.2.8 four.local\n")
        lookups = DnsLookups(self.resolver, self.clock, file.path)
        self.assertEqual(self.ask(lookups.a("core.local")), ["192.0.2.7"])
        self.assertEqual(self.ask(lookups.aaaa("Core.local.")), ["2001:db8::7"])
        self.assertEqual(self.ask(lookups.aaaa("four.local")), [])
        self.assertEqual(self.ask(lookups.naptr("core.local")), [])
        self.assertEqual(self.ask(lookups.srv("_sip._udp.core.local")), [])
        self.assertEqual(lookups.good_for("a", "core.local"), NEGATIVE)
        self.assertEqual(lookups.good_for("srv", "_sip._udp.core.local"), NEGATIVE)
        self.assertEqual(self.resolver.asked, [])
        self.assertEqual(self.ask(lookups.a("example.org")), [])
        self.assertEqual(self.resolver.asked, [("example.org", dns.A)])

    def test_no_hosts_file(self) -> None:
        """A hosts file that is not there names nobody."""
        lookups = DnsLookups(self.resolver, self.clock, self.mktemp())
        self.assertEqual(self.ask(lookups.a("example.org")), [])


class BuiltTests(SynchronousTestCase):
    def test_servers(self) -> None:
        """Name servers by address; resolv.conf is not read then."""
        clock = Clock()
        lookups = dns_lookups(clock, ["192.0.2.53", "2001:db8::53"])
        self.assertEqual(lookups._resolver.servers, [("192.0.2.53", 53), ("2001:db8::53", 53)])
        self.assertEqual(lookups._patience(), (0.5, 1.2))
        lookups.close()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_resolv_conf(self) -> None:
        """Without servers, those of resolv.conf; it is looked at again until closed."""
        clock = Clock()
        file = FilePath(self.mktemp())
        file.setContent(b"search example.org\nnameserver 192.0.2.53\n")
        lookups = dns_lookups(clock, resolv_conf=file.path)
        self.assertEqual(lookups._resolver.dynServers, [("192.0.2.53", 53)])
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        lookups.close()
        lookups.close()
        self.assertEqual(clock.getDelayedCalls(), [])
