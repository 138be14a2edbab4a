"""A JSON web token in the WebSocket's URL (?token=...) or in a cookie says who connects.

    hooks = "jwt_at_the_handshake:Jwt"

At a registrar its user need not log in any more. At an edge the core still asks for the password, or trusts us. Needs
PyJWT: pip install 'oversip-tw[jwt]'.
"""

from __future__ import annotations

import os
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from oversip_tw.hooks import Arrival, Flow, HandshakeRequest, Hooks, SIPError, Uri

try:
    import jwt
except ImportError:
    raise ImportError("this needs PyJWT: pip install 'oversip-tw[jwt]'") from None

AUDIENCE = "sip"


class Jwt(Hooks):
    """The claim ``sub`` is the user: "alice@example.com"."""

    def on_initialise(self) -> None:
        """The key that the web application signs with; with RS256 or ES256 the public one would do here."""
        self.key = os.environ["JWT_KEY"]

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
        """Over plain ws everybody on the way could read the token, and use it."""
        if not flow.secure:
            raise SIPError(403, "Use wss")
        try:
            claims = jwt.decode(
                _token(handshake), self.key, ["HS256"], audience=AUDIENCE, options={"require": ["exp", "sub"]}
            )
        except jwt.InvalidTokenError:
            raise SIPError(403, "Bad Token") from None
        flow.identity = Uri.parse(f"sip:{claims['sub']}").aor
        flow.variables["claims"] = claims

    def on_request(self, arrival: Arrival) -> None:
        """An edge challenges nobody: that From is the user of the token, is looked at here."""
        identity = arrival.flow.identity
        if arrival.client and not arrival.in_dialog and identity and arrival.request.from_.uri.aor != identity:
            raise SIPError(403, "Not Your Name")


def _token(handshake: HandshakeRequest) -> str:
    given = parse_qs(handshake.query).get("token")
    try:
        cookie = SimpleCookie(handshake.header("Cookie") or "").get("token")
    except CookieError:
        cookie = None
    return given[0] if given else "" if cookie is None else cookie.value
