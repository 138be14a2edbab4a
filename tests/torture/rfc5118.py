"""The messages of RFC 5118 §4: IPv6 in SIP."""

from tests.torture.text import message, with_body


def _register(uri: str) -> bytes:
    return message(
        f"REGISTER {uri} SIP/2.0",
        "To: sip:user@example.com",
        "From: sip:user@example.com;tag=81x2",
        "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111",
        "Call-ID: SSG9559905523997077@hlau_4100",
        "Max-Forwards: 70",
        'Contact: "Caller" <sip:caller@[2001:db8::1]>',
        "CSeq: 98176 REGISTER",
        "Content-Length: 0",
        "",
        "",
    )


def _invite(uri: str, contact: str, body: str) -> bytes:
    return with_body(
        f"INVITE {uri} SIP/2.0",
        "To: sip:user@example.com",
        "From: sip:user@example.com;tag=81x2",
        "Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111",
        "Call-ID: SSG9559905523997077@hlau_4100",
        f"Contact: {contact}",
        "CSeq: 8612 INVITE",
        "Max-Forwards: 70",
        "Content-Type: application/sdp",
        body=body,
    )


def _options(uri: str) -> bytes:
    return message(
        f"OPTIONS {uri} SIP/2.0",
        "To: sip:user@[2001:db8::192.0.2.1]",
        "From: sip:user@example.com;tag=810x2",
        "Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111",
        "Call-ID: G9559905523997077@hlau_4100",
        "CSeq: 689 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
        "",
        "",
    )


ipv6_good = _register("sip:[2001:db8::10]")
ipv6_bad = _register("sip:2001:db8::10")
port_ambiguous = _register("sip:[2001:db8::10:5070]")
port_unambiguous = _register("sip:[2001:db8::10]:5070")
via_received_param_with_delim = message(
    "BYE sip:[2001:db8::10] SIP/2.0",
    "To: sip:user@example.com;tag=bd76ya",
    "From: sip:user@example.com;tag=81x2",
    "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
    "Call-ID: SSG9559905523997077@hlau_4100",
    "Max-Forwards: 70",
    "CSeq: 321 BYE",
    "Content-Length: 0",
    "",
    "",
)
via_received_param_no_delim = message(
    "OPTIONS sip:[2001:db8::10] SIP/2.0",
    "To: sip:user@example.com",
    "From: sip:user@example.com;tag=81x2",
    "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3",
    "Call-ID: SSG95523997077@hlau_4100",
    "Max-Forwards: 70",
    'Contact: "Caller" <sip:caller@[2001:db8::9:1]>',
    "CSeq: 921 OPTIONS",
    "Content-Length: 0",
    "",
    "",
)
ipv6_in_sdp = _invite(
    "sip:user@[2001:db8::10]",
    '"Caller" <sip:caller@[2001:db8::20]>',
    """v=0
o=assistant 971731711378798081 0 IN IP6 2001:db8::20
s=Live video feed for today's meeting
c=IN IP6 2001:db8::20
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
""",
)
mult_ip_in_header = message(
    "BYE sip:user@host.example.net SIP/2.0",
    "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
    "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200",
    "Call-ID: 997077@lau_4100",
    "Max-Forwards: 70",
    "CSeq: 89187 BYE",
    "To: sip:user@example.net;tag=9817--94",
    "From: sip:user@example.com;tag=81x2",
    "Content-Length: 0",
    "",
    "",
)
mult_ip_in_sdp = _invite(
    "sip:user@[2001:db8::10]",
    '"Caller" <sip:caller@[2001:db8::9:1]>',
    """v=0
o=bob 280744730 28977631 IN IP4 host.example.com
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP4 192.0.2.1
m=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1
a=rtpmap:107 H263-1998/90000
""",
)
ipv4_mapped_ipv6 = _invite(
    "sip:user@example.com",
    '"T. desk phone" <sip:ted@[::ffff:192.0.2.10]>',
    """v=0
o=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2
s=Call me soon, please!
c=IN IP6 ::ffff:192.0.2.2
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
""",
)
ipv6_bug_abnf_3_colons = _options("sip:user@[2001:db8:::192.0.2.1]")
ipv6_correct_abnf_2_colons = _options("sip:user@[2001:db8::192.0.2.1]")

ALL: dict[str, bytes] = {name: value for name, value in list(globals().items()) if isinstance(value, bytes)}
