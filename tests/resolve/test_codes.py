"""What is answered where there is no next hop, and the word for programs that says why."""

from __future__ import annotations

from oversip_tw.interfaces import SrvRecord, Target
from oversip_tw.testing import FakeLookups
from tests.resolve.looking import IP, Tests

SIX = "2001:db8::1"


class CodeTests(Tests):
    def test_nothing_found(self) -> None:
        """No record is 404, name servers that fail are 500, and names that cannot exist have the code of the first."""
        self.assertEqual(self.why("sip:example.org"), (404, "No DNS Resolution", "no_dns_resolution"))
        broken = FakeLookups(broken=["example.org"])
        self.assertEqual(self.why("sip:example.org:5060", broken), (500, "Name Server Failure", "lookup_failed"))
        self.assertEqual(self.why("sip:x.invalid")[::2], (478, "no_dns_resolution"))

    def test_schemes(self) -> None:
        """Only SIP URIs lead anywhere."""
        for text in ("tel:+123", "mailto:a@example.org"):
            self.assertEqual(self.why(text), (416, "Unsupported URI Scheme", "unsupported_uri_scheme"))

    def test_transports(self) -> None:
        """Transports that are not dialled, for a name and for an address."""
        expected = (478, "Unsupported Transport", "unsupported_transport")
        for host in ("example.org", "192.0.2.1", "[2001:db8::1]:5060"):
            for transport in ("ws", "wss", "sctp", "carrier-pigeon"):
                self.assertEqual(self.why(f"sip:{host};transport={transport}"), expected)
        self.assertEqual(self.why("sip:192.0.2.1;transport=tcp", transports=("udp",)), expected)

    def test_not_secure(self) -> None:
        """A secure target without a secure way."""
        self.assertEqual(self.why("sips:example.org;transport=udp")[::2], (480, "not_secure"))
        self.assertEqual(
            self.why("sip:192.0.2.1", None, {"secure": True}, transports=("udp",))[::2], (480, "not_secure")
        )

    def test_no_names(self) -> None:
        """Where nothing may be looked up a name leads nowhere, and an address leads as ever."""
        lookups = FakeLookups(a={"example.org": [IP]})
        expected = (478, "Destination Requires Unsupported DNS Query", "no_dns")
        self.assertEqual(self.why("sip:example.org:5060", lookups, dns=False), expected)
        self.assertEqual(lookups.asked, [])
        self.assertEqual(self.resolve("sip:192.0.2.1", lookups, dns=False), [Target("udp", IP, 5060)])

    def test_families_of_addresses(self) -> None:
        """An address of a family that is left out."""
        four = (478, "Destination Requires Unsupported IPv4", "no_ipv4")
        six = (478, "Destination Requires Unsupported IPv6", "no_ipv6")
        self.assertEqual(self.why("sip:192.0.2.1", families=("ipv6",)), four)
        self.assertEqual(self.why("sips:[2001:db8::1]", families=("ipv4",)), six)

    def test_families_of_names(self) -> None:
        """A name, or the servers of a domain, that have addresses of the other family alone."""
        lookups = FakeLookups(
            srv={
                "_sip._udp.srv.example.org": [
                    SrvRecord(1, 0, 5060, "none.example.org"),
                    SrvRecord(2, 0, 5060, "six.example.org"),
                ],
                "_sip._udp.literal.example.org": [SrvRecord(1, 0, 5060, IP)],
            },
            a={"four.example.org": [IP]},
            aaaa={"six.example.org": [SIX]},
        )
        self.assertEqual(self.why("sip:four.example.org", lookups, families=("ipv6",))[::2], (478, "no_ipv4"))
        self.assertEqual(self.why("sip:six.example.org:5060", lookups, families=("ipv4",))[::2], (478, "no_ipv6"))
        self.assertEqual(self.why("sip:srv.example.org", lookups, families=("ipv4",))[::2], (478, "no_ipv6"))
        self.assertEqual(self.why("sip:literal.example.org", lookups, families=("ipv6",))[::2], (478, "no_ipv4"))
        self.assertEqual(self.why("sip:none.example.org", lookups, families=("ipv4",))[::2], (404, "no_dns_resolution"))

    def test_other_family_unknown(self) -> None:
        """Nobody knows whether there are addresses of the family that is left out: there is none that can be used."""

        class NoAaaa(FakeLookups):
            async def aaaa(self, name: str) -> list[str]:
                return [*await FakeLookups(broken=[name]).aaaa(name)]

        self.assertEqual(
            self.why("sip:example.org:5060", NoAaaa(), families=("ipv4",))[::2], (404, "no_dns_resolution")
        )

    def test_the_other_family_is_asked_for_only_in_need(self) -> None:
        """A domain that can be reached costs no question for addresses that are not used."""
        lookups = FakeLookups(a={"example.org": [IP]})
        self.resolve("sip:example.org:5060", lookups, families=("ipv4",))
        self.assertEqual(lookups.asked, [("a", "example.org")])
