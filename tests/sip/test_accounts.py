"""Names of accounts and their addresses-of-record."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.sip.accounts import aor_of, name_in
from oversip_tw.sip.errors import ParseError
from oversip_tw.sip.uri import Uri


class Accounts(SynchronousTestCase):
    """Each name has one address, and each address one name."""

    def test_both_ways(self) -> None:
        """Whatever a URI holds only as escapes is escaped, in any spelling the phone likes, and comes back."""
        for name, spelling in (
            ("alice", "sip:%61lice@example.com"),
            ("jörg", "sip:j%c3%B6rg@example.com"),
            ("a#b", "sip:a%23b@example.com;user=phone"),
            ("%61lice", "sip:%2561lice@example.com"),
            ("+1(2)", "sip:+1(2)@EXAMPLE.com:5070"),
        ):
            uri = Uri.parse(spelling)
            self.assertEqual(aor_of(name, "example.com"), uri.aor)
            self.assertEqual(name_in(Uri.parse(uri.aor).user or ""), name)

    def test_domains(self) -> None:
        """An IPv6 address as domain stands in brackets."""
        self.assertEqual(aor_of("alice", "::1"), Uri.parse("sip:alice@[0::1]").aor)

    def test_no_name(self) -> None:
        """Nobody has no name."""
        self.assertRaises(ParseError, aor_of, "", "example.com")
