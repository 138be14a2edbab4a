"""SIP users as the generator plays them: they register with digest, call each other and hang up at once."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass

from .wires import Wire

_NONCE = re.compile(rb'nonce="([^"]+)"')
_STATUS = re.compile(rb"SIP/2\.0 (\d{3})")
_COPIED = re.compile(rb"^((?:Via|Record-Route|From|To|Call-ID|CSeq)[ \t]*:.*\r\n)", re.MULTILINE | re.IGNORECASE)
_CONTACT = re.compile(rb"^Contact[ \t]*:[ \t]*<([^>]+)>", re.MULTILINE | re.IGNORECASE)
_RECORD_ROUTE = re.compile(rb"^Record-Route[ \t]*:[ \t]*(.*)\r\n", re.MULTILINE | re.IGNORECASE)
_TO = re.compile(rb"^To[ \t]*:.*\r\n", re.MULTILINE | re.IGNORECASE)

#: as much as the description of an audio call between browsers
_CANDIDATE = b"a=candidate:1187161942 1 udp 2122194687 192.0.2.7 48673 typ host generation 0 network-id 3"
SDP = b"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
SDP += (_CANDIDATE + b"\r\n") * 16

#: hears a response
Heard = Callable[[bytes], None]

_numbers = itertools.count(1)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@dataclass(frozen=True)
class Account:
    """Who, and the password; None where nobody asks."""

    name: str
    domain: str
    password: str | None


class Client:
    """One user at the end of one wire."""

    def __init__(self, account: Account, wire: Wire) -> None:
        self.account, self.wire = account, wire
        self.aor = f"sip:{account.name}@{account.domain}"
        self.contact = f"sip:{account.name}@{wire.sent_by};transport={wire.transport.lower()}"
        self.call_id = f"{account.name}-{next(_numbers)}-{wire.sent_by}"
        self.nonces: dict[str, tuple[str, int]] = {}
        self._cseq = 0
        self._done: dict[bytes, Heard] = {}
        wire.received = self.received

    def _proof(self, method: str, uri: str) -> str:
        header = "Authorization" if method == "REGISTER" else "Proxy-Authorization"
        if self.account.password is None or header not in self.nonces:
            return ""
        nonce, count = self.nonces[header]
        self.nonces[header] = nonce, count + 1
        nc = f"{count + 1:08x}"
        name, realm = self.account.name, self.account.domain
        first = _md5(f"{name}:{realm}:{self.account.password}")
        proof = _md5(f"{first}:{nonce}:{nc}:bench:auth:{_md5(f'{method}:{uri}')}")
        return (
            f'{header}: Digest username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{proof}", '
            f'algorithm=MD5, qop=auth, cnonce="bench", nc={nc}\r\n'
        )

    def _send(self, method: str, uri: str, headers: str, done: Heard | None, body: bytes = b"") -> None:
        branch = f"z9hG4bK{next(_numbers):x}x{self.account.name}"
        if done is not None:
            self._done[branch.encode()] = done
        head = (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.wire.transport} {self.wire.sent_by};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        self.wire.send(head.encode() + body)

    # registration

    def register(self, done: Callable[[int], None], again: bool = True) -> None:
        """REGISTER, with credentials over the nonce last heard; a challenge is answered. ``done`` hears the status."""
        self._cseq += 1
        uri = f"sip:{self.account.domain}"

        def answered(message: bytes) -> None:
            status = _status(message)
            if status == 401 and again and (found := _NONCE.search(message)):
                self.nonces["Authorization"] = found[1].decode(), 0
                self.register(done, again=False)
            elif status >= 200:
                done(status)

        self._send(
            "REGISTER",
            uri,
            f"From: <{self.aor}>;tag={self.account.name}\r\nTo: <{self.aor}>\r\nCall-ID: {self.call_id}\r\n"
            f"CSeq: {self._cseq} REGISTER\r\nContact: <{self.contact}>\r\nExpires: 600\r\n"
            + self._proof("REGISTER", uri),
            answered,
        )

    # calls

    def call(self, callee: Client, done: Callable[[int], None]) -> None:
        """INVITE, ACK, BYE; ``done`` hears 200 when the BYE is answered, or what the INVITE got."""
        number = next(_numbers)
        self._invite(callee, f"call-{number}-{self.call_id}", 1, done)

    def _invite(self, callee: Client, call_id: str, cseq: int, done: Callable[[int], None]) -> None:
        def answered(message: bytes) -> None:
            status = _status(message)
            if status < 200:
                return
            to = _TO.search(message)
            peer = to[0].decode() if to else ""
            if status < 300:
                self._established(message, peer, call_id, cseq, done)
                return
            self._send("ACK", callee.aor, self._party(peer, call_id, cseq, "ACK"), None)
            if status == 407 and cseq < 3 and (found := _NONCE.search(message)):
                self.nonces["Proxy-Authorization"] = found[1].decode(), 0
                self._invite(callee, call_id, cseq + 1, done)
            else:
                done(status)

        self._send(
            "INVITE",
            callee.aor,
            self._party(f"To: <{callee.aor}>\r\n", call_id, cseq, "INVITE")
            + f"Contact: <{self.contact};ob>\r\nSupported: outbound\r\nContent-Type: application/sdp\r\n"
            + self._proof("INVITE", callee.aor),
            answered,
            SDP,
        )

    def _party(self, to: str, call_id: str, cseq: int, method: str) -> str:
        return f"From: <{self.aor}>;tag=c{self.account.name}\r\n{to}Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"

    def _established(self, message: bytes, to: str, call_id: str, cseq: int, done: Callable[[int], None]) -> None:
        contact = _CONTACT.search(message)
        uri = contact[1].decode() if contact else self.aor
        values = [value.strip() for line in _RECORD_ROUTE.findall(message) for value in line.decode().split(",")]
        routes = "".join(f"Route: {value}\r\n" for value in reversed(values))
        self._send("ACK", uri, routes + self._party(to, call_id, cseq, "ACK"), None)
        self._send(
            "BYE", uri, routes + self._party(to, call_id, cseq + 1, "BYE"), lambda answer: done(_status(answer))
        )

    # what comes

    def received(self, message: bytes) -> None:
        """A response to one of ours, or a request."""
        if message.startswith(b"SIP/2.0 "):
            start = message.find(b"branch=z9hG4bK") + 7
            end = start
            while message[end : end + 1].isalnum():
                end += 1
            done = self._done.get(message[start:end])
            if done is not None:
                if _status(message) >= 200:
                    del self._done[message[start:end]]
                done(message)
            return
        method = message.partition(b" ")[0]
        if method == b"INVITE":
            self._answer(message, b"180 Ringing", b"")
            self._answer(message, b"200 OK", SDP)
        elif method != b"ACK":
            self._answer(message, b"200 OK", b"")

    def _answer(self, request: bytes, status: bytes, body: bytes) -> None:
        head = request.partition(b"\r\n\r\n")[0] + b"\r\n"
        copied = b"".join(_COPIED.findall(head))
        to = _TO.search(copied)
        if to and b";tag=" not in to[0]:
            copied = copied.replace(to[0], to[0][:-2] + b";tag=b\r\n")
        kind = b"Content-Type: application/sdp\r\n" if body else b""
        self.wire.send(
            b"SIP/2.0 %s\r\n%sContact: <%s>\r\n%sContent-Length: %d\r\n\r\n%s"
            % (status, copied, self.contact.encode(), kind, len(body), body)
        )


def _status(message: bytes) -> int:
    found = _STATUS.match(message)
    return int(found[1]) if found else 0
