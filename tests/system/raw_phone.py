"""SIP requests by hand, with credentials: for attacks, and for phones that do as no phone would."""

from __future__ import annotations

import os
import re
from hashlib import md5

from .server import User
from .sockets import Received, Socket

_PARAMETER = re.compile(r'(\w+)="?([^",]+)"?')


def name() -> str:
    """Something nobody else says."""
    return os.urandom(6).hex()


def request(method: str, uri: str, socket: Socket, body: bytes = b"", **headers: str) -> bytes:
    """A request for ``socket``; ``headers`` by name with _ for -, in place of the ordinary ones or besides them."""
    address, port = socket.local
    here = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    where = f"{here};rport" if socket.transport == "UDP" else f"{name()}.invalid"
    lines = {
        "Via": f"SIP/2.0/{socket.transport} {where};branch=z9hG4bK{name()}",
        "Max-Forwards": "70",
        "From": f"<sip:probe@nowhere.test>;tag={name()}",
        "To": f"<{uri}>",
        "Call-ID": name(),
        "CSeq": f"1 {method}",
        "Contact": f"<sip:{name()}@{here}>",
        "Content-Length": str(len(body)),
    } | {key.replace("_", "-"): value for key, value in headers.items()}
    head = [f"{method} {uri} SIP/2.0", *(f"{key}: {value}" for key, value in lines.items()), "", ""]
    return "\r\n".join(head).encode() + body


def credentials(user: User, method: str, uri: str, challenge: Received) -> dict[str, str]:
    """The header that answers ``challenge``, for `request`."""
    asked = dict(_PARAMETER.findall(challenge.get("WWW-Authenticate") or challenge.get("Proxy-Authenticate")))
    secret = md5(f"{user.name}:{asked['realm']}:{user.password}".encode()).hexdigest()
    what = md5(f"{method}:{uri}".encode()).hexdigest()
    proof = md5(f"{secret}:{asked['nonce']}:00000001:c:auth:{what}".encode()).hexdigest()
    value = (
        f'Digest username="{user.name}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{uri}", '
        f'response="{proof}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
    )
    return {"Authorization" if challenge.status == 401 else "Proxy_Authorization": value}


def ask(socket: Socket, user: User, method: str, uri: str, body: bytes = b"", **headers: str) -> Received:
    """A request of ``user``, sent again with credentials when they are asked for; its first answer but 100 and 401."""
    same = {"From": f"<{user.uri}>;tag={name()}", "Call_ID": name()} | headers
    socket.send(request(method, uri, socket, body, **same))
    challenge = first(socket)
    if challenge.status not in (401, 407):
        return challenge
    again = same | {"CSeq": f"2 {method}"} | credentials(user, method, uri, challenge)
    socket.send(request(method, uri, socket, body, **again))
    return first(socket)


def first(socket: Socket, seconds: float = 3) -> Received:
    """The next message but 100."""
    while (found := socket.answer(seconds)) is not None:
        if found.status != 100:
            return found
    raise AssertionError(f"nothing over {socket.transport} within {seconds:g} s")


def register(socket: Socket, user: User, **headers: str) -> Received:
    """REGISTER ``user`` there, for ten minutes."""
    return ask(socket, user, "REGISTER", f"sip:{user.domain}", To=f"<{user.uri}>", Expires="600", **headers)


def respond(request: Received, status: int, **headers: str) -> bytes:
    """An answer to ``request``."""
    lines = [f"SIP/2.0 {status} So"]
    lines += [f"Via: {via}" for via in request.all("Via")]
    lines += [f"Record-Route: {route}" for route in request.all("Record-Route")]
    lines += [f"{key}: {request.get(key)}" for key in ("From", "Call-ID", "CSeq")]
    to = request.get("To")
    lines.append(f"To: {to}" if ";tag=" in to else f"To: {to};tag={name()}")
    lines += [f"{key}: {value}" for key, value in headers.items()]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()
