"""What is written about calls and registrations, and what never is."""

from __future__ import annotations

from hashlib import md5

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.proxy import calls
from oversip_tw.server.trace import hide
from tests.server.world import DOMAIN, PASSWORDS, World, call


class CallLogTests(SynchronousTestCase):
    """One line per call: who, whom, how it ended, how long."""

    def setUp(self) -> None:
        self.world = World()
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob")

    def calls(self) -> list[str]:
        self.assertEqual([], self.world.errors())
        return [line for _, line in self.world.log.lines if line.startswith("call from")]

    def seconds(self, number: float) -> None:
        self.world.clock.advance(number)

    def test_answered(self) -> None:
        """Seconds from the 2xx to the BYE, and who hung up, whichever side it was."""
        for side in (0, 1):
            self.world.log.lines.clear()
            dialogs = call(self.alice, self.bob)
            self.seconds(12.5)
            dialogs[side].send("BYE")
            who = (self.alice, self.bob)[side].aor
            expected = f"call from {self.alice.aor} to {self.bob.aor} ended by {who} after 12.5 s"
            self.assertEqual([expected], self.calls())

    def test_refused(self) -> None:
        """The status, and how long it rang."""
        self.alice.invite(self.bob.aor)
        self.seconds(3)
        self.bob.answer(self.bob.requests("INVITE")[0], 486)
        expected = f"call from {self.alice.aor} to {self.bob.aor} ended with 486 after 3.0 s of ringing"
        self.assertEqual([expected], self.calls())

    def test_nobody_there(self) -> None:
        """Calls that never left: 404 and 480."""
        for user, status in (("nobody", 404), ("carol", 480)):
            self.world.log.lines.clear()
            self.alice.invite(f"sip:{user}@{DOMAIN}")
            [line] = self.calls()
            self.assertIn(f"ended with {status}", line)

    def test_cancelled(self) -> None:
        """487."""
        invite = self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.alice.cancel(invite)
        self.bob.answer(arrived, 487)
        [line] = self.calls()
        self.assertIn("ended with 487", line)

    def test_caller_lost(self) -> None:
        """Told apart from a cancelled one."""
        self.alice.invite(self.bob.aor)
        [arrived] = self.bob.requests("INVITE")
        self.bob.answer(arrived, 180)
        self.world.lose(self.alice.flow)
        self.world.clock.pump([1] * 9)
        self.bob.answer(arrived, 487)
        [line] = self.calls()
        self.assertIn("ended with the loss of the caller's connection", line)

    def test_reinvite_ends_nothing(self) -> None:
        """A refused hold is no end of the call; its BYE is."""
        mine, _ = call(self.alice, self.bob)
        mine.send("INVITE")
        self.bob.answer(self.bob.requests("INVITE")[0], 488)
        self.assertEqual([], self.calls())
        mine.send("BYE")
        self.assertEqual(1, len(self.calls()))

    def test_bye_that_waits_is_one_line(self) -> None:
        """A BYE that is sent again, or that nobody fetches, is one end."""
        mine, _ = call(self.alice, self.bob)
        self.world.lose(self.bob.flow)
        mine.send("BYE")
        self.world.comes_back(self.bob)
        self.assertEqual(1, len(self.calls()))

    def test_remembered_calls_are_bounded(self) -> None:
        """One call too many: the oldest is written off, in one line."""
        self.patch(calls, "MOST_CALLS", 2)
        for _ in range(3):
            self.alice.invite(self.bob.aor)
        [line] = self.calls()
        self.assertIn("goes on unseen", line)
        self.assertEqual(2, self.world.element.core.calls.count)


class RegistrationLogTests(SynchronousTestCase):
    """One line per change of a binding."""

    def test_changes(self) -> None:
        """Registered, unregistered, connection lost, each with the user and the address; a refresh is no change."""
        world = World()
        alice = world.registered("alice")
        alice.register()
        alice.register(expires=0)
        bob = world.registered("bob")
        world.lose(bob.flow)
        lines = [line for _, line in world.log.lines]
        expected = ("alice@example.com registered", "alice@example.com unregistered", "bob@example.com registered",
                    "bob@example.com connection lost")  # fmt: skip
        self.assertEqual(len(expected), len(lines), lines)
        for words, line in zip(expected, lines, strict=True):
            self.assertIn(words, line)
        self.assertIn(f"ws 127.0.0.1 port {alice.flow.peer[1]}", lines[0])

    def test_a15_password_in_a_contact(self) -> None:
        """A15: a password that somebody puts into his Contact is not written."""
        world = World()
        phone = world.phone("alice", "udp", instance=False)
        phone.register(Contact="<sip:alice:hunter2@127.0.0.1:6000>;expires=600")
        self.assertNotIn("hunter2", str(world.log.lines))


