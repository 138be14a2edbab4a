"""oversip_tw.transport.websocket.forwarded"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Address
from oversip_tw.transport.websocket.forwarded import effective_peer, over_tls
from oversip_tw.transport.websocket.head import Head

STRANGER, PROXY = ("203.0.113.9", 1000), ("10.0.0.1", 2000)


def trusted(address: Address) -> bool:
    return address[0].startswith("10.") or address[0] == "fd00::1"


def head(*lines: str) -> Head:
    return Head("\r\n".join(("GET / HTTP/1.1", *lines, "", "")).encode())


class ForwardedTest(SynchronousTestCase):
    def test_T9_a_stranger_is_not_believed(self) -> None:
        """Headers from somebody untrusted change nothing."""
        lie = head("X-Forwarded-For: 10.0.0.5", "X-Forwarded-Proto: https")
        self.assertEqual(effective_peer(lie, STRANGER, trusted), STRANGER)
        self.assertFalse(over_tls(lie, STRANGER, trusted))

    def test_T9_first_untrusted_from_the_right(self) -> None:
        """What stands left of the first untrusted address was written by that client itself."""
        request = head("X-Forwarded-For: 1.1.1.1, 198.51.100.4", "X-Forwarded-For: 10.0.0.2")
        self.assertEqual(effective_peer(request, PROXY, trusted), ("198.51.100.4", 2000))

    def test_all_trusted(self) -> None:
        """Only proxies in the list: the leftmost is the client."""
        self.assertEqual(effective_peer(head("X-Forwarded-For: 10.0.0.7, 10.0.0.2"), PROXY, trusted)[0], "10.0.0.7")
        self.assertEqual(effective_peer(head(), PROXY, trusted), PROXY)

    def test_forms_of_addresses(self) -> None:
        """IPv6 with and without brackets, ports, quotes; what is no address ends the search."""
        for text, host in (
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ('"[2001:db8::1]"', "2001:db8::1"),
            ("198.51.100.4:5000", "198.51.100.4"),
            ("::ffff:198.51.100.4", "198.51.100.4"),
            ("fe80::1%eth0", "10.0.0.1"),
            ("198.51.100.4, unknown", "10.0.0.1"),
        ):
            self.assertEqual(effective_peer(head(f"X-Forwarded-For: {text}"), PROXY, trusted)[0], host, text)

    def test_proto(self) -> None:
        """The last word of the trusted proxy counts."""
        self.assertTrue(over_tls(head("X-Forwarded-Proto: HTTPS"), PROXY, trusted))
        self.assertFalse(over_tls(head("X-Forwarded-Proto: https, http"), PROXY, trusted))
        self.assertFalse(over_tls(head(), PROXY, trusted))
