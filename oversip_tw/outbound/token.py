"""Signed flow tokens (RFC 5626 §5.2): the user part by which our own Path and Record-Route find a flow again, and the
one of a Contact of ours, which names a binding and no flow.

A token reads ``ov`` PURPOSE PAYLOAD MAC, all of it characters that a SIP user part may hold unescaped. PAYLOAD is
base64url without padding of node id, flow id and binding key. MAC is HMAC-SHA-256 cut to 96 bits, over the *text* so
far (no second spelling of a payload verifies) and, for Record-Route, over Call-ID and From tag of the request it
was put into.
"""

from __future__ import annotations

import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from oversip_tw.outbound.keyed import Keyed
from oversip_tw.sip.errors import SIPError

#: 96 bits: above the 80 that RFC 5626's example uses, and 16 characters exactly, so that no bit of the text is spare
MAC_OCTETS: Final = 12
MAC_CHARACTERS: Final = 16
#: shorter secrets are a mistake in the configuration
MIN_KEY_OCTETS: Final = 16
#: length fields are one octet
MAX_FIELD_OCTETS: Final = 255
#: three fields of at most 255 octets do not make a longer text; whatever is longer is no token of ours
MAX_TOKEN_CHARACTERS: Final = 1100

_PATH: Final = b"ovp"
_RECORD_ROUTE: Final = b"ovr"
_CONTACT: Final = b"ovc"
#: base64 as it is, and as it may stand in a URI (RFC 4648 §5)
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_to_base64: Final = binascii.b2a_base64
_from_base64: Final = binascii.a2b_base64
_SHAPE: Final = re.compile(r"ov[prc][A-Za-z0-9_-]{20,}", re.ASCII)


class Purpose(Enum):
    """What a token may be used for; the letter stands in the token and is signed with it."""

    PATH = "p"
    RECORD_ROUTE = "r"


class Token:
    """What a verified token says, never to be changed. It names a flow and authorises nothing else."""

    __slots__ = ("binding_key", "flow_id", "node", "purpose")

    def __init__(self, purpose: Purpose, node: str, flow_id: bytes, binding_key: bytes) -> None:
        self.purpose: Final = purpose
        #: the node that holds the flow
        self.node: Final = node
        #: `interfaces.Flow.id`, or the packed address of a hop (`flow_id.unpack_hop`)
        self.flow_id: Final = flow_id
        #: what finds the binding when the flow is gone; b"" = no carry-over and no wait
        self.binding_key: Final = binding_key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]

    def _all(self) -> tuple[object, ...]:
        return (self.purpose, self.node, self.flow_id, self.binding_key)


@dataclass(slots=True)
class Sealed:
    """What a verified Contact token says, never to be changed: whose it is, and the URI that it stands for."""

    binding_key: bytes
    contact: str


class BadToken(SIPError):
    """No signature of ours stands under this token, or it belongs to another dialog: 403, and nothing leaves."""

    def __init__(self) -> None:
        super().__init__(403, "Bad Flow Token")


def is_token(text: str | None) -> bool:
    """Whether a user part looks like a token. Says nothing about its signature; a user may be called so."""
    return text is not None and len(text) <= MAX_TOKEN_CHARACTERS and _SHAPE.fullmatch(text) is not None


#: tokens of Record-Routes that need no second look: the last ones that were made or found right, twice as many at most
_REMEMBERED = 8192
#: sides of Record-Routes whose text is kept but for the signature
_SIDES = 4096


class _Side:
    """What all Record-Routes with one flow and binding share: the text up to the signature, and what it says."""

    __slots__ = ("signed", "token")

    def __init__(self, signed: bytes, token: Token) -> None:
        self.signed = signed
        self.token = token


class _Right:
    """A Record-Route token whose signature is known to be right, and the one dialog that it is for."""

    __slots__ = ("call_id", "tag", "token")

    def __init__(self, call_id: str, tag: str, token: Token) -> None:
        self.call_id = call_id
        self.tag = tag
        self.token = token


