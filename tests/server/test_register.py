"""REGISTER, from the frame to the 200."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.server import world
from tests.server.world import DOMAIN, World


class RegisterTests(SynchronousTestCase):
    """A browser registers."""

    def setUp(self) -> None:
        self.world = World()

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def test_challenge_then_200(self) -> None:
        """The first REGISTER is challenged by 401, the second one is accepted and its own Contact comes back."""
        phone = self.world.phone("alice")
        phone.send(phone.build("REGISTER", f"sip:{DOMAIN}", To=f"<{phone.aor}>"))
        [challenge] = phone.take()
        self.assertEqual(401, challenge.status)
        self.assertIn("algorithm=MD5", challenge.get("WWW-Authenticate"))
        accepted = phone.register()
        self.assertEqual(200, accepted.status)
        self.assertEqual(phone.contact, accepted.contacts[0].uri.text)
        self.assertIn("pub-gruu", accepted.get("Contact"))

    def test_wrong_password(self) -> None:
        """A wrong password is challenged again, without stale."""
        phone = self.world.phone("alice")
        phone.user = "mallory"
        phone.send(phone.build("REGISTER", f"sip:{DOMAIN}", To=f"<{phone.aor}>"))
        [challenge] = phone.take()
        phone.send(phone.authorized(phone.build("REGISTER", f"sip:{DOMAIN}", To=f"<{phone.aor}>"), challenge))
        [again] = phone.take()
        self.assertEqual(401, again.status)
        self.assertNotIn("stale", again.get("WWW-Authenticate"))

    def test_name_that_a_uri_escapes(self) -> None:
        """An account whose name a URI holds only as escapes registers and is called like any other."""
        self.patch(world, "PASSWORDS", {**world.PASSWORDS, "jörg": "secret"})
        phone, aor = self.world.phone("jörg"), f"<sip:j%C3%B6rg@{DOMAIN}>"
        alice = self.world.registered("alice")
        alice.invite(f"sip:j%c3%b6rg@{DOMAIN}")
        self.assertEqual(480, alice.take()[-1].status)
        self.assertEqual(200, phone.register(To=aor, From=f"{aor};tag=1").status)
        alice.invite(f"sip:j%c3%b6rg@{DOMAIN}")
        self.assertEqual(["INVITE"], [request.method for request in phone.take()])

    def test_a8_register_of_another_user(self) -> None:
        """A8: right credentials for somebody else's AoR are 403."""
        phone = self.world.phone("alice")
        self.assertEqual(403, phone.register(To=f"<sip:bob@{DOMAIN}>").status)

    def test_f1_refusals_leave_nothing(self) -> None:
        """F1: a flood of REGISTERs without credentials leaves no transaction and no timer behind."""
        for number in range(100):
            phone = self.world.phone("alice", "udp")
            phone.send(phone.build("REGISTER", f"sip:{DOMAIN}", To=f"<sip:u{number}@{DOMAIN}>"))
            self.assertEqual([401], phone.statuses())
        self.assertEqual(0, self.world.element.core.transactions.count)
        self.assertEqual(0, self.world.element.core.wheel.count)

    def test_foreign_domain(self) -> None:
        """A domain that is not ours is refused before any password is asked for."""
        phone = self.world.phone("alice")
        phone.send(phone.build("REGISTER", "sip:elsewhere.example", To="<sip:alice@elsewhere.example>"))
        self.assertEqual([403], phone.statuses())

    def test_R7_path_of_a_client(self) -> None:
        """R7: a client does not say by which way it is reached."""
        phone = self.world.phone("alice")
        self.assertEqual(403, phone.register(Path="<sip:evil.example;lr>").status)

    def test_dead_socket_takes_its_binding_along(self) -> None:
        """A closed WebSocket unregisters its user at once."""
        phone = self.world.registered("alice")
        self.world.lose(phone.flow)
        self.assertEqual(0, self.world.element.core.location.count)

    def test_change_is_logged(self) -> None:
        """One line per registration change."""
        self.world.registered("alice")
        self.assertEqual(1, len([line for _, line in self.world.log.lines if "registered" in line]))

    def test_a12_digest_uri(self) -> None:
        """A12: credentials made for another user's or another server's URI are none; those for our own address, which
        is what sipp signs, will do."""
        for uri, status in (("sip:127.0.0.1:5060", 200), ("sip:bob@example.com", 401), ("sip:127.0.0.9:5060", 401)):
            phone = self.world.phone("alice", "udp")
            phone.digest_uri = uri
            self.assertEqual(status, phone.register().status, uri)