class TraceTests(SynchronousTestCase):
    """Every message, with credentials blacked out."""

    def test_p11_many_uris_without_an_end(self) -> None:
        """P11, A15: passwords are hidden in linear time: ten thousand beginnings of a URI, a hundred times over."""
        data = b"sip:a:" * 10_000
        for _ in range(100):
            self.assertEqual(hide(data), data)
        self.assertEqual(hide(b"m: <sip:a:b@h>, sips:c:d:e@h;f=g@h <sip:a@h:5>"),
                         b"m: <sip:a:(hidden)@h>, sips:c:(hidden)@h;f=g@h <sip:a@h:5>")

    def setUp(self) -> None:
        self.world = World(trace=True)
        self.alice = self.world.registered("alice")
        self.bob = self.world.registered("bob", "udp")

    def traced(self) -> list[str]:
        return [line for _, line in self.world.log.lines if ":\n    " in line]

    def test_both_ways(self) -> None:
        """As many events as messages, each with where it came from or went."""
        self.world.log.lines.clear()
        sent = len(self.alice.flow.sent) + len(self.bob.flow.sent)
        mine, _ = call(self.alice, self.bob)
        mine.send("BYE")
        out = len(self.alice.flow.sent) + len(self.bob.flow.sent) - sent
        lines = self.traced()
        self.assertEqual(out, len([line for line in lines if line.startswith("to ")]))
        # alice: two INVITEs, the ACK to the 407, ACK, BYE; bob: 180, 200
        self.assertEqual(7, len([line for line in lines if line.startswith("from ")]))
        first = f"from ws 127.0.0.1 port {self.alice.flow.peer[1]}:\n    INVITE {self.bob.aor}"
        self.assertTrue(lines[0].startswith(first))

    def test_a15_no_credentials(self) -> None:
        """A15: no response, no Bearer, no password and no HA1 in anything that was logged."""
        call(self.alice, self.bob)
        self.alice.send(self.alice.build("INVITE", self.bob.aor, Authorization="Bearer eyJsecret"))
        folded = self.alice.build("MESSAGE", "sip:bob:hunter2@example.com").to_bytes()
        self.alice.flow.receive(
            folded.replace(b"\r\n\r\n", b'\r\naUTHORIZATION\t: Digest username="x",\r\n\tresponse="deadbeef"\r\n\r\n')
        )
        everything = "\n".join(line for _, line in self.world.log.lines)
        ha1 = md5(f"alice:{DOMAIN}:{PASSWORDS['alice']}".encode()).hexdigest()
        for secret in ('response="', "deadbeef", "eyJsecret", "hunter2", ha1, *PASSWORDS.values()):
            self.assertNotIn(secret, everything)
        self.assertIn("Proxy-Authorization: (hidden)", everything)
        self.assertIn("nonce=", everything)

    def test_p7_no_message_passes_for_a_log_line(self) -> None:
        """P7: every line of a message is indented, control characters are made visible."""
        self.world.log.lines.clear()
        self.alice.flow.receive(
            b"OPTIONS sip:x SIP/2.0\r\nSubject: \x1b[31m\x00\x7f\xff\r\nbody: 2026-01-01 fake line\n[x]\r\n\r\n"
        )
        for line in self.traced():
            for each in line.split("\n")[1:]:
                self.assertTrue(each.startswith("    "))
            self.assertNotIn("\x1b", line)
            self.assertNotIn("\x00", line)

    def test_body_is_left_alone(self) -> None:
        """What looks like credentials in a body is none."""
        data = b"MESSAGE sip:a@b SIP/2.0\r\n\r\nAuthorization: in a body"
        self.assertEqual(data, hide(data))

    def test_off(self) -> None:
        """Without it nobody taps the flows, and nothing is written."""
        world = World()
        self.assertIsNone(world.ws.tap)
        call(world.registered("alice"), world.registered("bob"))
        self.assertEqual([], [line for _, line in world.log.lines if ":\n" in line])
