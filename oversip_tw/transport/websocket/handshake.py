"""The opening handshake of RFC 6455 §4.2 as RFC 7118 §4 wants it: what is asked for, and what is answered."""

from __future__ import annotations

import base64
import hashlib
import re

from oversip_tw.transport.websocket.head import Head
from oversip_tw.transport.websocket.origin import Origins
from oversip_tw.transport.websocket.refusal import Refusal

SUBPROTOCOL = "sip"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: 16 octets in base64
_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
_VERSION = ("Sec-WebSocket-Version", "13")
_UPGRADE_REQUIRED = (("Upgrade", "websocket"), _VERSION)


def wants_upgrade(head: Head) -> bool:
    """The client asks for a WebSocket, rightly or not."""
    return any(token.lower() == "websocket" for token in head.tokens("Upgrade"))


def check(head: Head, origins: Origins, secure: bool) -> None:
    """Raises Refusal for whatever is not an opening handshake that we accept; the order is from gross to fine."""
    if head.method != "GET":
        raise Refusal(405, headers=[("Allow", "GET")])
    if head.minor < 1 or not wants_upgrade(head):
        raise Refusal(426, headers=_UPGRADE_REQUIRED)
    if not any(token.lower() == "upgrade" for token in head.tokens("Connection")):
        raise Refusal(400, "Connection Is Not Upgrade")
    if head.one("Sec-WebSocket-Version") != "13":
        raise Refusal(426, headers=_UPGRADE_REQUIRED)
    host = head.one("Host")
    if not host:
        raise Refusal(400, "No Host")
    if head.all("Transfer-Encoding") or (head.one("Content-Length") or "0") != "0":
        # A body where none belongs is how proxies are fooled.
        raise Refusal(400, "Body In Upgrade")
    if not _KEY.fullmatch(head.one("Sec-WebSocket-Key") or ""):
        raise Refusal(400, "Bad Sec-WebSocket-Key")
    if SUBPROTOCOL not in head.tokens("Sec-WebSocket-Protocol"):
        raise Refusal(400, 'Subprotocol "sip" Not Offered')
    if not origins.allow(head.one("Origin"), host, secure):
        raise Refusal(403, "Origin Not Allowed")


def accept(head: Head) -> bytes:
    """The 101 to a handshake that `check` let pass."""
    key = (head.one("Sec-WebSocket-Key") or "").encode("ascii")
    proof = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + proof + b"\r\n"
        b"Sec-WebSocket-Protocol: " + SUBPROTOCOL.encode("ascii") + b"\r\n\r\n"
    )
