"""The configuration that etc/ shows, with Kamailio as the how-to has it."""

from __future__ import annotations

from urllib.parse import urlsplit

from .certificates import authority
from .edge import EdgeCase, EdgeServer, World
from .kamailio import KamailioCore
from .page_server import page_url
from .phone import JSSIP, SIPJS
from .server import ROOT


class _Shown(EdgeServer):
    """etc/edge-kamailio.toml, with names, addresses and ports of here."""

    def __init__(self, core: KamailioCore) -> None:
        self._core = core.uri
        super().__init__([core.uri], give=core.user)

    def _toml(self, extra: str, top: str, log_messages: bool) -> str:
        text = (ROOT / "etc/edge-kamailio.toml").read_text()
        chain, key = authority().issue("localhost", "127.0.0.1")
        page = urlsplit(page_url())
        changes = {
            '"sip:pbx.example.net"': f'"{self._core}"',
            'transport = "udp"\n': f'transport = "udp"\nport = {self.port}\n',
            'transport = "tcp"\n': f'transport = "tcp"\nport = {self.port}\n',
            '"0.0.0.0"': f'"{self.address}"',
            "port = 8443": f"port = {self.wss_port}",
            "https://phone.example.net": f"{page.scheme}://{page.netloc}",
            "/etc/letsencrypt/live/edge.example.net/fullchain.pem": str(chain),
            "/etc/letsencrypt/live/edge.example.net/privkey.pem": str(key),
        }
        for old, new in changes.items():
            assert old in text, f"no {old!r} in etc/edge-kamailio.toml"
            text = text.replace(old, new)
        return f'state_dir = "{self.folder.path}/state"\n{text}\n[log]\nmessages = true\n'


class Shown(EdgeCase):
    """What somebody gets who follows the how-to."""

    def setUp(self) -> None:
        """Kamailio, and the edge before it."""
        core = KamailioCore(users=6)
        self.own(World(core, edge=_Shown(core)))

    def test_calls(self) -> None:
        """Browsers and phones register, call each other and phones behind Kamailio, and hang up."""
        one, other, behind, before = self.phone(JSSIP), self.phone(SIPJS), self.baresip_behind(), self.baresip_before()
        out, at = self.established(one, other)
        self.media_flows(one, out, other, at)
        self.hung_up(other, at, one, out)
        for phone in (behind, before):
            out = one.call(phone.user.uri)
            phone.until("CALL_INCOMING")
            phone.command("accept")
            one.until_call("established", out)
            phone.command("hangup")
            one.until_call("ended", out)
