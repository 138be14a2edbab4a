"""SIP over WebSocket (RFC 7118), with a page and an API on the same port if wished. Nothing else names autobahn."""

from autobahn.websocket import USES_NVX

from oversip_tw.transport.websocket.factory import OnConnect, WebSocketFactory
from oversip_tw.transport.websocket.flow import WebSocketFlow
from oversip_tw.transport.websocket.forwarded import TrustedProxy
from oversip_tw.transport.websocket.refusal import Refusal
from oversip_tw.transport.websocket.settings import Settings

#: Autobahn's native unmasking and UTF-8 checks are in use; without them a message costs ten times as much
NATIVE: bool = USES_NVX

__all__ = ["NATIVE", "OnConnect", "Refusal", "Settings", "TrustedProxy", "WebSocketFactory", "WebSocketFlow"]
