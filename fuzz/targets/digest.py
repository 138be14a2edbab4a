"""Credentials, through `Authenticator` with one user (A13): a challenge, a refusal, or the one user there is."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5

from fuzz.seeds import CREDENTIALS
from fuzz.targets import must
from oversip_tw.auth.authenticator import Authenticator, Settings
from oversip_tw.auth.credentials import strip_credentials
from oversip_tw.auth.floods import Logins
from oversip_tw.auth.floods import Settings as Floods
from oversip_tw.auth.nonce import Nonces
from oversip_tw.promise import spawn
from oversip_tw.sip.credentials import Credentials
from oversip_tw.sip.errors import ParseError, SIPError
from oversip_tw.sip.message import Request
from oversip_tw.sip.parser import parse

MOST = 16_384
REALM = "example.com"
_HA1 = md5(b"alice:example.com:wonderland").hexdigest()
_BEFORE = (
    b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    b"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n"
)
_AFTER = b"\r\nContent-Length: 0\r\n\r\n"


class Users:
    """alice, whose names and hosts must be text that a look-up can take."""

    async def ha1(self, user: str, domain: str, algorithm: str) -> str | None:
        must(domain == REALM and algorithm == "MD5", "asked for what was not offered")
        return _HA1 if user == "alice" else None


def _nonces() -> Nonces:
    return Nonces(b"n" * 32, lambda: 1000.0)


def seeds() -> Sequence[bytes]:
    """Among them credentials that are right for the nonce that comes first."""
    nonce = _nonces().make(REALM)
    ha2 = md5(b"REGISTER:sip:example.com").hexdigest()
    right = md5(f"{_HA1}:{nonce}:00000001:c:auth:{ha2}".encode()).hexdigest()
    return [each.replace("NONCE", nonce).replace("RESPONSE", right).encode() for each in CREDENTIALS]


def run(data: bytes) -> object:
    """``data`` is header lines with credentials."""
    _values(data)
    try:
        request = parse(_BEFORE + data + _AFTER)
    except ParseError as error:
        return error.reason
    if not isinstance(request, Request):
        return None
    nonces, outcome = _nonces(), []
    nonces.make(REALM)
    authenticator = Authenticator(Settings(), Users(), nonces, Logins(Floods(), lambda: 1000.0))

    async def check(proxy: bool) -> None:
        user = await authenticator.check(request, REALM, proxy, "192.0.2.1")
        must(user == "alice", "somebody else")
        outcome.append(user)

    for proxy in (False, True, False):
        spawn(check(proxy), lambda error: outcome.append(_status(error)))
    must(len(outcome) == 3, "no outcome")
    must(outcome[0] != "alice" or outcome[2] != "alice" or data.lower().count(b"digest") > 1, "replayed (A1)")
    _stripped(request)
    return tuple(outcome)


def _status(error: BaseException) -> int:
    if not isinstance(error, SIPError):
        raise error
    must(error.status in (401, 403, 407), "another status")
    request = parse(_BEFORE + _AFTER[2:])
    assert isinstance(request, Request)
    request.response(error.status, error.reason, "t", error.headers)
    return error.status


def _values(data: bytes) -> None:
    """Credentials that could be read and written read the same."""
    text = data.decode("utf-8", "surrogateescape").partition("\r\n")[0].partition(":")[2]
    try:
        read = Credentials.parse(text)
        written = str(read)
    except (ParseError, ValueError):
        return
    must(Credentials.parse(written) == read, "read otherwise the second time")


def _stripped(request: Request) -> None:
    """Nothing that is for us alone leaves (A14)."""
    strip_credentials(request, [REALM])
    for name in ("Authorization", "Proxy-Authorization"):
        for value in request.get_all(name):
            must(not value.lower().startswith("bearer"), "a Bearer left")
            try:
                realm = Credentials.parse(value).params.get("realm", "").lower()
            except ParseError:
                realm = value.lower()
                must(REALM not in realm, "unreadable credentials left")
            must(realm != REALM, "our credentials left")
