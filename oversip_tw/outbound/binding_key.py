"""The name of a binding inside flow tokens: what still finds a client when its connection is gone."""

from __future__ import annotations

import hmac

#: 64 bits: nobody can look one up without the secret, and a token stays short
BINDING_KEY_OCTETS = 8


def binding_key(secret: bytes, aor: str, instance: str | None, reg_id: int | None, contact: str) -> bytes:
    """Keyed hash of AoR, instance and reg-id (RFC 5626 §6), or of AoR and Contact URI where either is missing.

    ``aor`` is `Uri.aor`, ``contact`` the URI as registered. The same binding has the same key after every refresh, from
    whatever flow. Eight octets.
    """
    name = ("i", instance, str(reg_id)) if instance is not None and reg_id is not None else ("c", contact)
    fields = [field.encode("utf-8", "surrogateescape") for field in (aor, *name)]
    # The length before each field keeps "ab" + "c" and "a" + "bc" apart.
    named = b"binding" + b"".join(b"%d:%b" % (len(field), field) for field in fields)
    return hmac.digest(secret, named, "sha256")[:BINDING_KEY_OCTETS]
