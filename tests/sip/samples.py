"""Messages as clients send them, and Hypothesis strategies that make more."""

from hypothesis import strategies as st

CRLF = "\r\n"


def wire(*lines: str, body: bytes = b"") -> bytes:
    """Start line and header fields as bytes."""
    return CRLF.join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


INVITE = wire(
    "INVITE sip:bob@example.com SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bK776asdhds",
    "Max-Forwards: 70",
    'From: "Alice" <sip:alice@example.com>;tag=1928301774',
    "To: <sip:bob@example.com>",
    "Call-ID: a84b4c76e66710@192.0.2.1",
    "CSeq: 314159 INVITE",
    "Contact: <sip:alice@192.0.2.1:5070;ob>",
    "Supported: replaces, timer",
    "Content-Type: application/sdp",
    "Content-Length: 4",
    body=b"v=0\n",
)
BYE = wire(
    "BYE sip:bob@192.0.2.4 SIP/2.0",
    "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1",
    "Route: <sip:token@proxy.example.com;lr>, <sip:other.example.net;lr>",
    "Route: <sip:third.example.net;lr>",
    "Max-Forwards: 70",
    "f: <sip:alice@example.com>;tag=a",
    "t: <sip:bob@example.com>;tag=b",
    "i: call",
    "CSeq: 2 BYE",
    "l: 0",
)
OK = wire(
    "SIP/2.0 200 OK",
    "Via: SIP/2.0/UDP proxy.example.com;branch=z9hG4bKp, SIP/2.0/WSS x.invalid;branch=z9hG4bK2;received=192.0.2.9",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK3",
    "From: <sip:alice@example.com>;tag=a",
    "To: <sip:bob@example.com>;tag=b",
    "Call-ID: call",
    "CSeq: 2 INVITE",
    "Contact: <sip:bob@192.0.2.4>",
    "Content-Length: 0",
)

_token = st.text("abcxyzABC019-.!%*_+`'~", min_size=1, max_size=8)
_text = st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=("Cs",)), max_size=12)
_extension = st.tuples(_token.map(lambda name: f"X-{name}"), _text)
_via = st.builds(
    lambda transport, host, branch, rest: f"SIP/2.0/{transport} {host};branch=z9hG4bK{branch}{rest}",
    st.sampled_from(["UDP", "TCP", "WS", "wss"]),
    st.sampled_from(["192.0.2.1", "[2001:db8::1]:5060", "x.invalid", "host-1.example.com:5080"]),
    _token,
    st.sampled_from(["", ";rport", ";received=192.0.2.9", ';x="a,b;c"', " ; ttl = 3"]),
)
_address = st.builds(
    lambda name, uri, tag: f"{name}<{uri}>;tag={tag}",
    st.sampled_from(["", "Alice ", '"Ann, \\"B\\" <x>" ', '"Zoë"']),
    st.sampled_from(["sip:a@example.com", "sips:b@[::1]:5061;lr", "tel:+1234", "sip:c;d=e:f@h.com;gr=urn:uuid:1"]),
    _token,
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Messages that are right, with names in all spellings, in any order, some folded."""
    method = draw(st.sampled_from(["INVITE", "REGISTER", "BYE", "MESSAGE", "x-odd.method"]))
    fields = [("Via", ", ".join(draw(st.lists(_via, min_size=1, max_size=2)))) for _ in range(draw(st.integers(1, 3)))]
    fields += [("From", draw(_address)), ("To", draw(_address)), ("Call-ID", draw(_token))]
    fields += [("CSeq", f"{draw(st.integers(0, 2**31 - 1))} {method}"), ("Max-Forwards", draw(st.integers(0, 255)))]
    fields += draw(st.lists(_extension, max_size=3))
    body = draw(st.binary(max_size=20))
    fields.append(("Content-Length", len(body)))
    compact = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Content-Length": "l"}
    lines = []
    for name, value in draw(st.permutations(fields)):
        spelled = draw(st.sampled_from([name, name.upper(), name.lower(), compact.get(name, name)]))
        gap = draw(st.sampled_from([": ", ":", " :  ", "\t: ", ":\r\n ", ": \r\n\t"]))
        lines.append(f"{spelled}{gap}{value}")
    start = draw(st.sampled_from([f"{method} sip:bob@example.com;x SIP/2.0", "SIP/2.0 180 Ringing", "SIP/2.0 200 "]))
    return wire(start, *lines, body=body)
