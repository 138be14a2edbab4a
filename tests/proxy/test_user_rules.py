"""oversip_tw.proxy.user_rules"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.proxy.user_rules import NONE, Rules, UserRules, target_uri

BOB = "sip:bob@example.com"


class RulesTest(SynchronousTestCase):
    def test_before(self) -> None:
        """What one says counts, nothing included; for the rest the other."""
        one = Rules(forward_busy="sip:a@x", forward_no_answer="")
        other = Rules("sip:b@x", "sip:b@x", "sip:b@x", 7.0)
        self.assertEqual(Rules("sip:a@x", "", "sip:b@x", 7.0), one.before(other))
        self.assertEqual(one, one.before(NONE))

    def test_patience(self) -> None:
        """As said; 25 s where there is somewhere to go, else for ever."""
        self.assertEqual(7.0, Rules(ring_timeout=7.0).patience)
        self.assertEqual(25.0, Rules(forward_no_answer="sip:a@x").patience)
        self.assertEqual(0.0, Rules(forward_busy="sip:a@x", forward_no_answer="").patience)

    def test_targets(self) -> None:
        """All that are named, and nothing else."""
        self.assertEqual(("sip:a@x",), Rules(forward_busy="sip:a@x", forward_no_answer="").targets)


class UserRulesTest(SynchronousTestCase):
    def test_layers(self) -> None:
        """Store before configuration before domain; empty only when all are."""
        rules = UserRules()
        self.assertTrue(rules.empty)
        rules.configure({BOB: Rules(forward_busy="sip:a@x")}, {"example.com": Rules(forward_busy="sip:d@x")})
        self.assertFalse(rules.empty)
        self.assertEqual("sip:a@x", rules.of(BOB).forward_busy)
        rules.store(BOB, Rules(forward_busy=""))
        self.assertEqual("", rules.of(BOB).forward_busy)
        self.assertEqual("", rules.own(BOB).forward_busy)
        self.assertEqual(Rules(forward_busy=""), rules.stored(BOB))
        self.assertEqual("sip:d@x", rules.of("sip:carol@example.com").forward_busy)
        self.assertEqual(NONE, rules.of("sip:bob@example.org"))
        rules.configure({}, {})
        self.assertFalse(rules.empty)
        rules.store(BOB, NONE)
        self.assertTrue(rules.empty)


class TargetTest(SynchronousTestCase):
    def test_what_it_may_be(self) -> None:
        """A name, a name with a domain, a URI, nothing."""
        for text, uri in (
            ("carol", "sip:carol@example.com"),
            ("carol#1", "sip:carol%231@example.com"),
            ("carol@example.org", "sip:carol@example.org"),
            ("sip:+15551234@trunk.example.net;user=phone", "sip:+15551234@trunk.example.net;user=phone"),
            ("SIPS:x@[2001:db8::1]:5061", "SIPS:x@[2001:db8::1]:5061"),
            ("", ""),
        ):
            self.assertEqual(uri, target_uri(text, "example.com"))

    def test_what_it_may_not_be(self) -> None:
        """Neither a bare domain nor what carries headers, a password or another scheme."""
        for text in (
            "sip:example.com", "sip:a@x?Subject=1", "sip:a:b@x", "tel:+1555", "@x", "sip:", "a" * 600, "a@b c",
            "sip:a@x y", "carol smith",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=text):
                target_uri(text, "example.com")
