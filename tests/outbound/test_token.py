"""Flow tokens: what is signed comes back, and nothing else does (R2, figure 24)."""

from __future__ import annotations

import hmac
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.outbound.token import _REMEMBERED, _SIDES, BadToken, Purpose, Token, Tokens, is_token

KEY = b"k" * 32
OTHER_KEY = b"o" * 32
FLOW = b"s12345678"
BINDING = b"\x00\xffabcdef"

#: header text: whatever UTF-8 with surrogateescape may give
header_text = st.binary(max_size=30).map(lambda octets: octets.decode("utf-8", "surrogateescape"))


def tokens(*keys: bytes, node: str = "node1") -> Tokens:
    return Tokens(keys or (KEY,), node)


class RoundTripTests(SynchronousTestCase):
    """A token says what was put into it."""

    @given(
        node=st.text(min_size=1, max_size=20).filter(lambda text: max(text) <= "\ud7ff"),
        flow=st.binary(max_size=255),
        key=st.sampled_from([b"", BINDING]),
    )
    def test_path(self, node: str, flow: bytes, key: bytes) -> None:
        """Node, flow id and binding key of any content survive, in characters that need no escape."""
        both = tokens(node=node)
        text = both.path(flow, key)
        self.assertEqual(both.read_path(text), Token(Purpose.PATH, node, flow, key))
        self.assertTrue(is_token(text))
        self.assertRegex(text, r"\A[A-Za-z0-9_-]+\Z")

    @given(call_id=header_text, from_tag=header_text, to_tag=header_text)
    def test_record_route_from_either_side(self, call_id: str, from_tag: str, to_tag: str) -> None:
        """Requests of the caller and of the callee, whose tags stand the other way round, both open their dialog."""
        text = tokens().record_route(FLOW, BINDING, call_id, from_tag)
        said = Token(Purpose.RECORD_ROUTE, "node1", FLOW, BINDING)
        self.assertEqual(tokens().read_record_route(text, call_id, from_tag, to_tag), said)
        self.assertEqual(tokens().read_record_route(text, call_id, to_tag, from_tag), said)

    def test_caller_without_tag(self) -> None:
        """RFC 2543 callers send no From tag; their dialog works all the same."""
        text = tokens().record_route(FLOW, b"", "call", None)
        self.assertEqual(tokens().read_record_route(text, "call", None, "callee").flow_id, FLOW)
        self.assertEqual(tokens().read_record_route(text, "call", "callee", "").flow_id, FLOW)

    def test_length(self) -> None:
        """A token for a connection stays below 64 characters, which old phones keep in Record-Route buffers."""
        self.assertLess(len(tokens(node="a1b2c3d4").record_route(FLOW, BINDING, "call", "tag")), 64)

    def test_rotation(self) -> None:
        """The first key signs; tokens of every listed key are read, and those of a dropped one are not."""
        old = tokens(OTHER_KEY).path(FLOW)
        self.assertEqual(tokens(KEY, OTHER_KEY).read_path(old).flow_id, FLOW)
        self.assertEqual(tokens(KEY).read_path(tokens(KEY, OTHER_KEY).path(FLOW)).flow_id, FLOW)
        with self.assertRaises(BadToken):
            tokens(KEY).read_path(old)

    def test_another_node(self) -> None:
        """A token of another node with the same key is read, and names that node."""
        self.assertEqual(tokens().read_path(tokens(node="node2").path(FLOW)).node, "node2")

    def test_configuration(self) -> None:
        """No key, a short key, no node or fields that do not fit are mistakes of whoever builds this."""
        for keys, node in (((), "n"), ((b"short",), "n"), ((KEY,), ""), ((KEY,), "n" * 256)):
            with self.assertRaises(ValueError):
                Tokens(keys, node)
        for flow, key in ((b"x" * 256, b""), (b"", b"x" * 256)):
            with self.assertRaises(ValueError):
                tokens().path(flow, key)