class Tokens:
    """Makes and reads tokens. The first of ``keys`` signs, any of them verifies (rotation).

    A Record-Route token comes back in every request of its dialog: those of late are known by their text, which costs
    one look-up where the signature costs two hashes. What was wrong is never remembered.
    """

    __slots__ = ("_before", "_macs", "_node", "_paths", "_right", "_sides", "node")

    def __init__(self, keys: Sequence[bytes], node: str) -> None:
        """``keys``: at least 16 octets each, ``node``: 1 to 255 octets in UTF-8. ValueError otherwise."""
        if not keys or any(len(key) < MIN_KEY_OCTETS for key in keys):
            raise ValueError(f"flow tokens need one key at least, of {MIN_KEY_OCTETS} octets or more")
        self.node = node
        self._node = _node(node)
        self._macs = [_Mac(key) for key in keys]
        self._sides: dict[tuple[bytes, bytes], _Side] = {}
        #: by flow and binding, as a phone registers again and again
        self._paths: dict[tuple[bytes, bytes], str] = {}
        #: by text: what was signed or verified lately, and what before that
        self._right: dict[str, _Right] = {}
        self._before: dict[str, _Right] = {}

    def path(self, flow_id: bytes, binding_key: bytes = b"") -> str:
        """The token for a Path (RFC 3327) or Service-Route of ours."""
        text = self._paths.get((flow_id, binding_key))
        if text is None:
            signed = self._unsigned(_PATH, flow_id, binding_key)
            text = (signed + self._macs[0].of(signed)).decode("ascii")
            if len(self._paths) >= _REMEMBERED:
                self._paths.clear()
            self._paths[flow_id, binding_key] = text
        return text

    def record_route(self, flow_id: bytes, binding_key: bytes, call_id: str, from_tag: str | None) -> str:
        """The token for a Record-Route put into the request with that Call-ID and From tag; opens that dialog only."""
        side = self._sides.get((flow_id, binding_key))
        if side is None:
            side = self._new_side(flow_id, binding_key)
        tag, signed = from_tag or "", side.signed
        text = (signed + self._macs[0].of(signed + _dialog(call_id, tag))).decode("ascii")
        self._remember(text, _Right(call_id, tag, side.token))
        return text

    def path_of(self, node: str, flow_id: bytes, binding_key: bytes) -> str:
        """As `path`, for a flow of another node, which has the same keys."""
        signed = self._unsigned(_PATH, flow_id, binding_key, _node(node))
        return (signed + self._macs[0].of(signed)).decode("ascii")

    def record_route_of(self, node: str, flow_id: bytes, binding_key: bytes, call_id: str, from_tag: str | None) -> str:
        """As `record_route`, for a flow of another node."""
        signed = self._unsigned(_RECORD_ROUTE, flow_id, binding_key, _node(node))
        return (signed + self._macs[0].of(signed + _dialog(call_id, from_tag or ""))).decode("ascii")

    def contact(self, binding_key: bytes, contact: str) -> str:
        """The token for a Contact of ours that stands for ``contact``: the same for the same binding, always."""
        text = contact.encode("utf-8", "surrogateescape")
        signed = _written(_CONTACT, b"%c%b%b" % (len(binding_key), binding_key, text))
        return (signed + self._macs[0].of(signed)).decode("ascii")

    def read_path(self, text: str) -> Token:
        """What a Path token says. Raises `BadToken`."""
        octets = _octets(text, _PATH)
        if not self._signed(octets, b""):
            raise BadToken
        return _token(Purpose.PATH, octets)

    def read_contact(self, text: str) -> Sealed:
        """What a Contact token says. Raises `BadToken`."""
        octets = _octets(text, _CONTACT)
        if not self._signed(octets, b""):
            raise BadToken
        fields = _fields(octets)
        end = 1 + fields[0]
        return Sealed(fields[1:end], fields[end:].decode("utf-8", "surrogateescape"))

    def read_record_route(self, text: str, call_id: str, from_tag: str | None, to_tag: str | None) -> Token:
        """What a Record-Route token says, read from a request with that Call-ID, From tag and To tag: one of the tags
        must be the one it was made with, whichever side sends. Raises `BadToken`, also without a To tag (no dialog)."""
        if to_tag is None:
            raise BadToken
        tag = from_tag or ""
        right = self._right.get(text) or self._before.get(text)
        if right is not None:
            if right.call_id == call_id and (right.tag == tag or right.tag == to_tag):
                return right.token
            raise BadToken  # it is for another dialog: there is none but the one that it was made for
        octets = _octets(text, _RECORD_ROUTE)
        if not self._signed(octets, _dialog(call_id, tag)):
            tag = to_tag
            if not self._signed(octets, _dialog(call_id, tag)):
                raise BadToken
        token = _token(Purpose.RECORD_ROUTE, octets)
        self._remember(text, _Right(call_id, tag, token))
        return token

    def _remember(self, text: str, right: _Right) -> None:
        if len(self._right) >= _REMEMBERED:
            self._before, self._right = self._right, {}
        self._right[text] = right

    def _new_side(self, flow_id: bytes, binding_key: bytes) -> _Side:
        signed = self._unsigned(_RECORD_ROUTE, flow_id, binding_key)
        side = _Side(signed, Token(Purpose.RECORD_ROUTE, self.node, flow_id, binding_key))
        if len(self._sides) >= _SIDES:
            self._sides.clear()
        self._sides[flow_id, binding_key] = side
        return side

    def _unsigned(self, prefix: bytes, flow_id: bytes, binding_key: bytes, node: bytes = b"") -> bytes:
        if len(flow_id) > MAX_FIELD_OCTETS or len(binding_key) > MAX_FIELD_OCTETS:
            raise ValueError("a flow id or binding key is 255 octets at most")
        return _written(prefix, b"%b%c%b%b" % (node or self._node, len(flow_id), flow_id, binding_key))

    def _signed(self, octets: bytes, context: bytes) -> bool:
        """Whether one of the keys signed this token in this context."""
        signed, mac = octets[:-MAC_CHARACTERS] + context, octets[-MAC_CHARACTERS:]
        for keyed in self._macs:  # noqa: SIM110 - a generator would cost as much as the MAC
            if hmac.compare_digest(keyed.of(signed), mac):
                return True
        return False


