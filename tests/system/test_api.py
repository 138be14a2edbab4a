"""The API of a running server, tried by what reads its own document: schemathesis."""

from __future__ import annotations

import subprocess
import sys
import urllib.request

from .case import SystemCase
from .processes import Folder, free_port
from .raw_phone import register
from .server import Server
from .sockets import Udp

TOKEN = "T9mS2xWn4Qe7LbVc0dRk"
#: examples for each operation; the run takes some seconds
EXAMPLES = 15

# A target that is a text as the schema wants it need not be one where a call can go.
CONFIGURATION = """
[[operations]]
include-operation-id = "setRules"
checks.positive_data_acceptance.expected-statuses = ["2xx", "403", "404", "409", "422", "503"]
"""


class ApiTests(SystemCase):
    """A server with a token, a phone and some users."""

    def setUp(self) -> None:
        self.port = free_port()
        text = f'[admin]\nport = {self.port}\ntoken = "{TOKEN}"\n[auth]\noutbound = "open"\n'
        server = Server(extra=text, users=3, log_messages=False)
        self.addCleanup(lambda: server.child.kill())
        self.use(server)

    def ask(self, path: str, method: str = "GET") -> bytes:
        """The body of the answer."""
        shown = {"Authorization": f"Bearer {TOKEN}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, headers=shown)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body: bytes = answer.read()
            return body

    def test_schemathesis(self) -> None:
        """Nothing that the document allows is refused, nothing that it forbids is taken, no answer is another than it
        says, nothing gets in without the token, and no request is a 500."""
        phone = Udp((self.server.address, self.server.port))
        self.addCleanup(phone.close)
        register(phone, self.server.user())
        folder = Folder("schemathesis")
        configuration = folder.write("schemathesis.toml", CONFIGURATION)
        run = subprocess.run(
            [
                sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run",
                f"http://127.0.0.1:{self.port}/openapi.json", "-H", f"Authorization: Bearer {TOKEN}", "--checks", "all",
                "-n", str(EXAMPLES), "--seed", "1", "--no-shrink", "--max-response-time", "5",
            ],
            cwd=folder.path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.assertEqual(0, run.returncode, run.stdout[-6000:] + run.stderr[-2000:])
        self.assertIn(b'"ok"', self.ask("/health"))

    def test_kick(self) -> None:
        """A phone's bindings end, and its calls find nobody."""
        phone = Udp((self.server.address, self.server.port))
        self.addCleanup(phone.close)
        user = self.server.user()
        register(phone, user)
        account = f"/api/users/{user.name}@{user.domain}"
        path = f"{account}/bindings"
        self.assertIn(user.uri.encode(), self.ask(path))
        self.assertEqual(b'{"removed": 1, "closed": 0}\n', self.ask(f"{account}/kick", "POST"))
        self.assertEqual(b'{"bindings": [], "next": null}\n', self.ask(path))
        self.assertEqual(b"", self.server.command("bindings").encode())
