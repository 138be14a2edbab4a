"""oversip_tw.transport.websocket.origin"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.transport.websocket.origin import Origins, normal


class OriginTest(SynchronousTestCase):
    def test_normal(self) -> None:
        """Case and the default port make no difference; paths, users and junk are no origin."""
        self.assertEqual(normal("HTTPS://Phone.Example"), "https://phone.example:443")
        self.assertEqual(normal("http://[::1]:8080"), "http://[::1]:8080")
        for text in (
            "",
            "null",
            "phone.example",
            "https://a/",
            "https://u@a",
            "https://a:x",
            "https://a b",
            "https://",
        ):
            self.assertIsNone(normal(text), text)

    def test_without_a_list_all_may_come(self) -> None:
        """No list, or a star in it: no check."""
        for origins in (Origins((), False), Origins(("*", "https://a"), False)):
            for origin in (None, "null", "https://evil.example", "junk"):
                self.assertTrue(origins.allow(origin, "h", True))

    def test_T6_listed_alone(self) -> None:
        """With a list: listed passes, another, ``null``, junk and none at all do not."""
        origins = Origins(("https://phone.example", "http://localhost:8080"), False)
        self.assertTrue(origins.allow("https://phone.example:443", "sip.example", True))
        self.assertTrue(origins.allow("http://LOCALHOST:8080", "sip.example", False))
        for origin in (
            None,
            "null",
            "",
            "http://phone.example",
            "https://phone.example.evil",
            "https://phone.example:444",
        ):
            self.assertFalse(origins.allow(origin, "sip.example", True), origin)

    def test_missing_origin_can_be_let_in(self) -> None:
        """Programs send no Origin: an explicit option lets them in, browsers stay checked."""
        origins = Origins(("same-origin",), True)
        self.assertTrue(origins.allow(None, "h", True))
        self.assertFalse(origins.allow("https://other", "h", True))
        self.assertFalse(origins.allow("null", "h", True))

    def test_null_can_be_listed(self) -> None:
        """Sandboxed pages and files say ``null``; who wants them lists it."""
        self.assertTrue(Origins(("null",), False).allow("null", "h", True))

    def test_same_origin(self) -> None:
        """The page came from the very host, port and scheme that the WebSocket goes to."""
        origins = Origins(("same-origin",), False)
        self.assertTrue(origins.allow("https://sip.example", "sip.example", True))
        self.assertTrue(origins.allow("https://sip.example:8443", "SIP.example:8443", True))
        self.assertTrue(origins.allow("http://[::1]:8080", "[::1]:8080", False))
        self.assertFalse(origins.allow("http://sip.example", "sip.example", True))
        self.assertFalse(origins.allow("https://sip.example", "sip.example:8443", True))
        self.assertFalse(origins.allow("https://sip.example", "bad host", True))

    def test_a_list_with_junk_is_refused(self) -> None:
        """A mistake in the list shows at start-up."""
        for text in ("phone.example", "https://phone.example/", "Same-Origin"):
            with self.assertRaises(ValueError):
                Origins((text,), False)