def _node(node: str) -> bytes:
    """As it stands in a token. Raises ValueError."""
    octets = node.encode()
    if not 0 < len(octets) <= MAX_FIELD_OCTETS:
        raise ValueError("the node id has to be 1 to 255 octets long")
    return b"%c%b" % (len(octets), octets)


def _octets(text: str, prefix: bytes) -> bytes:
    """``text``, if it says that it is a token of that purpose; its shape needs no check, since the MAC is over the text
    itself. Raises `BadToken`."""
    if len(text) > MAX_TOKEN_CHARACTERS or not text.isascii():
        raise BadToken
    octets = text.encode("ascii")
    if not octets.startswith(prefix):
        raise BadToken
    return octets


def _written(prefix: bytes, fields: bytes) -> bytes:
    """All of a token but its signature."""
    return prefix + _to_base64(fields, newline=False).translate(_TO_URL).rstrip(b"=")


def _dialog(call_id: str, tag: str) -> bytes:
    """What binds a token to a dialog; the length keeps Call-ID and tag apart."""
    return f"\0{len(call_id)}\0{call_id}{tag}".encode("utf-8", "surrogateescape")


class _Mac(Keyed):
    """What signs tokens."""

    def of(self, octets: bytes) -> bytes:
        """Cut and encoded."""
        return _to_base64(self.digest(octets)[:MAC_OCTETS], newline=False).translate(_TO_URL)


def _token(purpose: Purpose, octets: bytes) -> Token:
    """What a verified token says. Only a key that signs other things too could make this fail."""
    fields = _fields(octets)
    try:
        flow = 1 + fields[0]
        key = flow + 1 + fields[flow]
        if key > len(fields):
            raise BadToken
        return Token(purpose, fields[1:flow].decode(), fields[flow + 1 : key], fields[key:])
    except (IndexError, UnicodeDecodeError):
        raise BadToken from None


def _fields(octets: bytes) -> bytes:
    """What stands between purpose and signature."""
    encoded = octets[3:-MAC_CHARACTERS]
    try:
        return _from_base64(encoded.translate(_FROM_URL) + b"=" * (-len(encoded) % 4))
    except binascii.Error:
        raise BadToken from None
