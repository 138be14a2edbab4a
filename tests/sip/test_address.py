"""RFC 3261 §20.10: name-addr and addr-spec."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import address as module
from oversip_tw.sip.address import NameAddr, unreadable_address
from oversip_tw.sip.errors import ParseError


class Addresses(SynchronousTestCase):
    def test_name_addr(self) -> None:
        """Display name, URI, parameters; names of parameters in lower case, quotes taken off on demand."""
        contact = NameAddr.parse('"A \\"B\\" C" <sip:a@b;ob>;+sip.instance="<urn:uuid:1;2>";Reg-ID=1;x ; expires = 60')
        self.assertEqual(contact.display_name, 'A "B" C')
        self.assertEqual(contact.uri.text, "sip:a@b;ob")
        self.assertEqual([name for name, _ in contact.params], ["+sip.instance", "reg-id", "x", "expires"])
        self.assertEqual(contact.param("+sip.instance"), "<urn:uuid:1;2>")
        self.assertEqual((contact.param("x"), contact.param("expires"), contact.param("q")), ("", "60", None))
        self.assertEqual((contact.has_param("x"), contact.has_param("q"), contact.tag), (True, False, None))
        self.assertEqual(str(contact), contact.text)

    def test_addr_spec(self) -> None:
        """Without <>, what follows the ";" belongs to the header (§20.10)."""
        to = NameAddr.parse("sip:a@b;tag=x")
        self.assertEqual((to.uri.text, to.tag, to.display_name), ("sip:a@b", "x", ""))

    def test_parameter_values(self) -> None:
        """Tokens, quoted strings and IPv6 references."""
        self.assertEqual(NameAddr.parse('<sip:a@b>;received=[::1];y=""').params, (("received", "[::1]"), ("y", '""')))
        self.assertEqual(NameAddr.parse('<sip:a@b>;y=""').param("y"), "")

    def test_display_names(self) -> None:
        """Tokens with spaces between, UTF-8 within quotes."""
        self.assertEqual(NameAddr.parse("J. Rosenberg\t<sip:a@b>").display_name, "J. Rosenberg")
        self.assertEqual(NameAddr.parse('"Zoë"<sip:a@b>').display_name, "Zoë")

    def test_refused(self) -> None:
        """What is none."""
        for text in (
            "",
            "*",
            "<>",
            "<sip:a@b",
            "sip:a@b>",
            "< sip:a@b>",
            "A, B <sip:a@b>",
            '"A <sip:a@b>',
            "<sip:a@b>;",
            "<sip:a@b>;;x",
            "<sip:a@b>;x=",
            "<sip:a@b>;tag=1;Tag=2",
            "<sip:a@b> x",
            "sip:a@b?x=y",
            "sip:a@b,sip:c@d",
            "Zoë <sip:a@b>",
            '"a\rb" <sip:a@b>',
            "<sip:a@b>;x=\u0661",
            "<sip:a@b>\n",
            "<<sip:a@b>>",
            '"A" "B" <sip:a@b>',
        ):
            self.assertRaises(ParseError, NameAddr.parse, text)

    def test_build(self) -> None:
        """Quoted where that is needed, and nowhere else."""
        made = NameAddr.build(
            "sip:a@b", 'A "B"', (("tag", "x"), ("ob", None), ("+sip.instance", "<urn:x>"), ("r", "[::1]"))
        )
        self.assertEqual(made.text, '"A \\"B\\"" <sip:a@b>;tag=x;ob;+sip.instance="<urn:x>";r=[::1]')
        self.assertEqual((made.tag, made.param("+sip.instance")), ("x", "<urn:x>"))
        self.assertEqual(NameAddr.build(made.uri).text, "<sip:a@b>")

    def test_p7_nothing_breaks_out_of_quotes(self) -> None:
        """P7: a display name or a value with line ends is refused when it is written."""
        self.assertRaises(ValueError, NameAddr.build, "sip:a@b", "x\r\nTo: y")
        self.assertRaises(ValueError, NameAddr.build, "sip:a@b", "", (("x", "\r\n"),))

    def test_memory_is_bounded(self) -> None:
        """What is remembered is thrown away in time, and what is long is not remembered."""
        for number in range(module._MEMO + 10):
            NameAddr.parse(f"<sip:a@b>;tag={number}")
        self.assertLessEqual(len(module._memo), module._MEMO)
        long = f"<sip:a@b>;tag={'x' * 600}"
        self.assertIsNot(NameAddr.parse(long), NameAddr.parse(long))

    def test_unreadable(self) -> None:
        """The stand-in still tells the tag, if there is one to be seen."""
        self.assertEqual(unreadable_address('"A <sip:a@b>; Tag = x').tag, "x")
        self.assertIsNone(unreadable_address("?").tag)

    @settings(max_examples=200, deadline=None)
    @given(st.text('ab<>"\\;=,@: \t()?.é\u0661', max_size=25), st.text('ab"\\;=, \t\r\n', max_size=10))
    def test_nothing_but_parse_errors(self, name: str, tail: str) -> None:
        """Any text is an address that builds itself again, or a ParseError."""
        for text in (name, f"{name}<sip:a@b>{tail}", f"<sip:a@b>;{tail}"):
            try:
                address = NameAddr.parse(text)
            except ParseError:
                continue
            again = NameAddr.build(address.uri, address.display_name, address.params)
            self.assertEqual((again.display_name, again.params), (address.display_name, address.params))

    def test_same(self) -> None:
        """Addresses of one text are equal and hash alike; nothing else equals one."""
        address = NameAddr.parse("<sip:a@example.com>;tag=1")
        again = NameAddr("", address.uri, address.params, address.text, "1")
        self.assertEqual(address, again)
        self.assertEqual(len({address, again}), 1)
        self.assertNotEqual(address, NameAddr.parse("<sip:a@example.com>;tag=2"))
        self.assertNotEqual(address, address.text)
        self.assertEqual(repr(again), "NameAddr('<sip:a@example.com>;tag=1')")
