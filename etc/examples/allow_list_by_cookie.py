"""Only browsers with a cookie that we know may connect. For a registrar and for an edge; nothing else changes.

    hooks = "allow_list_by_cookie:AllowList"
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from oversip_tw.hooks import Flow, HandshakeRequest, Hooks, SIPError

#: one session a line; the web application writes it, and sends SIGUSR1 when it has changed
SESSIONS = Path("sessions.txt")
COOKIE = "session"


class AllowList(Hooks):
    """Asks a file, which is read at the start and whenever SIGUSR1 comes."""

    def on_initialise(self) -> None:
        """No file, no server: better than one that lets nobody in."""
        self.sessions = set(SESSIONS.read_text().split())

    def on_user_reload(self) -> None:
        """The file has changed. Who is connected stays."""
        self.on_initialise()

    def on_connect(self, handshake: HandshakeRequest, flow: Flow) -> None:
        """Refused is with HTTP's 403."""
        try:
            cookie = SimpleCookie(handshake.header("Cookie") or "").get(COOKIE)
        except CookieError:
            cookie = None
        if cookie is None or cookie.value not in self.sessions:
            raise SIPError(403, "Please Log In")
        flow.variables["session"] = cookie.value
