"""The snippets of docs/howto/tokens.md and turn.md, in Chromium with the real libraries."""

from __future__ import annotations

import time
from typing import Any

import jwt

from ..tokens.test_howto import functions, snippet
from .browser import Tab, chromium
from .case import SystemCase
from .page_server import page_url
from .processes import Folder, poll
from .server import Server, User

SECRET = "what the web application and the server both know"

#: SIP messages in and out, the first line of each
LINES = """() => window.wire.filter(([, way]) => way !== "close").map(([, way, text]) => {
    return `${way} ${text.split("\\r\\n")[0]}`;
})"""


class Snippets(SystemCase):
    """A server of a web application, whose users have no passwords."""

    def setUp(self) -> None:
        self.use(self.server_of())

    def server_of(self, auth: str = "") -> Server:
        page = page_url().rpartition("/")[0]
        folder = Folder("tokens")
        for name in ("jwt", "cookie", "ephemeral", "turn"):
            folder.write(name, f"{name}: {SECRET}\n")
        where = folder.path
        extra = f"""
            [auth]
            {auth}
            [jwt]
            keys = "{where}/jwt"
            algorithms = "HS256"
            audience = "sip"
            issuer = "app"
            query = "token"
            [cookie]
            secrets = "{where}/cookie"
            [ephemeral]
            secrets = "{where}/ephemeral"
            [turn]
            secrets = "{where}/turn"
            uris = "turn:127.0.0.1:3478?transport=udp"
        """
        origins = f'origins = ["{page}"]\n'
        server = Server(extra=extra, web_more=origins, ws_more=origins, users=2)
        self.addCleanup(server.stop)
        return server

    def token(self, user: User, life: int = 300) -> str:
        claims = {"sub": user.name, "iss": "app", "aud": "sip", "exp": int(time.time()) + life}
        return jwt.encode(claims, f"jwt: {SECRET}", "HS256")

    def tab(self) -> Tab:
        tab = chromium().open(page_url())
        self.addCleanup(tab.close)
        return tab

    def run_in(self, tab: Tab, user: User, code: str, more: str = "", **named: Any) -> None:
        """Paste it, with the names of this test in the places of the example's."""
        code = code.replace("wss://sip.example.com/ws", self.server.wss)
        code = code.replace("https://sip.example.com/", self.server.page)
        code = code.replace("sip:alice@example.com", user.uri)
        names = ", ".join(named)
        keep = "window.made = typeof phone === 'undefined' ? window.made : phone;"
        script = f"async ({{{names}}}) => {{ {code}\n{keep}\n{more} }}"
        tab.evaluate(script, named)

    def until_registered(self, tab: Tab, bearer: bool = False) -> None:
        """200 at the first try: nothing was asked for."""

        def answered() -> list[str]:
            return [line for line in tab.evaluate(LINES) if line.startswith("in SIP/2.0 ")]

        poll(answered, 10, lambda: f"an answer: {tab.evaluate(LINES)} {tab.console[-5:]}")
        self.assertEqual("in SIP/2.0 200 OK", answered()[0])
        sent = tab.evaluate("() => window.wire.find(([, way]) => way === 'out')[2]")
        self.assertEqual(bearer, "Authorization: Bearer " in sent)

    def with_token(self, tab: Tab, user: User, code: str, more: str = "") -> None:
        self.run_in(tab, user, f"const currentToken = () => token;\n{code}", more, token=self.token(user))

    def test_handshake_jssip(self) -> None:
        """JsSIP with a token among the subprotocols."""
        tab, user = self.tab(), self.server.user()
        self.with_token(tab, user, snippet("bearer") + snippet("jssip"))
        self.until_registered(tab)

    def test_handshake_sipjs(self) -> None:
        """SIP.js, the same."""
        tab, user = self.tab(), self.server.user()
        self.with_token(tab, user, snippet("bearer") + snippet("sipjs"))
        self.until_registered(tab)

    def test_bearer_jssip(self) -> None:
        """JsSIP with a token in each request; the call too."""
        tab, user, other = self.tab(), self.server.user(), self.server.user()
        self.with_token(tab, user, snippet("jssip-bearer"))
        self.until_registered(tab, bearer=True)
        tab.evaluate("(uri) => { window.made.call(uri, { mediaConstraints: { audio: true } }); }", other.uri)
        self.until_absent(tab)

    def test_bearer_sipjs(self) -> None:
        """SIP.js, the same."""
        tab, user, other = self.tab(), self.server.user(), self.server.user()
        self.with_token(tab, user, snippet("sipjs-bearer"), f"await call('{other.uri}').invite();")
        self.until_registered(tab, bearer=True)
        self.until_absent(tab)

    def until_absent(self, tab: Tab) -> None:
        """The call was let in, unchallenged, to somebody who is not there."""
        poll(lambda: any("480" in line for line in tab.evaluate(LINES)), 10, lambda: str(tab.evaluate(LINES)))
        self.assertEqual([], [line for line in tab.evaluate(LINES) if " 407 " in line or " 401 " in line])

    def test_cookie(self) -> None:
        """Neither library needs a word about it."""
        # the page of this test came by http, and browsers take another scheme for another site
        self.use(self.server_of("plain_tokens = true"))
        for name in ("jssip", "sipjs"):
            tab, user = self.tab(), self.server.user()
            value = functions("cookie")["cookie"](f"cookie: {SECRET}".encode(), user.name)
            cookie = {"name": "oversip", "value": value, "url": page_url()}
            tab.with_page(lambda page: page.context.add_cookies([cookie]))  # noqa: B023
            self.run_in(tab, user, snippet(name).replace("wss://sip.example.com/ws", self.server.ws))
            self.until_registered(tab)

    def test_ephemeral(self) -> None:
        """A name and a password that bear their end, in both libraries."""
        for name in ("jssip-ephemeral", "sipjs-ephemeral"):
            tab, user = self.tab(), self.server._users[0]
            made = functions("ephemeral")["credentials"](f"ephemeral: {SECRET}".encode(), user.name)
            self.run_in(tab, user, snippet(name), credentials={"name": made[0], "password": made[1]})
            poll(
                lambda: any(line == "in SIP/2.0 200 OK" for line in tab.evaluate(LINES)),  # noqa: B023
                10,
                lambda: f"registered: {tab.evaluate(LINES)}",  # noqa: B023
            )

    def test_wrong_token(self) -> None:
        """A token that is over opens no WebSocket; T8: nor does one in a URL that lives on; none stands in the log."""
        for life, query in ((-60, False), (300, True), (50, True)):
            tab, user = self.tab(), self.server._users[0]
            token = self.token(user, life)
            code = snippet("bearer") + snippet("jssip")
            if query:
                code = snippet("jssip").replace("/ws", f"/ws?token={token}")
            self.run_in(tab, user, f"const currentToken = () => token;\n{code}", token=token)
            if life == 50:
                self.until_registered(tab)
            else:
                poll(lambda: tab.evaluate("() => window.sockets > 0"), 5, "a try")  # noqa: B023
                time.sleep(0.5)
                self.assertEqual([], tab.evaluate(LINES))
            self.assertNotIn(token, self.server.child.output())
            self.assertNotIn(token.rpartition(".")[2], self.server.child.output())

    def test_ice(self) -> None:
        """The page gets credentials of the TURN server from another origin, and calls with them."""
        tab, user, other = self.tab(), self.server.user(), self.server.user()
        self.with_token(tab, user, snippet("bearer") + snippet("jssip"))
        self.until_registered(tab)
        code = snippet("ice", "docs/howto/turn.md").replace("sip:bob@example.com", other.uri)
        code = code.replace("phone.call", "window.made.call")
        more = "window.servers = iceServers; window.policy = session.connection.getConfiguration().iceTransportPolicy;"
        self.with_token(tab, user, code, more)
        [server] = tab.evaluate("() => window.servers")
        self.assertTrue(server["username"].endswith(f":{user.name}@{user.domain}"))
        self.assertEqual("relay", tab.evaluate("() => window.policy"))
