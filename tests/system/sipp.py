"""sipp with scenarios written here: it registers, calls and is called, with a canned ICE/DTLS description."""

from __future__ import annotations

from collections.abc import Sequence

from .processes import Child, Folder, free_port, program, witnesses
from .server import User

#: nobody is behind these candidates: a browser takes the description and waits
SDP = """v=0
o=sipp 53655765 2353687637 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=rtpmap:111 opus/48000/2
a=ice-ufrag:sipp
a=ice-pwd:asd88fgpdd777uzjYhagZg
a=fingerprint:sha-256 {fingerprint}
a=setup:{setup}
a=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host
a=rtcp-mux
a=sendrecv""".replace("{fingerprint}", ":".join(["5A"] * 32))

VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n"
CONTACT = "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>\n"
MIRROR = "[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n"


def _message(text: str) -> str:
    return f"<![CDATA[\n{text}\n]]>"


def send(text: str, body: str = "", kind: str = "application/sdp", retransmit: bool = True, more: str = "") -> str:
    """Send a message; Content-Length is filled in."""
    if body:
        text += f"Content-Type: {kind}\nContent-Length: [len]\n\n{body}"
    else:
        text += "Content-Length: 0\n"
    again = ' retrans="500"' if retransmit else ""
    return f"<send{again}{more}>{_message(text)}</send>\n"


def response(status: str, tag: bool = False, headers: str = "", body: str = "", final: bool = False) -> str:
    """Answer the last request received."""
    text = f"SIP/2.0 {status}\n" + MIRROR.replace("{tag}", ";tag=[pid]SIPpTag[call_number]" if tag else "")
    return send(text + headers, body, retransmit=final)


def expect(what: int | str, optional: bool = False, more: str = "") -> str:
    """Wait for a status or a method."""
    key = "response" if isinstance(what, int) else "request"
    maybe = ' optional="true"' if optional else ""
    return f'<recv {key}="{what}"{maybe}{more}/>\n'


def _request(method: str, uri: str, user: User, to: str, cseq: int, headers: str = "") -> str:
    return (
        f"{method} {uri} SIP/2.0\n{VIA}Max-Forwards: 70\nFrom: <{user.uri}>;tag=[pid]SIPpTag[call_number]\n"
        f"To: {to}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n{headers}"
    )


def _proof(user: User) -> str:
    return f"[authentication username={user.name} password={user.password}]\n"


def register(user: User, seconds: int = 0) -> str:
    """REGISTER, challenged; then stay for so long (for what an out-of-call scenario does meanwhile)."""
    domain = f"sip:{user.domain}"
    own = CONTACT + "Expires: 600\n"
    steps = [
        send(_request("REGISTER", domain, user, f"<{user.uri}>", 1, own)),
        expect(100, optional=True),
        expect(401, more=' auth="true"'),
        send(_request("REGISTER", domain, user, f"<{user.uri}>", 2, own + _proof(user))),
        expect(100, optional=True),
        expect(200),
    ]
    if seconds:
        steps.append(f'<pause milliseconds="{seconds * 1000}"/>\n')
    return "".join(steps)


def caller(user: User, target: str, we_hang_up: bool, challenged: bool = True) -> str:
    """A call with INFO from both sides; the BYE comes from us or from them."""
    proven = CONTACT + (_proof(user) if challenged else "")
    within = "[routes]\n"
    to = f"<{target}>[peer_tag_param]"
    offer = SDP.replace("{setup}", "actpass")
    first = [
        send(_request("INVITE", target, user, f"<{target}>", 1, CONTACT), offer),
        expect(100, optional=True),
        expect(407, more=' auth="true"'),
        send(_request("ACK", target, user, to, 1), retransmit=False),
    ]
    steps = [
        *(first if challenged else ()),
        send(_request("INVITE", target, user, f"<{target}>", 2, proven), offer),
        expect(100, optional=True),
        expect(180),
        expect(200, more=' rrs="true"'),
        send(_request("ACK", "[next_url]", user, to, 2, within), retransmit=False),
        send(_request("INFO", "[next_url]", user, to, 3, within), "Signal=4\nDuration=100", "application/dtmf-relay"),
        expect(200),
        expect("INFO"),
        response("200 OK"),
    ]
    if we_hang_up:
        steps += [send(_request("BYE", "[next_url]", user, to, 4, within)), expect(200)]
    else:
        steps += [expect("BYE"), response("200 OK")]
    return "".join(steps)


def called(we_hang_up: bool) -> str:
    """Answer a call; INFO from both sides; the BYE comes from us or from them."""
    answer = SDP.replace("{setup}", "active")
    record = CONTACT + "[last_Record-Route:]\n"

    def within(method: str, cseq: int) -> str:
        return (
            f"{method} [next_url] SIP/2.0\n{VIA}[routes]\nMax-Forwards: 70\nFrom: [$to];tag=[pid]SIPpTag[call_number]\n"
            f"To: [$from]\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n"
        )

    parties = (
        '<action><ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>'
        '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/></action>'
    )
    steps = [
        f'<recv request="INVITE" rrs="true">{parties}</recv>\n',
        response("180 Ringing", True, record),
        response("200 OK", True, record, answer, final=True),
        expect("ACK"),
        expect("INFO"),
        response("200 OK"),
        send(within("INFO", 1), "Signal=4\nDuration=100", "application/dtmf-relay"),
        expect(200),
    ]
    steps += (
        [send(within("BYE", 2)), expect(200)] if we_hang_up else [expect("BYE"), response("200 OK")]
    )
    return "".join(steps)


class Sipp:
    """One sipp process with one call of ``scenario``; ``out_of_call`` is what it does with calls that come in."""

    def __init__(
        self,
        server: str,
        scenario: str,
        transport: str,
        out_of_call: str = "",
        options: Sequence[str] = (),
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        folder = Folder("sipp")
        self.port = port or free_port(address)
        command = [
            *(program("sipp"), server, "-sf", self._write(folder, "scenario", scenario)),
            *("-t", {"udp": "u1", "tcp": "t1"}[transport], "-i", address, "-p", str(self.port)),
            *("-m", "1", "-nostdin", "-trace_err", "-trace_msg", "-timeout", "60s", "-timeout_error"),
            *(("-oocsf", self._write(folder, "called", out_of_call)) if out_of_call else ()),
            *options,
        ]
        self.child = Child("sipp", command, folder, {"TERM": "dumb"})
        witnesses.append(self.story)

    @staticmethod
    def _write(folder: Folder, name: str, steps: str) -> str:
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{name}">\n{steps}</scenario>\n'
        return str(folder.write(f"{name}.xml", text))

    def traffic(self) -> str:
        """Messages as sipp wrote them down, and its errors."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.child.folder.path.glob("*_*.log")))

    def story(self) -> str:
        """For the words of a failure."""
        return f"sipp:\n{self.traffic()[-8000:]}"

    def succeeded(self, seconds: float = 15) -> None:
        """Wait for its end; AssertionError with its messages unless everything went as the scenario says."""
        status = self.child.wait(seconds)
        if status:
            raise AssertionError(f"sipp ended with {status}\n{self.traffic()[-8000:]}\n{self.child.output()[-3000:]}")

    def close(self) -> None:
        """End it."""
        if self.story in witnesses:
            witnesses.remove(self.story)
        self.child.stop(1)
