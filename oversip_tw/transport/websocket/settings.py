"""What can be set about WebSocket listeners; each limit with the reason it is there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits in octets, times in seconds."""

    #: where an upgrade is accepted; without an upgrade "/" belongs to the page, if there is one
    paths: tuple[str, ...] = ("/ws", "/")
    #: who may open a WebSocket from a page: "https://host[:port]", "same-origin", "null", "*". Empty: no check at all
    origins: tuple[str, ...] = ()
    #: with a list of origins, let those pass that send none (no browser does that; phones and programs do)
    allow_missing_origin: bool = False
    #: head of the HTTP request: Autobahn's own scan is quadratic, and nobody needs more (F7)
    head_size: int = 16_384
    head_fields: int = 100
    #: from accept to complete head, TLS handshake included (F5, F6)
    head_timeout: float = 5.0
    #: for an ``on_connect`` that has to ask somebody; then 500
    connect_timeout: float = 5.0
    #: one SIP message (F9)
    message_size: int = 65_536
    #: frames that one message may come in (F10): 64 KiB in frames of 1,300 octets are 51
    frames: int = 128
    #: pings, pongs and closes within one second (F11)
    control_frames: int = 20
    #: load balancers drop what is silent for 30 to 60 s
    ping_interval: float = 25.0
    pong_timeout: float = 10.0
    #: what may wait to be written, and how long nothing of it may leave (F19)
    write_queue: int = 262_144
    write_timeout: float = 10.0
    #: from our close frame to the end of the connection
    close_timeout: float = 2.0
    #: body of a request to the page or API, and one whole exchange
    body_size: int = 65_536
    http_timeout: float = 120.0
    #: what 503 tells those that come while there is no room
    retry_after: int = 10
    #: keep the HTTP request for hooks after the handshake (it costs its own size per connection)
    keep_handshake: bool = True
