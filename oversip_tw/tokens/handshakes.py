"""What the HTTP request that opens a WebSocket proves: a token in its subprotocols or its query, or a cookie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from oversip_tw.interfaces import Bearers, Flow, HandshakeRequest, NotProven, Proof
from oversip_tw.tokens.cookie import SignedCookies

#: begins the second member of Sec-WebSocket-Protocol that a page may send beside "sip"; it is never answered
SUBPROTOCOL = "bearer."


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to look."""

    #: the parameter of the URL that holds a token; "": none
    query: str = ""
    #: seconds that a token in a URL may have left: URLs are written into logs (T8)
    query_life: float = 60.0
    #: the cookies that hold a token, and our signed value; "": none
    token_cookie: str = ""
    signed_cookie: str = ""
    #: nobody comes in without
    required: bool = False
    #: take them over connections that others can read
    plain: bool = False


class Handshakes:
    """Implements `oversip_tw.interfaces.Handshakes`."""

    def __init__(
        self,
        settings: Settings,
        bearers: Bearers | None,
        cookies: SignedCookies | None,
        wall: Callable[[], float],
    ) -> None:
        """``bearers``, ``cookies``: who reads tokens and signed cookies; None: there are none."""
        self._settings = settings
        self._bearers = bearers
        self._cookies = cookies
        self._wall = wall

    async def prove(self, handshake: HandshakeRequest, flow: Flow) -> Proof | None:
        """Whom ``handshake`` proves; None: it tries nothing of the kind.

        Raises NotProven: for a token that is wrong; where something is required and nothing is there. A wrong cookie
        is none: browsers send it whether the page wants or not.
        """
        settings = self._settings
        proof = await self._by_token(handshake, flow.secure)
        if proof is None and (flow.secure or settings.plain):
            proof = await self.by_cookie(handshake.header("Cookie") or "")
        if proof is None and settings.required and flow.identity is None:
            raise NotProven("Token Required")
        return proof

    async def _by_token(self, handshake: HandshakeRequest, secure: bool) -> Proof | None:
        bearers, settings = self._bearers, self._settings
        if bearers is None:
            return None
        for each in (handshake.header("Sec-WebSocket-Protocol") or "").split(","):
            word = each.strip(" \t")
            if word.startswith(SUBPROTOCOL):
                return await bearers.verify(word.removeprefix(SUBPROTOCOL), secure)
        if not settings.query:
            return None
        try:
            parameters = parse_qsl(handshake.query, keep_blank_values=True, max_num_fields=100)
        except ValueError:
            raise NotProven("Bad Query") from None
        for name, value in parameters:
            if name == settings.query:
                proof = await bearers.verify(value, secure)
                if proof.until - self._wall() > settings.query_life:
                    raise NotProven("Token In URL Lives Too Long")
                return proof
        return None

    async def by_cookie(self, header: str) -> Proof | None:
        """Whom the cookies of a request prove, which has come where nobody else could read it."""
        settings = self._settings
        for name, value in _cookies(header):
            try:
                if self._cookies is not None and name == settings.signed_cookie:
                    return self._cookies.read(value)
                if self._bearers is not None and settings.token_cookie and name == settings.token_cookie:
                    return await self._bearers.verify(value, True)
            except NotProven:
                continue
        return None


def _cookies(header: str) -> Iterator[tuple[str, str]]:
    """Name and value of each cookie (RFC 6265 §4.2.1)."""
    for each in header.split(";"):
        name, equals, value = each.strip(" \t").partition("=")
        if equals:
            yield name, value.removeprefix('"').removesuffix('"')
