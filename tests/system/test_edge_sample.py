"""etc/edge-kamailio.toml as it is shown, names and files put in, in front of a real Kamailio."""

from __future__ import annotations

from urllib.parse import urlsplit

from .certificates import authority
from .edge import EdgeCase, EdgeServer, World
from .kamailio import KamailioCore
from .page_server import page_url
from .phone import JSSIP, SIPJS
from .server import ROOT


class SampleServer(EdgeServer):
    """What the sample says, with the addresses, ports and files of the tests; only the place of the state is added."""

    def _toml(self, extra: str, top: str, log_messages: bool) -> str:
        chain, key = authority().issue("localhost", "127.0.0.1")
        text = (ROOT / "etc" / "edge-kamailio.toml").read_text()
        page = urlsplit(page_url())
        for shown, here in (
            ("sip:pbx.example.net", self.core),
            ('address = "0.0.0.0"', f'address = "{self.address}"'),
            ('transport = "udp"', f'transport = "udp"\nport = {self.port}'),
            ('transport = "tcp"', f'transport = "tcp"\nport = {self.port}'),
            ("port = 8443", f"port = {self.wss_port}"),
            ("/etc/letsencrypt/live/edge.example.net/fullchain.pem", str(chain)),
            ("/etc/letsencrypt/live/edge.example.net/privkey.pem", str(key)),
            ("https://phone.example.net", f"{page.scheme}://{page.netloc}"),
        ):
            assert shown in text, shown
            text = text.replace(shown, here)
        return f'state_dir = "{self.folder.path}/state"\n{text}'

    def __init__(self, core: KamailioCore) -> None:
        self.core = core.uri
        super().__init__([core.uri], give=core.user)


class Sample(EdgeCase):
    """What somebody gets who follows the how-to."""

    def setUp(self) -> None:
        """Kamailio, and the edge before it."""
        core = KamailioCore(users=6)
        self.own(World(core, edge=SampleServer(core)))

    def test_calls(self) -> None:
        """Browsers and phones register, call each other and a phone behind Kamailio, and hang up."""
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
