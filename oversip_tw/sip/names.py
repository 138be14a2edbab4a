"""Header field names: every spelling of one name has one key (RFC 3261 §7.3.1, §7.3.3)."""

from __future__ import annotations

from typing import Final

from oversip_tw.sip import grammar
from oversip_tw.sip.memo import Memo

#: compact forms as IANA lists them
COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
#: names whose usual spelling is not a capital after each hyphen
_UNUSUAL = ("Call-ID", "CSeq", "MIME-Version", "Min-SE", "RAck", "RSeq", "SIP-ETag", "SIP-If-Match", "WWW-Authenticate")

_MEMO = 2048  # spellings
_MEMO_TEXT = 63  # characters of one
_unusual = {name.lower(): name for name in _UNUSUAL}


def _key(name: str) -> str:
    lower = name.lower()
    return COMPACT[lower].lower() if lower in COMPACT else lower


_keys: Final = Memo(_key, _MEMO, _MEMO_TEXT)
#: what a name is looked up by: the long form in lower case. It need not be a legal name.
key: Final = _keys.__getitem__


def usual(key: str) -> str:
    """The usual spelling of a key."""
    return _unusual.get(key) or "-".join(part.capitalize() for part in key.split("-"))


def _checked_key(name: str) -> str:
    if grammar.token.fullmatch(name) is None:
        raise ValueError("a header field name is a token")
    return key(name)


_legal: Final = Memo(_checked_key, _MEMO, _MEMO_TEXT)
#: `key` of a name that shall be written. Raises ValueError for what is no token.
checked_key: Final = _legal.__getitem__
