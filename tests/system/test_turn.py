"""Calls of the phone page that go by way of coturn alone, with credentials from `GET /ice`."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from .browser import chromium
from .case import SystemCase
from .certificates import authority
from .coturn import Coturn
from .processes import Folder, poll
from .server import Server
from .test_phone_page import Person, talking

SECRET = "what coturn and we both know"

#: kinds of the candidates in use, and whether media may take any other way
PAIR = """async () => {
    const connection = window.phone.sessions().at(-1).connection;
    const reports = await connection.getStats();
    const found = [...reports.values()].find((each) => each.type === "candidate-pair" && each.nominated);
    return {
        policy: connection.getConfiguration().iceTransportPolicy,
        local: found && reports.get(found.localCandidateId).candidateType,
    };
}"""


class Relayed(SystemCase):
    """The page with `?relay` in its address."""

    def setUp(self) -> None:
        self.turn = Coturn(SECRET)
        self.addCleanup(self.turn.close)
        secrets = Folder("turn").write("secrets", f"{SECRET}\na former secret of ours\n")
        server = Server(extra=f'[turn]\nuris = "{self.turn.uri}"\nsecrets = "{secrets}"\n', users=2)
        self.addCleanup(server.stop)
        self.use(server)

    def person(self) -> Person:
        person = Person(chromium().open(self.server.page + "?relay"), self.server.user())
        self.addCleanup(person.leave)
        person.log_in()
        person.until_connection("registered")
        poll(lambda: person.tab.evaluate("() => window.phone.ice().iceServers.length"), 10, "TURN credentials")
        return person

    def test_call(self) -> None:
        """Audio both ways through coturn, which knows both by their names; nothing takes another way."""
        one, other = self.person(), self.person()
        talking(one, other)
        for person in (one, other):
            person.until_media()
            self.assertEqual({"policy": "relay", "local": "relay"}, person.tab.evaluate(PAIR))
        names = {name.partition(":")[2] for name in self.turn.allocations()}
        self.assertEqual({one.aor, other.aor}, names)
        one.press("call-hangup")
        other.until_call("ended")

    def test_strangers(self) -> None:
        """Nobody gets credentials without a password, and there is none in the log."""
        context = ssl.create_default_context(cafile=str(authority().pem))
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.page_port, context=context, timeout=5)
        self.addCleanup(connection.close)
        connection.request("GET", "/ice")
        answer = connection.getresponse()
        body: dict[str, Any] = json.loads(answer.read())
        self.assertEqual((401, {"error": "Who Are You?"}), (answer.status, body))
        person = self.person()
        given = person.tab.evaluate("() => window.phone.ice().iceServers[0]")
        self.assertTrue(given["username"].endswith(person.aor))
        self.assertNotIn(given["credential"], self.server.child.output())
        self.assertNotIn(SECRET, self.server.child.output())
