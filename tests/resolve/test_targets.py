"""From a URI to the next hops, in order (RFC 3263)."""

from __future__ import annotations

from oversip_tw.interfaces import SrvRecord, Target
from oversip_tw.promise import spawn
from oversip_tw.resolve.settings import Settings
from oversip_tw.resolve.targets import MOST_TARGETS, Resolver
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.uri import Uri
from oversip_tw.testing import FakeLookups
from tests.resolve.looking import IP, Tests, naptr


class WithoutLookupTests(Tests):
    def test_addresses(self) -> None:
        """An IP address needs no look-up: UDP, or TLS for sips; the transport and port that the URI names."""
        for text, target in (
            ("sip:192.0.2.1", Target("udp", IP, 5060)),
            ("sip:a@192.0.2.1:5080;lr", Target("udp", IP, 5080)),
            ("sip:192.0.2.1;transport=TCP", Target("tcp", IP, 5060)),
            ("sip:192.0.2.1;transport=tls", Target("tls", IP, 5061, IP)),
            ("sip:192.0.2.1:7;transport=udp", Target("udp", IP, 7)),
            ("sips:192.0.2.1", Target("tls", IP, 5061, IP)),
            ("sips:192.0.2.1:5081;transport=tcp", Target("tls", IP, 5081, IP)),
            ("sip:[2001:db8::1]", Target("udp", "2001:db8::1", 5060)),
            ("sip:192.0.2.1;maddr=192.0.2.9", Target("udp", IP, 5060)),
        ):
            with self.subTest(text=text):
                lookups = FakeLookups()
                self.assertEqual(self.resolve(text, lookups), [target])
                self.assertEqual(lookups.asked, [])

    def test_schemes(self) -> None:
        """Only SIP URIs can be resolved."""
        self.assertEqual(self.refused("tel:+123"), 416)

    def test_never_dialled(self) -> None:
        """WebSocket and unknown transports and .invalid names are never resolved."""
        lookups = FakeLookups(a={"x.invalid": [IP], "invalid": [IP], "example.org": [IP]})
        for text in (
            "sip:a@x.invalid",
            "sip:a@x.INVALID.:5060",
            "sip:a@invalid;transport=tcp",
            "sip:a@example.org;transport=ws",
            "sip:a@192.0.2.1;transport=wss",
            "sip:a@example.org;transport=sctp",
        ):
            with self.subTest(text=text):
                self.assertEqual(self.refused(text, lookups), 478)
        self.assertEqual(self.refused("sip:a@192.0.2.1;transport=tcp", transports=("udp",)), 478)
        self.assertEqual(lookups.asked, [])

    def test_t5_sips_is_never_downgraded(self) -> None:
        """A sips URI, or a sips request on its way to a sip hop, goes by TLS or is refused with a Warning."""
        for text, how, options in (
            ("sips:192.0.2.1;transport=udp", {}, {}),
            ("sips:192.0.2.1;transport=ws", {}, {}),
            ("sips:example.org;transport=wss", {}, {}),
            ("sip:192.0.2.1;transport=udp", {"secure": True}, {}),
            ("sips:192.0.2.1", {}, {"transports": ("udp", "tcp")}),
        ):
            with self.subTest(text=text), self.assertRaises(SIPError) as caught:
                self.resolve(text, None, how, **options)
            self.assertEqual(caught.exception.status, 480)
            self.assertEqual(caught.exception.headers, (("Warning", '380 oversip "SIPS Not Allowed"'),))
        self.assertEqual(self.resolve("sip:192.0.2.1", None, {"secure": True}), [Target("tls", IP, 5061, IP)])

    def test_p15_names(self) -> None:
        """Hosts that are no names are refused, never an exception, and nobody is asked."""
        lookups = FakeLookups()
        for host in (".1", "a..b", "a." * 127 + "b", "a" * 64, "é.example", ".", "x\x00y"):
            uri = Uri("sip", None, None, host, None, (), "", f"sip:{host}")
            with self.subTest(host=host):
                task = spawn(self._expect(uri, lookups, 400), self._never)
                self.assertTrue(task.done)
        self.assertEqual(lookups.asked, [])

    async def _expect(self, uri: Uri, lookups: FakeLookups, status: int) -> None:
        with self.assertRaises(SIPError) as caught:
            await Resolver(lookups, lambda: 0.5, self.clock).resolve(uri)
        self.assertEqual(caught.exception.status, status)

    def _never(self, error: BaseException) -> None:
        raise error


