"""RFC 3261 §25.1: the rules, and that they take linear time."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip import grammar
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.grammar import number, quote, split_list, unfold, unquote


class Texts(SynchronousTestCase):
    def test_unfold(self) -> None:
        """White space around a fold becomes one space."""
        self.assertEqual(unfold("a  \r\n\t b\r\n c"), "a b c")
        self.assertEqual(unfold("a  b"), "a  b")

    def test_p10_number(self) -> None:
        """P10: ASCII digits alone, up to the limit, however many zeros lead."""
        self.assertEqual([number(text, 255) for text in ("0", "255", "00000000000000000000000000255")], [0, 255, 255])
        for text in (
            "",
            "256",
            "+5",
            "-1",
            "0x5",
            "5,5",
            " 5",
            "5.0",
            "1_0",
            "\u0665",
            "\u00b2",
            "9" * 5000,
            "0" * 5000 + "9" * 30,
        ):
            self.assertIsNone(number(text, 255), text)

    def test_quotes(self) -> None:
        """Quoting and back."""
        self.assertEqual((quote('a"b\\c'), unquote('"a\\"b\\\\c"'), unquote("abc")), ('"a\\"b\\\\c"', 'a"b\\c', "abc"))

    def test_p7_control_characters_are_not_quoted(self) -> None:
        """P7: CR, LF and the like never get into a quoted string of ours."""
        for character in "\r\n\0\x1b\x7f":
            self.assertRaises(ValueError, quote, f"a{character}b")

    @settings(max_examples=100)
    @given(st.text(st.characters(min_codepoint=32, blacklist_characters="\x7f"), max_size=20))
    def test_quote_round_trip(self, text: str) -> None:
        """What is quoted is a quoted string, and comes back."""
        quoted = quote(text)
        self.assertIsNotNone(grammar.gen_value.fullmatch(quoted))
        self.assertEqual(unquote(quoted), text)


class Lists(SynchronousTestCase):
    def test_members(self) -> None:
        """Commas separate, but not in quotes, <> and comments; empty members fall away."""
        for text, members in (
            ("", []),
            (" \t", []),
            ("a", ["a"]),
            (" a ,\tb,,", ["a", "b"]),
            ('"a,b" <sip:c,d>, e', ['"a,b" <sip:c,d>', "e"]),
            ('"a\\",b", c', ['"a\\",b"', "c"]),
            ('"\\\\", c', ['"\\\\"', "c"]),
            ('a (x, (y, \\) "z), b), c', ['a (x, (y, \\) "z), b)', "c"]),
            ("a), b>, c", ["a)", "b>", "c"]),
            ("sip:a(b@c, sip:d@e", ["sip:a(b@c", "sip:d@e"]),
            ("\\, b", ["\\", "b"]),
            ("<a(>, b", ["<a(>", "b"]),
        ):
            self.assertEqual(split_list(text), members, text)

    def test_without_end(self) -> None:
        """A quote or a "<" that nothing closes is an error, but only where there is something to split."""
        for text in ('"a, b', "<a, b", '(", b'):
            self.assertRaises(ParseError, split_list, text)
        self.assertEqual(split_list('"a'), ['"a'])


class LinearTime(SynchronousTestCase):
    """P11: an expression takes linear time when no quantifier gives back what it took: possessive or bounded."""

    def test_p11_no_quantifier_gives_back(self) -> None:
        """P11: read from the expressions themselves: each star and plus is possessive, or the end of an atomic group.

        Behind a group it is the latter: Python 3.11.2, which Debian 12 has, gets possessive groups wrong.
        """
        for name, rule in vars(grammar).items():
            if not isinstance(rule, re.Pattern):
                continue
            pattern = rule.pattern
            outside = _without_classes(pattern)
            for at, mark in enumerate(outside):
                if mark in "*+" and outside[at - 1 : at] not in ("*", "+", "?", "}", "\\"):
                    wanted = ")" if outside[at - 1] == ")" else "+"
                    self.assertEqual(outside[at + 1 : at + 2], wanted, f"{name}: {pattern[max(0, at - 20) : at + 5]}")

    def test_p11_long_input_ends(self) -> None:
        """P11: 64 KiB of what makes careless expressions explode is read to the end, by every rule and every list."""
        size = 65536
        for piece in (
            ";",
            ",",
            '"',
            "\\",
            " ",
            "(",
            "<",
            ";a",
            ";a=",
            ";a=b",
            '"\\',
            "a ",
            "%61",
            "a-",
            "a.",
            "[",
            ":",
            "1",
            "(\\",
        ):
            text = piece * (size // len(piece))
            for rule in vars(grammar).values():
                if isinstance(rule, re.Pattern):
                    rule.fullmatch(text)
                    rule.fullmatch(f"<sip:a@b>{text}\x01")
                    rule.fullmatch(f'"{text}\x01')
            for whole in (text, f"a,{text}", f'",{text}', f"<,{text}", f"(,{text}"):
                try:
                    split_list(whole)
                except ParseError:
                    continue


def _without_classes(pattern: str) -> str:
    """``pattern`` with character classes and escapes blotted out, of the same length."""
    found, at, inside = [], 0, False
    while at < len(pattern):
        if pattern[at] == "\\":
            found.append("xx")
            at += 2
            continue
        if inside:
            inside = pattern[at] != "]"
            found.append("x")
        else:
            inside = pattern[at] == "["
            found.append("x" if inside else pattern[at])
        at += 1
    return "".join(found)
