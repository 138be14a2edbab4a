"""The API of a running server, tried by what reads its own document: schemathesis."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request

from .case import SystemCase
from .processes import Folder, free_port, poll
from .raw_phone import credentials, first, name, register, request, respond
from .server import Server, User
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

    def ask(self, path: str, method: str = "GET", body: object = None) -> bytes:
        """The body of the answer."""
        fields = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, fields, method=method)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            body: bytes = answer.read()
            return body

    def registered(self) -> tuple[User, Udp]:
        """Somebody with a phone."""
        phone = Udp((self.server.address, self.server.port))
        self.addCleanup(phone.close)
        user = self.server.user()
        self.assertEqual(200, register(phone, user).status)
        return user, phone

    def call(self, user: User, phone: Udp, uri: str) -> None:
        """An INVITE, let in."""
        same = {"From": f"<{user.uri}>;tag={name()}", "Call_ID": name()}
        phone.send(request("INVITE", uri, phone, **same))
        challenge = first(phone)
        same |= credentials(user, "INVITE", uri, challenge)
        phone.send(request("INVITE", uri, phone, CSeq="2 INVITE", **same))

    def test_schemathesis(self) -> None:
        """Nothing that the document allows is refused, nothing that it forbids is taken, no answer is another than it
        says, nothing gets in without the token, and no request is a 500."""
        self.registered()
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
        user, _ = self.registered()
        account = f"/api/users/{user.name}@{user.domain}"
        path = f"{account}/bindings"
        self.assertIn(user.uri.encode(), self.ask(path))
        self.assertEqual(b'{"removed": 1, "closed": 0}\n', self.ask(f"{account}/kick", "POST"))
        self.assertEqual(b'{"bindings": [], "next": null}\n', self.ask(path))
        self.assertEqual(b"", self.server.command("bindings").encode())

    def test_rules(self) -> None:
        """What is set while the server runs holds for the next call; what a command takes back, a second later."""
        (alice, caller), (bob, busy), (carol, free) = (self.registered() for _ in range(3))
        path = f"/api/users/{bob.name}@{bob.domain}/rules"
        self.ask(path, "PUT", {"forward_busy": carol.name})
        self.call(alice, caller, bob.uri)
        busy.send(respond(first(busy), 486))
        arrived = first(free)
        self.assertIn(f"<{carol.uri};cause=486>;index=1.1;mp=1", arrived.get("History-Info"))
        free.send(respond(arrived, 200, Contact=f"<sip:{carol.name}@127.0.0.1:{free.local[1]}>"))
        self.assertEqual(200, caller.final().status)
        self.server.command("user", "forward", f"{bob.name}@{bob.domain}", "--reset")
        poll(lambda: json.loads(self.ask(path))["forward_busy"] is None, 5, "the rule is gone")
        self.call(alice, caller, bob.uri)
        self.assertEqual("ACK", first(busy).method)
        busy.send(respond(first(busy), 486))
        self.assertEqual(486, caller.final().status)
