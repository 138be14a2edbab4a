"""RFC 3261 §19.1: URIs."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import uri as module
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.uri import Uri, host_port, normal_host, read_host_port, unreadable


class Parsing(SynchronousTestCase):
    def refused(self, *texts: str) -> None:
        for text in texts:
            error = self.assertRaises(ParseError, Uri.parse, text)
            self.assertEqual(error.status, 400, text)

    def test_all_parts(self) -> None:
        """Each part as it was written, scheme and host in lower case."""
        uri = Uri.parse("SIPS:Al%69ce:p%40ss@Example.COM:5061;Transport=TCP;lr?Subject=x&Priority=y")
        self.assertEqual((uri.scheme, uri.user, uri.password), ("sips", "Al%69ce", "p%40ss"))
        self.assertEqual((uri.host, uri.port), ("example.com", 5061))
        self.assertEqual(uri.params, (("transport", "TCP"), ("lr", None)))
        self.assertEqual(uri.headers, "Subject=x&Priority=y")
        self.assertEqual((uri.transport, uri.param("lr"), uri.param("maddr")), ("tcp", "", None))
        self.assertEqual((uri.has_param("lr"), uri.has_param("ob")), (True, False))
        self.assertTrue(uri.is_sip and uri.secure)
        self.assertEqual(str(uri), uri.text)

    def test_without_user(self) -> None:
        """A host alone; no transport asked for."""
        uri = Uri.parse("sip:example.com")
        self.assertEqual((uri.user, uri.aor, uri.transport, uri.secure), (None, "sip:example.com", None, False))

    def test_other_schemes(self) -> None:
        """tel and unknown schemes have an opaque part and nothing else."""
        uri = Uri.parse("TEL:+1-201-555;phone-context=x")
        self.assertEqual(
            (uri.scheme, uri.opaque, uri.host, uri.is_sip), ("tel", "+1-201-555;phone-context=x", "", False)
        )
        self.assertEqual(uri.aor, uri.text)
        self.assertTrue(uri.equivalent(Uri.parse("tel:+1-201-555;phone-context=x")))
        self.assertFalse(uri.equivalent(Uri.parse("sip:+1@example.com")))

    def test_refused(self) -> None:
        """What is no URI."""
        self.refused(
            "", "sip:", "sip", "bob@example.com", "sip:@example.com", "sip:a b@example.com", "sip:a@", "<sip:a@b>"
        )
        self.refused(
            "sip:a%4@b", "sip:a%zz@b", "sip:a@b;", "sip:a@b;;c", "sip:a@b?", "sip:a@b;c=", "sip:a@b@c", "1x:y", "x:"
        )
        self.refused("sip:a@b;lr;LR", "sip:\u00fc@b", "sip:a@b\r\nX: y", "sip:a@b\n", "sip:a\0@b")

    def test_p10_ports(self) -> None:
        """P10: ports nobody can listen on, and digits that are none."""
        self.refused(
            "sip:a@b:99999", "sip:a@b:65536", "sip:a@b:0", "sip:a@b:", "sip:a@b:5\u0660", "sip:a@b:+5", "sip:a@b:123456"
        )
        self.assertEqual(Uri.parse("sip:a@b:65535").port, 65535)

    def test_p15_hosts(self) -> None:
        """P15: hosts that are none end in ParseError, whatever they are made of."""
        self.refused(
            "sip:.1",
            "sip:[.1]",
            "sip:a@b..c",
            "sip:a@-b",
            "sip:a@b-",
            "sip:a@b-.c",
            "sip:a@.",
            "sip:a@[]",
            "sip:a@[::1",
        )
        self.refused(
            "sip:a@1.2.3",
            "sip:a@256.1.1.1",
            "sip:a@010.1.1.1",
            "sip:a@1.2.3.4.5",
            "sip:a@[1.2.3.4]",
            "sip:a@[::1%25eth0]",
        )
        self.refused(
            "sip:a@" + "x" * 254, "sip:a@" + "x" * 64 + ".org", "sip:a@" + "x." * 200, "sip:a@b\u00fccher.example"
        )
        self.assertEqual(Uri.parse("sip:a@" + "x" * 63 + ".example.org").host, "x" * 63 + ".example.org")
        self.assertEqual(Uri.parse("sip:a@my_phone.docker-1.").host, "my_phone.docker-1.")

    def test_ipv6(self) -> None:
        """Every spelling of an address is one host."""
        for text in ("[2001:DB8::1]", "[2001:db8:0:0:0:0:0:1]", "[2001:db8:0::0.0.0.1]"):
            self.assertEqual(normal_host(text), "2001:db8::1")
        self.assertEqual(Uri.parse("sip:a@[2001:DB8::1]:5060").aor, "sip:a@[2001:db8::1]")

    def test_host_port(self) -> None:
        """Brackets where they are needed, and back."""
        self.assertEqual((host_port("::1", 5060), host_port("::1", None)), ("[::1]:5060", "[::1]"))
        self.assertEqual((host_port("a", 5060), host_port("a", None)), ("a:5060", "a"))
        self.assertEqual(read_host_port("[::1] : 5060"), ("::1", 5060))
        self.assertRaises(ParseError, read_host_port, "a b")

    def test_unreadable(self) -> None:
        """The stand-in in a damaged request is no SIP URI."""
        self.assertFalse(unreadable("sip:a b").is_sip)

    def test_memory_is_bounded(self) -> None:
        """What is remembered is thrown away in time, and what is long is not remembered."""
        for number in range(module._MEMO + 10):
            Uri.parse(f"sip:{number}@example.com")
            read_host_port(f"h{number}")
        self.assertLessEqual(len(module._memo), module._MEMO)
        self.assertLessEqual(len(module._hosts), module._MEMO)
        long = "sip:" + "a" * 600 + "@example.com"
        self.assertIsNot(Uri.parse(long), Uri.parse(long))
        spaces = "h" + " " * 600 + ":5060"
        self.assertEqual(read_host_port(spaces), read_host_port(spaces))
        self.assertNotIn(spaces, module._hosts)

    @settings(max_examples=200, deadline=None)
    @given(
        st.one_of(st.text(max_size=30), st.text('sip:@;=?&%4[]<>"1.a \t\r\n\u0661', max_size=30).map("sip:{}".format))
    )
    def test_nothing_but_parse_errors(self, text: str) -> None:
        """Any text is a URI whose parts make it again, or a ParseError."""
        try:
            uri = Uri.parse(text)
        except ParseError:
            return
        self.assertEqual(uri.text, text)
        self.assertTrue(text.isascii())
        if uri.is_sip:
            self.assertEqual(uri.replace(), Uri.parse(uri.replace().text))
            self.assertTrue(uri.equivalent(uri.replace()))


class Comparing(SynchronousTestCase):
    def test_aor(self) -> None:
        """Equal users give equal AoRs; their case counts; port and parameters do not."""
        self.assertEqual(Uri.parse("sips:%61lice;x@EXAMPLE.com:5061;lr").aor, "sip:alice;x@example.com")
        self.assertEqual(Uri.parse("sip:Alice@example.com").aor, "sip:Alice@example.com")
        self.assertEqual(Uri.parse("sip:a%2fb%2Bc@h").aor, "sip:a%2Fb%2Bc@h")

    def test_equal_by_19_1_4(self) -> None:
        """The examples of §19.1.4 that are equal."""
        for one, two in (
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ):
            self.assertTrue(Uri.parse(one).equivalent(Uri.parse(two)), one)
            self.assertTrue(Uri.parse(two).equivalent(Uri.parse(one)), two)

    def test_different_by_19_1_4(self) -> None:
        """The examples of §19.1.4 that differ."""
        for one, two in (
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
            ("sip:bob:a@biloxi.com", "sip:bob:b@biloxi.com"),
        ):
            self.assertFalse(Uri.parse(one).equivalent(Uri.parse(two)), one)


class Building(SynchronousTestCase):
    def test_build(self) -> None:
        """Parts put together."""
        uri = Uri.build("sip", "a", "::1", 5080, (("transport", "ws"), ("ob", None)), password="b", headers="x=y")
        self.assertEqual(uri.text, "sip:a:b@[::1]:5080;transport=ws;ob?x=y")
        self.assertEqual(Uri.build("sips", None, "example.com").text, "sips:example.com")
        self.assertRaises(ParseError, Uri.build, "sip", "a b", "example.com")

    def test_replace(self) -> None:
        """Other parts, and the rest as before."""
        uri = Uri.parse("sip:a@example.com:5080;lr?x=y")
        self.assertEqual(uri.replace(port=None, headers="").text, "sip:a@example.com;lr")
        self.assertEqual(uri.replace(user=None, params=()).text, "sip:example.com:5080?x=y")
        self.assertRaises(TypeError, uri.replace, parameters=())

    def test_same(self) -> None:
        """URIs of one text are equal and hash alike; nothing else equals one."""
        uri = Uri.parse("sip:a@example.com")
        self.assertIs(uri, Uri.parse("sip:a@example.com"))
        self.assertEqual(uri, Uri("sip", "a", None, "example.com", None, (), "", "sip:a@example.com"))
        self.assertNotEqual(uri, Uri.parse("sip:b@example.com"))
        self.assertNotEqual(uri, "sip:a@example.com")
        self.assertEqual(len({uri, Uri("sip", "a", None, "example.com", None, (), "", "sip:a@example.com")}), 1)
        self.assertEqual(repr(uri), "Uri('sip:a@example.com')")
