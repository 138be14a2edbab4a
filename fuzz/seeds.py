"""Inputs to begin with: the torture messages, and what common clients send."""

from __future__ import annotations

from tests.torture.messages import RFC4475, RFC5118
from tests.websocket.wire import KEY, head


def _message(text: str, body: str = "") -> bytes:
    # "+" goes on with the line before it
    lines = text.strip().replace("\n        +", "").splitlines()
    lines = [line.strip() for line in lines]
    octets = body.strip().replace("\n", "\r\n").encode() + b"\r\n" if body else b""
    return "\r\n".join([*lines, f"Content-Length: {len(octets)}", "", ""]).encode() + octets


_SDP = """
v=0
o=- 5713230424712381563 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111 0
c=IN IP4 0.0.0.0
a=ice-ufrag:Xg7t
a=ice-pwd:8aQJm9p0n6cJq4bY7d2kL1xz
a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2
a=setup:actpass
a=mid:0
a=rtpmap:111 opus/48000/2
"""

#: as JsSIP, SIP.js, sipp, baresip and Kamailio write them
CLIENTS: dict[str, bytes] = {
    "jssip_register": _message(
        """
        REGISTER sip:example.com SIP/2.0
        Via: SIP/2.0/WSS 5v3kq1o7p2a8.invalid;branch=z9hG4bK5518394
        Max-Forwards: 69
        To: <sip:alice@example.com>
        From: "Alice" <sip:alice@example.com>;tag=l9dm2jq6rv
        Call-ID: 2f0kqq8cmbc5s4v7q2mn1e
        CSeq: 1 REGISTER
        Contact: <sip:7ljr9b4p@5v3kq1o7p2a8.invalid;transport=wss>;
        ++sip.ice;reg-id=1;+sip.instance="<urn:uuid:6f1d>";expires=600
        Expires: 600
        Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
        Supported: path,gruu,outbound
        User-Agent: JsSIP 3.10.1
        """
    ),
    "jssip_invite": _message(
        """
        INVITE sip:bob@example.com SIP/2.0
        Via: SIP/2.0/WSS 5v3kq1o7p2a8.invalid;branch=z9hG4bK9021113
        Max-Forwards: 69
        To: <sip:bob@example.com>
        From: <sip:alice@example.com>;tag=q0s7hbd3vn
        Call-ID: 8k2d0m6h1cq4p9e3jr7f
        CSeq: 6023 INVITE
        Proxy-Authorization: Digest algorithm=MD5, username="alice", realm="example.com", nonce="AAXx",
        + uri="sip:bob@example.com", response="d41d8cd98f00b204e9800998ecf8427e",
        + qop=auth, cnonce="l2kq8s7v", nc=00000001
        Contact: <sip:alice@example.com;gr=urn:uuid:6f1d;ob>
        Content-Type: application/sdp
        Session-Expires: 90
        Supported: timer,gruu,ice,replaces,outbound
        User-Agent: JsSIP 3.10.1
        """,
        _SDP,
    ),
    "jssip_ok": _message(
        """
        SIP/2.0 200 OK
        Via: SIP/2.0/WS 127.0.0.1:8080;branch=z9hG4bKid00000000000007
        Via: SIP/2.0/WSS 5v3kq1o7p2a8.invalid;branch=z9hG4bK9021113;received=127.0.0.1
        Record-Route: <sip:ovrBW5vZGUx@127.0.0.1:8080;transport=ws;lr>, <sip:ovrBW5vZGUy@127.0.0.1:8080;transport=ws;lr>
        To: <sip:bob@example.com>;tag=ck8s0n2a
        From: <sip:alice@example.com>;tag=q0s7hbd3vn
        Call-ID: 8k2d0m6h1cq4p9e3jr7f
        CSeq: 6023 INVITE
        Contact: <sip:bob@example.com;gr=urn:uuid:77ab;ob>
        Content-Type: application/sdp
        """,
        _SDP,
    ),
    "sipjs_refer": _message(
        """
        REFER sip:bob@example.com;gr=urn:uuid:77ab;ob SIP/2.0
        Route: <sip:ovrBW5vZGUx@127.0.0.1:8080;transport=ws;lr>
        Route: <sip:ovrBW5vZGUy@127.0.0.1:8080;transport=ws;lr>
        Via: SIP/2.0/WSS q8n2h0a.invalid;branch=z9hG4bK2948131
        To: <sip:bob@example.com>;tag=ck8s0n2a
        From: <sip:alice@example.com>;tag=q0s7hbd3vn
        CSeq: 2 REFER
        Call-ID: 8k2d0m6h1cq4p9e3jr7f
        Max-Forwards: 70
        Contact: <sip:alice@q8n2h0a.invalid;transport=ws;ob>
        Referred-By: <sip:alice@example.com>
        Refer-To: <sip:carol@example.com?Replaces=12345%40q8n2h0a%3Bto-tag%3Dx%3Bfrom-tag%3Dy>
        User-Agent: SIP.js/0.21.2
        """
    ),
    "sipp_invite": _message(
        """
        INVITE sip:service@127.0.0.1:5060 SIP/2.0
        Via: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK-20495-1-0
        From: sipp <sip:sipp@127.0.0.1:5061>;tag=20495SIPpTag001
        To: service <sip:service@127.0.0.1:5060>
        Call-ID: 1-20495@127.0.0.1
        CSeq: 1 INVITE
        Contact: sip:sipp@127.0.0.1:5061
        Max-Forwards: 70
        Subject: Performance Test
        Content-Type: application/sdp
        """,
        _SDP,
    ),
    "sipp_ack": _message(
        """
        ACK sip:service@127.0.0.1:5060 SIP/2.0
        Via: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK-20495-1-5
        From: sipp <sip:sipp@127.0.0.1:5061>;tag=20495SIPpTag001
        To: service <sip:service@127.0.0.1:5060>;tag=20493SIPpTag011
        Call-ID: 1-20495@127.0.0.1
        CSeq: 1 ACK
        Max-Forwards: 70
        """
    ),
    "baresip_options": _message(
        """
        OPTIONS sip:127.0.0.1 SIP/2.0
        Via: SIP/2.0/TCP 127.0.0.1:41380;branch=z9hG4bK4b6a0a1f;rport;alias
        Max-Forwards: 70
        To: <sip:127.0.0.1>
        From: <sip:bob@example.com>;tag=a1a1
        Call-ID: 41f7b2
        CSeq: 11 OPTIONS
        Accept: application/sdp
        """
    ),
    "kamailio_cancel": _message(
        """
        CANCEL sip:bob@127.0.0.1:6001 SIP/2.0
        Via: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKcydzigwkX
        Via: SIP/2.0/WSS x.invalid;rport=40001;received=127.0.0.9;branch=z9hG4bK1
        f: "Al, ice" <sip:alice@example.com>;tag=1
        t: <sip:bob@example.com>
        i: 1
        CSeq: 1 CANCEL
        Max-Forwards: 16
        Route: <sip:127.0.0.1;lr;r2=on;ftag=1>
        Reason: SIP;cause=200;text="Call completed elsewhere"
        """
    ),
    "message": _message(
        """
        MESSAGE sip:bob@example.com SIP/2.0
        Via: SIP/2.0/WS x.invalid;branch=z9hG4bKm
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=m
        To: <sip:bob@example.com>
        Call-ID: m
        CSeq: 1 MESSAGE
        Content-Type: text/plain
        """,
        "hello",
    ),
}
MESSAGES: tuple[bytes, ...] = (*CLIENTS.values(), *RFC4475.values(), *RFC5118.values())

