"""A registrar behind edges of its own: the role ``edge`` of a trusted source."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.auth.trust import Role, TrustedSource
from oversip_tw.sip.message import Response
from tests.server.world import DOMAIN, Phone, World

EDGE = "127.0.0.4"


class BehindAnEdgeTests(SynchronousTestCase):
    """carol's phone reaches us through an edge, which adds Path; alice is connected to us."""

    def setUp(self) -> None:
        self.world = World(trusted=(TrustedSource((EDGE,), Role.EDGE),))
        self.alice = self.world.registered("alice")
        self.carol = Phone(self.world, "carol", self.world.udp_flow((EDGE, 5060)))
        self.path = f"<sip:flow1@{EDGE}:5060;lr;ob>"

    def tearDown(self) -> None:
        self.assertEqual([], self.world.errors())

    def register(self) -> Response:
        contact = f'<sip:c@c.invalid;transport=ws>;reg-id=1;+sip.instance="<{self.carol.instance}>"'
        return self.carol.register(Path=self.path, Contact=contact)

    def test_clients_of_an_edge_are_challenged(self) -> None:
        """By us: 401, then 200 with the Path; without credentials nothing."""
        bare = self.carol.build("REGISTER", f"sip:{DOMAIN}", To=f"<{self.carol.aor}>", Path=self.path)
        self.carol.send(bare)
        self.assertEqual([401], self.carol.statuses())
        self.assertEqual(self.path, self.register().get("Path"))
        self.carol.send(self.carol.build("MESSAGE", self.alice.aor))
        self.assertEqual([407], self.carol.statuses())

    def test_from_is_checked(self) -> None:
        """A9 holds behind an edge as well."""
        self.carol.ask(self.carol.build("MESSAGE", self.alice.aor, From=f"<sip:bob@{DOMAIN}>;tag=1"))
        self.assertEqual([403], self.carol.statuses())

    def test_called_by_contact(self) -> None:
        """Its client called the Contact of bob's phone, and made its credentials for that; the edge asks for bob."""
        bob = self.world.registered("bob")
        for named, status in ((bob.contact, 100), (self.alice.contact, 407), ("sip:nobody@c.invalid", 407)):
            self.carol.digest_uri = named
            self.carol.ask(self.carol.build("INVITE", bob.aor, To=f"<{named}>"))
            self.assertEqual(status, self.carol.statuses()[0])
        self.assertEqual(1, len(bob.requests("INVITE")))

    def test_call_goes_by_the_path(self) -> None:
        """The Path becomes the Route, the Contact the R-URI; the edge's 430 is 480 to the caller."""
        self.register()
        self.alice.invite(self.carol.aor)
        [arrived] = self.carol.requests("INVITE")
        self.assertEqual("sip:c@c.invalid;transport=ws", arrived.uri.text)
        self.assertEqual([self.path], arrived.values("Route"))
        self.assertEqual(2, len(arrived.values("Record-Route")))
        self.carol.answer(arrived, 430)
        self.assertEqual([100, 480], self.alice.statuses())

    def test_dialog_through_the_edge(self) -> None:
        """In-dialog requests go by the edge's own Record-Route, from both sides."""
        self.register()
        invite = self.alice.invite(self.carol.aor)
        [arrived] = self.carol.requests("INVITE")
        arrived.prepend("Record-Route", f"<sip:flow1@{EDGE}:5060;lr>")
        self.carol.answer(arrived, 200, Contact="<sip:c@c.invalid;transport=ws>")
        accepted = self.alice.take()[-1]
        mine = self.alice.dialog(invite, accepted)
        mine.target = "sip:c@c.invalid;transport=ws"
        mine.send("ACK")
        self.assertEqual(1, len(self.carol.requests("ACK")))
        mine.send("INFO")
        [info] = self.carol.requests("INFO")
        self.assertEqual([f"<sip:flow1@{EDGE}:5060;lr>"], info.values("Route"))
        theirs = self.carol.dialog(arrived, accepted, callee=True)
        theirs.routes = theirs.routes[1:]
        theirs.send("BYE")
        self.assertEqual(1, len(self.alice.requests("BYE")))

    def test_answers_of_the_edge_are_its_clients(self) -> None:
        """A16 spares trusted hops: the edge's 407 would pass, a phone's does not."""
        self.register()
        self.alice.invite(self.carol.aor)
        [arrived] = self.carol.requests("INVITE")
        self.carol.answer(arrived, 407, Proxy_Authenticate='Digest realm="core", nonce="x"')
        self.assertEqual([100, 407], self.alice.statuses())
