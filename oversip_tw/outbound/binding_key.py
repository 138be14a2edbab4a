"""The name of a binding inside flow tokens: what still finds a client when its connection is gone."""

from __future__ import annotations

from typing import Final

from oversip_tw.outbound.keyed import Keyed

#: 64 bits: nobody can look one up without the secret, and a token stays short
BINDING_KEY_OCTETS = 8

#: by secret: a process has one, unless it is one of tests
_keyed: Final[dict[bytes, Keyed]] = {}
_SECRETS: Final = 16


def binding_key(secret: bytes, aor: str, instance: str | None, reg_id: int | None, contact: str) -> bytes:
    """Keyed hash of AoR, instance and reg-id (RFC 5626 §6), or of AoR and Contact URI where either is missing.

    ``aor`` is `Uri.aor`, ``contact`` the URI as registered. The same binding has the same key after every refresh, from
    whatever flow. Eight octets.
    """
    if instance is not None and reg_id is not None:
        name = b"1:i%b%b" % (_field(instance), _field(str(reg_id)))
    else:
        name = b"1:c%b" % _field(contact)
    keyed = _keyed.get(secret)
    if keyed is None:
        if len(_keyed) >= _SECRETS:
            _keyed.clear()
        keyed = _keyed[secret] = Keyed(secret)
    return keyed.digest(b"binding%b%b" % (_field(aor), name))[:BINDING_KEY_OCTETS]


def _field(text: str) -> bytes:
    """The length before each field keeps "ab" + "c" and "a" + "bc" apart."""
    octets = text.encode("utf-8", "surrogateescape")
    return b"%d:%b" % (len(octets), octets)
