"""Header field names: every spelling of one name has one key (RFC 3261 §7.3.1, §7.3.3)."""

from __future__ import annotations

from oversip_tw.sip import grammar

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
_keys: dict[str, str] = {}
#: the same of names known to be tokens
_legal: dict[str, str] = {}
_unusual = {name.lower(): name for name in _UNUSUAL}


def key(name: str) -> str:
    """What ``name`` is looked up by: the long form in lower case. It need not be a legal name."""
    known = _keys.get(name)
    if known is None:
        known = name.lower()
        if known in COMPACT:
            known = COMPACT[known].lower()
        if len(name) < 64:
            if len(_keys) >= _MEMO:
                _keys.clear()
            _keys[name] = known
    return known


def usual(key: str) -> str:
    """The usual spelling of a key."""
    return _unusual.get(key) or "-".join(part.capitalize() for part in key.split("-"))


def checked_key(name: str) -> str:
    """`key` of a name that shall be written. Raises ValueError for what is no token."""
    known = _legal.get(name)
    if known is None:
        if grammar.token.fullmatch(name) is None:
            raise ValueError("a header field name is a token")
        known = key(name)
        if len(_legal) >= _MEMO:
            _legal.clear()
        _legal[name] = known
    return known
