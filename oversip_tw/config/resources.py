"""Bounds on what one client or one message may use, and the spans of time: ``[limits]`` and ``[timers]``."""

from __future__ import annotations

from attrs import field, frozen

from oversip_tw.config.about import about
from oversip_tw.config.values import Amount, Count, Network, Octets, Seconds, Span


@frozen
class Limits:
    """Bounds on what one client or one message may use.

    Peers of `[[trusted]]` are exempt from those that go by address.
    """

    message: Octets = field(
        default=65536, metadata=about("Bytes of a SIP message; more is answered 513, on WebSocket 1009.")
    )
    head: Octets = field(default=16384, metadata=about("Bytes of its start line and headers."))
    header_line: Octets = field(default=8192, metadata=about("Bytes of one header."))
    uri: Octets = field(default=2048, metadata=about("Bytes of a URI; a longer Request-URI is answered 414."))
    headers: Count = field(default=128, metadata=about("Header lines of a message."))
    vias: Count = field(default=70, metadata=about("Via values of a message."))
    routes: Count = field(default=20, metadata=about("Route values of a message."))
    contacts: Count = field(default=10, metadata=about("Contacts of a REGISTER; more is answered 403."))
    transactions: Count = field(
        default=50000, metadata=about("Transactions at a time; new requests are answered 503 beyond.")
    )
    max_breadth: Count = field(
        default=60, metadata=about("Branches that one request may be forked into, all elements together (RFC 5393).")
    )
    connections: Amount = field(
        default=0,
        metadata=about("Connections at a time, together; 0: as many as the process may open files, less 256."),
    )
    connections_per_address: Count = field(default=1024, metadata=about("Connections at a time from one address."))
    arrivals: Amount = field(
        default=2000,
        metadata=about(
            "Clients per second that may come at most, by a WebSocket or a REGISTER from where nobody is registered; "
            "fewer, down to 200, as long as the machine cannot keep up. The others are answered 503. 0: no limit."
        ),
    )
    write_queue: Octets = field(
        default=262144, metadata=about("Bytes that may wait for a client that does not read; it is disconnected then.")
    )
    write_stall: Seconds = field(
        default=10.0, metadata=about("How long a client may take nothing of what waits; it is disconnected then.")
    )
    tls_handshake: Seconds = field(default=5.0, metadata=about("How long a TLS handshake may take."))
    websocket_handshake: Seconds = field(
        default=5.0, metadata=about("How long the HTTP head that opens a WebSocket may take, all in all.")
    )
    first_message: Seconds = field(
        default=20.0, metadata=about("How long a new TCP or TLS connection may stay silent.")
    )
    slow_message: Seconds = field(
        default=20.0, metadata=about("How long a message may take from its first byte to its last on TCP and TLS.")
    )
    http_head: Octets = field(default=16384, metadata=about("Bytes of an HTTP head; more is answered 431."))
    http_headers: Count = field(default=100, metadata=about("Header lines of an HTTP head; more is answered 431."))
    frames_per_message: Count = field(
        default=128, metadata=about("WebSocket frames of one message; more is close code 1008.")
    )
    control_frames: Count = field(
        default=20, metadata=about("WebSocket control frames of one client per second; more is close code 1008.")
    )
    probes: Count = field(
        default=16, metadata=about("OPTIONS and keep-alives of one UDP source or one connection per `probe_window`.")
    )
    probe_window: Seconds = field(default=2.0, metadata=about("The time they are counted over."))
    probe_silence: Seconds = field(
        default=300.0, metadata=about("How long whoever sent more of them is not answered any more.")
    )
    exempt: tuple[Network, ...] = field(
        default=(),
        metadata=about(
            "Networks to which the limits by address do not apply: a NAT with many users, a load generator.",
            ["198.51.100.0/24"],
        ),
    )


@frozen
class Timers:
    """Spans of time in seconds."""

    t1: Seconds = field(default=0.5, metadata=about("T1: the round trip that RFC 3261 §17 reckons with."))
    t2: Seconds = field(default=4.0, metadata=about("T2: the longest interval between retransmissions."))
    t4: Seconds = field(default=5.0, metadata=about("T4: how long a message may stay in the network."))
    timer_c: Seconds = field(default=181.0, metadata=about("Timer C: how long an INVITE may ring."))
    resume: Span = field(
        default=8.0,
        metadata=about(
            "How long a request that is under way, a call that rings included, waits for a browser that lost its "
            "connection to come back; 0: not at all."
        ),
    )
    resume_bye: Span = field(default=31.0, metadata=about("The same for a BYE."))
    ping: Seconds = field(default=25.0, metadata=about("The interval of pings on a WebSocket."))
    pong: Seconds = field(default=10.0, metadata=about("How long a pong may take; the WebSocket is closed then."))
    unacknowledged: Span = field(
        default=30.0,
        metadata=about(
            "How long what was sent by TCP, TLS or WebSocket may stay unacknowledged by the other machine; the "
            "connection is given up then. 0: as long as the kernel likes, which may be a quarter of an hour."
        ),
    )
    connect: Seconds = field(default=4.0, metadata=about("How long a TCP connection to a next hop may take to open."))
    idle: Seconds = field(
        default=120.0, metadata=about("How long a connection that we opened is kept while nothing passes.")
    )
    lookup: Seconds = field(default=4.0, metadata=about("How long a DNS look-up may take, all in all."))
    drain: Span = field(default=32.0, metadata=about("How long running transactions may take to finish after SIGTERM."))
