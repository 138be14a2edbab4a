"""Temporary GRUUs (RFC 5627 §3.2): URIs that lead to a phone and tell nobody whose it is, nor that two are of one.

The user part is sealed: ``ovg``, then base64url of S and C. The plain text names binding, Call-ID and CSeq of the
REGISTER that was answered with it; S is its keyed hash, 96 bits, and C the plain text under a key stream made from S.
So nothing is kept, the same REGISTER has the same GRUU, and no two others look alike. It dies with the Call-ID, and
when the instance has no binding any more (§5.4): one that comes back with the same Call-ID begins anew, by its CSeq.
A phone that only lost its connection has not gone.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from hashlib import blake2s, sha256
from hmac import compare_digest
from typing import Final

from oversip_tw.outbound.binding_key import BINDING_KEY_OCTETS
from oversip_tw.registrar.binding import Binding
from oversip_tw.registrar.gruu import named_instance, same_instance
from oversip_tw.sip.uri import Uri

#: begins the user part of each
PREFIX: Final = "ovg"
#: of base64: no octet of what is sealed is spare
_CHARACTERS: Final = 40
_SEAL_OCTETS: Final = 12
_EPOCH_OCTETS: Final = 6
_CSEQ_OCTETS: Final = 4
_EPOCH_END: Final = BINDING_KEY_OCTETS + _EPOCH_OCTETS
_PLAIN_OCTETS: Final = _EPOCH_END + _CSEQ_OCTETS
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")

#: `Location.by_key`
ByKey = Callable[[bytes], Binding | None]


class Named:
    """The phone that a GRUU names."""

    __slots__ = ("aor", "call_id", "cseq", "ended", "instance")

    def __init__(self, aor: str, instance: str, call_id: str = "", cseq: int = 0, ended: bool = False) -> None:
        self.aor: Final = aor
        self.instance: Final = instance
        #: the one registration that it is good for; "": any
        self.call_id: Final = call_id
        #: that of the REGISTER which was answered with it
        self.cseq: Final = cseq
        #: the binding that had it is no more: it is good only while the instance has another one that `fits`
        self.ended: Final = ended

    def fits(self, binding: Binding) -> bool:
        """``binding`` is one of that phone."""
        if self.call_id and (binding.call_id != self.call_id or self.cseq < binding.first_cseq):
            return False
        return same_instance(binding.instance, self.instance)


class TemporaryGruus:
    """Makes and reads them. The first of ``keys`` seals, any of them opens (rotation)."""

    __slots__ = ("_seals",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._seals = [_Seal(sha256(b"gruu\0" + key).digest()) for key in keys]

    def gruu(self, base: str, binding: Binding) -> str:
        """The newest one of ``binding``, an instance's, as text of a URI; ``base``: its AoR (`without_instance`)."""
        plain = binding.key + _epoch(binding.call_id) + binding.cseq.to_bytes(_CSEQ_OCTETS, "big")
        text = binascii.b2a_base64(self._seals[0].close(plain), newline=False).translate(_TO_URL).decode("ascii")
        return f"{base.partition(':')[0]}:{PREFIX}{text}@{base.rpartition('@')[2]};gr"

    def named(self, uri: Uri, by_key: ByKey) -> Named | None:
        """The phone that ``uri`` names; None: it is no temporary GRUU of ours, or it has died."""
        octets = _octets(uri.user or "")
        if octets is None:
            return None
        for seal in self._seals:
            plain = seal.open(octets)
            if plain is not None:
                return _named(plain, uri.host, by_key)
        return None


def is_temporary(uri: Uri) -> bool:
    """``uri`` says that it is a temporary GRUU: its ``gr`` names nobody."""
    return named_instance(uri) == ""


def _named(plain: bytes, host: str, by_key: ByKey) -> Named | None:
    """Ended bindings count: a phone that lost its connection is away, and its GRUU is good when it is back."""
    binding = by_key(plain[:BINDING_KEY_OCTETS])
    if binding is None or binding.instance is None or Uri.parse(binding.aor).host != host:
        return None
    if plain[BINDING_KEY_OCTETS:_EPOCH_END] != _epoch(binding.call_id):
        return None
    cseq = int.from_bytes(plain[_EPOCH_END:], "big")
    if cseq < binding.first_cseq:
        return None
    return Named(binding.aor, binding.instance, binding.call_id, cseq, binding.ended and not binding.lost)


def _epoch(call_id: str) -> bytes:
    return blake2s(call_id.encode("utf-8", "surrogateescape"), digest_size=_EPOCH_OCTETS).digest()


def _octets(user: str) -> bytes | None:
    if len(user) != len(PREFIX) + _CHARACTERS or not user.startswith(PREFIX) or not user.isascii():
        return None
    try:
        octets = binascii.a2b_base64(user[len(PREFIX) :].encode("ascii").translate(_FROM_URL))
    except binascii.Error:
        return None
    return octets if len(octets) == _SEAL_OCTETS + _PLAIN_OCTETS else None


class _Seal:
    """One key, which both keyed hashes have taken in beforehand: BLAKE2s (RFC 7693), as each answer to a phone has one.

    A browser's REGISTER took a fifth more instructions with HMAC-SHA-256.
    """

    __slots__ = ("_mac", "_stream")

    def __init__(self, key: bytes) -> None:
        self._mac = blake2s(key=key, digest_size=_SEAL_OCTETS, person=b"gruusign")
        self._stream = blake2s(key=key, digest_size=_PLAIN_OCTETS, person=b"gruuhide")

    def close(self, plain: bytes) -> bytes:
        """``plain`` signed, and then hidden."""
        mac = self._sign(plain)
        return mac + self._hide(plain, mac)

    def open(self, octets: bytes) -> bytes | None:
        """What was sealed; None: not by this key."""
        mac = octets[:_SEAL_OCTETS]
        plain = self._hide(octets[_SEAL_OCTETS:], mac)
        return plain if compare_digest(self._sign(plain), mac) else None

    def _sign(self, plain: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(plain)
        return mac.digest()

    def _hide(self, octets: bytes, mac: bytes) -> bytes:
        """Hidden, or shown again."""
        stream = self._stream.copy()
        stream.update(mac)
        hidden = int.from_bytes(octets, "big") ^ int.from_bytes(stream.digest(), "big")
        return hidden.to_bytes(_PLAIN_OCTETS, "big")
