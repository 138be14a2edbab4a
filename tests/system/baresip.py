"""baresip, a phone for UDP and TCP with ICE and DTLS-SRTP, commanded over its ctrl_tcp module."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from typing import Any

from .processes import Child, Folder, free_port, poll, program, witnesses
from .server import User

_CONFIG = """
poll_method             epoll
sip_listen              {address}:{port}
call_local_timeout      120
call_max_calls          4
audio_source            ausine,440
audio_player            aubridge,sink
audio_alert             aubridge,alert
ausrc_srate             48000
auplay_srate            48000
rtcp_mux                yes
rtp_stats               yes
rtp_ports               {rtp}-{rtp_end}
module_path             /usr/lib/baresip/modules
module                  opus.so
module                  g711.so
module                  ausine.so
module                  aubridge.so
module                  ice.so
module                  dtls_srtp.so
module                  srtp.so
module_tmp              uuid.so
module_tmp              account.so
module_app              menu.so
module_app              debug_cmd.so
module_app              ctrl_tcp.so
ctrl_tcp_listen         127.0.0.1:{control}
"""


class Baresip:
    """One baresip with one account. ``transport`` is udp, tcp or tls; sound is a tone of 440 Hz. ``more``: further
    lines of its configuration."""

    def __init__(
        self, user: User, server: str, transport: str, address: str = "127.0.0.1", more: str = ""
    ) -> None:
        folder = Folder("baresip")
        self.user = user
        control = free_port()
        rtp = free_port(address) & ~1
        port = free_port(address, 2)  # it takes the next one too, for TLS
        folder.write(
            "config",
            _CONFIG.format(
                address=address, port=port, folder=folder.path, control=control, rtp=rtp, rtp_end=rtp + 20
            )
            + more,
        )
        folder.write(
            "accounts",
            f'<{user.uri};transport={transport}>;auth_pass={user.password};outbound="sip:{server};transport={transport}"'
            f";regint=600;medianat=ice;mediaenc=dtls_srtp;audio_codecs=opus/48000/2;answermode=manual;ptime=20\n",
        )
        folder.write("contacts", "")
        self.child = Child("baresip", [program("baresip"), "-f", str(folder.path), "-s", "-v"], folder, stdin=True)
        self._events: list[dict[str, Any]] = []
        self._buffer = b""
        witnesses.append(self.story)
        self._socket = poll(lambda: self._connect(control), 10, "baresip's control port")

    @staticmethod
    def _connect(port: int) -> socket.socket | None:
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), 2)
        return None

    def command(self, name: str, parameters: str = "") -> str:
        """One command of its menu; what it answers."""
        token = f"{time.monotonic()}"
        self._send({"command": name, "params": parameters, "token": token})

        def answered() -> list[dict[str, Any]]:
            self._read()
            return [each for each in self._events if each.get("token") == token]

        found = poll(answered, 5, f"baresip's answer to {name}")[0]
        self._events.remove(found)
        return str(found.get("data", ""))

    def _send(self, what: dict[str, str]) -> None:
        text = json.dumps(what).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))

    def _read(self) -> None:
        self._socket.settimeout(0.02)
        with contextlib.suppress(TimeoutError):
            self._buffer += self._socket.recv(65536)
        while (found := re.match(rb"(\d+):", self._buffer)) is not None:
            end = found.end() + int(found[1])
            if len(self._buffer) <= end:
                return
            self._events.append(json.loads(self._buffer[found.end() : end]))
            self._buffer = self._buffer[end + 1 :]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Events of that type so far, such as REGISTER_OK, CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED."""
        self._read()
        return [each for each in self._events if each.get("type") == kind]

    def until(self, kind: str, times: int = 1, seconds: float = 10) -> dict[str, Any]:
        """Until that event came so often; the last of them."""
        return poll(lambda: len(self.events(kind)) >= times, seconds, f"{kind} x {times} from baresip") and (
            self.events(kind)[-1]
        )

    def until_registered(self) -> Baresip:
        """Until the registrar said 200 (its event may come before anybody listens)."""
        self.child.expect(" binding", 10)
        return self

    def statistics(self) -> dict[str, int]:
        """RTP packets of the newest call that ended, as baresip printed them: sent and received."""

        def look() -> list[tuple[str, str]]:
            return re.findall(r"packets:\s+(\d+)\s+(\d+)", self.child.output())

        sent, received = poll(look, 5, lambda: f"baresip's statistics\n{self.child.output()[-3000:]}")[-1]
        return {"sent": int(sent), "received": int(received)}

    def story(self) -> str:
        """What it wrote, for the words of a failure."""
        return f"baresip {self.user.name}: {self._events}\n{self.child.output()[-6000:]}"

    def close(self) -> None:
        """End it, politely: it unregisters."""
        if self.story in witnesses:
            witnesses.remove(self.story)
        with contextlib.suppress(OSError):
            self._send({"command": "quit", "params": "", "token": "quit"})
        with contextlib.suppress(AssertionError):
            self.child.wait(3)
        self._socket.close()
        self.child.stop()