class LookupTests(Tests):
    def test_port_means_addresses(self) -> None:
        """A port in the URI: no SRV, no NAPTR (RFC 3263 §4.1, §4.2)."""
        lookups = FakeLookups(a={"example.org": [IP]}, aaaa={"example.org": ["2001:db8::1"]})
        targets = self.resolve("sip:example.org:5070", lookups)
        self.assertEqual(targets, [Target("udp", IP, 5070), Target("udp", "2001:db8::1", 5070)])
        self.assertEqual(lookups.asked, [("a", "example.org"), ("aaaa", "example.org")])

    def test_transport_means_srv(self) -> None:
        """A transport without port: SRV of that transport, else the addresses at its default port."""
        lookups = FakeLookups(
            srv={
                "_sip._tcp.example.org": [SrvRecord(1, 0, 5070, "t.example.org")],
                "_sips._tcp.example.org": [SrvRecord(1, 0, 5071, "s.example.org")],
            },
            a={"t.example.org": [IP], "s.example.org": [IP], "example.org": ["192.0.2.2"]},
        )
        self.assertEqual(self.resolve("sip:example.org;transport=tcp", lookups), [Target("tcp", IP, 5070)])
        secure = [Target("tls", IP, 5071, "example.org")]
        self.assertEqual(self.resolve("sip:example.org;transport=tls", lookups), secure)
        self.assertEqual(self.resolve("sips:example.org;transport=tcp", lookups), secure)
        self.assertEqual(self.resolve("sip:example.org;transport=udp", lookups), [Target("udp", "192.0.2.2", 5060)])

    def test_naptr(self) -> None:
        """NAPTR records go by order, then preference (the lower first); what is unknown or no "s" is left out."""
        lookups = FakeLookups(
            naptr={
                "example.org": [
                    naptr(20, 1, "SIP+D2U", "u.example.org"),
                    naptr(10, 60, "sips+d2t", "s.example.org."),
                    naptr(10, 50, "SIP+D2T", "t.example.org", "S"),
                    naptr(1, 1, "SIP+D2W", "w.example.org"),
                    naptr(1, 1, "SIP+D2U", "a.example.org", "a"),
                    naptr(1, 1, "E2U+sip", "", "u"),
                    naptr(1, 1, "SIP+D2U", ""),
                ]
            },
            srv={
                "t.example.org": [SrvRecord(1, 0, 5070, "h.example.org.")],
                "s.example.org": [SrvRecord(1, 0, 5071, "h.example.org")],
                "u.example.org": [SrvRecord(1, 0, 5072, "h.example.org")],
                "w.example.org": [SrvRecord(1, 0, 5073, "h.example.org")],
            },
            a={"h.example.org": [IP]},
        )
        tcp, tls, udp = Target("tcp", IP, 5070), Target("tls", IP, 5071, "example.org"), Target("udp", IP, 5072)
        self.assertEqual(self.resolve("sip:example.org", lookups), [tcp, tls, udp])
        self.assertEqual(self.resolve("sips:example.org", lookups), [tls])
        self.assertEqual(self.resolve("sip:example.org", lookups, transports=("udp",)), [udp])
        self.assertEqual([q for q in lookups.asked if q[0] == "a"], [("a", "h.example.org")] * 3)

    def test_without_naptr(self) -> None:
        """Without NAPTR records, or without asking for them, SRV of each transport, the favoured one first; never
        _sips for a sip URI."""
        lookups = FakeLookups(
            srv={
                "_sip._udp.example.org": [SrvRecord(1, 0, 5070, "h.example.org")],
                "_sip._tcp.example.org": [SrvRecord(1, 0, 5071, "h.example.org")],
                "_sips._tcp.example.org": [SrvRecord(1, 0, 5072, "h.example.org")],
            },
            a={"h.example.org": [IP]},
        )
        udp, tcp = Target("udp", IP, 5070), Target("tcp", IP, 5071)
        self.assertEqual(self.resolve("sip:example.org.", lookups), [udp, tcp])
        self.assertEqual(self.resolve("sip:example.org", lookups, transports=("tcp", "udp")), [tcp, udp])
        lookups.asked.clear()
        self.resolve("sip:example.org", lookups, naptr=False)
        self.assertNotIn(("naptr", "example.org"), lookups.asked)
        secure = [Target("tls", IP, 5072, "example.org")]
        self.assertEqual(self.resolve("sips:example.org", lookups), secure)
        self.assertEqual(self.resolve("sip:example.org", lookups, transports=("tls",)), secure)

    def test_addresses_alone(self) -> None:
        """Neither NAPTR nor SRV: the addresses, by UDP, or TLS for sips; families as favoured."""
        lookups = FakeLookups(a={"example.org": [IP, "192.0.2.2"]}, aaaa={"example.org": ["2001:db8::1"]})
        six, four, other = (Target("udp", one, 5060) for one in ("2001:db8::1", IP, "192.0.2.2"))
        self.assertEqual(self.resolve("sip:example.org", lookups), [four, other, six])
        self.assertEqual(self.resolve("sip:example.org", lookups, families=("ipv6", "ipv4")), [six, four, other])
        self.assertEqual(self.resolve("sip:example.org", lookups, families=("ipv6",)), [six])
        lookups.asked.clear()
        self.assertEqual(self.resolve("sip:example.org", lookups, srv=False), [four, other, six])
        self.assertEqual([kind for kind, _ in lookups.asked], ["a", "aaaa"])
        self.assertEqual(self.resolve("sips:example.org", lookups)[0], Target("tls", IP, 5061, "example.org"))
        tcp_only = self.resolve("sip:example.org", lookups, transports=("tcp", "tls"), families=("ipv6",))
        self.assertEqual(tcp_only, [Target("tcp", "2001:db8::1", 5060)])

    def test_failover_order(self) -> None:
        """Priority, then address: every server's addresses in a row; a target that comes twice is tried once."""
        lookups = FakeLookups(
            srv={
                "_sip._udp.example.org": [
                    SrvRecord(20, 0, 5060, "b.example.org"),
                    SrvRecord(10, 0, 5060, "a.example.org"),
                    SrvRecord(30, 0, 5060, "a.example.org"),
                    SrvRecord(40, 0, 5060, "192.0.2.7"),
                    SrvRecord(50, 0, 0, "b.example.org"),
                    SrvRecord(60, 0, 5060, "b..example.org"),
                ]
            },
            a={"a.example.org": [IP, "192.0.2.2"], "b.example.org": ["192.0.2.3", "no address"]},
        )
        found = [target.address for target in self.resolve("sip:example.org;transport=udp", lookups)]
        self.assertEqual(found, [IP, "192.0.2.2", "192.0.2.3", "192.0.2.7"])

    def test_weights(self) -> None:
        """Equal priorities and zero weights work, with a transport in the URI too."""
        for weights in ((0, 0), (10, 10), (0, 5)):
            records = [SrvRecord(1, weight, 5060 + n, "h.example.org") for n, weight in enumerate(weights)]
            lookups = FakeLookups(srv={"_sip._udp.example.org": records}, a={"h.example.org": [IP]})
            self.assertEqual(len(self.resolve("sip:example.org;transport=udp", lookups)), 2)

    def test_service_not_available(self) -> None:
        """A target of "." says that there is no such service (RFC 2782): the addresses are not tried."""
        records = {"_sip._udp.example.org": [SrvRecord(0, 0, 0, ".")]}
        lookups = FakeLookups(srv=records, a={"example.org": [IP]})
        self.assertEqual(self.refused("sip:example.org;transport=udp", lookups), 404)

    def test_no_such_name(self) -> None:
        """Nothing found: 404."""
        self.assertEqual(self.refused("sip:example.org"), 404)
        self.assertEqual(self.refused("sip:example.org:5060"), 404)

    def test_most_targets(self) -> None:
        """A domain that lists a thousand servers gets no thousand look-ups."""
        names = [f"h{n}.example.org" for n in range(1000)]
        lookups = FakeLookups(
            srv={"_sip._udp.example.org": [SrvRecord(1, 1, 5060, name) for name in names]},
            a={name: [f"192.0.2.{n % 250}", IP] for n, name in enumerate(names)},
        )
        self.assertEqual(len(self.resolve("sip:example.org", lookups)), MOST_TARGETS)
        self.assertLess(len(lookups.asked), 3 * MOST_TARGETS)


