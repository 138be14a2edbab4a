"""kill -9 again and again, at 500 registrations a second: what was acknowledged stays, what was taken back is gone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping

from oversip_tw.registrar.binding import Binding
from oversip_tw.store import bindings
from oversip_tw.store.database import open_database
from oversip_tw.store.redis_keys import Keys, loaded
from oversip_tw.store.redis_link import Place, Waiting
from tests.store import servers

from .raw_phone import ask, credentials, first, name, register, request, respond
from .server import User
from .sockets import Udp, WebSocket
from .test_attacks_process import ProcessCase

KILLS = 20
#: registrations a second, and for how long between two kills
RATE, SPAN = 500, 0.5
#: phones that register at the same time, each waiting for its answer
PHONES = 60

#: whoever comes from here is the core: nobody is challenged
TRUSTING = '[[trusted]]\nnetwork = "127.0.0.1"\nrole = "core"\ntransports = ["udp"]\n'


class Storm:
    """Phones, each with a user of its own: they register, refresh and unregister, and note what they are told."""

    def __init__(self, port: int, domain: str) -> None:
        self._wire = Udp(("127.0.0.1", port))
        self._domain = domain
        self._ended = False
        self._cseq = 0
        self._free: list[str] = [f"storm{number}-{name()}" for number in range(PHONES)]
        #: by user: what was asked last and not answered yet (CSeq, expires)
        self.asked: dict[str, tuple[int, int]] = {}
        #: by user: the last thing that was answered 200
        self.told: dict[str, tuple[int, int]] = {}
        self.answers = 0

    def run(self) -> None:
        """At the rate, until `end`."""
        began, sent = time.monotonic(), 0
        while not self._ended:
            due = int((time.monotonic() - began) * RATE)
            while sent < due and self._free:
                self._send(self._free.pop(0))
                sent += 1
            while (answer := self._wire.answer(0.001)) is not None:
                self._hear(answer.status, answer.get("Call-ID"), answer.get("CSeq"))

    def _send(self, user: str) -> None:
        before = self.told.get(user)
        expires = 0 if before is not None and before[1] and random.random() < 0.4 else 600
        self._cseq += 1
        self.asked[user] = (self._cseq, expires)
        aor = f"sip:{user}@{self._domain}"
        self._wire.send(
            request(
                "REGISTER", f"sip:{self._domain}", self._wire, From=f"<{aor}>;tag=1", To=f"<{aor}>", Call_ID=user,
                CSeq=f"{self._cseq} REGISTER", Contact=f"<sip:{user}@127.0.0.1:9>", Expires=str(expires),
            )
        )  # fmt: skip

    def _hear(self, status: int, user: str, cseq: str) -> None:
        if status == 200 and self.asked.get(user, (0, 0))[0] == int(cseq.split()[0]):
            self.told[user] = self.asked.pop(user)
            self.answers += 1
            self._free.append(user)

    def end(self) -> None:
        """Send no more, and hear what has been answered already."""
        self._ended = True

    def close(self) -> None:
        while (answer := self._wire.answer(0.05)) is not None:
            self._hear(answer.status, answer.get("Call-ID"), answer.get("CSeq"))
        self._wire.close()


class KillCase(ProcessCase):
    """Storms and kills."""

    def stored(self) -> Mapping[str, Binding]:
        """What the store holds, by user."""
        raise NotImplementedError

    def storm(self) -> Storm:
        """One storm, ended by a kill."""
        storm = Storm(self.server.port, self.server.domain)
        running = threading.Thread(target=storm.run)
        running.start()
        time.sleep(SPAN * random.uniform(0.7, 1.3))
        self.kill()
        storm.end()
        running.join()
        storm.close()
        return storm

    def kill(self) -> None:
        self.server.child.kill()

    def check(self, storm: Storm) -> None:
        """Nothing that was acknowledged is lost, nothing that was taken back is there."""
        self.assertGreater(storm.answers, RATE * SPAN * 0.2)
        stored = self.stored()
        lost, ghosts = [], []
        for user, (cseq, expires) in storm.told.items():
            there = stored.get(f"sip:{user}@{self.server.domain}")
            stands = there is not None and not there.ended
            if user in storm.asked:
                continue  # something else was under way: either may have come to pass, but nothing older
            if expires and not (stands and there is not None and there.cseq == cseq):
                lost.append((user, cseq))
            if not expires and stands:
                ghosts.append((user, cseq))
        for user, (cseq, _) in storm.asked.items():
            before = storm.told.get(user, (0, 0))
            there = stored.get(f"sip:{user}@{self.server.domain}")
            if before[1] and (there is None or there.cseq not in (before[0], cseq)):
                lost.append((user, before[0]))
        self.assertEqual(([], []), (lost, ghosts))

    def kills(self) -> int:
        answers = 0
        for _ in range(KILLS):
            storm = self.storm()
            self.check(storm)
            answers += storm.answers
            self.restart()
            self.still_listed(storm)
        return answers

    def restart(self) -> None:
        self.server.start()

    def still_listed(self, storm: Storm) -> None:
        """The new process knows it, too."""
        stand = [user for user, (_, expires) in storm.told.items() if expires and user not in storm.asked]
        if not stand:
            return  # all of them were asking for something else
        user = stand[0]
        with_it = Udp(("127.0.0.1", self.server.port))
        domain = self.server.domain
        aor = f"sip:{user}@{domain}"
        query = request("REGISTER", f"sip:{domain}", with_it, From=f"<{aor}>;tag=1", To=f"<{aor}>", Contact="")
        with_it.send(query.replace(b"Contact: \r\n", b""))
        answer = with_it.final()
        with_it.close()
        self.assertIn(f"<sip:{user}@127.0.0.1:9>", answer.get("Contact"))


class SqliteTests(KillCase):
    """The embedded store."""

    def stored(self) -> Mapping[str, Binding]:
        database = open_database(self.server.folder.path / "state" / "oversip.sqlite")
        found = {each.aor: each for each in bindings.load(database, 0.0)}
        database.close()
        return found

    def test_K9_twenty_kills(self) -> None:
        """K9: on SQLite."""
        self.own(users=0, extra=TRUSTING, log_messages=False)
        self.assertGreater(self.kills(), 0)


class RedisTests(KillCase):
    """Redis, which is killed now and then as well."""

    def stored(self) -> Mapping[str, Binding]:
        waiting = Waiting(Place.of(self.redis.url))
        found = {each.aor: each for _, _, some in loaded(waiting, Keys("oversip"), 0.0) for each in some}
        waiting.close()
        return found

    def kill(self) -> None:
        self.round += 1
        if self.round % 4 == 2:
            self.redis.kill()  # it first: what is told after that must be from before
            time.sleep(0.05)
        self.server.child.kill()
        if self.redis.process is None:
            self.redis.start()

    def test_K9_twenty_kills(self) -> None:
        """K9: on Redis."""
        self.round = 0
        self.redis = servers.Redis()
        self.addCleanup(self.redis.kill)
        store = f'[store]\nkind = "redis"\nurl = "{self.redis.url}"\n'
        self.own(users=0, extra=TRUSTING + store, log_messages=False)
        self.assertGreater(self.kills(), 0)

    def test_K7_away(self) -> None:
        """K7: while Redis is away nobody is told 200 who is not registered; calls to known users go on; a browser's
        REGISTER waits for it, and all is well when it is back."""
        self.redis = servers.Redis()
        self.addCleanup(self.redis.kill)
        server = self.own(users=3, extra=f'[store]\nkind = "redis"\nurl = "{self.redis.url}"\n')
        alice, bob, carol = (server.user() for _ in range(3))
        callee, caller, browser = self.ws(), self.udp(), self.ws()
        self.assertEqual(200, register(callee, bob).status)
        self.redis.kill()
        server.child.expect("the connection is lost", 5)
        self.assertEqual(503, register(caller, alice).status)
        self._called(caller, alice, callee, bob)
        statuses: list[int] = []
        waiting = threading.Thread(target=lambda: statuses.append(self._register_late(browser, carol)))
        waiting.start()
        time.sleep(1.5)
        self.assertEqual([], statuses)
        self.redis.start()
        waiting.join()
        self.assertEqual([200], statuses)
        self.assertEqual(200, register(self.udp(), alice).status)
        listed = server.command("bindings")
        self.assertEqual(3, len(listed.splitlines()), listed)

    def _register_late(self, browser: WebSocket, user: User) -> int:
        uri = f"sip:{user.domain}"
        same = {"From": f"<{user.uri}>;tag=1", "To": f"<{user.uri}>", "Call_ID": name(), "Expires": "600"}
        browser.send(request("REGISTER", uri, browser, **same))
        proof = credentials(user, "REGISTER", uri, first(browser))
        browser.send(request("REGISTER", uri, browser, **same | {"CSeq": "2 REGISTER"} | proof))
        return first(browser, 20).status

    def _called(self, caller: Udp, alice: User, callee: WebSocket, bob: User) -> None:
        """A call to ``bob`` reaches him, and he is busy."""
        statuses: list[int] = []
        calling = threading.Thread(target=lambda: statuses.append(ask(caller, alice, "INVITE", bob.uri).status))
        calling.start()
        invite = first(callee)
        self.assertEqual("INVITE", invite.method)
        callee.send(respond(invite, 486))
        self.assertEqual("ACK", first(callee).method)
        calling.join()
        self.assertEqual([486], statuses)
