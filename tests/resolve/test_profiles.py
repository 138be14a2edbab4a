"""What a profile changes, and for how long a result is good."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from oversip_tw.interfaces import SrvRecord, Target
from oversip_tw.promise import spawn
from oversip_tw.resolve.settings import Settings
from oversip_tw.resolve.targets import LONGEST, SHORTEST, Resolver
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import FakeLookups
from tests.resolve.looking import IP, SlowLookups, Tests, naptr


def zone() -> FakeLookups:
    """A domain whose owner favours TLS, then TCP."""
    return FakeLookups(
        naptr={
            "example.org": [
                naptr(20, 1, "SIP+D2U", "u.example.org"),
                naptr(10, 60, "SIP+D2T", "t.example.org"),
                naptr(10, 50, "SIPS+D2T", "s.example.org"),
                naptr(20, 2, "SIP+D2U", "u2.example.org"),
            ]
        },
        srv={
            f"{name}.example.org": [SrvRecord(1, 0, port, "h.example.org")]
            for name, port in (("u", 5070), ("t", 5071), ("s", 5072), ("u2", 5073))
        },
        a={"h.example.org": [IP]},
    )


class OwnOrderTests(Tests):
    def ports(self, **options: Any) -> list[int]:
        return [target.port for target in self.resolve("sip:example.org", zone(), **options)]

    def test_order(self) -> None:
        """The owner's order, unless a profile wants that of its own transports; equal ones as their owner wants."""
        self.assertEqual(self.ports(), [5072, 5071, 5070, 5073])
        self.assertEqual(self.ports(own_order=True), [5070, 5073, 5071, 5072])
        self.assertEqual(self.ports(own_order=True, transports=("tcp", "udp")), [5071, 5070, 5073])

    def test_sips(self) -> None:
        """A sips URI stays with TLS in any order."""
        targets = self.resolve("sips:example.org", zone(), own_order=True)
        self.assertEqual([target.port for target in targets], [5072])


class TlsTests(Tests):
    def test_name_of_the_settings(self) -> None:
        """TLS targets carry the name of the TLS settings; others have none."""
        self.assertEqual(self.resolve("sips:192.0.2.1", tls="trunk"), [Target("tls", IP, 5061, IP, "trunk")])
        found = {target.transport: target.tls for target in self.resolve("sip:example.org", zone(), tls="trunk")}
        self.assertEqual(found, {"tls": "trunk", "tcp": "", "udp": ""})


class WeightTests(Tests):
    def test_sixty_to_forty(self) -> None:
        """Of 500 look-ups 60 in a hundred go to the server of weight 60, give or take ten."""
        records = [SrvRecord(1, 60, 5060, "a.example.org"), SrvRecord(1, 40, 5060, "b.example.org")]
        lookups = FakeLookups(
            srv={"_sip._udp.example.org": records}, a={"a.example.org": [IP], "b.example.org": ["192.0.2.2"]}
        )
        random = Random(7)
        firsts: Counter[str] = Counter()
        for _ in range(500):
            self.chance = random.random()
            first, second = self.resolve("sip:example.org;transport=udp", lookups)
            self.assertNotEqual(first, second)
            firsts[first.address] += 1
        self.assertTrue(250 <= firsts[IP] <= 350, firsts)


class GoodForTests(Tests):
    def addresses(self, lookups: FakeLookups, text: str = "sip:example.org", **options: Any) -> tuple[Any, float]:
        came: list[Any] = []
        resolver = Resolver(lookups, lambda: 0.0, self.clock, Settings(**options))

        async def look_up() -> None:
            came.append(await resolver.addresses(Uri.parse(text)))

        task = spawn(look_up(), came.append)
        while not task.done:
            self.clock.advance(0.1)
        if isinstance(came[0], BaseException):
            raise came[0]
        return came[0]  # type: ignore[no-any-return]

    def test_shortest_record(self) -> None:
        """The targets are good until the first of the records ends; what is known not to exist does not count."""
        lookups = FakeLookups(
            srv={"_sip._udp.example.org": [SrvRecord(1, 0, 5060, "h.example.org")]}, a={"h.example.org": [IP]}, ttl=600
        )
        lookups.ttls = {("naptr", "example.org"): 1.0, ("aaaa", "h.example.org"): 1.0}
        self.assertEqual(self.addresses(lookups), ([Target("udp", IP, 5060)], 600))
        lookups.ttls["srv", "_sip._udp.example.org"] = 300
        self.assertEqual(self.addresses(lookups)[1], 300)
        lookups.ttls["a", "h.example.org"] = 60
        self.assertEqual(self.addresses(lookups)[1], 60)

    def test_bounds(self) -> None:
        """At least 5 s and at most an hour, whatever the records say; an address is good for the hour."""
        records: dict[str, Any] = {"a": {"example.org": [IP]}}
        self.assertEqual(self.addresses(FakeLookups(**records, ttl=0))[1], SHORTEST)
        self.assertEqual(self.addresses(FakeLookups(**records, ttl=1e6))[1], LONGEST)
        self.assertEqual(self.addresses(FakeLookups(), "sip:192.0.2.1"), ([Target("udp", IP, 5060)], LONGEST))

    def test_half_an_answer(self) -> None:
        """Where somebody did not answer it is soon asked again."""
        lookups = SlowLookups(
            ["slow.example.org"],
            srv={
                "_sip._udp.example.org": [
                    SrvRecord(1, 0, 5060, "slow.example.org"),
                    SrvRecord(2, 0, 5060, "h.example.org"),
                ]
            },
            a={"h.example.org": [IP]},
        )
        self.assertEqual(self.addresses(lookups), ([Target("udp", IP, 5060)], SHORTEST))
