"""Feature tags (RFC 3840) and what callers make of them (RFC 3841)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.registrar.features import features_of, meet
from oversip_tw.registrar.preferences import Preferences, keeps_ringing, preferences_of
from oversip_tw.sip.errors import SIPError
from oversip_tw.sip.message import Request


def request(**headers: str) -> Request:
    """An INVITE with these, ``_`` for ``-``."""
    fields = [("Call-ID", "c"), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return Request.build("INVITE", "sip:bob@example.com", fields)


def wanted(**headers: str) -> Preferences:
    """What that asks for."""
    found = preferences_of(request(**headers))
    assert found is not None
    return found


class FeatureTests(SynchronousTestCase):
    """Values of one tag."""

    def meets(self, asked: str, known: str) -> bool:
        return meet(features_of(f";+x={asked}")["+x"], features_of(f";+x={known}")["+x"])

    def test_values(self) -> None:
        """Words in any case, strings to the letter, numbers by size; what is ruled out by "!"."""
        for asked, known, meets in (
            ("a", "A", True),
            ('"a,b"', '"c, b"', True),
            ("a", "b", False),
            ('"!a"', "a", False),
            ('"!a"', "b", True),
            ("b", '"!a"', True),
            ('"!a"', '"!b"', True),
            ('"<A>"', '"<A>"', True),
            ('"<A>"', '"<a>"', False),
            ('"#5"', '"#5"', True),
            ('"#=5"', '"#6"', False),
            ('"#>=5"', '"#<=5"', True),
            ('"#>=5"', '"#<=4.9"', False),
            ('"#1:3"', '"#3:9"', True),
            ('"#1:3"', '"#-4:+0.5"', False),
            ('"!#5"', '"#5"', False),
            ('"!#5"', '"#5:6"', True),
            ('"#5"', "five", False),
            ('"!#5"', "five", True),
            ('"TRUE"', '"!FALSE"', True),
            ('"TRUE"', '"FALSE"', False),
            ('"!TRUE"', '"FALSE"', True),
            ('"#x"', '"#x"', True),
            ('""', '"true"', True),
        ):
            self.assertEqual(self.meets(asked, known), meets, (asked, known))
            self.assertEqual(self.meets(known, asked), meets, (known, asked))

    def test_tags(self) -> None:
        """Those that are registered, in either form, and all with a plus; what is no feature is none."""
        found = features_of(';q=0.5;reg-id=1;Audio;+sip.video="FALSE";+sip.instance="<urn:x>";+a.b;expires=5;foo=bar')
        self.assertEqual(sorted(found), ["+a.b", "+sip.instance", "audio", "video"])

    @given(st.text(max_size=30))
    @settings(max_examples=200, deadline=None)
    def test_any_value(self, text: str) -> None:
        """Whatever stands there is some value."""
        quoted = text.replace("\\", "").replace('"', "")
        for values in features_of(f';+x="{quoted}"').values():
            self.assertIsInstance(meet(values, values), bool)


class ScoreTests(SynchronousTestCase):
    """§7.2.4."""

    def test_accept(self) -> None:
        """The share of the tags that the phone has, unless it contradicts one."""
        asked = wanted(Accept_Contact='*;audio;video;mobility="fixed"')
        for params, score in (
            (";audio;video;mobility=fixed", 1.0),
            (";audio;video", 2 / 3),
            (";audio;mobility=mobile", 0.0),
            (";+sip.instance=x", 0.0),
            ("", 1.0),
            (";reg-id=1", 1.0),
        ):
            self.assertAlmostEqual(asked.score(params) or 0.0, score, msg=params)

    def test_require(self) -> None:
        """A phone that contradicts is out; one that says nothing of it is not."""
        asked = wanted(Accept_Contact='*;video="TRUE";require')
        self.assertEqual(asked.score(";video"), 1.0)
        self.assertEqual(asked.score(";audio"), 0.0)
        self.assertIsNone(asked.score(';video="FALSE"'))

    def test_explicit(self) -> None:
        """What a phone does not say it does not have; with require it is out."""
        asked = wanted(Accept_Contact="*;audio;video;explicit")
        self.assertEqual([asked.score(";audio;video"), asked.score(";audio")], [1.0, 0.0])
        strict = wanted(Accept_Contact="*;audio;video;explicit;require")
        self.assertEqual([strict.score(";audio;video"), strict.score(";audio"), strict.score("")], [1.0, None, 1.0])

    def test_several(self) -> None:
        """The mean of all that are asked for."""
        asked = wanted(Accept_Contact="*;audio, *;video;text")
        self.assertEqual(asked.score(";audio;video"), 0.75)
        self.assertEqual(wanted(a="*;audio").score(";video"), 0.0)
        self.assertEqual(wanted(Accept_Contact="*").score(";video"), 1.0)

    def test_reject(self) -> None:
        """A phone that has all of it; nobody is rejected for what it does not say, or for nothing."""
        asked = wanted(Reject_Contact='*;automata;mobility="mobile"')
        self.assertIsNone(asked.score(";automata;mobility=mobile"))
        for params in (";automata", ";automata;mobility=fixed", "", ";audio"):
            self.assertEqual(asked.score(params), 1.0)
        self.assertEqual(wanted(j="*").score(";audio"), 1.0)

    def test_dispositions(self) -> None:
        """By name, in any case."""
        asked = wanted(Request_Disposition="No-Fork, sequential")
        self.assertEqual((asked.one_alone, asked.sequential, asked.parallel), (True, True, False))
        self.assertTrue(wanted(d="parallel").parallel)
        self.assertTrue(keeps_ringing(request(d="no-cancel")))
        self.assertFalse(keeps_ringing(request(d="cancel")))
        self.assertFalse(keeps_ringing(request()))

    def test_blanks(self) -> None:
        """Around ";" and "=" they mean nothing (RFC 3261 §25.1)."""
        asked = wanted(Accept_Contact='* ; video = "TRUE" ; require\t;explicit , * ;audio')
        self.assertEqual((asked.score(";audio"), asked.score(";video;audio")), (None, 1.0))

    def test_none(self) -> None:
        """A request without such headers."""
        self.assertIsNone(preferences_of(request(Subject="x")))

    def test_refused(self) -> None:
        """400 for what cannot be read, and for more than anybody needs."""
        many = "*" + "".join(f";+x{number}" for number in range(65))
        for text in ("audio", "*audio", "<sip:a@b>;audio", "*;=", many, ",".join(["*;audio"] * 17)):
            for name in ("Accept_Contact", "Reject_Contact"):
                error = self.assertRaises(SIPError, preferences_of, request(**{name: text}))
                self.assertEqual(error.status, 400, text)