URIS = (
    "sip:alice@example.com",
    "sips:alice:pass&word@[2001:db8::1]:5061;transport=tls;lr?Subject=x&Priority=urgent",
    "sip:%61lice%40x@EXAMPLE.com.:05060;gr=urn:uuid:1;ob;method=INVITE",
    "sip:+1-212-555-1212;phone-context=x@192.0.2.1;user=phone;maddr=239.255.255.1;ttl=15",
    '"Al \\"ice" <sip:a;b?c@h.invalid;transport=ws>;tag=1;q=0.5;x="a;b"',
    "Alice Smith <sips:example.com:0>;expires=3600",
    "sip:a@[::ffff:192.0.2.1]",
    "sip:a@1.2.3.4.",
    "sip:.1",
    "tel:+1-201-555-0123;phone-context=example.com",
    "urn:service:sos",
    "sip:" + "a." * 126 + "com",
)
VIAS = (
    "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport",
    "SIP/2.0/WSS x.invalid;branch=z9hG4bK2;received=192.0.2.9;rport=4000",
    "SIP / 2.0 / TLS [2001:db8::1]:5061 ; branch = z9hG4bK3 ; received = [2001:db8::2] ; alias",
    'SIP/2.0/UDP h;x=";rport;received=1";rport;branch=z9hG4bK4',
    "SIP/2.0/TCP a_b.example.com:65535;maddr=224.0.0.1;ttl=16;received=::1;comp=sigcomp",
    "SIP/2.0/UDP a, SIP/2.0/UDP b;branch=(x, y), SIP/2.0/UDP c",
)
_DIGEST = (
    'Digest username="alice", realm="example.com", nonce="NONCE", uri="sip:example.com", '
    'response="RESPONSE", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
)
CREDENTIALS = (
    f"Authorization: {_DIGEST}",
    f"Proxy-Authorization: {_DIGEST}",
    f"Authorization: {_DIGEST}, opaque=\"\"\r\nAuthorization: {_DIGEST}\r\nProxy-Authorization: {_DIGEST}",
    f"Authorization: {_DIGEST.replace('MD5', 'SHA-256').replace('auth', 'auth-int')}",
    'Authorization: Digest username="a\\"b", realm="Example.com", nonce=, response=""',
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x==\r\nAuthorization: Basic YWxpY2U6eA==",
    'Proxy-Authorization: Digest realm="example.net", username="x"\r\nAuthorization: NTLM',
)
HANDSHAKES = (
    head(),
    head(Origin="https://example.com"),
    head(Origin="https://evil.example"),
    head(line="GET /ws?token=no HTTP/1.1", Cookie="a=b"),
    head(line="GET /ws HTTP/1.0"),
    head(line="POST /ws HTTP/1.1", Content_Length="3") + b"abc",
    head(Sec_WebSocket_Version="8"),
    head(Sec_WebSocket_Protocol="chat, xmpp"),
    head(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"),
    head(Upgrade=None, Connection="keep-alive", line="GET / HTTP/1.1"),
    head(Upgrade=None, Connection=None, line="POST / HTTP/1.1", Content_Length="10") + b"0123456789",
    head(extra="X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"),
    b"GET /ws HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: " + KEY.encode() + b"\r\n",
)