class TcpTests(Tests):
    def test_long_requests_try_tcp(self) -> None:
        """A request above the limit tries TCP at the same place and falls back to UDP, if the choice is ours."""
        udp, tcp = Target("udp", IP, 5060), Target("tcp", IP, 5060)
        self.assertEqual(self.resolve("sip:192.0.2.1", None, {"size": 1301}), [tcp, udp])
        self.assertEqual(self.resolve("sip:192.0.2.1", None, {"size": 1300}), [udp])
        self.assertEqual(self.resolve("sip:192.0.2.1;transport=udp", None, {"size": 9000}), [udp])
        self.assertEqual(self.resolve("sip:192.0.2.1", None, {"size": 9000}, transports=("udp",)), [udp])
        self.assertEqual(self.resolve("sip:192.0.2.1", None, {"size": 1000}, udp_max=900), [tcp, udp])
        self.assertEqual(len(self.resolve("sips:192.0.2.1", None, {"size": 9000})), 1)

    def test_prefer_tcp(self) -> None:
        """A profile may favour TCP: its records first, and TCP where only UDP is named."""
        self.assertEqual(
            self.resolve("sip:192.0.2.1", prefer_tcp=True), [Target("tcp", IP, 5060), Target("udp", IP, 5060)]
        )
        lookups = FakeLookups(
            srv={
                "_sip._udp.example.org": [SrvRecord(1, 0, 5070, "h.example.org")],
                "_sip._tcp.example.org": [SrvRecord(1, 0, 5071, "h.example.org")],
            },
            a={"h.example.org": [IP]},
        )
        targets = self.resolve("sip:example.org", lookups, prefer_tcp=True)
        self.assertEqual(targets, [Target("tcp", IP, 5071), Target("tcp", IP, 5070), Target("udp", IP, 5070)])

    def test_settings_of_one_look_up(self) -> None:
        """One look-up may have other settings than the rest: those of its next hop's profile."""
        how = {"settings": Settings(transports=("tcp",))}
        self.assertEqual(self.resolve("sip:192.0.2.1", None, how), [Target("tcp", IP, 5060)])
