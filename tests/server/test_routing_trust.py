"""What nobody may make of routing: threats R1 to R12 at the whole element, where tests of single rooms leave gaps."""

from __future__ import annotations

from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from oversip_tw.interfaces import Target
from oversip_tw.outbound.token import Tokens
from oversip_tw.sip.parser import parse
from tests.server.world import CORE, DOMAIN, Phone, World, call


class TrustTests(SynchronousTestCase):
    """alice and bob are registered; what leaves to anybody else is an error."""

    def setUp(self) -> None:
        self.world = World()
        self.alice, self.bob = self.world.registered("alice"), self.world.registered("bob")

    def tearDown(self) -> None:
        self.assertEqual(self.world.errors(), [])

    def elsewhere(self) -> list[bytes]:
        """What was sent by UDP or dialled connections."""
        flows = [*self.world._udp_flows.values(), *self.world.dialled.values()]
        return [data for flow in flows for data in flow.sent]

    def test_R1_with_or_without_credentials(self) -> None:
        """A Route to somebody else is 403 before anybody is asked who they are, in every method; an own one in front of
        it changes nothing."""
        for method in ("INVITE", "MESSAGE", "SUBSCRIBE", "REFER", "OPTIONS", "PUBLISH", "FOO"):
            for route in ("<sip:third.example;lr>", "<sip:127.0.0.1:5060;lr>, <sip:third.example;lr>", "<tel:+1>"):
                self.alice.send(self.alice.build(method, self.bob.aor, Route=route))
                self.assertEqual(self.alice.statuses(), [403], (method, route))
        self.assertEqual((self.bob.take(), self.elsewhere()), ([], []))

    def test_R1_trusted_hop(self) -> None:
        """A trusted hop names the way; a flow of ours by its token as well."""
        core = Phone(self.world, "core", self.world.udp_flow((CORE, 5060)))
        token = Tokens((b"k" * 32,), "1").path(self.bob.flow.id)
        core.send(core.build("MESSAGE", self.bob.aor, Route=f"<sip:{token}@127.0.0.1:5060;lr>"))
        self.assertEqual(len(self.bob.requests("MESSAGE")), 1)

    def test_R2_token_of_a_foreign_key(self) -> None:
        """One that another server has signed, for the very flow and dialog, is 403."""
        dialog, _ = call(self.alice, self.bob)
        forged = Tokens((b"x" * 32,), "1").record_route(self.bob.flow.id, b"", dialog.call_id, f"f{self.alice.number}")
        for user in (forged, Tokens((b"k" * 32,), "1").path(self.bob.flow.id)):
            dialog.routes = [f"<sip:{user}@127.0.0.1:5060;lr>"]
            dialog.send("INFO")
            self.assertEqual(self.alice.statuses(), [403])
        self.assertEqual(self.bob.take(), [])

    def test_R2_token_by_another_client(self) -> None:
        """Who has read the Routes of a call gets to nobody by them but to its two sides, and not with another
        Call-ID."""
        dialog, _ = call(self.alice, self.bob)
        carol = self.world.registered("carol")
        for target in ("sip:third.example", f"sip:carol@{DOMAIN}"):
            request = dialog.build("MESSAGE")
            request.uri = target
            carol.flow.receive(request.to_bytes())
        self.assertEqual(self.elsewhere(), [])
        self.assertEqual(carol.requests("MESSAGE"), [])
        stolen = dialog.build("MESSAGE", Call_ID="of-mine")
        carol.flow.receive(stolen.to_bytes())
        self.assertEqual(carol.statuses()[-1], 403)

    def test_R2_token_of_a_closed_flow(self) -> None:
        """It waits for its phone, and is 480 when that does not come back; nobody else gets it."""
        dialog, _ = call(self.alice, self.bob)
        self.world.lose(self.bob.flow)
        other = self.world.registered("bob")
        dialog.send("INFO")
        self.world.clock.pump([1] * 10)
        self.assertEqual(self.alice.statuses()[-1], 480)
        self.assertEqual(other.requests("INFO"), [])

    def test_R3_every_way_to_name_it(self) -> None:
        """A foreign domain is 403 for users and for strangers, whatever is written around it."""
        stranger = self.world.phone("mallory")
        for uri in ("sip:x@far.example", "sips:x@far.example", "sip:x@far.example;maddr=127.0.0.1", "sip:far.example"):
            for phone, sender in ((self.alice, self.alice.aor), (stranger, "sip:m@elsewhere.example")):
                phone.ask(phone.build("MESSAGE", uri, From=f"<{sender}>;tag=x"))
                self.assertEqual(phone.statuses()[-1], 403, uri)
        self.assertEqual(self.elsewhere(), [])

    def test_R4_odd_spelling(self) -> None:
        """Identities in any case, folded, with blanks before the colon, and several: none passes a client's edge."""
        request = self.alice.build("MESSAGE", self.bob.aor)
        self.alice.send(request)
        [challenge] = self.alice.take()
        text = self.alice.authorized(request, challenge).to_bytes().decode()  # type: ignore[arg-type]
        odd = (
            "p-asserted-IDENTITY : <sip:boss@example.com>\r\nP-Asserted-Identity:\r\n <sip:boss@example.com>\r\n"
            "REMOTE-PARTY-ID:<sip:boss@example.com>\r\ny: abc\r\nP-Charging-Vector\t: x=y\r\n"
            "P-Served-User: <sip:b@c>\r\n"
        )
        self.alice.flow.receive(text.replace("Max-Forwards", f"{odd}Max-Forwards", 1).encode())
        [arrived] = self.bob.requests("MESSAGE")
        self.assertNotIn("boss", str(arrived.to_bytes()))
        for name in ("P-Asserted-Identity", "Remote-Party-ID", "Identity", "P-Charging-Vector", "P-Served-User"):
            self.assertFalse(arrived.has(name), name)

    def test_R5_contact_is_no_address(self) -> None:
        """A phone's Contact may name this host, its network or our own listener: what is for it goes down its flow."""
        for host in ("127.0.0.1:5060", "169.254.1.1", "[::1]", "0.0.0.0", "224.0.0.1", "third.example"):
            self.bob.register(Contact=f'<sip:bob@{host}>;+sip.instance="<{self.bob.instance}>";reg-id=1')
            self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
            arrived = self.bob.requests("MESSAGE")
            self.assertEqual(len(arrived), 0 if "5060" in host else 1, host)
        self.assertEqual(self.elsewhere(), [])

    def test_R6_via_names_somebody(self) -> None:
        """maddr, received, broadcast and rport of a client's own: the answer goes to where the request came from."""
        phone = self.world.phone("carol", "udp")
        for via in (
            "127.0.0.1:9;maddr=224.0.0.1", "255.255.255.255:5060", "127.0.0.1:9;received=198.51.100.1",
            "198.51.100.1:5060;rport=7000", "third.example;maddr=198.51.100.1;ttl=16",
        ):  # fmt: skip
            via += "" if "rport" in via else ";rport"
            phone.send(phone.build("OPTIONS", f"sip:{DOMAIN}", Via=f"SIP/2.0/UDP {via};branch=z9hG4bK{hash(via)}"))
            [answer] = phone.take()
            self.assertEqual((answer.via.received, answer.via.rport), ("127.0.0.1", str(phone.flow.peer[1])), via)
        self.assertEqual({flow.peer for flow in self.world._udp_flows.values() if flow.sent}, {phone.flow.peer})

    def test_R7_routes_that_a_client_writes(self) -> None:
        """Service-Route in a REGISTER is nothing; below a Record-Route of a client's ours come all the same, and nobody
        is led away by it; Path is 403."""
        answer = self.alice.register(Service_Route="<sip:third.example;lr>", Record_Route="<sip:third.example;lr>")
        self.assertFalse(answer.has("Service-Route") or answer.has("Path"))
        invite = self.alice.invite(self.bob.aor, Record_Route="<sip:third.example;lr>")
        [arrived] = self.bob.requests("INVITE")
        routes = list(arrived.values("Record-Route"))
        self.assertEqual((len(routes), routes[-1]), (3, "<sip:third.example;lr>"))
        accepted = self.bob.answer(arrived, 200)
        self.alice.dialog(invite, accepted).send("ACK")
        self.bob.dialog(arrived, accepted, callee=True).send("BYE")
        self.assertEqual(len(self.alice.requests("BYE")), 1)
        self.assertEqual(self.elsewhere(), [])
        self.assertEqual(self.alice.register(Path="<sip:third.example;lr>").status, 403)

    def test_R8_alias_of_a_client(self) -> None:
        """A connection that a client opened carries nothing for the hop whose address it names, ``alias`` or not."""
        thief = self.world.connect("tcp", ("127.0.0.7", 5060))
        thief.receive(
            (
                f"OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TCP {CORE}:5060;branch=z9hG4bKa;alias\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:x@{DOMAIN}>;tag=a\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: a\r\n"
                "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            ).encode()
        )
        [answer] = [parse(data, framing="datagram") for data in thief.take()]
        self.assertIn(b"200", answer.to_bytes())
        for address in (CORE, "127.0.0.7"):
            self.assertIsNot(self.world._flow_to(Target("tcp", address, 5060)), thief)

    def test_R9_all_forms(self) -> None:
        """``*`` is for unregistering alone; nothing of a refused REGISTER is done."""
        for contact, expires in (("*", "60"), ("*", ""), (f"*, <{self.bob.contact}>", "0"), (",", "0"), ("*;q=1", "0")):
            self.assertEqual(self.bob.register(Contact=contact, Expires=expires).status, 400, contact)
        self.assertEqual(len(self.bob.register().contacts), 1)
        self.assertEqual(self.bob.register(Contact="*", Expires="0").contacts, [])

    def test_R10_cseq(self) -> None:
        """A REGISTER with a CSeq that is not above the last of its Call-ID is 500, and changes nothing."""
        for _ in range(3):
            self.bob.register(Call_ID="same")
        self.bob._cseq = count(1)
        self.assertEqual([self.bob.register(Call_ID="same", expires=expires).status for expires in (600, 0)], [500] * 2)
        self.alice.ask(self.alice.build("MESSAGE", self.bob.aor))
        self.assertEqual(len(self.bob.requests("MESSAGE")), 1)

    def test_R11_not_to_the_core_either(self) -> None:
        """A phone's 503 is no reason for a trusted hop to think that we are down."""
        core = Phone(self.world, "core", self.world.udp_flow((CORE, 5060)))
        core.send(core.build("INVITE", self.bob.aor))
        self.bob.answer(self.bob.requests("INVITE")[0], 503, Retry_After="3600")
        [*_, answer] = core.take()
        self.assertEqual((answer.status, answer.has("Retry-After")), (500, False))  # type: ignore[union-attr]

    def test_R12_instance_of_another_user(self) -> None:
        """bob says that he is alice's phone, by instance, reg-id and Contact: her calls, her GRUUs and her dialogs stay
        hers, and he is reached by nothing of it."""
        dialog, theirs = call(self.alice, self.bob)
        thief = self.world.phone("bob")
        contact = f'<{self.alice.contact}>;+sip.instance="<{self.alice.instance}>";reg-id=1;expires=600'
        self.assertEqual(thief.register(Contact=contact).status, 200)
        carol = self.world.registered("carol")
        for uri in (self.alice.aor, f"{self.alice.aor};gr={self.alice.instance}"):
            carol.ask(carol.build("MESSAGE", uri))
            self.assertEqual(len(self.alice.requests("MESSAGE")), 1, uri)
        theirs.send("INFO")
        self.assertEqual(len(self.alice.requests("INFO")), 1)
        self.world.lose(self.alice.flow)
        theirs.send("UPDATE")
        carol.ask(carol.build("MESSAGE", f"{self.alice.aor};gr={self.alice.instance}"))
        self.assertEqual(carol.statuses()[-1], 480)
        self.assertEqual((thief.requests("UPDATE"), dialog.call_id), ([], theirs.call_id))