class ForgeryTests(SynchronousTestCase):
    """R2: whatever was not signed for this purpose and this dialog is 403."""

    def refused(self, text: str) -> None:
        with self.assertRaises(BadToken) as caught:
            tokens().read_path(text)
        self.assertEqual(caught.exception.status, 403)
        with self.assertRaises(BadToken):
            tokens().read_record_route(text, "call", "a", "b")

    def test_R2_every_bit_flip(self) -> None:
        """No single bit of the text can be changed, the last character's included."""
        path = tokens().path(FLOW, BINDING)
        for text in (path, tokens().path(FLOW), tokens().path(FLOW + b"x", BINDING)):
            for position, bit in ((p, b) for p in range(len(text)) for b in range(8)):
                flipped = chr(ord(text[position]) ^ 1 << bit)
                self.refused(text[:position] + flipped + text[position + 1 :])

    def test_R2_every_bit_flip_in_record_route(self) -> None:
        """The same for Record-Route tokens, read within their own dialog."""
        text = tokens().record_route(FLOW, BINDING, "call", "a")
        for position, bit in ((p, b) for p in range(len(text)) for b in range(8)):
            flipped = chr(ord(text[position]) ^ 1 << bit)
            with self.assertRaises(BadToken):
                tokens().read_record_route(text[:position] + flipped + text[position + 1 :], "call", "a", "b")

    def test_R2_every_bit_flip_of_what_is_encoded(self) -> None:
        """No bit of the encoded octets either, MAC included."""
        text = tokens().path(FLOW, BINDING)
        encoded = text[3:]
        octets = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        for bit in range(len(octets) * 8):
            flipped = bytearray(octets)
            flipped[bit // 8] ^= 1 << bit % 8
            self.refused(text[:3] + urlsafe_b64encode(flipped).decode().rstrip("="))

    def test_R2_cut_and_grown(self) -> None:
        """Neither a shorter nor a longer text verifies."""
        text = tokens().path(FLOW, BINDING)
        for length in range(len(text)):
            self.refused(text[:length])
            self.refused(text[length + 1 :])
        for more in "A=-_ \n\0ä":
            self.refused(text + more)
            self.refused(more + text)
        self.refused(text + "A" * 2000)

    def test_R2_random(self) -> None:
        """Ten thousand well-shaped forgeries: none verifies. (The million of figure 24 is bench/token_forgery.py.)"""
        real = tokens()
        source = random.Random(24)
        payload = real.path(FLOW, BINDING)[:-16]
        for _ in range(10_000):
            forged = payload + urlsafe_b64encode(source.randbytes(12)).decode()
            self.assertRaises(BadToken, real.read_path, forged)

    @given(text=header_text | st.text(max_size=80).map(lambda text: "ovp" + text))
    def test_R2_any_text(self, text: str) -> None:
        """Whatever stands there, nothing but BadToken escapes."""
        self.assertRaises(BadToken, tokens().read_path, text)
        self.assertRaises(BadToken, tokens().read_record_route, text, text, text, text)

    def test_R2_purpose(self) -> None:
        """A Path token is no Record-Route token, nor the reverse, even in the same dialog."""
        record_route = tokens().record_route(FLOW, BINDING, "call", "a")
        path = tokens().path(FLOW, BINDING)
        self.assertRaises(BadToken, tokens().read_path, record_route)
        self.assertRaises(BadToken, tokens().read_record_route, path, "call", "a", "b")
        self.assertRaises(BadToken, tokens().read_path, "ovp" + record_route[3:])
        self.assertRaises(BadToken, tokens().read_record_route, "ovr" + path[3:], "", "", "")

    def test_R2_another_dialog(self) -> None:
        """A token learnt from one call opens no other: not with its Call-ID, nor its tag, nor both run together."""
        text = tokens().record_route(FLOW, BINDING, "call1", "tag")
        for call_id, from_tag, to_tag in (
            ("call2", "tag", "x"),
            ("call1", "x", "y"),
            ("call1", "x", "TAG"),
            ("call", "1tag", "1tag"),
            ("call1tag", "", ""),
            ("", "call1tag", "call1tag"),
        ):
            self.assertRaises(BadToken, tokens().read_record_route, text, call_id, from_tag, to_tag)

    def test_R2_out_of_dialog(self) -> None:
        """A Record-Route token in a request without To tag counts for nothing."""
        text = tokens().record_route(FLOW, BINDING, "call", "tag")
        self.assertRaises(BadToken, tokens().read_record_route, text, "call", "tag", None)

    def test_R2_foreign_key(self) -> None:
        """A token signed by somebody else's key is refused."""
        self.refused(tokens(OTHER_KEY).path(FLOW, BINDING))

    def test_signed_nonsense(self) -> None:
        """A key that also signs other things opens nothing: contents that are no token are refused as well."""
        real = tokens()
        for contents in (b"", b"\x05no", b"\x01n", b"\x01n\x09short", b"\x01\xff\x00"):
            text = b"ovp" + urlsafe_b64encode(contents).rstrip(b"=")
            signed = text + real._macs[0].of(text)
            self.assertRaises(BadToken, real.read_path, signed.decode())


class MemoryTests(SynchronousTestCase):
    """What one `Tokens` has made or verified is known by its text: that opens no more than the signature does."""

    def test_R2_known_text_in_another_dialog(self) -> None:
        """A token that was made here, or verified here, is refused outside of its dialog, and in it without To tag."""
        made, verified = tokens(), tokens()
        text = made.record_route(FLOW, BINDING, "call1", "tag")
        verified.read_record_route(text, "call1", "other", "tag")
        for real in (made, verified):
            for call_id, from_tag, to_tag in (
                ("call2", "tag", "x"),
                ("call1", "x", "y"),
                ("call1", None, ""),
                ("call", "1tag", "1tag"),
                ("call1", "tag", None),
            ):
                self.assertRaises(BadToken, real.read_record_route, text, call_id, from_tag, to_tag)
            for from_tag, to_tag in (("tag", "x"), ("x", "tag")):
                self.assertEqual(FLOW, real.read_record_route(text, "call1", from_tag, to_tag).flow_id)

    def test_R2_wrong_again(self) -> None:
        """What was refused once is refused again, beside the right one that it is like."""
        real = tokens()
        text = real.record_route(FLOW, BINDING, "call", "a")
        forged = text[:-1] + ("A" if text[-1] != "A" else "B")
        for _ in range(3):
            self.assertRaises(BadToken, real.read_record_route, forged, "call", "a", "b")
            self.assertEqual(BINDING, real.read_record_route(text, "call", "a", "b").binding_key)

    def test_forgotten(self) -> None:
        """Memory is bounded; a token that is forgotten is verified as it would be after a restart."""
        real = tokens()
        text = real.record_route(FLOW, BINDING, "call", "a")
        for number in range(2 * _REMEMBERED + 1):
            real.record_route(b"s%d" % number, b"", str(number), "a")
        self.assertNotIn(text, {**real._right, **real._before})
        self.assertLessEqual(len(real._right) + len(real._before), 2 * _REMEMBERED)
        self.assertLessEqual(len(real._sides), _SIDES)
        self.assertRaises(BadToken, real.read_record_route, text, "call", "x", "y")
        self.assertEqual(BINDING, real.read_record_route(text, "call", "x", "a").binding_key)
        self.assertIn(text, real._right)


class ShapeTests(SynchronousTestCase):
    """`is_token` sorts user parts cheaply."""

    def test_users_are_no_tokens(self) -> None:
        """What people are called, and no user at all, does not look like a token."""
        for user in (None, "", "alice", "ovp", "overture", "+15551234", "ovx" + "a" * 60, "ovp" + "a" * 40 + "%41"):
            self.assertFalse(is_token(user))
        self.assertFalse(is_token("ovp" + "a" * 2000))

    def test_mac_is_hmac_sha_256(self) -> None:
        """The signature is RFC 2104's, for keys of any length."""
        for length in (16, 32, 64, 65, 200):
            key = bytes(range(length))
            token = Tokens([key], "n").path(b"flow").encode()
            mac = urlsafe_b64encode(hmac.digest(key, token[:-16], "sha256")[:12])
            self.assertEqual(token[-16:], mac)
