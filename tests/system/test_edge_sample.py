"""etc/edge-kamailio.toml as it is shown, names and files put in, in front of a real Kamailio."""

from __future__ import annotations

from .case import SystemCase
from .certificates import authority
from .edge import EdgeServer
from .kamailio import KamailioCore
from .server import ROOT


class SampleServer(EdgeServer):
    """What the sample says, with the addresses, ports and files of the tests; only the place of the state is added."""

    def _toml(self, extra: str, top: str, log_messages: bool) -> str:
        chain, key = authority().issue("localhost", "127.0.0.1")
        text = (ROOT / "etc" / "edge-kamailio.toml").read_text()
        for shown, here in (
            ("sip:pbx.example.net", self.core),
            ('address = "0.0.0.0"', f'address = "{self.address}"'),
            ('transport = "udp"', f'transport = "udp"\nport = {self.port}'),
            ('transport = "tcp"', f'transport = "tcp"\nport = {self.port}'),
            ("port = 8443", f"port = {self.wss_port}"),
            ("/etc/letsencrypt/live/edge.example.net/fullchain.pem", str(chain)),
            ("/etc/letsencrypt/live/edge.example.net/privkey.pem", str(key)),
            ('origins = ["https://phone.example.net"]', 'origins = ["*"]'),
        ):
            assert shown in text, shown
            text = text.replace(shown, here)
        return f'state_dir = "{self.folder.path}/state"\n{text}'

    def __init__(self, core: KamailioCore) -> None:
        self.core = core.uri
        super().__init__([core.uri], give=core.user)


class Sample(SystemCase):
    """Two browsers."""

    def setUp(self) -> None:
        core = KamailioCore(users=2)
        self.addCleanup(core.stop)
        server = SampleServer(core)
        self.addCleanup(server.stop)
        self.use(server)

    def test_call(self) -> None:
        """They register through it, one calls the other, hangs up."""
        alice, bob = self.phone(), self.phone()
        out, at = self.established(alice, bob)
        self.media_flows(alice, out, bob, at)
        self.hung_up(alice, out, bob, at)
